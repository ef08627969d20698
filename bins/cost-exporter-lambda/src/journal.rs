//! The log: one JSON object a line on stderr, which Lambda keeps.

use std::io::Write;

use cost_exporter::{Error, Event};
use serde::Serialize;

use crate::settings::Fault;

/// An event of a refresh, with the invocation it belongs to.
#[derive(Serialize)]
struct Line<'a> {
    request: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Word<'a> {
    Misconfigured {
        reason: &'a str,
        hint: Option<&'a str>,
    },
    Failed {
        request: &'a str,
        reason: &'a str,
        hint: Option<String>,
    },
}

fn write(line: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_vec(line) {
        line.push(b'\n');
        // Without a log the function still does its work.
        let _ = std::io::stderr().lock().write_all(&line);
    }
}

/// Writes down an event.
pub(crate) fn event(request: &str, event: &Event) {
    write(&Line { request, event });
}

/// Says why the function cannot start.
pub(crate) fn misconfigured(fault: &Fault) {
    write(&Word::Misconfigured {
        reason: &fault.message,
        hint: fault.hint.as_deref(),
    });
}

/// Says why an invocation failed.
pub(crate) fn failed(request: &str, reason: &str, error: Option<&Error>) {
    write(&Word::Failed {
        request,
        reason,
        hint: error.and_then(Error::hint),
    });
}
