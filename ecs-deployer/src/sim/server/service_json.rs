//! Services in ECS's own JSON.

use serde_json::{Value, json};

use super::api::Call;
use super::body::put;
use crate::sim::model::{Service, SimDeployment, Task};
use crate::sim::{ServiceSpec, Strategy, Threshold};
use crate::{ClusterName, Controller, DeploymentStatus, RolloutState};

/// A service as it is described.
pub(super) fn document(call: &Call<'_>, cluster: &ClusterName, service: &Service) -> Value {
    let (spec, place) = (&service.spec, &call.api.place);
    let running = service.count(Task::is_running);
    let status = if service.is_gone() {
        "INACTIVE"
    } else if service.draining {
        "DRAINING"
    } else {
        "ACTIVE"
    };
    let events: Vec<Value> = service
        .events
        .iter()
        .map(|said| {
            json!({
                "id": said.event.id,
                "createdAt": call.moment(said.at),
                "message": said.event.message,
            })
        })
        .collect();
    let mut document = json!({
        "serviceArn": place.service(cluster, &spec.name),
        "serviceName": spec.name,
        "clusterArn": place.cluster(cluster),
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": status,
        "desiredCount": spec.desired_count,
        "runningCount": running,
        "pendingCount": service.count(Task::is_wanted) - running,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": place.definition(&spec.task_definition),
        "deploymentConfiguration": configuration(spec),
        "deployments": service.deployments.iter().map(|one| deployment(call, service, one)).collect::<Vec<_>>(),
        "events": events,
        "createdAt": call.moment(service.created),
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": spec.grace.as_secs(),
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": controller(&spec.controller)},
        "createdBy": format!("arn:aws:iam::{}:user/simulator", place.account),
        "enableECSManagedTags": false,
        "propagateTags": "NONE",
        "enableExecuteCommand": false,
        "availabilityZoneRebalancing": "DISABLED",
    });
    for (name, value) in &spec.settings {
        document[name] = value.clone();
    }
    if spec.settings.contains_key("capacityProviderStrategy")
        && let Some(fields) = document.as_object_mut()
    {
        fields.remove("launchType");
    }
    if call.body.includes_tags() {
        document["tags"] = super::tags::of(call, &place.service(cluster, &spec.name));
    }
    document
}

const fn controller(controller: &Controller) -> &'static str {
    match controller {
        Controller::Ecs => "ECS",
        Controller::CodeDeploy => "CODE_DEPLOY",
        Controller::External => "EXTERNAL",
    }
}

/// The deployment configuration of a service.
pub(super) fn configuration(spec: &ServiceSpec) -> Value {
    let mut document = json!({
        "deploymentCircuitBreaker": {"enable": false, "rollback": false},
        "maximumPercent": spec.maximum_percent,
        "minimumHealthyPercent": spec.minimum_healthy_percent,
        "strategy": "ROLLING",
    });
    if let Some(breaker) = spec.circuit_breaker {
        let (kind, value) = match breaker.threshold {
            Threshold::Count(count) => ("COUNT", count),
            Threshold::BoundedPercent(percent) => ("BOUNDED_PERCENT", percent),
            Threshold::UnboundedPercent(percent) => ("UNBOUNDED_PERCENT", percent),
        };
        document["deploymentCircuitBreaker"] = json!({
            "enable": true,
            "rollback": breaker.rollback,
            "resetOnHealthyTask": breaker.reset_on_healthy_task,
            "thresholdConfiguration": {"type": kind, "value": value},
        });
    }
    if let Some(rule) = &spec.alarms {
        document["alarms"] =
            json!({"alarmNames": rule.names, "enable": true, "rollback": rule.rollback});
    }
    if spec.strategy.shifts_traffic() || spec.bake.is_some() {
        let bake = spec.bake.unwrap_or_default();
        document["bakeTimeInMinutes"] = (bake.as_secs() / 60).into();
    }
    match spec.strategy {
        Strategy::Rolling => {}
        Strategy::BlueGreen => document["strategy"] = "BLUE_GREEN".into(),
        Strategy::Linear {
            step_percent,
            step_bake,
        } => {
            document["strategy"] = "LINEAR".into();
            let minutes = step_bake.as_secs() / 60;
            document["linearConfiguration"] =
                json!({"stepPercent": step_percent, "stepBakeTimeInMinutes": minutes});
        }
        Strategy::Canary { percent, bake } => {
            document["strategy"] = "CANARY".into();
            let minutes = bake.as_secs() / 60;
            document["canaryConfiguration"] =
                json!({"canaryPercent": percent, "canaryBakeTimeInMinutes": minutes});
        }
    }
    if !spec.hooks.is_empty() {
        let kind = |pause| if pause { "PAUSE" } else { "AWS_LAMBDA" };
        document["lifecycleHooks"] = spec
            .hooks
            .iter()
            .map(|hook| json!({"targetType": kind(hook.pause), "lifecycleStages": [hook.stage]}))
            .collect();
    }
    document
}

fn deployment(call: &Call<'_>, service: &Service, deployment: &SimDeployment) -> Value {
    let running = service.count(|task| task.is_of(&deployment.id) && task.is_running());
    let wanted = service.count(|task| task.is_of(&deployment.id) && task.is_wanted());
    let (status, desired) = match deployment.status {
        DeploymentStatus::Primary => ("PRIMARY", service.spec.desired_count),
        DeploymentStatus::Active => ("ACTIVE", 0),
        DeploymentStatus::Inactive => ("INACTIVE", 0),
        DeploymentStatus::Draining => ("DRAINING", 0),
    };
    let state = match deployment.rollout_state {
        RolloutState::InProgress => "IN_PROGRESS",
        RolloutState::Completed => "COMPLETED",
        RolloutState::Failed => "FAILED",
    };
    let mut document = json!({
        "id": deployment.id,
        "status": status,
        "taskDefinition": call.api.place.definition(&deployment.task_definition),
        "desiredCount": desired,
        "pendingCount": wanted - running,
        "runningCount": running,
        "failedTasks": deployment.failed,
        "createdAt": call.moment(deployment.created),
        "updatedAt": call.moment(deployment.updated),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "rolloutState": state,
    });
    put(
        &mut document,
        "rolloutStateReason",
        deployment.reason.clone(),
    );
    let network = service.spec.settings.get("networkConfiguration");
    put(&mut document, "networkConfiguration", network.cloned());
    document
}
