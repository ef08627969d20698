//! The SDK's types, in the crate's.

use aws_sdk_ecs::types;

use crate::{
    Controller, Deployment, DeploymentStatus, RolloutState, ServiceDeploymentStatus, ServiceEvent,
    ServiceName, ServiceState, StopCode, StoppedContainer, StoppedTask, TaskDefinitionArn,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn service(
    name: ServiceName,
    service: &types::Service,
) -> Result<ServiceState, BoxError> {
    let task_definition: TaskDefinitionArn = match service.task_definition() {
        Some(arn) => arn.parse()?,
        // A service of another deployment controller has none of its own.
        None => "none:0".parse()?,
    };
    let mut state = ServiceState::new(name, task_definition);
    state.status = service.status().unwrap_or("UNKNOWN").to_owned();
    state.desired = count(service.desired_count());
    state.running = count(service.running_count());
    state.pending = count(service.pending_count());
    state.controller = match service
        .deployment_controller()
        .map(|controller| controller.r#type())
    {
        Some(types::DeploymentControllerType::CodeDeploy) => Controller::CodeDeploy,
        Some(types::DeploymentControllerType::External) => Controller::External,
        _ => Controller::Ecs,
    };
    if let Some(configuration) = service.deployment_configuration() {
        state.minimum_healthy_percent = configuration.minimum_healthy_percent().map_or(100, count);
        state.maximum_percent = configuration.maximum_percent().map_or(200, count);
    }
    for described in service.deployments() {
        state.deployments.push(deployment(described)?);
    }
    state.events = service
        .events()
        .iter()
        .map(|event| {
            ServiceEvent::new(
                event.id().unwrap_or_default(),
                event.message().unwrap_or_default(),
            )
        })
        .collect();
    Ok(state)
}

fn deployment(described: &types::Deployment) -> Result<Deployment, BoxError> {
    let id = described.id().unwrap_or_default().parse()?;
    let task_definition = described.task_definition().unwrap_or_default().parse()?;
    let status = match described.status().unwrap_or_default() {
        "PRIMARY" => DeploymentStatus::Primary,
        "ACTIVE" => DeploymentStatus::Active,
        "DRAINING" => DeploymentStatus::Draining,
        _ => DeploymentStatus::Inactive,
    };
    let mut deployment = Deployment::new(id, status, task_definition);
    deployment.desired = count(described.desired_count());
    deployment.running = count(described.running_count());
    deployment.pending = count(described.pending_count());
    deployment.failed_tasks = count(described.failed_tasks());
    deployment.rollout_state = match described.rollout_state() {
        Some(types::DeploymentRolloutState::Completed) => RolloutState::Completed,
        Some(types::DeploymentRolloutState::Failed) => RolloutState::Failed,
        _ => RolloutState::InProgress,
    };
    deployment.rollout_state_reason = described.rollout_state_reason().map(str::to_owned);
    Ok(deployment)
}

pub(super) const fn deployment_status(
    status: &types::ServiceDeploymentStatus,
) -> ServiceDeploymentStatus {
    use types::ServiceDeploymentStatus as S;
    match status {
        S::Pending => ServiceDeploymentStatus::Pending,
        S::InProgress => ServiceDeploymentStatus::InProgress,
        S::Successful => ServiceDeploymentStatus::Successful,
        S::StopRequested => ServiceDeploymentStatus::StopRequested,
        S::Stopped => ServiceDeploymentStatus::Stopped,
        S::RollbackRequested => ServiceDeploymentStatus::RollbackRequested,
        S::RollbackInProgress => ServiceDeploymentStatus::RollbackInProgress,
        S::RollbackSuccessful => ServiceDeploymentStatus::RollbackSuccessful,
        S::RollbackFailed => ServiceDeploymentStatus::RollbackFailed,
        _ => ServiceDeploymentStatus::Unknown,
    }
}

/// A stopped task; `None` when it has no id that could be named.
pub(super) fn stopped_task(task: &types::Task) -> Option<StoppedTask> {
    let id = task.task_arn()?.rsplit('/').next()?.parse().ok()?;
    let code = task.stop_code().map_or_else(
        || StopCode::Other(String::new()),
        |code| StopCode::from(code.as_str()),
    );
    let containers = task
        .containers()
        .iter()
        .filter_map(|container| {
            let name = container.name()?.parse().ok()?;
            // No exit code means that the container never ran, which is not the same as 0.
            let exit_code = container.exit_code().map(i64::from);
            Some(StoppedContainer::new(
                name,
                exit_code,
                container.reason().map(str::to_owned),
            ))
        })
        .collect();
    Some(StoppedTask::new(
        id,
        code,
        task.stopped_reason().unwrap_or_default(),
        containers,
    ))
}

/// ECS counts with signed numbers, and no count is below zero.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
