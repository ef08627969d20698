//! The formats.

use std::fmt::Write as _;

use crate::period::midnight;
use crate::{DaySample, Labels, Metric, Sample};

/// More revisions of a day than it has seconds cannot be told apart in it.
const LAST_SECOND: u32 = 86_399;

/// The samples in Prometheus's text format. They have no time of their own, so that a Pushgateway takes them too.
pub fn exposition(samples: &[Sample]) -> String {
    let mut text = String::new();
    for metric in Metric::ALL {
        let mut series = samples
            .iter()
            .filter(|sample| sample.metric == metric)
            .peekable();
        if series.peek().is_none() {
            continue;
        }
        head(&mut text, metric);
        for sample in series {
            // Writing to a String does not fail, here and below.
            let _ = writeln!(text, "{} {}", name(metric, &sample.labels), sample.value);
        }
    }
    text
}

/// The days in OpenMetrics, each at its beginning, for `promtool tsdb create-blocks-from openmetrics`.
///
/// A correction lies as many seconds after the day's beginning as the day was corrected, so that it does not contradict what
/// was loaded before: `last_over_time(aws_cost_day[1d])` at the day's end gives the newest.
pub fn openmetrics(days: &[DaySample]) -> String {
    let mut text = String::new();
    if !days.is_empty() {
        head(&mut text, Metric::Day);
    }
    // A series' samples stand together, in the order of time.
    let mut order: Vec<&DaySample> = days.iter().collect();
    order.sort_by(|a, b| (&a.labels, a.date).cmp(&(&b.labels, b.date)));
    for day in order {
        let second = midnight(day.date).as_second() + i64::from(day.revision.min(LAST_SECOND));
        let _ = writeln!(
            text,
            "{} {} {second}",
            name(Metric::Day, &day.labels),
            day.value
        );
    }
    text.push_str("# EOF\n");
    text
}

fn head(text: &mut String, metric: Metric) {
    let name = metric.prometheus();
    let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} gauge", metric.help());
}

fn name(metric: Metric, labels: &Labels) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(label, value)| format!("{}=\"{}\"", label.prometheus(), escaped(value)))
        .collect();
    match labels.is_empty() {
        true => metric.prometheus().to_owned(),
        false => format!("{}{{{}}}", metric.prometheus(), labels.join(",")),
    }
}

/// A label's value between its quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Label;

    #[test]
    fn a_tag_cannot_break_out_of_its_label() {
        let labels = Labels::default().with(Label::Environment, "a\"} 1\nevil{x=\"\\");
        assert_eq!(
            name(Metric::Today, &labels),
            r#"aws_cost_today{environment="a\"} 1\nevil{x=\"\\"}"#
        );
    }

    #[test]
    fn a_correction_stands_in_the_same_day_after_the_first_number() {
        let sample = |date: &str, revision| DaySample {
            date: crate::day(date).unwrap(),
            revision,
            estimated: false,
            labels: Labels::default(),
            value: "0.10000000000000000001".parse().unwrap(),
            change: crate::Amount::ZERO,
        };
        let text = openmetrics(&[sample("2026-03-02", 0), sample("2026-03-01", 2)]);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "aws_cost_day 0.10000000000000000001 1772323202",
                "aws_cost_day 0.10000000000000000001 1772409600",
                "# EOF"
            ]
        );
    }
}
