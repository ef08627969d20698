//! Tags of resources.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde_json::{Value, json};

use super::api::Call;
use super::refusal::{Answer, Refusal};
use crate::TaskDefinitionArn;

/// The tags of a resource, sorted by their keys.
pub(super) fn of(call: &Call<'_>, arn: &str) -> Value {
    if let Some(definition) = definition_of(arn) {
        let found = call.state.definition(&definition).ok();
        return found
            .and_then(|definition| definition.document.get("tags").cloned())
            .unwrap_or_else(|| json!([]));
    }
    let tags = call.api.tags.lock().unwrap_or_else(PoisonError::into_inner);
    as_list(tags.get(arn).unwrap_or(&BTreeMap::new()))
}

fn definition_of(arn: &str) -> Option<TaskDefinitionArn> {
    if !arn.contains(":task-definition/") {
        return None;
    }
    arn.parse().ok()
}

fn as_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

/// Adds tags to a resource.
pub(super) fn set(call: &mut Call<'_>, arn: &str, tags: &Value) -> Result<(), Refusal> {
    let mut new = BTreeMap::new();
    for tag in tags.as_array().into_iter().flatten() {
        let key = tag["key"]
            .as_str()
            .filter(|key| !key.is_empty())
            .ok_or_else(|| Refusal::invalid("A tag needs a key."))?;
        let value = tag["value"].as_str().unwrap_or_default();
        new.insert(key.to_owned(), value.to_owned());
    }
    change(call, arn, |tags| tags.extend(new))
}

fn change(
    call: &mut Call<'_>,
    arn: &str,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<(), Refusal> {
    if let Some(name) = definition_of(arn) {
        let definition = call.state.definition_mut(&name)?;
        let mut tags = BTreeMap::new();
        for tag in definition.document["tags"].as_array().into_iter().flatten() {
            let text = |name: &str| tag[name].as_str().unwrap_or_default().to_owned();
            tags.insert(text("key"), text("value"));
        }
        change(&mut tags);
        definition.document["tags"] = as_list(&tags);
        return Ok(());
    }
    let mut all = call.api.tags.lock().unwrap_or_else(PoisonError::into_inner);
    change(all.entry(arn.to_owned()).or_default());
    Ok(())
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let arn = call.body.required("resourceArn")?;
    Ok(json!({"tags": of(call, arn)}))
}

pub(super) fn tag(call: &mut Call<'_>) -> Answer {
    let arn = call.body.required("resourceArn")?;
    let tags = call.body.get("tags").cloned().unwrap_or_default();
    set(call, arn, &tags)?;
    Ok(json!({}))
}

pub(super) fn untag(call: &mut Call<'_>) -> Answer {
    let arn = call.body.required("resourceArn")?;
    let keys = call.body.texts("tagKeys");
    change(call, arn, |tags| {
        tags.retain(|key, _| !keys.contains(&key.as_str()));
    })?;
    Ok(json!({}))
}
