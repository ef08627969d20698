//! Service deployments and service revisions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::Call;
use super::arns::parts;
use super::body::put;
use super::refusal::{Answer, Refusal};
use super::service_json;
use crate::sim::model::{HookRun, HookState, Record, Service};
use crate::sim::shift::STAGES;
use crate::{
    ClusterName, DeploymentId, HookAction, ServiceDeploymentStatus, StopType, TaskDefinition,
};

/// How many records or revisions one description takes.
const RECORDS_A_CALL: usize = 20;

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let name = call.body.service("service")?;
    let service = call
        .state
        .service(&cluster, &name)
        .ok_or_else(Refusal::no_service)?;
    let wanted = call.body.texts("status");
    let records = service
        .records
        .iter()
        .rev()
        .filter(|record| wanted.is_empty() || wanted.contains(&status(record.status)))
        .map(|record| brief(call, &cluster, service, record))
        .collect();
    call.body.page("serviceDeployments", records, 20)
}

pub(super) fn describe(call: &mut Call<'_>) -> Answer {
    let arns = call
        .body
        .texts_up_to("serviceDeploymentArns", RECORDS_A_CALL)?;
    let (mut records, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        match find(call, arn) {
            Some((cluster, service, record)) => {
                records.push(detailed(call, &cluster, service, record));
            }
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"serviceDeployments": records, "failures": failures}))
}

pub(super) fn revisions(call: &mut Call<'_>) -> Answer {
    let arns = call
        .body
        .texts_up_to("serviceRevisionArns", RECORDS_A_CALL)?;
    let distinct: BTreeSet<&str> = arns.iter().copied().collect();
    if distinct.len() < arns.len() {
        // As ECS does, though it is the request's fault.
        return Err(Refusal::server("Service revision ARNs must be unique."));
    }
    let (mut revisions, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        match find(call, arn).filter(|_| arn.contains(":service-revision/")) {
            Some((cluster, service, record)) => {
                revisions.push(revision(call, &cluster, service, record));
            }
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"serviceRevisions": revisions, "failures": failures}))
}

pub(super) fn stop(call: &mut Call<'_>) -> Answer {
    let arn = call.body.required("serviceDeploymentArn")?;
    let how = match call.body.text("stopType").unwrap_or("ROLLBACK") {
        "ROLLBACK" => StopType::Rollback,
        "ABORT" => StopType::Abort,
        other => {
            return Err(Refusal::invalid(format!(
                "Stop type {other} is not one of ABORT, ROLLBACK."
            )));
        }
    };
    let now = call.now;
    let (service, id) = service_mut(call, arn)?;
    service.request_stop(&id, how, now)?;
    Ok(json!({ "serviceDeploymentArn": arn }))
}

pub(super) fn go_on(call: &mut Call<'_>) -> Answer {
    let arn = call.body.required("serviceDeploymentArn")?;
    let hook = call.body.required("hookId")?;
    let action = match call.body.text("action").unwrap_or("CONTINUE") {
        "CONTINUE" => HookAction::Continue,
        "ROLLBACK" => HookAction::Rollback,
        other => {
            return Err(Refusal::invalid(format!(
                "Action {other} is not one of CONTINUE, ROLLBACK."
            )));
        }
    };
    let now = call.now;
    let (service, id) = service_mut(call, arn)?;
    service.answer_hook(&id, hook, action, now)?;
    Ok(json!({ "serviceDeploymentArn": arn }))
}

fn missing() -> Refusal {
    Refusal::new(
        "ServiceDeploymentNotFoundException",
        "The service deployment does not exist.",
    )
}

fn service_mut<'a>(
    call: &'a mut Call<'_>,
    arn: &str,
) -> Result<(&'a mut Service, DeploymentId), Refusal> {
    let (cluster, name, id) = parts(arn).ok_or_else(missing)?;
    let service = call.state.service_mut(&cluster, &name);
    Ok((service.ok_or_else(missing)?, id.ok_or_else(missing)?))
}

fn find<'a>(call: &'a Call<'_>, arn: &str) -> Option<(ClusterName, &'a Service, &'a Record)> {
    let (cluster, name, id) = parts(arn)?;
    let service = call.state.service(&cluster, &name)?;
    let id = id?;
    let record = service.records.iter().find(|record| record.id == id)?;
    Some((cluster, service, record))
}

const fn status(status: ServiceDeploymentStatus) -> &'static str {
    match status {
        ServiceDeploymentStatus::Pending => "PENDING",
        ServiceDeploymentStatus::InProgress | ServiceDeploymentStatus::Unknown => "IN_PROGRESS",
        ServiceDeploymentStatus::Successful => "SUCCESSFUL",
        ServiceDeploymentStatus::StopRequested => "STOP_REQUESTED",
        ServiceDeploymentStatus::Stopped => "STOPPED",
        ServiceDeploymentStatus::RollbackRequested => "ROLLBACK_REQUESTED",
        ServiceDeploymentStatus::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
        ServiceDeploymentStatus::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
        ServiceDeploymentStatus::RollbackFailed => "ROLLBACK_FAILED",
    }
}

