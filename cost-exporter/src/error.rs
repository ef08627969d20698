//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::Inexact;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why costs could not be read, published or remembered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The other side does not let us.
    #[error("not allowed to {operation}{}", detail(code.as_deref(), message.as_deref(), request_id.as_deref()))]
    Denied {
        /// What was tried.
        operation: &'static str,
        /// The IAM action that is needed, or what else grants it.
        action: &'static str,
        /// The error code of the other side.
        code: Option<String>,
        /// Its message.
        message: Option<String>,
        /// Its request id.
        request_id: Option<String>,
    },
    /// There are no such numbers, or not yet: a new account, the end of a month, a bill that is being made.
    #[error("there is no data to {operation}{}", detail(code.as_deref(), message.as_deref(), None))]
    DataUnavailable {
        /// What was tried.
        operation: &'static str,
        /// The error code of the other side.
        code: Option<String>,
        /// Its message.
        message: Option<String>,
    },
    /// The other side limits how often it may be asked, and the retries are used up.
    #[error("the rate of requests to {operation} is limited")]
    Throttled {
        /// What was tried.
        operation: &'static str,
        /// The request id of the other side.
        request_id: Option<String>,
    },
    /// The pages that were read so far and the next one do not belong together any more.
    #[error("the answer changed while it was read{}", detail(code.as_deref(), message.as_deref(), None))]
    PagesChanged {
        /// The error code of the other side.
        code: Option<String>,
        /// Its message.
        message: Option<String>,
    },
    /// The other side refused the request for good.
    #[error("the request to {operation} was refused{}", detail(code.as_deref(), message.as_deref(), request_id.as_deref()))]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// The error code of the other side.
        code: Option<String>,
        /// Its message.
        message: Option<String>,
        /// Its request id.
        request_id: Option<String>,
    },
    /// The other side could not be reached, or its answer was not understood: the outcome is not known.
    #[error("cannot {operation}: the other side could not be reached or understood")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The request never left this machine, so it did nothing and cost nothing.
    #[error("cannot {operation}: the request could not be sent")]
    NotSent {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// A stream cannot be written.
    #[error("cannot {operation}")]
    Write {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// One more request would cost more than is allowed.
    #[error("request {next} of this {scope} is not sent: only {limit} are allowed, at $0.01 each")]
    RequestBudget {
        /// The request that was not sent, counted from one.
        next: u64,
        /// How many are allowed.
        limit: u64,
        /// In what they are counted: `refresh` or `month`.
        scope: &'static str,
    },
    /// Amounts cannot be added without rounding.
    #[error("the amounts of {what} cannot be added exactly")]
    Inexact {
        /// Whose amounts.
        what: String,
        /// Why.
        #[source]
        source: Inexact,
    },
    /// The answer contradicts itself or what was asked.
    #[error("the answer makes no sense: {problem}")]
    Inconsistent {
        /// What is wrong.
        problem: String,
    },
    /// Somebody else changed the ledger since it was read.
    #[error("the ledger was changed by another run since it was read")]
    LedgerConflict,
    /// Somebody else is at work on the ledger, or was cut off not long ago.
    #[error("another run is at work on the ledger, or was cut off: it has until {until}")]
    AnotherRun {
        /// When its time ends.
        until: jiff::Timestamp,
    },
    /// The time of the refresh is over ([`Options::ends_after`](crate::Options::ends_after)).
    #[error("the time that the refresh may take is over")]
    OutOfTime,
    /// The ledger is that of another bill, or tells environments apart by another tag.
    #[error("the ledger has {kept}, and {wanted} is wanted")]
    ForeignLedger {
        /// What the ledger has.
        kept: String,
        /// What is wanted.
        wanted: String,
    },
    /// What is kept as the ledger cannot be read.
    #[error("the ledger cannot be read: {problem}")]
    InvalidLedger {
        /// What is wrong.
        problem: String,
    },
    /// Saved answers cannot be read.
    #[error("the saved costs cannot be read: {problem}")]
    InvalidSaved {
        /// What is wrong.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn detail(code: Option<&str>, message: Option<&str>, request_id: Option<&str>) -> String {
    let mut text = String::new();
    for part in [code, message].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(part);
    }
    if let Some(id) = request_id {
        text.push_str(&format!(" (request {id})"));
    }
    text
}

impl Error {
    pub(crate) fn inexact(what: impl Into<String>) -> impl FnOnce(Inexact) -> Self {
        let what = what.into();
        move |source| Self::Inexact { what, source }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Denied { action, code, .. }
                if matches!(code.as_deref(), Some("ExpiredTokenException" | "ExpiredToken")) =>
            {
                format!("the credentials have expired: log in again (the call needs {action})")
            }
            Self::Denied { action, .. } => format!("allow {action} in the IAM policy of the credentials in use"),
            Self::DataUnavailable { .. } => {
                "Cost Explorer has numbers about a day after it was switched on in the billing console".to_owned()
            }
            Self::Throttled { .. } => "ask less often: costs change a few times a day at most".to_owned(),
            Self::PagesChanged { .. } => "run again".to_owned(),
            Self::Unreachable { .. } | Self::NotSent { .. } => "check the network, the region and the credentials, then run again".to_owned(),
            Self::RequestBudget { scope: "month", .. } => {
                "ask less often, or allow more requests a month".to_owned()
            }
            Self::RequestBudget { .. } => "allow more requests, or ask for fewer days".to_owned(),
            Self::LedgerConflict => "let only one exporter run at a time, then run again".to_owned(),
            Self::AnotherRun { .. } => {
                "wait for its end and run again; a run that was killed leaves the ledger locked until then, so that nothing is put twice".to_owned()
            }
            Self::OutOfTime => "give it more time, or ask for less: fewer days, no forecast".to_owned(),
            Self::ForeignLedger { .. } => {
                "keep a ledger for each account and tag: name another one with --ledger, or move this one away".to_owned()
            }
            Self::InvalidLedger { .. } => {
                "move the ledger away to begin a new one; what was put to CloudWatch already would then be put again".to_owned()
            }
            Self::InvalidSaved { .. } => {
                "save one with: aws ce get-cost-and-usage --granularity DAILY --metrics UnblendedCost --group-by Type=DIMENSION,Key=SERVICE Type=TAG,Key=Environment --time-period Start=…,End=…".to_owned()
            }
            Self::Refused { .. }
            | Self::Inexact { .. }
            | Self::Inconsistent { .. }
            | Self::File { .. }
            | Self::Write { .. } => return None,
        };
        Some(hint)
    }

    /// Whether the caller's input or files are at fault, as against AWS or the way to it.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::InvalidLedger { .. }
                | Self::ForeignLedger { .. }
                | Self::InvalidSaved { .. }
                | Self::File { .. }
        )
    }

    /// Whether asking again in a moment may help.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unreachable { .. })
    }

    /// The error's text with its causes, on one line.
    pub(crate) fn chain(&self) -> String {
        let first: &dyn std::error::Error = self;
        let mut texts = Vec::new();
        for error in std::iter::successors(Some(first), |error| error.source()) {
            let text = error.to_string();
            if texts.last() != Some(&text) {
                texts.push(text);
            }
        }
        texts.join(": ")
    }
}
