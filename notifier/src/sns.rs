//! What a topic of Amazon SNS says, as a report: alarms of CloudWatch in each of their shapes, and anything else as a notice.
//!
//! Nothing here refuses a message. What cannot be read as an alarm is shown as the text it is, so that no alarm is lost
//! because AWS added, left out or renamed something.

mod alarm;
mod event;

use serde_json::Value;

use crate::report::{Notice, Report};

pub use event::{InvalidSnsEvent, SnsOrigin, SnsRecord, sns_records};

/// The report that a message of a topic makes: an [`Alarm`](crate::Alarm) when it is one of CloudWatch's (of a metric, of
/// an expression over several, composite, or a state change told by EventBridge), else a [`Notice`].
///
/// ```
/// use deploy_notifier::{Report, sns_report};
///
/// let message = r#"{"AlarmName": "dev-cpu", "NewStateValue": "ALARM", "AlarmDescription": null}"#;
/// assert_eq!(sns_report(None, message, None).title(), "ALARM: dev-cpu");
/// let report = sns_report(Some("Nightly backup"), "took 41 minutes", Some("arn:aws:sns:us-east-1:1:ops"));
/// assert_eq!(report.title(), "Nightly backup");
/// ```
pub fn sns_report(subject: Option<&str>, message: &str, topic_arn: Option<&str>) -> Report {
    let document: Option<Value> = serde_json::from_str(message).ok();
    if let Some(alarm) = document.as_ref().and_then(alarm::read) {
        return Report::Alarm(alarm);
    }
    let topic = topic_arn
        .and_then(|arn| arn.rsplit(':').next())
        .filter(|name| !name.is_empty());
    let title = match (
        subject.map(str::trim).filter(|subject| !subject.is_empty()),
        topic,
    ) {
        (Some(subject), _) => subject.to_owned(),
        (None, Some(topic)) => format!("Message from {topic}"),
        (None, None) => "Message without a subject".to_owned(),
    };
    let text = match document.as_ref().and_then(Value::as_object) {
        Some(object) => object
            .iter()
            .map(|(key, value)| format!("{key}: {}", words(value)))
            .collect::<Vec<_>>()
            .join("\n"),
        None => message.to_owned(),
    };
    let mut notice = Notice::new(title, text);
    notice.source = topic.map(str::to_owned);
    Report::Notice(notice)
}

/// A value as people read it: texts without their quotes.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Severity;
    use proptest::prelude::*;

    fn notice(subject: Option<&str>, message: &str, topic: Option<&str>) -> Notice {
        match sns_report(subject, message, topic) {
            Report::Notice(notice) => notice,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plain_text_is_a_notice_with_its_lines() {
        let notice = notice(
            Some(" Backup "),
            "one\ntwo",
            Some("arn:aws:sns:us-east-1:1:ops"),
        );
        assert_eq!(
            (notice.title.as_str(), notice.text.as_str()),
            ("Backup", "one\ntwo")
        );
        assert_eq!(
            (notice.source.as_deref(), notice.severity),
            (Some("ops"), Severity::Info)
        );
    }

    #[test]
    fn a_message_without_a_subject_is_named_for_its_topic() {
        assert_eq!(
            notice(None, "x", Some("arn:aws:sns:us-east-1:1:ops")).title,
            "Message from ops"
        );
        assert_eq!(
            notice(Some(" "), "x", None).title,
            "Message without a subject"
        );
    }

    #[test]
    fn json_that_is_no_alarm_is_shown_key_by_key() {
        let notice = notice(None, r#"{"a":"b","n":[1,{"c":null}]}"#, None);
        assert_eq!(notice.text, "a: b\nn: [1,{\"c\":null}]");
        let state = r#"{"AlarmName":"x","NewStateValue":"PERPLEXED"}"#;
        assert!(self::notice(None, state, None).text.contains("PERPLEXED"));
    }

    proptest! {
        #[test]
        fn no_message_is_refused(message in any::<String>(), subject in any::<Option<String>>(), arn in any::<Option<String>>()) {
            let report = sns_report(subject.as_deref(), &message, arn.as_deref());
            prop_assert!(!report.title().is_empty());
        }
    }
}
