//! What an event asks for.

use log_exporter::{LogGroup, Millis, Selection, Unit};
use serde::Deserialize;
use serde_json::Value;

/// A message of a queue, with what it asks for, or why that cannot be told.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) unit: Result<Unit, String>,
}

/// What an event asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// All that is due of these groups, or of those of the settings.
    Due(Due),
    /// The windows of a queue's messages.
    Queue(Vec<Message>),
    /// One window: a map's item.
    Item(Box<Unit>),
    /// Several windows: a map's batch, which is done or not.
    Items(Vec<Unit>),
    /// What an earlier invocation left.
    Remaining(Vec<Unit>),
}

/// All that is due.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Due {
    #[serde(default)]
    groups: Vec<LogGroup>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    pub(crate) from: Option<Millis>,
    #[serde(default)]
    pub(crate) to: Option<Millis>,
}

impl Due {
    pub(crate) fn selections(&self) -> Vec<Selection> {
        let groups = self.groups.iter().cloned().map(Selection::Group);
        let prefixes = self.prefixes.iter().cloned().map(Selection::Prefix);
        groups.chain(prefixes).collect()
    }
}

impl Request {
    /// Reads an event.
    pub(crate) fn of(event: &Value) -> Result<Self, String> {
        if let Some(records) = event.get("Records").and_then(Value::as_array) {
            return records
                .iter()
                .map(message)
                .collect::<Result<_, _>>()
                .map(Self::Queue);
        }
        // A batch of a map has its items under this name; so has our own answer under the other one.
        type Kind = fn(Vec<Unit>) -> Request;
        for (name, kind) in [
            ("Items", Self::Items as Kind),
            ("remaining", Self::Remaining as Kind),
        ] {
            if let Some(items) = event.get(name) {
                return serde_json::from_value(items.clone())
                    .map(kind)
                    .map_err(|error| format!("`{name}` holds what is no window: {error}"));
            }
        }
        if event.get("window").is_some() {
            return serde_json::from_value(event.clone())
                .map(|unit| Self::Item(Box::new(unit)))
                .map_err(|error| format!("the event is no window: {error}"));
        }
        // EventBridge's own form says nothing of ours.
        if event.get("detail-type").is_some() && event.get("source").is_some() {
            let detail = event
                .get("detail")
                .filter(|detail| detail.as_object().is_some_and(|d| !d.is_empty()));
            return match detail {
                Some(detail) => due(detail),
                None => Ok(Self::Due(Due::default())),
            };
        }
        due(event)
    }
}

fn due(value: &Value) -> Result<Request, String> {
    if value.is_null() {
        return Ok(Request::Due(Due::default()));
    }
    serde_json::from_value(value.clone())
        .map(Request::Due)
        .map_err(|error| {
            format!("the event is neither a schedule's, a queue's nor a window: {error}")
        })
}

fn message(record: &Value) -> Result<Message, String> {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let id = text("messageId").ok_or("a record has no messageId: it is none of a queue")?;
    let body = text("body").unwrap_or_default();
    Ok(Message {
        id: id.to_owned(),
        unit: serde_json::from_str(body)
            .map_err(|error| format!("the message is no window: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unit() -> Value {
        json!({"account": "123456789012", "region": "us-east-1", "group": "/g", "window": "2026-11-26T10:00:00Z",
               "sweep": "late-1h", "due": "2026-11-26T12:00:00Z"})
    }

    #[test]
    fn each_kind_of_event_is_told() {
        assert!(matches!(Request::of(&unit()), Ok(Request::Item(_))));
        assert!(
            matches!(Request::of(&json!({"Items": [unit()]})), Ok(Request::Items(items)) if items.len() == 1)
        );
        assert!(
            matches!(Request::of(&json!({"remaining": []})), Ok(Request::Remaining(items)) if items.is_empty())
        );
        let queue = json!({"Records": [{"messageId": "1", "body": unit().to_string()}, {"messageId": "2", "body": "x"}]});
        match Request::of(&queue) {
            Ok(Request::Queue(messages)) => {
                assert!(messages[0].unit.is_ok() && messages[1].unit.is_err())
            }
            other => panic!("{other:?}"),
        }
        let schedule =
            json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        assert!(matches!(Request::of(&schedule), Ok(Request::Due(_))));
        let own = json!({"prefixes": ["/ecs"], "from": "2026-11-01T00:00:00Z"});
        match Request::of(&own) {
            Ok(Request::Due(due)) => {
                assert_eq!((due.selections().len(), due.from.is_some()), (1, true))
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(Request::of(&json!({})), Ok(Request::Due(_))));
        assert!(Request::of(&json!({"group": "g"})).is_err());
        assert!(Request::of(&json!({"window": "now"})).is_err());
    }
}
