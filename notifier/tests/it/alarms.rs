//! Recorded events of each shape that an alarm comes in.

use std::path::Path;

use deploy_notifier::{
    Alarm, AlarmState, Report, Severity, SnsOrigin, SnsRecord, slack, slack_problems, sns_records,
};
use serde_json::{Value, json};

fn event(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/alarms/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn records(name: &str) -> Vec<SnsRecord> {
    let records = sns_records(&event(name)).unwrap();
    for record in &records {
        let message = serde_json::to_value(slack(&record.report)).unwrap();
        assert_eq!(slack_problems(&message), [], "{name}");
    }
    records
}

fn alarm(name: &str) -> Alarm {
    match records(name).remove(0).report {
        Report::Alarm(alarm) => alarm,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alarm_of_a_metric_is_told_whole() {
    let alarm = alarm("metric");
    assert_eq!(
        (alarm.state, alarm.previous),
        (AlarmState::Alarm, Some(AlarmState::Ok))
    );
    assert_eq!(
        alarm.watches.as_deref(),
        Some("AWS/ECS CPUUtilization (ClusterName=dev, ServiceName=task-service)")
    );
    assert_eq!(
        alarm.condition.as_deref(),
        Some("Average > 80 for 3 of 3 periods of 60 s")
    );
    assert_eq!(alarm.at.as_deref(), Some("2026-11-02 15:45:24 UTC"));
    assert_eq!(alarm.account.as_deref(), Some("123456789012"));
    assert_eq!(
        alarm.region.as_deref(),
        Some("us-east-1"),
        "the code, not `US East (N. Virginia)`"
    );
    assert_eq!(
        alarm.url.as_deref(),
        Some(
            "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/dev-task-service-cpu"
        )
    );
    assert!(alarm.reason.unwrap().starts_with("Threshold Crossed"));
    let record = records("metric").remove(0);
    assert_eq!(
        record.id.as_deref(),
        Some("95df01b4-ee98-5cb9-9903-4c221d41eb00")
    );
    assert_eq!(record.origin, SnsOrigin::Topic);
}

#[test]
fn the_states_have_their_colours() {
    for (name, state, color) in [
        ("metric", AlarmState::Alarm, "danger"),
        ("ok", AlarmState::Ok, "good"),
        ("insufficient-data", AlarmState::InsufficientData, "warning"),
    ] {
        let alarm = alarm(name);
        assert_eq!(alarm.state, state);
        assert_eq!(slack(&Report::Alarm(alarm)).color(), color);
    }
}

#[test]
fn a_null_description_and_an_odd_name_do_no_harm() {
    let alarm = alarm("null-description");
    assert_eq!(alarm.description, None);
    assert_eq!(
        alarm.condition.as_deref(),
        Some("p99 ≥ 0.25 for 1 of 1 period of 300 s")
    );
    assert_eq!(alarm.region.as_deref(), Some("eu-central-1"));
    assert!(
        alarm
            .url
            .unwrap()
            .ends_with("#alarmsV2:alarm/eu%20alarm%2F5xx%20%25")
    );
}

#[test]
fn an_expression_is_shown_with_what_goes_into_it() {
    let alarm = alarm("math");
    assert_eq!(
        alarm.watches.as_deref(),
        Some(
            "Error rate: 100 * errors / requests with \
             errors = AWS/ApplicationELB HTTPCode_Target_5XX_Count (LoadBalancer=app/dev/1a2b), \
             requests = AWS/ApplicationELB RequestCount (LoadBalancer=app/dev/1a2b)"
        )
    );
    assert_eq!(
        alarm.condition.as_deref(),
        Some("> 5 for 3 of 5 periods of 60 s")
    );
}

#[test]
fn an_anomaly_has_a_band_in_place_of_a_threshold() {
    let alarm = alarm("anomaly");
    assert_eq!(
        alarm.condition.as_deref(),
        Some("above the expected band for 2 of 2 periods of 300 s")
    );
    assert!(
        alarm.watches.unwrap().contains(
            "ANOMALY_DETECTION_BAND(m1, 2) with m1 = AWS/ApplicationELB TargetResponseTime"
        )
    );
}

#[test]
fn a_composite_alarm_shows_its_rule() {
    let alarm = alarm("composite");
    assert_eq!(
        alarm.watches.as_deref(),
        Some("ALARM(dev-error-rate) OR ALARM(dev-task-service-cpu)")
    );
    assert_eq!(alarm.condition, None);
}

#[test]
fn a_plain_text_is_shown_line_by_line() {
    let record = records("plain-text").remove(0);
    assert_eq!(record.report.title(), "Backup failed");
    let message = serde_json::to_value(slack(&record.report)).unwrap();
    assert_eq!(
        message["attachments"][0]["blocks"][1]["text"]["text"],
        "The nightly backup of orders failed.\nExit code 2 after 41 minutes: \"disk full\" &lt;!channel&gt;\nNobody was told by hand."
    );
    assert_eq!(
        records("no-subject")[0].report.title(),
        "Message from dev-alarms"
    );
}

#[test]
fn a_bad_record_loses_no_other_and_is_shown_itself() {
    let records = records("several-with-a-bad-one");
    let titles: Vec<String> = records.iter().map(|record| record.report.title()).collect();
    assert_eq!(
        titles,
        [
            "ALARM: dev-task-service-cpu",
            "A record without a message",
            "Message from dev-alarms",
            "OK: dev-task-service-cpu"
        ]
    );
    assert_eq!(records[1].report.severity(), Severity::Warning);
}

#[test]
fn a_queue_brings_notifications_and_raw_messages() {
    let records = records("queue");
    let titles: Vec<String> = records.iter().map(|record| record.report.title()).collect();
    assert_eq!(
        titles,
        [
            "ALARM: dev-task-service-cpu",
            "ALARM: dev-user-visible",
            "Message from dev-alarms"
        ]
    );
    assert!(
        records
            .iter()
            .all(|record| record.origin == SnsOrigin::Queue)
    );
    assert_eq!(
        records[0].id.as_deref(),
        Some("059f36b4-87a3-44ab-83d2-661975830a00")
    );
}

#[test]
fn an_alarm_may_come_without_a_topic() {
    for name in ["direct", "eventbridge"] {
        let alarm = alarm(name);
        assert_eq!(
            (alarm.state, alarm.previous),
            (AlarmState::Alarm, Some(AlarmState::Ok)),
            "{name}"
        );
        assert_eq!(
            alarm.watches.as_deref(),
            Some("AWS/ECS CPUUtilization (ClusterName=dev, ServiceName=task-service)")
        );
        assert_eq!(alarm.account.as_deref(), Some("123456789012"));
        assert!(alarm.url.is_some() && alarm.description.is_some());
    }
}

#[test]
fn an_event_of_another_kind_is_named_by_its_keys_and_not_by_its_values() {
    let error = sns_records(&json!({"token": "hunter2", "kind": 1})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the event holds neither `Records` nor an alarm, only `kind`, `token`"
    );
    assert!(error.hint().is_some());
    assert_eq!(sns_records(&json!({"Records": []})), Ok(Vec::new()));
}
