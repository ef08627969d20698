//! Beginning a deployment, or taking one up.

use super::follow::follow;
use super::watch::Watch;
use crate::{
    ClusterName, ControlPlane, Controller, DeployRequest, Deployment, DeploymentId,
    DeploymentStatus, Error, Event, ImageChange, ImageRef, Observer, Options, ServiceName,
    ServiceOutcome, ServiceState, ServiceUpdate, TaskDefinition, Verdict,
};

/// Deploys images to a service and follows the deployment to its end.
///
/// A service that runs these very images already, completed and in full, is left alone: [`Verdict::Unchanged`]. One whose
/// deployment of them was begun and not completed gets a new deployment of the same revision.
///
/// Dropping the future stops the watching, not the deployment: ECS goes on with it. [`wait`] takes it up again.
///
/// # Errors
/// When nothing was begun: the service is missing, cannot be deployed to, or ECS refused. Afterwards only for an error that
/// waiting does not mend; what ECS does is an outcome.
pub async fn deploy(
    plane: &dyn ControlPlane,
    request: &DeployRequest,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ServiceOutcome, Error> {
    let mut watch = Watch::new(plane, &request.cluster, &request.service, options, observer);
    let state = watch.look().await?;
    check_kind(&state)?;
    watch.skip_history(&state);

    let current = plane
        .describe_task_definition(&state.task_definition)
        .await?;
    let completed = last_completed(&state);
    watch.previous = completed.map(|deployment| deployment.task_definition.clone());
    let runs_them = current.has_images(&request.images)?;
    watch.image = image(&current.with_images(&request.images)?, &request.images);

    if runs_them && !request.force_new_deployment && is_settled(&state) {
        let id = state.primary().map(|primary| primary.id.clone());
        return Ok(watch.end(
            Verdict::Unchanged,
            id,
            Some(state.task_definition.clone()),
            None,
        ));
    }
    if state.is_deadlocked() {
        return Err(Error::Deadlock {
            service: state.name.clone(),
            desired: state.desired,
        });
    }
    let task_definition = if runs_them {
        state.task_definition.clone()
    } else {
        let arn = plane
            .register_task_definition(&current.with_images(&request.images)?)
            .await?;
        let service = request.service.clone();
        observer.observe(Event::TaskDefinitionRegistered {
            service,
            task_definition: arn.clone(),
        });
        arn
    };
    let update = ServiceUpdate::new(request.cluster.clone(), request.service.clone())
        .task_definition(task_definition.clone())
        .force_new_deployment(runs_them || request.force_new_deployment);
    let updated = plane.update_service(&update).await?;
    let Some(ours) = updated
        .primary()
        .filter(|primary| primary.task_definition == task_definition)
    else {
        // Somebody else's update came right after ours.
        let reason = format!("{}: another deployment took over at once", request.service);
        return Ok(watch.end(
            Verdict::Superseded,
            None,
            Some(task_definition),
            Some(reason),
        ));
    };
    follow(watch, ours).await
}

/// Follows a deployment that is under way, or the one of this id, to its end.
///
/// # Errors
/// As [`deploy`].
pub async fn wait(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
    deployment: Option<&DeploymentId>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ServiceOutcome, Error> {
    let mut watch = Watch::new(plane, cluster, service, options, observer);
    let state = watch.look().await?;
    check_kind(&state)?;
    watch.skip_history(&state);
    let ours = match deployment {
        None => state.primary().cloned(),
        Some(id) => Some(state.deployment(id).cloned().unwrap_or_else(|| {
            // ECS does not list it any more: what took its place tells what became of it.
            Deployment::new(
                id.clone(),
                DeploymentStatus::Inactive,
                state.task_definition.clone(),
            )
        })),
    };
    let Some(ours) = ours else {
        let reason = format!("{service}: it has no deployment");
        return Ok(watch.end(Verdict::Failed, None, None, Some(reason)));
    };
    let definition = plane
        .describe_task_definition(&ours.task_definition)
        .await?;
    watch.image = definition
        .containers()
        .into_iter()
        .next()
        .map(|(_, image)| image);
    watch.previous = state
        .deployments
        .iter()
        .find(|other| other.id != ours.id && other.is_completed())
        .map(|other| other.task_definition.clone());
    follow(watch, &ours).await
}

/// Refuses a service that ECS does not deploy, or not any more.
pub(super) fn check_kind(state: &ServiceState) -> Result<(), Error> {
    let not = |reason: &str| {
        Err(Error::NotDeployable {
            service: state.name.clone(),
            reason: reason.to_owned(),
        })
    };
    match state.controller {
        Controller::Ecs => {}
        Controller::CodeDeploy => {
            return not("its deployment controller is CODE_DEPLOY: deploy it with CodeDeploy");
        }
        Controller::External => {
            return not("its deployment controller is EXTERNAL: it is deployed through task sets");
        }
    }
    if state.status != "ACTIVE" {
        return not(&format!("its status is {}", state.status));
    }
    Ok(())
}

/// The deployment that serves: the primary if it is completed, else the completed one that it replaces.
pub(super) fn last_completed(state: &ServiceState) -> Option<&Deployment> {
    state
        .primary()
        .filter(|primary| primary.is_completed())
        .or_else(|| {
            state
                .deployments
                .iter()
                .find(|deployment| deployment.is_completed())
        })
}

fn is_settled(state: &ServiceState) -> bool {
    state.primary().is_some_and(|primary| {
        primary.is_completed() && primary.running == state.desired && primary.pending == 0
    })
}

fn image(definition: &TaskDefinition, change: &ImageChange) -> Option<ImageRef> {
    match change {
        ImageChange::All(image) => Some(image.clone()),
        ImageChange::Containers(images) => definition
            .containers()
            .into_iter()
            .find(|(name, _)| images.contains_key(name))
            .map(|(_, image)| image),
    }
}
