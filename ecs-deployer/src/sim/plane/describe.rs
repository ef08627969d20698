//! What the model says of services and records, in the types of the trait.

use std::time::Duration;

use super::EPOCH;
use crate::sim::model::{HookRun, HookState, Record, Service, SimDeployment, Task};
use crate::sim::shift::STAGES;
use crate::sim::state::State;
use crate::sim::{ServiceSpec, Strategy as Model};
use crate::{
    AlarmSettings, AlarmsState, BreakerSettings, BreakerState, ClusterName, Deployment,
    DeploymentDetails, DeploymentId, DeploymentStatus, HookAction, HookKind, HookStatus,
    LaunchSettings, LifecycleHook, LifecycleStage, MonitorStatus, RevisionImage, RollbackState,
    ServiceDeployment, ServiceName, ServiceRevision, ServiceRevisionArn, ServiceState, Strategy,
    TaskCounts, TaskDefinition, UnixMillis,
};

pub(super) fn moment(at: Duration) -> UnixMillis {
    UnixMillis(EPOCH + u64::try_from(at.as_millis()).unwrap_or(u64::MAX - EPOCH))
}

pub(super) fn describe(service: &Service) -> ServiceState {
    let is_pending = |task: &Task| task.is_wanted() && !task.is_running();
    let deployment = |deployment: &SimDeployment| {
        let mut described = Deployment::new(
            deployment.id.clone(),
            deployment.status,
            deployment.task_definition.clone(),
        );
        let is_primary = deployment.status == DeploymentStatus::Primary;
        described.desired = if is_primary {
            service.spec.desired_count
        } else {
            0
        };
        described.running = service.count(|task| task.is_of(&deployment.id) && task.is_running());
        described.pending = service.count(|task| task.is_of(&deployment.id) && is_pending(task));
        described.failed_tasks = deployment.failed;
        described.rollout_state = deployment.rollout_state;
        described
            .rollout_state_reason
            .clone_from(&deployment.reason);
        described
    };
    let spec = &service.spec;
    let mut state = ServiceState::new(spec.name.clone(), spec.task_definition.clone());
    if service.is_gone() {
        state.status = "INACTIVE".to_owned();
    } else if service.draining {
        state.status = "DRAINING".to_owned();
    }
    state.desired = spec.desired_count;
    state.running = service.count(Task::is_running);
    state.pending = service.count(is_pending);
    state.deployments = service.deployments.iter().map(deployment).collect();
    state.events = service
        .events
        .iter()
        .map(|said| said.event.clone())
        .collect();
    state.minimum_healthy_percent = spec.minimum_healthy_percent;
    state.maximum_percent = spec.maximum_percent;
    state.controller = spec.controller.clone();
    state.strategy = strategy(spec.strategy);
    state.breaker = spec
        .circuit_breaker
        .map(|breaker| BreakerSettings::new(breaker.rollback));
    state.alarms = spec
        .alarms
        .as_ref()
        .map(|rule| AlarmSettings::new(rule.names.iter().cloned().collect(), rule.rollback));
    state.launch = launch(spec);
    state
}

const fn strategy(model: Model) -> Strategy {
    match model {
        Model::Rolling => Strategy::Rolling,
        Model::BlueGreen => Strategy::BlueGreen,
        Model::Linear { .. } => Strategy::Linear,
        Model::Canary { .. } => Strategy::Canary,
    }
}

fn launch(spec: &ServiceSpec) -> LaunchSettings {
    let text = |name: &str| {
        let value = spec.settings.get(name)?;
        value.as_str().map(str::to_owned)
    };
    LaunchSettings {
        launch_type: text("launchType"),
        platform_version: text("platformVersion"),
        ..LaunchSettings::default()
    }
}

