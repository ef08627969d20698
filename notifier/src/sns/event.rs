//! The events in which Lambda hands over what topics say.

use serde_json::Value;

use super::sns_report;
use crate::report::{Notice, Report, Severity};

/// One message of an event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SnsRecord {
    /// The message's id, which stays the same when it is handed over again.
    pub id: Option<String>,
    /// How it came.
    pub origin: SnsOrigin,
    /// What it says. A record that cannot be read is a warning that shows it.
    pub report: Report,
}

/// How a message came to Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnsOrigin {
    /// From a topic: the whole event is handed over again when the function fails.
    Topic,
    /// From a queue, which takes back those messages that the function names, and no others.
    Queue,
    /// From CloudWatch or EventBridge themselves, without a topic.
    Alarm,
}

/// An event with which this function was not meant to be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event holds neither `Records` nor an alarm, only {0}")]
pub struct InvalidSnsEvent(String);

impl InvalidSnsEvent {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("subscribe the function to a topic of SNS, or to a queue that is, or make it an alarm's action".to_owned())
    }
}

/// The messages of an event: of a topic, of a queue that is subscribed to one (with or without raw message delivery), or
/// an alarm that CloudWatch or EventBridge hands over themselves. One record that cannot be read loses no other.
///
/// # Errors
/// [`InvalidSnsEvent`] when it is none of these.
pub fn sns_records(event: &Value) -> Result<Vec<SnsRecord>, InvalidSnsEvent> {
    if let Some(records) = event.get("Records").and_then(Value::as_array) {
        return Ok(records.iter().map(record).collect());
    }
    match super::alarm::read(event) {
        Some(alarm) => Ok(vec![SnsRecord {
            id: text(event, "id").map(str::to_owned),
            origin: SnsOrigin::Alarm,
            report: Report::Alarm(alarm),
        }]),
        None => Err(InvalidSnsEvent(shape(event))),
    }
}

fn record(record: &Value) -> SnsRecord {
    if let Some(body) = text(record, "body") {
        let envelope: Option<Value> = serde_json::from_str(body).ok();
        let inner = envelope
            .as_ref()
            .filter(|envelope| envelope.get("TopicArn").is_some());
        let report = inner.and_then(notification);
        return SnsRecord {
            id: text(record, "messageId").map(str::to_owned),
            origin: SnsOrigin::Queue,
            // With raw message delivery the body is the message itself.
            report: report
                .unwrap_or_else(|| sns_report(None, body, text(record, "eventSourceARN"))),
        };
    }
    let sns = record.get("Sns");
    SnsRecord {
        id: sns
            .and_then(|sns| text(sns, "MessageId"))
            .map(str::to_owned),
        origin: SnsOrigin::Topic,
        report: sns
            .and_then(notification)
            .unwrap_or_else(|| unreadable(record)),
    }
}

fn notification(sns: &Value) -> Option<Report> {
    let message = sns.get("Message")?.as_str()?;
    Some(sns_report(
        text(sns, "Subject"),
        message,
        text(sns, "TopicArn"),
    ))
}

fn unreadable(record: &Value) -> Report {
    let notice = Notice::new("A record without a message", record.to_string());
    Report::Notice(notice.severity(Severity::Warning))
}

/// What a document is, without its values.
fn shape(event: &Value) -> String {
    match event {
        Value::Object(object) if object.is_empty() => "an empty object".to_owned(),
        Value::Object(object) => {
            let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
            keys.sort_unstable();
            let shown = |key: &&str| format!("`{}`", key.chars().take(40).collect::<String>());
            let keys: Vec<String> = keys.iter().take(8).map(shown).collect();
            keys.join(", ")
        }
        _ => "a value that is no object".to_owned(),
    }
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}
