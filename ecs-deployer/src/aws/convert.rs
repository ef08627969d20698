//! The SDK's types, in the crate's.

use aws_sdk_ecs::types;

use crate::{
    AlarmSettings, AlarmsState, BreakerSettings, BreakerState, CapacityProvider, Controller,
    Deployment, DeploymentDetails, DeploymentStatus, HookAction, HookKind, HookStatus,
    LaunchSettings, LifecycleHook, LifecycleStage, MonitorStatus, NetworkSettings, RevisionImage,
    RollbackState, RolloutState, ServiceDeployment, ServiceDeploymentStatus, ServiceEvent,
    ServiceName, ServiceRevision, ServiceRevisionArn, ServiceState, Strategy, TaskCounts,
    TaskDefinitionArn, UnixMillis,
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
        settings(&mut state, configuration);
    }
    state.is_daemon = service.scheduling_strategy() == Some(&types::SchedulingStrategy::Daemon);
    state.zone_rebalancing = service.availability_zone_rebalancing()
        == Some(&types::AvailabilityZoneRebalancing::Enabled);
    state.launch = launch(service);
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

fn settings(state: &mut ServiceState, configuration: &types::DeploymentConfiguration) {
    if let Some(strategy) = configuration.strategy() {
        state.strategy = Strategy::from(strategy.as_str());
    }
    state.breaker = configuration
        .deployment_circuit_breaker()
        .filter(|breaker| breaker.enable())
        .map(|breaker| BreakerSettings::new(breaker.rollback()));
    state.alarms = configuration
        .alarms()
        .filter(|alarms| alarms.enable())
        .map(|alarms| AlarmSettings::new(alarms.alarm_names().to_vec(), alarms.rollback()));
    state.cleans_up_later = configuration
        .early_success_criteria()
        .is_some_and(|criteria| {
            criteria.enable()
                && criteria.source_service_revision_cleanup()
                    == Some(&types::ServiceRevisionCleanup::Deferred)
        });
}

