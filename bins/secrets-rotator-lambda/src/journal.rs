//! The log: one JSON object a line on stderr, which Lambda keeps.

use std::io::Write;

use secrets_rotator_lambda::{Outcome, Request, ServiceName};
use serde::Serialize;

use crate::settings::Fault;

/// What was asked for; of a rotation token nothing.
#[derive(Serialize)]
pub(crate) struct Asked<'a> {
    step: &'static str,
    secret: &'a str,
    version: &'a str,
}

impl<'a> From<&'a Request> for Asked<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            step: request.step.as_str(),
            secret: request.secret.as_str(),
            version: request.version.as_str(),
        }
    }
}

/// A line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Line<'a> {
    /// The function cannot start.
    Misconfigured { reason: &'a str, hint: &'a str },
    /// A step was done.
    Done {
        request: &'a str,
        #[serde(flatten)]
        asked: Asked<'a>,
        service: ServiceName,
        outcome: Outcome,
    },
    /// A step was not done.
    Failed {
        request: &'a str,
        #[serde(flatten)]
        asked: Option<Asked<'a>>,
        kind: &'a str,
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
pub(crate) fn misconfigured(fault: &Fault) {
    let line = Line::Misconfigured {
        reason: &fault.message,
        hint: fault.hint,
    };
    line.write();
}
