//! Clusters.

use serde_json::{Value, json};

use super::api::Call;
use super::refusal::{Answer, Refusal};
use crate::ClusterName;

/// How many clusters one description takes.
const CLUSTERS_A_CALL: usize = 100;

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let name = call.body.text("clusterName").unwrap_or("default");
    let name: ClusterName = name
        .parse()
        .map_err(|_| Refusal::invalid("The cluster name is not valid."))?;
    call.state.clusters.entry(name.clone()).or_default();
    if let Some(tags) = call.body.get("tags") {
        let arn = call.api.place.cluster(&name);
        super::tags::set(call, &arn, tags)?;
    }
    Ok(json!({"cluster": document(call, &name)?}))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let name = call.cluster()?;
    let content = call.content(&name)?;
    if content.services.values().any(|service| !service.is_gone()) {
        return Err(Refusal::new(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    let mut cluster = document(call, &name)?;
    cluster["status"] = "INACTIVE".into();
    call.state.clusters.remove(&name);
    Ok(json!({ "cluster": cluster }))
}

pub(super) fn describe(call: &mut Call<'_>) -> Answer {
    let mut names = call.body.texts_up_to("clusters", CLUSTERS_A_CALL)?;
    if names.is_empty() {
        names.push("default");
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for given in names {
        let last = super::arns::last(given);
        let known = last
            .parse::<ClusterName>()
            .ok()
            .filter(|name| call.state.clusters.contains_key(name));
        match known {
            Some(name) => clusters.push(document(call, &name)?),
            None => {
                let account = &call.api.place;
                let arn = format!(
                    "arn:aws:ecs:{}:{}:cluster/{last}",
                    account.region, account.account
                );
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let arns = call
        .state
        .clusters
        .keys()
        .map(|name| call.api.place.cluster(name).into())
        .collect();
    call.body.page("clusterArns", arns, 100)
}

/// No account settings are set: tools that look for them find the defaults.
pub(super) fn settings(_call: &mut Call<'_>) -> Answer {
    Ok(json!({"settings": []}))
}

fn document(call: &Call<'_>, name: &ClusterName) -> Result<Value, Refusal> {
    let content = call.content(name)?;
    let active = content
        .services
        .values()
        .filter(|service| !service.draining);
    let tasks = || call.state.tasks(name).filter(|task| task.is_wanted());
    let running = tasks().filter(|task| task.is_running()).count();
    let mut document = json!({
        "clusterArn": call.api.place.cluster(name),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": tasks().count() - running,
        "activeServicesCount": active.count(),
        "statistics": [],
        "settings": [],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    });
    if call.body.includes_tags() {
        document["tags"] = super::tags::of(call, &call.api.place.cluster(name));
    }
    Ok(document)
}
