//! The logs of containers, and alarms: what is needed of CloudWatch to say why a deployment failed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::Call;
use super::refusal::{Answer, Refusal};

/// How many lines one call gives if the request does not say.
const LINES: usize = 10_000;

/// The log streams of a group that tasks have written to.
fn streams(call: &Call<'_>, group: &str) -> BTreeSet<String> {
    let mut streams = BTreeSet::new();
    for cluster in call.state.clusters.keys() {
        for task in call.state.tasks(cluster) {
            let Ok(definition) = call.state.definition(&task.task_definition) else {
                continue;
            };
            let containers = definition.document["containerDefinitions"].as_array();
            for container in containers.into_iter().flatten() {
                let options = &container["logConfiguration"]["options"];
                let (Some(prefix), Some(name)) = (
                    options["awslogs-stream-prefix"].as_str(),
                    container["name"].as_str(),
                ) else {
                    continue;
                };
                let stream = format!("{prefix}/{name}/{}", task.id);
                if call.state.log(call.api.inner(), group, &stream).is_some() {
                    streams.insert(stream);
                }
            }
        }
    }
    streams
}

/// The log groups that task definitions name.
fn groups(call: &Call<'_>) -> BTreeSet<String> {
    call.state
        .definitions
        .values()
        .flatten()
        .filter_map(|definition| definition.document["containerDefinitions"].as_array())
        .flatten()
        .filter_map(|container| container["logConfiguration"]["options"]["awslogs-group"].as_str())
        .map(str::to_owned)
        .collect()
}

fn missing(what: &str) -> Refusal {
    Refusal::new(
        "ResourceNotFoundException",
        format!("The specified log {what} does not exist."),
    )
}

pub(super) fn describe_groups(call: &mut Call<'_>) -> Answer {
    let prefix = call.body.text("logGroupNamePrefix").unwrap_or_default();
    let place = &call.api.place;
    let groups: Vec<Value> = groups(call)
        .into_iter()
        .filter(|group| group.starts_with(prefix))
        .map(|group| {
            let arn = format!(
                "arn:aws:logs:{}:{}:log-group:{group}:*",
                place.region, place.account
            );
            json!({"logGroupName": group, "arn": arn, "creationTime": call.api.epoch})
        })
        .collect();
    Ok(json!({ "logGroups": groups }))
}

pub(super) fn describe_streams(call: &mut Call<'_>) -> Answer {
    let group = call.body.required("logGroupName")?;
    if !groups(call).contains(group) {
        return Err(missing("group"));
    }
    let prefix = call.body.text("logStreamNamePrefix").unwrap_or_default();
    let streams: Vec<Value> = streams(call, group)
        .into_iter()
        .filter(|stream| stream.starts_with(prefix))
        .map(|stream| json!({"logStreamName": stream, "creationTime": call.api.epoch}))
        .collect();
    Ok(json!({ "logStreams": streams }))
}

pub(super) fn events(call: &mut Call<'_>) -> Answer {
    let group = call.body.required("logGroupName")?;
    let stream = call.body.required("logStreamName")?;
    if !groups(call).contains(group) {
        return Err(missing("group"));
    }
    let lines = call
        .state
        .log(call.api.inner(), group, stream)
        .ok_or_else(|| missing("stream"))?;
    let limit = call
        .body
        .count("limit")?
        .map_or(LINES, |limit| limit as usize);
    let (from, to) = window(call, lines.len(), limit)?;
    let now = call.api.epoch + u64::try_from(call.now.as_millis()).unwrap_or_default();
    let events: Vec<Value> = lines[from..to]
        .iter()
        .map(|line| json!({"timestamp": now, "ingestionTime": now, "message": line}))
        .collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{to}"),
        "nextBackwardToken": format!("b/{from}"),
    }))
}

/// Which lines a request means: without a token the last ones, or the first ones if it asks for them.
fn window(call: &Call<'_>, count: usize, limit: usize) -> Result<(usize, usize), Refusal> {
    if let Some(token) = call.body.text("nextToken") {
        let wrong = || Refusal::invalid("The specified nextToken is invalid.");
        let (way, place) = token.split_once('/').ok_or_else(wrong)?;
        let place = place.parse::<usize>().map_err(|_| wrong())?.min(count);
        return match way {
            "f" => Ok((place, count.min(place + limit))),
            "b" => Ok((place.saturating_sub(limit), place)),
            _ => Err(wrong()),
        };
    }
    if call.body.flag("startFromHead") {
        return Ok((0, count.min(limit)));
    }
    Ok((count.saturating_sub(limit), count))
}

pub(super) fn describe_alarms(call: &mut Call<'_>) -> Answer {
    let asked = call.body.texts("AlarmNames");
    let mut known: BTreeSet<String> = call.state.alarms.clone();
    for content in call.state.clusters.values() {
        for service in content.services.values() {
            known.extend(
                service
                    .spec
                    .alarms
                    .iter()
                    .flat_map(|rule| rule.names.clone()),
            );
        }
    }
    let alarms: Vec<Value> = known
        .iter()
        .filter(|name| asked.is_empty() || asked.contains(&name.as_str()))
        .map(|name| {
            let state = if call.state.alarms.contains(name) {
                "ALARM"
            } else {
                "OK"
            };
            json!({"AlarmName": name, "StateValue": state})
        })
        .collect();
    Ok(json!({"MetricAlarms": alarms, "CompositeAlarms": []}))
}
