//! What runs now: for each service the image that serves, and the commit that it was built from.

use std::collections::BTreeMap;

use change_detect::{CommitId, ModuleName};
use ecs_deployer::{
    ClusterName, ControlPlane, ImageRef, ServiceName, ServiceState, TaskDefinitionArn,
};
use serde::Serialize;

use crate::names::commit_of;

/// Why a service that exists cannot be deployed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Obstacle {
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

impl Obstacle {
    fn of(state: &ServiceState) -> Option<Self> {
        let error = ecs_deployer::check_deployable(state).err()?;
        Some(Self {
            reason: error.to_string(),
            hint: error.hint(),
        })
    }
}

/// What one service runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Live {
    /// The ECS service.
    pub(crate) service: ServiceName,
    /// The image of the last deployment that was completed; `None` if none ever was.
    pub(crate) image: Option<ImageRef>,
    /// The commit of that image, when its tag tells.
    pub(crate) commit: Option<CommitId>,
    /// The image of a deployment that was begun and is not completed, if there is one.
    pub(crate) unfinished: Option<ImageRef>,
    /// Tasks that run.
    pub(crate) running: u32,
    /// Tasks that shall run.
    pub(crate) desired: u32,
    /// What stands in the way of every deployment of it. A concern of whoever deploys it, not of whoever looks.
    #[serde(skip)]
    pub(crate) obstacle: Option<Obstacle>,
}

/// Asks the control plane what the services run. One that does not exist runs nothing.
pub(crate) async fn live(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    services: &[(ModuleName, ServiceName)],
) -> Result<BTreeMap<ModuleName, Live>, ecs_deployer::Error> {
    let mut names: Vec<ServiceName> = services
        .iter()
        .map(|(_, service)| service.clone())
        .collect();
    let states = loop {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        match plane.describe_services(cluster, &names).await {
            Ok(states) => break states,
            // It names the first that is missing; the others are asked for without it.
            Err(ecs_deployer::Error::ServiceNotFound { service, .. })
                if names.contains(&service) =>
            {
                names.retain(|name| *name != service);
            }
            Err(error) => return Err(error),
        }
    };
    let mut images: BTreeMap<TaskDefinitionArn, Option<ImageRef>> = BTreeMap::new();
    let mut live = BTreeMap::new();
    for (module, service) in services {
        let Some(state) = states.iter().find(|state| state.name == *service) else {
            continue;
        };
        let completed = state
            .deployments
            .iter()
            .find(|deployment| deployment.is_completed());
        let unfinished = state.primary().filter(|primary| !primary.is_completed());
        let mut image = None;
        if let Some(deployment) = completed {
            image = image_of(plane, &deployment.task_definition, &mut images).await?;
        }
        let unfinished = match unfinished {
            Some(deployment) => image_of(plane, &deployment.task_definition, &mut images).await?,
            None => None,
        };
        live.insert(
            module.clone(),
            Live {
                service: service.clone(),
                commit: image.as_ref().and_then(commit_of),
                image,
                unfinished,
                running: state.running,
                desired: state.desired,
                obstacle: Obstacle::of(state),
            },
        );
    }
    Ok(live)
}

/// The image that tells what a task definition runs: the one with a commit in its tag, else the first.
async fn image_of(
    plane: &dyn ControlPlane,
    arn: &TaskDefinitionArn,
    known: &mut BTreeMap<TaskDefinitionArn, Option<ImageRef>>,
) -> Result<Option<ImageRef>, ecs_deployer::Error> {
    if let Some(image) = known.get(arn) {
        return Ok(image.clone());
    }
    let containers = plane.describe_task_definition(arn).await?.containers();
    let image = containers
        .iter()
        .find(|(_, image)| commit_of(image).is_some())
        .or_else(|| containers.first())
        .map(|(_, image)| image.clone());
    known.insert(arn.clone(), image.clone());
    Ok(image)
}
