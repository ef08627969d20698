//! The control endpoint: what no API of ECS tells or does.

use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::Api;
use crate::sim::{FaultPlan, SimCluster, Truth};
use crate::{ClusterName, DeploymentId, ServiceName};

/// What there is, for whoever asks for something else.
const PLACES: &str = "GET state, truth, calls, time; POST advance, faults, alarm, scale, supersede";

type Answer = Result<Value, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    name: String,
    on: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    cluster: Option<ClusterName>,
    service: ServiceName,
    desired: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Supersede {
    cluster: Option<ClusterName>,
    service: ServiceName,
    image: Option<String>,
}

/// Answers a request to `/_windlass/PATH` with a status and a document.
pub(super) fn answer(
    api: &Api,
    method: &Method,
    path: &str,
    query: &str,
    body: &[u8],
) -> (u16, Value) {
    let answer = match (method.as_str(), path) {
        ("GET", "state") => Ok(state(api)),
        ("GET", "truth") => truth(api, query),
        ("GET", "calls") => Ok(json!({
            "calls": api.cluster.api_calls(),
            "throttled": api.cluster.throttled(),
        })),
        ("GET", "time") => Ok(time(api)),
        ("POST", "advance") => advance(api, body),
        ("POST", "faults") => faults(api, query, body),
        ("POST", "alarm") => read(body).map(|Alarm { name, on }| {
            api.cluster.alarm(name, on);
            json!({})
        }),
        ("POST", "scale") => scale(api, body),
        ("POST", "supersede") => supersede(api, body),
        _ => {
            let error = format!("there is no `{method} {path}` here: there are {PLACES}");
            return (404, json!({ "error": error }));
        }
    };
    match answer {
        Ok(document) => (200, document),
        Err(error) => (400, json!({ "error": error })),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not understood: {error}"))
}

fn time(api: &Api) -> Value {
    let now = api.cluster.now();
    json!({
        "seconds": now.as_secs_f64(),
        "epoch_seconds": super::body::seconds(api.epoch, now),
        "factor": api.inner().clock.factor(),
    })
}

fn advance(api: &Api, body: &[u8]) -> Answer {
    let Advance { seconds } = read(body)?;
    let by = Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("`{seconds}` is not a number of seconds: it takes 0 or more"))?;
    api.cluster.skip(by);
    Ok(time(api))
}

/// The cluster of this name, or without one the only one.
fn cluster(api: &Api, name: Option<ClusterName>) -> Result<SimCluster, String> {
    let known: Vec<ClusterName> = api.cluster.lock().clusters.keys().cloned().collect();
    match name {
        None => Ok(api.cluster.clone()),
        Some(name) if known.contains(&name) => Ok(api.cluster.another(name)),
        Some(name) => Err(format!("there is no cluster `{name}`")),
    }
}

fn having_service(
    api: &Api,
    name: Option<ClusterName>,
    service: &ServiceName,
) -> Result<SimCluster, String> {
    let cluster = cluster(api, name)?;
    if cluster.services().contains(service) {
        return Ok(cluster);
    }
    Err(format!(
        "the cluster `{}` has no service `{service}`",
        cluster.name()
    ))
}

/// A value of the query. Names of ECS need no decoding, but for the slash of a deployment.
fn parameter(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.replace("%2F", "/").replace("%2f", "/"))
}

fn named<T: std::str::FromStr>(query: &str, name: &str) -> Result<Option<T>, String>
where
    T::Err: std::fmt::Display,
{
    parameter(query, name)
        .map(|text| text.parse().map_err(|error: T::Err| error.to_string()))
        .transpose()
}

fn truth(api: &Api, query: &str) -> Answer {
    let service: ServiceName = named(query, "service")?.ok_or("the query needs `service=NAME`")?;
    let cluster = having_service(api, named(query, "cluster")?, &service)?;
    let id: DeploymentId = match named(query, "deployment")? {
        Some(id) => id,
        None => cluster
            .history(&service)
            .pop()
            .ok_or("the service has no deployment")?,
    };
    let truth = cluster
        .truth(&service, &id)
        .ok_or_else(|| format!("the service `{service}` never had the deployment `{id}`"))?;
    Ok(json!({"deployment": id, "truth": truth, "final": truth.is_final()}))
}

fn faults(api: &Api, query: &str, body: &[u8]) -> Answer {
    let plan: FaultPlan = read(body)?;
    cluster(api, named(query, "cluster")?)?.apply(&plan, &api.runtime);
    Ok(json!({}))
}

fn scale(api: &Api, body: &[u8]) -> Answer {
    let wanted: Scale = read(body)?;
    having_service(api, wanted.cluster, &wanted.service)?.scale(&wanted.service, wanted.desired);
    Ok(json!({}))
}

fn supersede(api: &Api, body: &[u8]) -> Answer {
    let wanted: Supersede = read(body)?;
    let cluster = having_service(api, wanted.cluster, &wanted.service)?;
    let id = cluster
        .supersede(&wanted.service, wanted.image.as_deref())
        .map_err(|error| error.to_string())?;
    Ok(json!({ "deployment": id }))
}

fn state(api: &Api) -> Value {
    api.cluster.advance();
    let names: Vec<ClusterName> = api.cluster.lock().clusters.keys().cloned().collect();
    let clusters: serde_json::Map<String, Value> = names
        .into_iter()
        .map(|name| {
            let cluster = api.cluster.another(name.clone());
            (name.to_string(), services(&cluster))
        })
        .collect();
    json!({"time": time(api), "clusters": clusters})
}

fn services(cluster: &SimCluster) -> Value {
    let describe = |service: ServiceName| {
        let tasks: Vec<Value> = cluster
            .tasks(&service)
            .into_iter()
            .map(|task| {
                json!({
                    "task": task.id,
                    "deployment": task.deployment,
                    "task_definition": task.task_definition.short(),
                    "images": task.digests,
                    "status": task.status,
                    "health": task.health.map(|health| format!("{health:?}")),
                })
            })
            .collect();
        let deployments: Vec<Value> = cluster
            .history(&service)
            .into_iter()
            .map(|id| {
                let truth: Option<Truth> = cluster.truth(&service, &id);
                json!({"deployment": id, "truth": truth})
            })
            .collect();
        let document = json!({"deployments": deployments, "tasks": tasks});
        (service.to_string(), document)
    };
    Value::Object(cluster.services().into_iter().map(describe).collect())
}