/// A record without its details.
pub(super) fn brief(
    cluster: &ClusterName,
    service: &ServiceName,
    record: &Record,
) -> ServiceDeployment {
    let number = record.id.number();
    let arn = format!("service-deployment/{cluster}/{service}/{number}");
    let mut brief =
        ServiceDeployment::new(arn, record.id.clone(), record.status, record.reason.clone());
    brief.created_at = Some(moment(record.created));
    brief.started_at = record.started.map(moment);
    brief.finished_at = record.finished.map(moment);
    brief.target = revision_arn(cluster, service, &record.id);
    brief
}

fn revision_arn(
    cluster: &ClusterName,
    service: &ServiceName,
    id: &DeploymentId,
) -> Option<ServiceRevisionArn> {
    format!("service-revision/{cluster}/{service}/{}", id.number())
        .parse()
        .ok()
}

/// A record with its details.
pub(super) fn detailed(
    cluster: &ClusterName,
    service: &Service,
    record: &Record,
) -> ServiceDeployment {
    let name = &service.spec.name;
    let of = |id: &DeploymentId| revision_arn(cluster, name, id);
    let mut details = DeploymentDetails {
        sources: record.sources.iter().filter_map(of).collect(),
        tasks: TaskCounts::new(
            service.spec.desired_count,
            service.count(|task| task.is_of(&record.id) && task.is_running()),
            service.count(|task| task.is_of(&record.id) && task.is_wanted() && !task.is_running()),
        ),
        ..DeploymentDetails::default()
    };
    if let Some(shift) = &record.shift {
        details.production_traffic = Some(shift.weight);
        details.test_traffic = Some(shift.test_weight);
        details.stage = Some(LifecycleStage::from(STAGES[shift.stage]));
        details.hooks = shift.hooks.iter().map(hook).collect();
    }
    let ended = record.status.is_terminal();
    details.breaker = service.spec.circuit_breaker.map(|breaker| {
        let threshold = breaker.threshold.failures(service.spec.desired_count);
        BreakerState::new(monitor(record.broken, ended), record.failures, threshold)
    });
    details.alarms = service.spec.alarms.as_ref().map(|rule| {
        AlarmsState::new(
            monitor(!record.triggered_alarms.is_empty(), ended),
            rule.names.iter().cloned().collect(),
            record.triggered_alarms.iter().cloned().collect(),
        )
    });
    details.rollback = record.rollback.as_ref().map(|back| {
        let mut state = RollbackState::new(Some(back.reason.clone()), of(&back.to));
        state.started_at = Some(moment(back.at));
        state
    });
    let mut detailed = brief(cluster, name, record);
    detailed.details = Some(Box::new(details));
    detailed
}

const fn monitor(triggered: bool, ended: bool) -> MonitorStatus {
    if triggered {
        MonitorStatus::Triggered
    } else if ended {
        MonitorStatus::MonitoringComplete
    } else {
        MonitorStatus::Monitoring
    }
}

fn hook(run: &HookRun) -> LifecycleHook {
    let kind = if run.pause {
        HookKind::Pause
    } else {
        HookKind::Lambda
    };
    let status = HookStatus::from(run.state.as_str());
    let mut hook = LifecycleHook::new(run.id.clone(), kind, status);
    if run.state == HookState::AwaitingAction {
        hook.expires_at = Some(moment(run.since + run.timeout));
        hook.on_timeout = Some(HookAction::Rollback);
    }
    hook
}

/// The revision that a record's deployment brings, with the digests that its first task found.
pub(super) fn revision(
    state: &State,
    arn: &ServiceRevisionArn,
    record: &Record,
) -> ServiceRevision {
    let mut revision = ServiceRevision::new(arn.clone(), record.task_definition.clone());
    let Ok(definition) = state.definition(&record.task_definition) else {
        return revision;
    };
    let containers = TaskDefinition::new(definition.document.clone()).containers();
    revision.images = containers
        .into_iter()
        .map(|(container, image)| {
            let digest = record.digests.get(image.as_str()).cloned();
            RevisionImage::new(container, Some(image), digest)
        })
        .collect();
    revision
}
