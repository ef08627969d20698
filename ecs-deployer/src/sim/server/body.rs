//! The fields of a request.

use std::time::Duration;

use serde_json::{Value, json};

use super::arns;
use super::refusal::Refusal;
use crate::{ClusterName, ServiceName, TaskDefinitionArn};

/// A request's document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a>(pub(super) &'a Value);

impl<'a> Body<'a> {
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    pub(super) fn required(self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::invalid(format!("{name} can not be blank.")))
    }

    pub(super) fn flag(self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn count(self, name: &str) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .map(Some)
            .ok_or_else(|| Refusal::invalid(format!("{name} must be 0 or more, and is {value}.")))
    }

    /// A list of texts; empty when it is not there.
    pub(super) fn texts(self, name: &str) -> Vec<&'a str> {
        self.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// As [`texts`](Self::texts), of at most so many.
    pub(super) fn texts_up_to(self, name: &str, most: usize) -> Result<Vec<&'a str>, Refusal> {
        let texts = self.texts(name);
        if texts.len() > most {
            return Err(Refusal::invalid(format!(
                "{name} can have at most {most} items, and has {}.",
                texts.len()
            )));
        }
        Ok(texts)
    }

    /// The cluster's name, from a name or an ARN; `default` when there is none.
    pub(super) fn cluster(self) -> Result<ClusterName, Refusal> {
        let name = self.text("cluster").unwrap_or("default");
        arns::last(name).parse().map_err(|_| Refusal::no_cluster())
    }

    /// A service's name, from a name or an ARN.
    pub(super) fn service(self, field: &str) -> Result<ServiceName, Refusal> {
        arns::last(self.required(field)?)
            .parse()
            .map_err(|_| Refusal::no_service())
    }

    pub(super) fn includes_tags(self) -> bool {
        self.texts("include").contains(&"TAGS")
    }

    /// A page of a list, under `field`, with the token of the next one.
    pub(super) fn page(
        self,
        field: &str,
        all: Vec<Value>,
        default_size: usize,
    ) -> Result<Value, Refusal> {
        let from = match self.text("nextToken") {
            None => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|from| from.parse::<usize>().ok())
                .ok_or_else(|| Refusal::invalid(format!("Invalid token {token}.")))?,
        };
        let size = match self.count("maxResults")? {
            None => default_size,
            Some(size @ 1..=100) => size as usize,
            Some(size) => {
                return Err(Refusal::invalid(format!(
                    "maxResults must be between 1 and 100, and is {size}."
                )));
            }
        };
        let more = all.len() > from + size;
        let page: Vec<Value> = all.into_iter().skip(from).take(size).collect();
        let mut answer = json!({ field: page });
        if more {
            answer["nextToken"] = format!("page-{}", from + size).into();
        }
        Ok(answer)
    }
}

/// A task definition of a certain revision, without the rest of its ARN.
pub(super) fn short(arn: &TaskDefinitionArn) -> TaskDefinitionArn {
    arn.short().parse().unwrap_or_else(|_| arn.clone())
}

/// A moment as the API has it: seconds since 1970 with a fraction.
pub(super) fn seconds(epoch: u64, at: Duration) -> Value {
    let milliseconds = epoch + u64::try_from(at.as_millis()).unwrap_or_default();
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of this age fit into the 53 bits"
    )]
    let seconds = milliseconds as f64 / 1000.0;
    json!(seconds)
}

/// Puts a value into a document if there is one.
pub(super) fn put(document: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        document[name] = value.into();
    }
}
