//! What became of a report, for other programs and as an exit code.

use deploy_notifier::{ChannelOutcome, Error, FanoutOutcome, Report, Severity};
use serde::Serialize;
use windlass_cli::Exit;

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    schema: u32,
    report: &'static str,
    severity: Severity,
    title: String,
    pub(crate) delivered: usize,
    pub(crate) failed: usize,
    pub(crate) channels: Vec<Row>,
}

/// What became of it on one channel.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) channel: String,
    pub(crate) outcome: &'static str,
    /// Whether it is certain that the report arrived, or did not.
    outcome_known: bool,
    attempts: Option<u32>,
    seconds: Option<f64>,
    pub(crate) reasons: Vec<String>,
    pub(crate) hint: Option<String>,
}

impl Document {
    pub(crate) fn new(report: &Report, outcome: &FanoutOutcome) -> Self {
        let channels: Vec<Row> = outcome.channels.iter().map(Row::new).collect();
        Self {
            failed: channels.len() - outcome.delivered(),
            delivered: outcome.delivered(),
            ..Self::of(report, channels)
        }
    }

    /// What would be sent where.
    pub(crate) fn planned(report: &Report, places: &[(String, String)]) -> Self {
        let row = |(channel, _): &(String, String)| Row {
            channel: channel.clone(),
            outcome: "planned",
            outcome_known: true,
            attempts: None,
            seconds: None,
            reasons: Vec::new(),
            hint: None,
        };
        Self::of(report, places.iter().map(row).collect())
    }

    fn of(report: &Report, channels: Vec<Row>) -> Self {
        Self {
            schema: 1,
            report: report.kind(),
            severity: report.severity(),
            title: report.title(),
            delivered: 0,
            failed: 0,
            channels,
        }
    }

    /// Outputs of a step of GitHub Actions.
    pub(crate) fn outputs(&self, exit: Exit) -> Vec<(&'static str, String)> {
        let names = |outcome: &dyn Fn(&Row) -> bool| {
            let names: Vec<&str> = self
                .channels
                .iter()
                .filter(|row| outcome(row))
                .map(|row| row.channel.as_str())
                .collect();
            serde_json::to_string(&names).expect("names are strings")
        };
        vec![
            ("delivered", names(&|row| row.outcome == "delivered")),
            ("failed", names(&|row| row.outcome != "delivered")),
            ("exit_code", exit.code().to_string()),
        ]
    }
}

impl Row {
    fn new(outcome: &ChannelOutcome) -> Self {
        let (word, known) = match &outcome.result {
            Ok(_) => ("delivered", true),
            Err(error) => (word(error), error.outcome_known()),
        };
        let delivery = outcome.result.as_ref().ok();
        let error = outcome.result.as_ref().err();
        Self {
            channel: outcome.channel.clone(),
            outcome: word,
            outcome_known: known,
            attempts: delivery.map(|delivery| delivery.attempts),
            seconds: delivery.map(|delivery| delivery.seconds),
            reasons: error.map(chain).unwrap_or_default(),
            hint: error.and_then(Error::hint),
        }
    }
}

/// The exit code of a report that went to at least one channel.
pub(crate) fn exit(outcome: &FanoutOutcome) -> Exit {
    let errors: Vec<&Error> = outcome.errors().collect();
    if errors.is_empty() {
        Exit::Done
    } else if outcome.delivered() > 0
        || errors
            .iter()
            .any(|error| matches!(error, Error::Details { .. }))
    {
        Exit::Partial
    } else if errors
        .iter()
        .all(|error| matches!(error, Error::Refused { .. } | Error::InvalidMessage { .. }))
    {
        Exit::Negative
    } else {
        Exit::Unreachable
    }
}

fn word(error: &Error) -> &'static str {
    match error {
        Error::Unreachable { .. } => "unreachable",
        Error::RateLimited { .. } => "rate-limited",
        Error::Refused { .. } => "refused",
        Error::InvalidMessage { .. } => "invalid-message",
        Error::Details { .. } => "without-details",
        Error::Ambiguous { .. } | Error::Write { .. } => "unknown",
        _ => "failed",
    }
}

fn chain(error: &Error) -> Vec<String> {
    let first: &dyn std::error::Error = error;
    std::iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect()
}
