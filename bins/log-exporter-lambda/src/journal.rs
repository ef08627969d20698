//! The log: one JSON object a line on stderr, which Lambda keeps.

use std::io::Write;

use log_exporter::{Event, WindowOutcome};
use serde::Serialize;

use crate::settings::Fault;

/// What the log tells.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Line<'a> {
    Window {
        request: &'a str,
        #[serde(flatten)]
        outcome: &'a WindowOutcome,
    },
    Finished {
        request: &'a str,
        windows: usize,
        remaining: usize,
        events: u64,
        bytes: u64,
    },
    Warning {
        request: &'a str,
        text: &'a str,
    },
    Failed {
        request: &'a str,
        reason: &'a str,
        hint: Option<&'a str>,
    },
    Misconfigured {
        reason: &'a str,
        hint: &'a str,
    },
}

impl Line<'_> {
    pub(crate) fn write(&self) {
        if let Ok(mut line) = serde_json::to_vec(self) {
            line.push(b'\n');
            // Without a log the function still does its work.
            let _ = std::io::stderr().lock().write_all(&line);
        }
    }
}

/// Says why the function cannot start.
pub(crate) fn fault(fault: &Fault) {
    let line = Line::Misconfigured {
        reason: &fault.message,
        hint: &fault.hint,
    };
    line.write();
}

/// Writes what is worth a line of an export.
pub(crate) fn observe(request: &str, event: &Event) {
    match event {
        Event::WindowDone { outcome } => Line::Window { request, outcome }.write(),
        Event::Warning { text } => Line::Warning { request, text }.write(),
        _ => {}
    }
}
