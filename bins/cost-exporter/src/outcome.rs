//! What a refresh ended with, for people, for other programs and as an exit code.

use cost_exporter::{Outcome, SinkOutcome};
use serde::Serialize;
use windlass_cli::{Exit, printable};

use crate::alert;

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    dry_run: bool,
    complete: bool,
    alerting: bool,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

impl<'a> Document<'a> {
    pub(crate) fn new(outcome: &'a Outcome, dry_run: bool) -> Self {
        Self {
            schema: 1,
            dry_run,
            complete: outcome.complete(),
            alerting: outcome.budgets.iter().any(|budget| budget.alerting()),
            outcome,
        }
    }

    /// The outputs of a step under GitHub Actions.
    pub(crate) fn outputs(&self) -> Vec<(&'static str, String)> {
        let month = self.outcome.month.first();
        let text = |text: Option<String>| text.unwrap_or_default();
        vec![
            ("complete", self.complete.to_string()),
            ("alert", self.alerting.to_string()),
            (
                "month_to_date",
                text(month.map(|month| month.total.to_string())),
            ),
            (
                "projected",
                text(
                    self.outcome
                        .projected
                        .as_ref()
                        .map(|end| end.mean.to_string()),
                ),
            ),
            (
                "currency",
                text(month.map(|month| month.currency.to_string())),
            ),
            ("requests", self.outcome.spending.requests.to_string()),
        ]
    }
}

/// One line for each fact.
pub(crate) fn lines(outcome: &Outcome, dry_run: bool, billed: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let day = outcome.today;
    for month in &outcome.month {
        lines.push(format!(
            "{:04}-{:02} to the {}: {} {} {} ({} final, {} estimated)",
            day.year(),
            day.month(),
            day.day(),
            month.total.fixed(2),
            month.currency,
            month.basis,
            month.is_final.fixed(2),
            month.estimated.fixed(2)
        ));
    }
    if let Some(end) = &outcome.projected {
        lines.push(format!(
            "by the month's end: {} {} {} ({} to {} with {} %)",
            end.mean.fixed(2),
            end.currency,
            end.basis,
            end.lower.fixed(2),
            end.upper.fixed(2),
            end.level
        ));
    }
    lines.extend(
        outcome
            .budgets
            .iter()
            .map(|budget| format!("budget {}", alert::line(budget))),
    );
    lines.extend(outcome.sinks.iter().map(|sink| self::sink(sink, dry_run)));
    // Saved costs are read for nothing.
    lines.extend(billed.then(|| spending(outcome)));
    lines
        .into_iter()
        .map(|line| printable(&line).replace('\n', " "))
        .collect()
}

/// What was asked, and what it cost.
pub(crate) fn spending(outcome: &Outcome) -> String {
    let spending = outcome.spending;
    format!(
        "requests: {} of {} (${}), this month {} (${})",
        spending.requests,
        spending.most_requests,
        spending.dollars.fixed(2),
        spending.month_requests,
        spending.month_dollars.fixed(2)
    )
}

fn sink(sink: &SinkOutcome, dry_run: bool) -> String {
    if sink.left_alone {
        return format!("{}: left as it is, for it shows the present", sink.sink);
    }
    if let Some(error) = &sink.error {
        return format!("{}: failed: {error}", sink.sink);
    }
    let verb = if dry_run { "would get" } else { "has" };
    let mut text = format!(
        "{}: {verb} {} numbers of now and {} series of days",
        sink.sink, sink.samples, sink.days
    );
    let rejected = sink
        .published
        .as_ref()
        .map_or(0, |published| published.rejected.len());
    if rejected > 0 {
        text.push_str(&format!(", but for {rejected}"));
    }
    if sink.too_old > 0 {
        text.push_str(&format!(
            "; {} series lie too far back for it",
            sink.too_old
        ));
    }
    if sink.lost > 0 {
        text.push_str(&format!("; {} corrections came too late for it", sink.lost));
    }
    text
}

/// The exit code of what the sinks have.
pub(crate) fn exit(outcome: &Outcome) -> Exit {
    let failed = outcome.sinks.iter().filter(|sink| sink.failed()).count();
    match failed {
        0 if outcome.complete() => Exit::Done,
        failed if failed > 0 && failed == outcome.sinks.len() => Exit::Unreachable,
        _ => Exit::Partial,
    }
}