fn launch(service: &types::Service) -> LaunchSettings {
    LaunchSettings {
        launch_type: service.launch_type().map(|kind| kind.as_str().to_owned()),
        capacity_providers: service
            .capacity_provider_strategy()
            .iter()
            .map(|item| CapacityProvider::new(item.capacity_provider(), item.weight(), item.base()))
            .collect(),
        platform_version: service.platform_version().map(str::to_owned),
        network: service
            .network_configuration()
            .and_then(|network| network.awsvpc_configuration())
            .map(|vpc| {
                NetworkSettings::new(
                    vpc.subnets().to_vec(),
                    vpc.security_groups().to_vec(),
                    vpc.assign_public_ip() == Some(&types::AssignPublicIp::Enabled),
                )
            }),
    }
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

fn moment(time: Option<&aws_smithy_types::DateTime>) -> Option<UnixMillis> {
    let millis = time?.to_millis().ok()?;
    u64::try_from(millis).ok().map(UnixMillis)
}

/// A record in a list; `None` when it does not say which deployment it is about.
pub(super) fn brief(brief: &types::ServiceDeploymentBrief) -> Option<ServiceDeployment> {
    let target: ServiceRevisionArn = brief.target_service_revision_arn()?.parse().ok()?;
    let mut record = ServiceDeployment::new(
        brief.service_deployment_arn()?,
        target.deployment(),
        brief
            .status()
            .map_or(ServiceDeploymentStatus::Unknown, deployment_status),
        brief.status_reason().map(str::to_owned),
    );
    record.created_at = moment(brief.created_at());
    record.started_at = moment(brief.started_at());
    record.finished_at = moment(brief.finished_at());
    record.target = Some(target);
    Some(record)
}

/// A record with its details; `None` when it does not say which deployment it is about.
pub(super) fn record(described: &types::ServiceDeployment) -> Option<ServiceDeployment> {
    let summary = described.target_service_revision()?;
    let target: ServiceRevisionArn = summary.arn()?.parse().ok()?;
    let mut record = ServiceDeployment::new(
        described.service_deployment_arn()?,
        target.deployment(),
        described
            .status()
            .map_or(ServiceDeploymentStatus::Unknown, deployment_status),
        described.status_reason().map(str::to_owned),
    );
    record.created_at = moment(described.created_at());
    record.started_at = moment(described.started_at());
    record.finished_at = moment(described.finished_at().or_else(|| described.stopped_at()));
    record.target = Some(target);
    let details = DeploymentDetails {
        sources: described
            .source_service_revisions()
            .iter()
            .filter_map(|source| source.arn()?.parse().ok())
            .collect(),
        tasks: TaskCounts::new(
            count(summary.requested_task_count()),
            count(summary.running_task_count()),
            count(summary.pending_task_count()),
        ),
        production_traffic: summary.requested_production_traffic_weight(),
        test_traffic: summary.requested_test_traffic_weight(),
        stage: described
            .lifecycle_stage()
            .map(|stage| LifecycleStage::from(stage.as_str())),
        hooks: described
            .lifecycle_hook_details()
            .iter()
            .filter_map(hook)
            .collect(),
        breaker: described.deployment_circuit_breaker().map(|breaker| {
            BreakerState::new(
                monitor(breaker.status()),
                count(breaker.failure_count()),
                count(breaker.threshold()),
            )
        }),
        alarms: described.alarms().map(|alarms| {
            AlarmsState::new(
                monitor(alarms.status()),
                alarms.alarm_names().to_vec(),
                alarms.triggered_alarm_names().to_vec(),
            )
        }),
        rollback: described.rollback().map(|rollback| {
            let revision = rollback
                .service_revision_arn()
                .and_then(|arn| arn.parse().ok());
            let mut state = RollbackState::new(rollback.reason().map(str::to_owned), revision);
            state.started_at = moment(rollback.started_at());
            state
        }),
    };
    record.details = Some(Box::new(details));
    Some(record)
}

fn monitor(status: Option<&types::ServiceDeploymentRollbackMonitorsStatus>) -> MonitorStatus {
    MonitorStatus::from(status.map_or("UNKNOWN", |status| status.as_str()))
}

fn hook(detail: &types::DeploymentLifecycleHookDetail) -> Option<LifecycleHook> {
    let kind = HookKind::from(detail.target_type().map_or("UNKNOWN", |kind| kind.as_str()));
    let status = HookStatus::from(detail.status().map_or("UNKNOWN", |status| status.as_str()));
    let mut hook = LifecycleHook::new(detail.hook_id()?.to_owned(), kind, status);
    hook.target = detail.target_arn().map(str::to_owned);
    hook.expires_at = moment(detail.expires_at());
    hook.on_timeout = match detail.timeout_action() {
        Some(types::DeploymentLifecycleHookAction::Continue) => Some(HookAction::Continue),
        Some(types::DeploymentLifecycleHookAction::Rollback) => Some(HookAction::Rollback),
        _ => None,
    };
    Some(hook)
}

pub(super) const fn hook_action(action: HookAction) -> types::DeploymentLifecycleHookAction {
    match action {
        HookAction::Continue => types::DeploymentLifecycleHookAction::Continue,
        HookAction::Rollback => types::DeploymentLifecycleHookAction::Rollback,
    }
}

/// A service revision; `None` when it does not say what it runs.
pub(super) fn revision(described: &types::ServiceRevision) -> Option<ServiceRevision> {
    let arn = described.service_revision_arn()?.parse().ok()?;
    let mut revision = ServiceRevision::new(arn, described.task_definition()?.parse().ok()?);
    revision.images = described
        .container_images()
        .iter()
        .filter_map(|image| {
            let name = image.container_name()?.parse().ok()?;
            let reference = image.image().and_then(|image| image.parse().ok());
            let digest = image.image_digest().map(str::to_owned);
            Some(RevisionImage::new(name, reference, digest))
        })
        .collect();
    Some(revision)
}

/// ECS counts with signed numbers, and no count is below zero.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
