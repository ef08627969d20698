//! Task definitions.

use serde_json::{Value, json};

use super::api::Call;
use super::body::{put, seconds};
use super::refusal::{Answer, Refusal};
use crate::sim::state::Definition;
use crate::{TaskDefinition, TaskDefinitionArn};

pub(super) fn register(call: &mut Call<'_>) -> Answer {
    let document = call.body.0.clone();
    check(&document)?;
    let tags = document.get("tags").cloned();
    let arn = call
        .state
        .register(&TaskDefinition::new(document), call.now)?;
    let definition = call.state.definition(&arn)?;
    let mut answer = json!({"taskDefinition": describe_one(call, &arn, definition)});
    put(&mut answer, "tags", tags);
    Ok(answer)
}

fn check(document: &Value) -> Result<(), Refusal> {
    let family = document["family"].as_str().unwrap_or_default();
    if family.is_empty() {
        return Err(Refusal::client("Family can not be blank."));
    }
    let containers = document["containerDefinitions"].as_array();
    let Some(containers) = containers.filter(|containers| !containers.is_empty()) else {
        return Err(Refusal::client("Container list cannot be empty."));
    };
    for container in containers {
        for (field, message) in [
            ("name", "Container.name should not be null or empty."),
            ("image", "Container.image should not be null or empty."),
        ] {
            if container[field].as_str().unwrap_or_default().is_empty() {
                return Err(Refusal::client(message));
            }
        }
    }
    if document["tags"].as_array().is_some_and(Vec::is_empty) {
        return Err(Refusal::invalid("Tags can not be empty."));
    }
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>) -> Answer {
    let arn = find(call, call.body.required("taskDefinition")?)
        .ok_or_else(|| Refusal::client("Unable to describe task definition."))?;
    let definition = call.state.definition(&arn)?;
    let mut answer = json!({"taskDefinition": describe_one(call, &arn, definition)});
    if call.body.includes_tags() {
        let tags = definition.document.get("tags").cloned();
        answer["tags"] = tags.unwrap_or_else(|| json!([]));
    }
    Ok(answer)
}

pub(super) fn deregister(call: &mut Call<'_>) -> Answer {
    let given = call.body.required("taskDefinition")?;
    let arn: TaskDefinitionArn = given
        .parse()
        .map_err(|_| Refusal::invalid(format!("Invalid revision number. Number: {given}")))?;
    let now = call.now;
    call.state
        .definition_mut(&arn)?
        .deregistered
        .get_or_insert(now);
    let arn = super::body::short(&arn);
    let definition = call.state.definition(&arn)?;
    Ok(json!({"taskDefinition": describe_one(call, &arn, definition)}))
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let prefix = call.body.text("familyPrefix");
    let active = call.body.text("status").unwrap_or("ACTIVE") == "ACTIVE";
    let mut arns = Vec::new();
    for (family, revisions) in &call.state.definitions {
        if prefix.is_some_and(|prefix| prefix != family) {
            continue;
        }
        for (index, definition) in revisions.iter().enumerate() {
            let arn = format!("{family}:{}", index + 1).parse::<TaskDefinitionArn>();
            if let Ok(arn) = arn
                && definition.deregistered.is_none() == active
            {
                arns.push(Value::from(call.api.place.definition(&arn)));
            }
        }
    }
    if call.body.text("sort") == Some("DESC") {
        arns.reverse();
    }
    call.body.page("taskDefinitionArns", arns, 100)
}

pub(super) fn families(call: &mut Call<'_>) -> Answer {
    let prefix = call.body.text("familyPrefix").unwrap_or_default();
    let status = call.body.text("status").unwrap_or("ALL");
    let families = call
        .state
        .definitions
        .iter()
        .filter(|(family, _)| family.starts_with(prefix))
        .filter(|(_, revisions)| {
            let active = revisions
                .iter()
                .any(|definition| definition.deregistered.is_none());
            match status {
                "ACTIVE" => active,
                "INACTIVE" => !active,
                _ => true,
            }
        })
        .map(|(family, _)| Value::from(family.as_str()))
        .collect();
    call.body.page("families", families, 100)
}

/// The task definition that a family, `family:revision` or an ARN means: of a family the latest active one.
pub(super) fn find(call: &Call<'_>, given: &str) -> Option<TaskDefinitionArn> {
    if let Ok(arn) = given.parse::<TaskDefinitionArn>() {
        call.state.definition(&arn).ok()?;
        return Some(super::body::short(&arn));
    }
    let family = super::arns::last(given);
    let revisions = call.state.definitions.get(family)?;
    let latest = revisions
        .iter()
        .rposition(|definition| definition.deregistered.is_none())?;
    format!("{family}:{}", latest + 1).parse().ok()
}

/// As [`find`], for what is to run it.
pub(super) fn runnable(call: &Call<'_>, given: &str) -> Result<TaskDefinitionArn, Refusal> {
    let arn = find(call, given).ok_or_else(|| Refusal::client("TaskDefinition not found."))?;
    if call.state.definition(&arn)?.deregistered.is_some() {
        return Err(Refusal::client("TaskDefinition is inactive"));
    }
    Ok(arn)
}

/// A task definition as it is described: what was registered, and what ECS adds. Tags stand beside it.
fn describe_one(call: &Call<'_>, arn: &TaskDefinitionArn, definition: &Definition) -> Value {
    let mut document = definition.document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.remove("tags");
    }
    if call.api.fills_in {
        fill_in(&mut document);
    }
    document["taskDefinitionArn"] = call.api.place.definition(arn).into();
    document["revision"] = arn.revision().into();
    document["status"] = if definition.deregistered.is_some() {
        "INACTIVE".into()
    } else {
        "ACTIVE".into()
    };
    document["requiresAttributes"] = json!([]);
    document["compatibilities"] = document
        .get("requiresCompatibilities")
        .cloned()
        .unwrap_or_else(|| json!(["EC2"]));
    document["registeredAt"] = call.moment(definition.registered);
    let account = &call.api.place.account;
    document["registeredBy"] = format!("arn:aws:iam::{account}:user/simulator").into();
    let gone = definition
        .deregistered
        .map(|at| seconds(call.api.epoch, at));
    put(&mut document, "deregisteredAt", gone);
    document
}

/// Adds what ECS writes where a document leaves it out.
fn fill_in(document: &mut Value) {
    let nothing = || json!([]);
    if let Some(fields) = document.as_object_mut() {
        for list in ["volumes", "placementConstraints"] {
            fields.entry(list).or_insert_with(nothing);
        }
    }
    let awsvpc = document["networkMode"] == "awsvpc";
    let containers = document["containerDefinitions"].as_array_mut();
    for container in containers.into_iter().flatten() {
        let Some(fields) = container.as_object_mut() else {
            continue;
        };
        fields.entry("cpu").or_insert_with(|| json!(0));
        fields.entry("essential").or_insert_with(|| json!(true));
        for list in [
            "portMappings",
            "environment",
            "mountPoints",
            "volumesFrom",
            "systemControls",
        ] {
            fields.entry(list).or_insert_with(nothing);
        }
        let ports = fields["portMappings"].as_array_mut();
        for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
            port.entry("protocol").or_insert_with(|| json!("tcp"));
            if let Some(number) = port.get("containerPort").cloned().filter(|_| awsvpc) {
                port.entry("hostPort").or_insert(number);
            }
        }
    }
}
