//! What a refresh tells, for people and for the event log.

use std::sync::atomic::{AtomicU32, Ordering};

use cost_exporter::{Event, Observer};
use windlass_cli::{EventLog, Printer, printable};

/// Hears the events of a refresh.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    log: Option<&'a EventLog>,
    requests: AtomicU32,
}

impl<'a> Progress<'a> {
    pub(crate) const fn new(printer: &'a Printer, log: Option<&'a EventLog>) -> Self {
        Self {
            printer,
            log,
            requests: AtomicU32::new(0),
        }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    fn warn(&self, text: &str, hint: Option<&String>) {
        let hint = hint
            .map(|hint| format!("\n  hint: {hint}"))
            .unwrap_or_default();
        self.printer.warn(&format!("{text}{hint}"));
    }
}

impl Observer for Progress<'_> {
    fn observe(&self, event: Event) {
        if let Some(log) = self.log {
            log.write(&event);
        }
        let note = |text: String| self.printer.note(&printable(&text));
        match &event {
            Event::Started { period, most_requests } => {
                note(format!("reading {period}, with at most {most_requests} requests of $0.01"));
            }
            Event::Asked { requests, .. } => self.requests.store(*requests, Ordering::Relaxed),
            Event::Retried { operation, reason, wait_ms } => {
                note(format!("could not {operation}, trying again in {wait_ms} ms: {reason}"));
            }
            Event::Restarted { reason } => note(format!("reading anew: {reason}")),
            Event::Corrected { date, revision } => note(format!("{date} was corrected (revision {revision})")),
            Event::BecameFinal { .. } | Event::Published { .. } => {}
            Event::NoForecast { reason, hint } => self.warn(&format!("there is no forecast: {reason}"), hint.as_ref()),
            Event::NoBudgets { reason, hint } => {
                self.warn(&format!("the budgets of AWS were not read: {reason}"), hint.as_ref());
            }
            Event::Unsettled { sink, items } => self.warn(
                &format!("{sink}: the last run ended while it put {items} series of days; they are taken as put"),
                None,
            ),
            Event::Rejected { sink, series, reason, known } => {
                let what = if *known { "was not taken" } else { "may or may not have been taken" };
                self.warn(&format!("{sink}: {series} {what}: {reason}"), None);
            }
            Event::SinkFailed { sink, reason, hint } => self.warn(&format!("{sink}: {reason}"), hint.as_ref()),
            _ => {}
        }
    }
}
