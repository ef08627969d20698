//! Tasks in ECS's own JSON.

use serde_json::{Value, json};

use super::api::Call;
use super::body::put;
use crate::ClusterName;
use crate::sim::TaskHealth;
use crate::sim::model::{Phase, Task};

/// What a container that was told to stop exits with: SIGTERM's number and 128.
const TERMINATED: i64 = 143;

/// A task as it is described.
pub(super) fn document(call: &Call<'_>, cluster: &ClusterName, task: &Task) -> Value {
    let place = &call.api.place;
    let arn = place.task(cluster, &task.id);
    let definition = call.state.definition(&task.task_definition);
    let definition = definition.map(|definition| definition.document.clone());
    let definition = definition.unwrap_or_default();
    let containers: Vec<Value> = definition["containerDefinitions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|container| container_of(task, &arn, container))
        .collect();
    let mut document = json!({
        "taskArn": arn,
        "clusterArn": place.cluster(cluster),
        "taskDefinitionArn": place.definition(&task.task_definition),
        "group": task.group,
        "lastStatus": task.status(),
        "desiredStatus": desired(task),
        "healthStatus": health(task),
        "cpu": definition.get("cpu").cloned().unwrap_or_else(|| json!("256")),
        "memory": definition.get("memory").cloned().unwrap_or_else(|| json!("512")),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "availabilityZone": format!("{}a", place.region),
        "connectivity": "CONNECTED",
        "containers": containers,
        "overrides": task.overrides.clone().unwrap_or_else(|| json!({"containerOverrides": []})),
        "attachments": [],
        "attributes": [],
        "enableExecuteCommand": false,
        "version": 1,
        "createdAt": call.moment(task.created),
    });
    put(&mut document, "startedBy", task.started_by.clone());
    for (name, at) in [
        ("startedAt", task.started),
        ("stoppingAt", task.stopping),
        ("executionStoppedAt", task.stopped.and(task.stopping)),
        ("stoppedAt", task.stopped),
    ] {
        put(&mut document, name, at.map(|at| call.moment(at)));
    }
    if let Some(stopped) = task.stopped_task() {
        document["stopCode"] = stopped.stop_code.to_string().into();
        document["stoppedReason"] = stopped.reason.clone().into();
    }
    document
}

/// `desiredStatus` of the API: STOPPED from the moment that the task is asked to stop or has ended.
pub(super) const fn desired(task: &Task) -> &'static str {
    if task.is_wanted() {
        "RUNNING"
    } else {
        "STOPPED"
    }
}

/// What its containers' own health checks say.
const fn health(task: &Task) -> &'static str {
    if !task.container_check {
        return "UNKNOWN";
    }
    match &task.phase {
        Phase::Running {
            health: TaskHealth::ContainerUnhealthy,
        } => "UNHEALTHY",
        Phase::Running {
            health: TaskHealth::Healthy,
        } => "HEALTHY",
        _ => "UNKNOWN",
    }
}

fn container_of(task: &Task, arn: &str, container: &Value) -> Value {
    let name = container["name"].as_str().unwrap_or_default();
    let image = container["image"].as_str().unwrap_or_default();
    let status = match &task.phase {
        Phase::Pending => "PENDING",
        Phase::Running { .. } | Phase::Stopping { .. } => "RUNNING",
        Phase::Ended { .. } | Phase::Stopped(_) => "STOPPED",
    };
    let mut document = json!({
        "containerArn": format!("{}/{name}", arn.replace(":task/", ":container/")),
        "taskArn": arn,
        "name": name,
        "image": image,
        "lastStatus": status,
        "networkInterfaces": [],
        "healthStatus": health(task),
    });
    if task.started.is_some() {
        document["imageDigest"] = task.digests.get(image).cloned().unwrap_or_default().into();
        document["runtimeId"] = format!("{}-{name}", task.id).into();
    }
    let end = task.stopped_task().and_then(|stopped| {
        stopped
            .containers
            .iter()
            .find(|container| container.name.as_str() == name)
    });
    if let Some(end) = end {
        put(&mut document, "exitCode", end.exit_code);
        put(&mut document, "reason", end.reason.clone());
    } else if status == "STOPPED" && task.started.is_some() {
        document["exitCode"] = TERMINATED.into();
    }
    document
}