fn brief(call: &Call<'_>, cluster: &ClusterName, service: &Service, record: &Record) -> Value {
    let (place, name) = (&call.api.place, &service.spec.name);
    let mut document = json!({
        "serviceDeploymentArn": place.record(cluster, name, &record.id),
        "serviceArn": place.service(cluster, name),
        "clusterArn": place.cluster(cluster),
        "createdAt": call.moment(record.created),
        "targetServiceRevisionArn": place.revision(cluster, name, &record.id),
        "status": status(record.status),
    });
    put(&mut document, "statusReason", record.reason.clone());
    let (started, finished) = (record.started, record.finished);
    put(
        &mut document,
        "startedAt",
        started.map(|at| call.moment(at)),
    );
    put(
        &mut document,
        "finishedAt",
        finished.map(|at| call.moment(at)),
    );
    document
}

fn detailed(call: &Call<'_>, cluster: &ClusterName, service: &Service, record: &Record) -> Value {
    let (place, spec) = (&call.api.place, &service.spec);
    let counts = |id: &DeploymentId, requested: u32| {
        let running = service.count(|task| task.is_of(id) && task.is_running());
        let wanted = service.count(|task| task.is_of(id) && task.is_wanted());
        json!({
            "arn": place.revision(cluster, &spec.name, id),
            "requestedTaskCount": requested,
            "runningTaskCount": running,
            "pendingTaskCount": wanted - running,
        })
    };
    let mut document = brief(call, cluster, service, record);
    if let Some(fields) = document.as_object_mut() {
        fields.remove("targetServiceRevisionArn");
    }
    document["updatedAt"] = call.moment(record.updated);
    put(
        &mut document,
        "stoppedAt",
        record.stopped.map(|at| call.moment(at)),
    );
    document["sourceServiceRevisions"] = record.sources.iter().map(|id| counts(id, 0)).collect();
    let mut target = counts(&record.id, spec.desired_count);
    if let Some(shift) = &record.shift {
        target["requestedProductionTrafficWeight"] = shift.weight.into();
        target["requestedTestTrafficWeight"] = shift.test_weight.into();
        if !record.status.is_terminal() {
            document["lifecycleStage"] = STAGES[shift.stage].into();
        }
        document["lifecycleHookDetails"] = shift.hooks.iter().map(|run| hook(call, run)).collect();
    }
    document["targetServiceRevision"] = target;
    document["deploymentConfiguration"] = service_json::configuration(spec);
    watch(&mut document, service, record);
    if let Some(back) = &record.rollback {
        document["rollback"] = json!({
            "reason": back.reason,
            "startedAt": call.moment(back.at),
            "serviceRevisionArn": place.revision(cluster, &spec.name, &back.to),
        });
    }
    document
}

/// What watches over a deployment: the circuit breaker and the alarms.
fn watch(document: &mut Value, service: &Service, record: &Record) {
    let state = |triggered: bool| {
        if triggered {
            "TRIGGERED"
        } else if record.status.is_terminal() {
            "MONITORING_COMPLETE"
        } else {
            "MONITORING"
        }
    };
    document["deploymentCircuitBreaker"] = match service.spec.circuit_breaker {
        None => json!({"status": "DISABLED", "failureCount": 0, "threshold": 0}),
        Some(breaker) => {
            let threshold = breaker.threshold.failures(service.spec.desired_count);
            json!({
                "status": state(record.broken),
                "failureCount": record.failures,
                "threshold": threshold,
            })
        }
    };
    if let Some(rule) = &service.spec.alarms {
        document["alarms"] = json!({
            "status": state(!record.triggered_alarms.is_empty()),
            "alarmNames": rule.names,
            "triggeredAlarmNames": record.triggered_alarms,
        });
    }
}

fn hook(call: &Call<'_>, run: &HookRun) -> Value {
    let mut document = json!({
        "hookId": run.id,
        "targetType": if run.pause { "PAUSE" } else { "AWS_LAMBDA" },
        "status": run.state.as_str(),
    });
    if run.state == HookState::AwaitingAction {
        document["expiresAt"] = call.moment(run.since + run.timeout);
        document["timeoutAction"] = "ROLLBACK".into();
    }
    document
}

fn revision(call: &Call<'_>, cluster: &ClusterName, service: &Service, record: &Record) -> Value {
    let (place, name) = (&call.api.place, &service.spec.name);
    let images: Vec<Value> = call
        .state
        .definition(&record.task_definition)
        .map(|definition| TaskDefinition::new(definition.document.clone()).containers())
        .unwrap_or_default()
        .into_iter()
        .map(|(container, image)| {
            let mut document = json!({"containerName": container, "image": image});
            let digest = record.digests.get(image.as_str());
            put(&mut document, "imageDigest", digest.cloned());
            document
        })
        .collect();
    let mut document = json!({
        "serviceRevisionArn": place.revision(cluster, name, &record.id),
        "serviceArn": place.service(cluster, name),
        "clusterArn": place.cluster(cluster),
        "taskDefinition": place.definition(&record.task_definition),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "containerImages": images,
        "guardDutyEnabled": false,
        "createdAt": call.moment(record.created),
    });
    for kept in [
        "loadBalancers",
        "serviceRegistries",
        "networkConfiguration",
        "launchType",
        "capacityProviderStrategy",
        "serviceConnectConfiguration",
        "volumeConfigurations",
        "vpcLatticeConfigurations",
    ] {
        put(&mut document, kept, record.settings.get(kept).cloned());
    }
    document
}
