//! CloudWatch's alarms, read with tolerance: what is missing, null or of a strange type is left out.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::words;
use crate::report::{Alarm, AlarmState};

/// What JavaScript's `encodeURIComponent` leaves as it is, which the console's links are made with.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'(')
    .remove(b')');

/// The alarm in a document, if there is one: as CloudWatch publishes it to a topic, as EventBridge tells a change of
/// state, or as CloudWatch hands it to a Lambda function itself.
pub(super) fn read(document: &Value) -> Option<Alarm> {
    if document.get("AlarmName").is_some() {
        return of_topic(document);
    }
    let (change, arn) = match (document.get("alarmData"), document.get("detail")) {
        (Some(data), _) => (data, text(document, "alarmArn")),
        (None, Some(detail)) => (detail, document.pointer("/resources/0").map(words)),
        (None, None) => return None,
    };
    of_change(document, change, arn)
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>.
fn of_topic(message: &Value) -> Option<Alarm> {
    let mut alarm = Alarm::new(
        text(message, "AlarmName")?,
        state(message.get("NewStateValue"))?,
    );
    alarm.previous = state(message.get("OldStateValue"));
    alarm.description = text(message, "AlarmDescription");
    alarm.reason = text(message, "NewStateReason");
    alarm.at = text(message, "StateChangeTime").map(moment);
    alarm.account = text(message, "AWSAccountId");
    placed(&mut alarm, text(message, "AlarmArn").as_deref());
    if let Some(rule) = text(message, "AlarmRule") {
        alarm.watches = Some(rule);
    } else if let Some(trigger) = message.get("Trigger") {
        let metrics = trigger.get("Metrics").and_then(Value::as_array);
        alarm.watches = match metrics {
            Some(metrics) => watched(metrics),
            None => metric(trigger, "Namespace", "MetricName"),
        };
        alarm.condition = condition(trigger);
    }
    Some(alarm)
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>.
fn of_change(document: &Value, change: &Value, arn: Option<String>) -> Option<Alarm> {
    let name = text(change, "alarmName")?;
    let mut alarm = Alarm::new(name, state(change.pointer("/state/value"))?);
    alarm.previous = state(change.pointer("/previousState/value"));
    alarm.reason = change.get("state").and_then(|state| text(state, "reason"));
    alarm.at = change
        .get("state")
        .and_then(|state| text(state, "timestamp"))
        .map(moment);
    let configuration = change.get("configuration").unwrap_or(&Value::Null);
    alarm.description = text(configuration, "description");
    alarm.watches = text(configuration, "alarmRule")
        .or_else(|| watched(configuration.get("metrics")?.as_array()?));
    alarm.account = text(document, "accountId").or_else(|| text(document, "account"));
    placed(&mut alarm, arn.as_deref());
    Some(alarm)
}

/// Fills in what the alarm's ARN tells: the region as its code (the message has a name for people), and the console.
fn placed(alarm: &mut Alarm, arn: Option<&str>) {
    let mut parts = arn.unwrap_or_default().splitn(6, ':');
    let (Some("arn"), Some(partition), Some("cloudwatch"), Some(region), account) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return;
    };
    let is_region = !region.is_empty()
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_region {
        return;
    }
    if alarm.account.is_none() {
        alarm.account = account
            .filter(|account| !account.is_empty())
            .map(str::to_owned);
    }
    alarm.region = Some(region.to_owned());
    let host = match partition {
        "aws-cn" => "console.amazonaws.cn".to_owned(),
        "aws-us-gov" => "console.amazonaws-us-gov.com".to_owned(),
        _ => format!("{region}.console.aws.amazon.com"),
    };
    let name = utf8_percent_encode(&alarm.name, COMPONENT);
    alarm.url = Some(format!(
        "https://{host}/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"
    ));
}

/// The metrics of an expression, or the only one. Its keys begin with a capital in topics and not in events.
fn watched(metrics: &[Value]) -> Option<String> {
    let of = |entry: &Value, key: &str| -> Option<Value> {
        let mut lower = key.to_owned();
        lower[..1].make_ascii_lowercase();
        entry
            .get(key)
            .or_else(|| entry.get(lower.as_str()))
            .filter(|value| !value.is_null())
            .cloned()
    };
    let said = |entry: &Value, key: &str| {
        of(entry, key)
            .map(|value| words(&value))
            .filter(|text| !text.trim().is_empty())
    };
    let single = |entry: &Value| {
        let of_metric = of(&of(entry, "MetricStat")?, "Metric")?;
        metric(&of_metric, "Namespace", "MetricName")
            .or_else(|| metric(&of_metric, "namespace", "name"))
    };
    let returned = |entry: &&Value| of(entry, "ReturnData") == Some(Value::Bool(true));
    let expression = metrics
        .iter()
        .find(|entry| returned(entry) && said(entry, "Expression").is_some())
        .or_else(|| {
            metrics
                .iter()
                .find(|entry| said(entry, "Expression").is_some())
        });
    let Some(shown) = expression else {
        return metrics
            .iter()
            .find(returned)
            .or(metrics.first())
            .and_then(single);
    };
    let mut watches = said(shown, "Expression")?;
    if let Some(label) = said(shown, "Label") {
        watches = format!("{label}: {watches}");
    }
    let inputs: Vec<String> = metrics
        .iter()
        .filter_map(|entry| Some(format!("{} = {}", said(entry, "Id")?, single(entry)?)))
        .collect();
    if !inputs.is_empty() {
        watches.push_str(&format!(" with {}", inputs.join(", ")));
    }
    Some(watches)
}

/// A metric with its dimensions, which are a list in topics and an object in events.
fn metric(of: &Value, namespace: &str, name: &str) -> Option<String> {
    let mut metric = text(of, name)?;
    if let Some(namespace) = text(of, namespace) {
        metric = format!("{namespace} {metric}");
    }
    let dimensions = of.get("Dimensions").or_else(|| of.get("dimensions"));
    let dimensions: Vec<String> = match dimensions {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|dimension| {
                let name = text(dimension, "name").or_else(|| text(dimension, "Name"))?;
                let value = text(dimension, "value").or_else(|| text(dimension, "Value"))?;
                Some(format!("{name}={value}"))
            })
            .collect(),
        Some(Value::Object(object)) => object
            .iter()
            .map(|(name, value)| format!("{name}={}", words(value)))
            .collect(),
        _ => Vec::new(),
    };
    if !dimensions.is_empty() {
        metric.push_str(&format!(" ({})", dimensions.join(", ")));
    }
    Some(metric)
}

