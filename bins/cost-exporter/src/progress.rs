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
    billed: bool,
}

impl<'a> Progress<'a> {
    pub(crate) const fn new(printer: &'a Printer, log: Option<&'a EventLog>, billed: bool) -> Self {
        Self {
            printer,
            log,
            requests: AtomicU32::new(0),
            billed,
        }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Tells what was spent, when nothing came of it.
    pub(crate) fn spent_in_vain(&self) {
        let spent = self.requests();
        if spent > 0 && self.billed {
            self.printer.note(&format!(
                "requests: {spent} (${}.{:02}), and nothing was published",
                spent / 100,
                spent % 100
            ));
        }
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
            Event::Started { period, most_requests } => note(match self.billed {
                true => format!("reading {period}, with at most {most_requests} requests of $0.01"),
                false => format!("reading {period} of what was saved"),
            }),
            Event::Asked { requests, .. } | Event::NotSent { requests, .. } => self.requests.store(*requests, Ordering::Relaxed),
            Event::Retried { operation, reason, wait_ms } => {
                note(format!("could not {operation}, trying again in {wait_ms} ms: {reason}"));
            }
            Event::LockIgnored { run, until, hint } => self.warn(
                &format!("the ledger is locked by the run {run} until {until}, which no run does: the lock is ignored"),
                Some(hint),
            ),
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
            Event::TooOld { sink, never_sent, lost } => {
                if *never_sent > 0 {
                    note(format!("{sink}: {never_sent} series of days lie too far back for it; it will not have them"));
                }
                if *lost > 0 {
                    self.warn(&format!("{sink}: corrections of {lost} series of days came too late for it: it has them as they were"), None);
                }
            }
            Event::LeftAlone { sink } => {
                note(format!("{sink}: it shows the present, and these days are past: it stays as it is"));
            }
            Event::BudgetUnknown { budget, reason } => {
                self.warn(&format!("nothing can be said of the budget {budget}: {reason}"), None);
            }
            Event::SinkFailed { sink, reason, hint } => self.warn(&format!("{sink}: {reason}"), hint.as_ref()),
            _ => {}
        }
    }
}
