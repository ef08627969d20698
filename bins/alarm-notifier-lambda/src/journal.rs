//! The log: one JSON object a line on stderr, which Lambda keeps.

use std::io::Write;

use serde::Serialize;

use crate::settings::Fault;

/// What became of a message on a channel.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Line<'a> {
    Delivered {
        request: &'a str,
        message: Option<&'a str>,
        channel: &'a str,
        attempts: u32,
        seconds: f64,
    },
    AlreadyDelivered {
        request: &'a str,
        message: Option<&'a str>,
        channel: &'a str,
    },
    NotDelivered {
        request: &'a str,
        message: Option<&'a str>,
        channel: &'a str,
        reasons: &'a [String],
        outcome_known: bool,
        hint: Option<String>,
    },
    NotUnderstood {
        request: &'a str,
        reason: String,
        hint: Option<String>,
    },
    Misconfigured {
        reason: &'a str,
        hint: Option<&'a str>,
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
        hint: fault.hint.as_deref(),
    };
    line.write();
}