/// When the alarm goes off, as far as the trigger tells.
fn condition(trigger: &Value) -> Option<String> {
    let operator = text(trigger, "ComparisonOperator")?;
    let compared = match operator.as_str() {
        "GreaterThanOrEqualToThreshold" => "≥",
        "GreaterThanThreshold" => ">",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "≤",
        "LessThanLowerOrGreaterThanUpperThreshold" => "outside the expected band",
        "LessThanLowerThreshold" => "below the expected band",
        "GreaterThanUpperThreshold" => "above the expected band",
        other => other,
    };
    let statistic = text(trigger, "ExtendedStatistic")
        .or_else(|| text(trigger, "Statistic").map(|name| sentence(&name)));
    let threshold = trigger
        .get("Threshold")
        .filter(|value| !value.is_null())
        .map(number);
    let mut condition = [statistic, Some(compared.to_owned()), threshold]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let whole = |key: &str| trigger.get(key).and_then(Value::as_u64);
    if let Some(periods) = whole("EvaluationPeriods") {
        let datapoints = whole("DatapointsToAlarm").unwrap_or(periods);
        condition.push_str(&format!(" for {datapoints} of {periods} "));
        condition.push_str(if periods == 1 { "period" } else { "periods" });
        if let Some(seconds) = whole("Period").filter(|seconds| *seconds > 0) {
            condition.push_str(&format!(" of {seconds} s"));
        }
    }
    Some(condition)
}

/// `SAMPLE_COUNT` as `Sample count`; what is not all capitals stays as it is.
fn sentence(name: &str) -> String {
    if name.chars().any(char::is_lowercase) {
        return name.to_owned();
    }
    let mut words = name.replace('_', " ").to_lowercase();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// A number without a fraction of zero: `80.0` is `80`.
fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => number.to_string(),
        None => words(value),
    }
}

/// `2019-02-12T15:45:24.006+0000` as `2019-02-12 15:45:24 UTC`; anything else stays as it is.
fn moment(text: String) -> String {
    let utc = ["+0000", "+00:00", "Z"]
        .into_iter()
        .find_map(|zone| text.strip_suffix(zone));
    let Some((day, time)) = utc.and_then(|text| text.split_once('T')) else {
        return text;
    };
    let seconds = time.split('.').next().unwrap_or(time);
    format!("{day} {seconds} UTC")
}

fn state(value: Option<&Value>) -> Option<AlarmState> {
    match value?.as_str()? {
        "OK" => Some(AlarmState::Ok),
        "ALARM" => Some(AlarmState::Alarm),
        "INSUFFICIENT_DATA" => Some(AlarmState::InsufficientData),
        _ => None,
    }
}

/// The text or the number under a key, unless it is blank.
fn text(object: &Value, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
