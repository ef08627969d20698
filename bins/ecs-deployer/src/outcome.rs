//! What came of a command: the JSON document and the exit code.

use std::collections::BTreeMap;

use ecs_deployer::{Error, Preflight, ServiceName, ServiceOutcome, ServiceResult, Verdict};
use serde::Serialize;
use windlass_cli::Exit;

use crate::failures;

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    pub(crate) services: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) preflight: Vec<Preflight>,
    pub(crate) api_calls: BTreeMap<String, u64>,
}

/// One service in it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Ended(Box<ServiceOutcome>),
    Unknown(Box<Unknown>),
}

/// A service whose outcome is not known, or known in part.
#[derive(Debug, Serialize)]
pub(crate) struct Unknown {
    pub(crate) service: ServiceName,
    pub(crate) verdict: &'static str,
    pub(crate) deployment: Option<String>,
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
    #[serde(skip)]
    pub(crate) exit: Exit,
}

impl Entry {
    /// The entry of a fleet's result; `deployment` is the one that was begun, if there was one.
    pub(crate) fn of(result: ServiceResult, deployment: Option<String>) -> Self {
        match result.result {
            Ok(outcome) => Self::Ended(Box::new(outcome)),
            Err(error) => Self::unknown(result.service, deployment, &error),
        }
    }

    pub(crate) fn unknown(service: ServiceName, deployment: Option<String>, error: &Error) -> Self {
        // What was refused before anything was begun is known: nothing happened.
        let begun = deployment.is_some();
        Self::Unknown(Box::new(Unknown {
            service,
            verdict: if begun || !error.is_usage() {
                "unknown"
            } else {
                "cancelled"
            },
            deployment,
            reason: error.to_string(),
            hint: error.hint(),
            exit: if begun {
                Exit::Unreachable
            } else {
                failures::exit(error)
            },
        }))
    }

    pub(crate) const fn service(&self) -> &ServiceName {
        match self {
            Self::Ended(outcome) => &outcome.service,
            Self::Unknown(unknown) => &unknown.service,
        }
    }

    pub(crate) const fn verdict(&self) -> &'static str {
        match self {
            Self::Ended(outcome) => outcome.verdict.as_str(),
            Self::Unknown(unknown) => unknown.verdict,
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Ended(outcome) => outcome.reason.as_deref(),
            Self::Unknown(unknown) => Some(&unknown.reason),
        }
    }

    const fn exit(&self) -> Exit {
        match self {
            Self::Ended(outcome) => exit(outcome.verdict),
            Self::Unknown(unknown) => unknown.exit,
        }
    }

    /// Not begun, because of another one.
    fn is_left_out(&self) -> bool {
        matches!(self, Self::Ended(outcome) if outcome.verdict == Verdict::Cancelled && outcome.deployment.is_none())
    }
}

/// The exit code of a verdict.
pub(crate) const fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Deployed | Verdict::Unchanged => Exit::Done,
        Verdict::RolledBack => Exit::RolledBack,
        Verdict::RollbackFailed => Exit::RollbackFailed,
        Verdict::Superseded => Exit::Superseded,
        Verdict::TimedOut => Exit::TimedOut,
        // A verdict that this program does not know is no success.
        _ => Exit::Negative,
    }
}

/// The exit code of several services together: partial when some succeeded, else the worst.
pub(crate) fn together(entries: &[Entry]) -> Exit {
    let decided: Vec<Exit> = entries
        .iter()
        .filter(|entry| !entry.is_left_out())
        .map(Entry::exit)
        .collect();
    let good = decided.iter().filter(|exit| **exit == Exit::Done).count();
    if good == entries.len() {
        return Exit::Done;
    }
    if good > 0 {
        return Exit::Partial;
    }
    [
        Exit::RollbackFailed,
        Exit::Unreachable,
        Exit::TimedOut,
        Exit::Negative,
        Exit::Superseded,
        Exit::RolledBack,
    ]
    .into_iter()
    .find(|exit| decided.contains(exit))
    .unwrap_or_else(|| decided.first().copied().unwrap_or(Exit::Negative))
}
