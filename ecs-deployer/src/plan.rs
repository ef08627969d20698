//! What a deployment would change.

use serde::Serialize;

use crate::engine::{check_kind, must_redeploy, runs_already};
use crate::{
    Change, ControlPlane, DeployRequest, Error, Reveal, ServiceName, ServiceState, TaskDefinition,
    TaskDefinitionArn,
};

/// What a deployment would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The service.
    pub service: ServiceName,
    /// What it runs now.
    pub task_definition: TaskDefinitionArn,
    /// What would happen.
    pub action: Action,
    /// What the new revision would change, secrets hidden.
    pub changes: Vec<Change>,
    /// The desired count, now and then, when it would be changed.
    pub desired_count: Option<(u32, u32)>,
}

/// What a deployment would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Nothing: it runs already.
    Nothing,
    /// Change the desired count alone.
    Scale,
    /// Begin a deployment of the revision that the service has.
    Redeploy,
    /// Register a new revision and begin its deployment.
    Deploy,
}

/// Says what a deployment would change, and changes nothing.
///
/// # Errors
/// As [`deploy`](crate::deploy) before it begins.
pub async fn plan(
    plane: &dyn ControlPlane,
    request: &DeployRequest,
    reveal: Reveal,
) -> Result<Plan, Error> {
    let states = plane
        .describe_services(&request.cluster, std::slice::from_ref(&request.service))
        .await?;
    let state = states
        .into_iter()
        .next()
        .ok_or_else(|| Error::ServiceNotFound {
            cluster: request.cluster.clone(),
            service: request.service.clone(),
        })?;
    check_kind(&state)?;
    let current = plane
        .describe_task_definition(&state.task_definition)
        .await?;
    plan_from(&state, &current, request, reveal)
}

/// The plan from what is known of the service.
pub(crate) fn plan_from(
    state: &ServiceState,
    current: &TaskDefinition,
    request: &DeployRequest,
    reveal: Reveal,
) -> Result<Plan, Error> {
    let wanted = request
        .base
        .as_ref()
        .unwrap_or(current)
        .with_images(&request.images)?;
    let runs_them = runs_already(current, &wanted, request)?;
    let settled = state
        .primary()
        .is_some_and(|primary| primary.is_completed() && primary.running == state.desired);
    let desired_count = request
        .desired_count
        .filter(|count| *count != state.desired)
        .map(|count| (state.desired, count));
    let action = match (runs_them, settled && !must_redeploy(request)) {
        (false, _) => Action::Deploy,
        (true, false) => Action::Redeploy,
        (true, true) if desired_count.is_some() => Action::Scale,
        (true, true) => Action::Nothing,
    };
    let changes = if runs_them {
        Vec::new()
    } else {
        current.differences(&wanted, reveal)
    };
    Ok(Plan {
        service: state.name.clone(),
        task_definition: state.task_definition.clone(),
        action,
        changes,
        desired_count,
    })
}
