//! How a service's part of a run ended, and what that makes of the whole run.

use serde::Serialize;
use windlass_cli::Exit;

/// How one service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The new build alone answers.
    Deployed,
    /// It ran already.
    Unchanged,
    /// An earlier revision serves again, as it was asked for.
    Restored,
    /// Its turn did not come: an earlier service failed.
    NotStarted,
    /// It failed and was left as it is, or there was no revision to go back to.
    Failed,
    /// It failed, and the old revision serves again.
    RolledBack,
    /// It failed, and so did going back.
    RollbackFailed,
    /// A newer deployment took over.
    Superseded,
    /// Neither success nor failure could be seen in time.
    TimedOut,
    /// Its settings or what was asked for do not allow it.
    Refused,
    /// The run was stopped before it ended.
    Cancelled,
    /// The outcome is not known: the control plane or the registry could not be reached.
    Unknown,
}

impl Verdict {
    /// The word for people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Unchanged => "unchanged",
            Self::Restored => "restored",
            Self::NotStarted => "not started",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::RollbackFailed => "ROLLBACK FAILED",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// The verdict as the end of a sentence that begins with the service's name.
    pub(crate) const fn as_clause(self) -> &'static str {
        match self {
            Self::Deployed => "was deployed",
            Self::Unchanged => "ran it already",
            Self::Restored => "was restored",
            Self::NotStarted => "was not started",
            Self::Failed => "failed",
            Self::RolledBack => "was rolled back",
            Self::RollbackFailed => "could not be rolled back",
            Self::Superseded => "was superseded",
            Self::TimedOut => "timed out",
            Self::Refused => "was refused",
            Self::Cancelled => "was cancelled",
            Self::Unknown => "ended with an unknown outcome",
        }
    }

    /// Whether the service serves what it was to serve.
    pub(crate) const fn is_good(self) -> bool {
        matches!(self, Self::Deployed | Self::Unchanged | Self::Restored)
    }
}

/// The exit code of a run with these services.
///
/// A failed rollback outranks all: somebody must act now. Then, if some services serve the new build and others do not,
/// the run is partial; if none does, the gravest verdict speaks for the run.
pub(crate) fn exit(verdicts: &[Verdict]) -> Exit {
    let any = |verdict| verdicts.contains(&verdict);
    if any(Verdict::RollbackFailed) {
        return Exit::RollbackFailed;
    }
    if verdicts.iter().all(|verdict| verdict.is_good()) {
        return Exit::Done;
    }
    if any(Verdict::Deployed) || any(Verdict::Restored) {
        return Exit::Partial;
    }
    [
        (Verdict::Unknown, Exit::Unreachable),
        (Verdict::Failed, Exit::Negative),
        (Verdict::TimedOut, Exit::TimedOut),
        (Verdict::RolledBack, Exit::RolledBack),
        (Verdict::Superseded, Exit::Superseded),
        (Verdict::Refused, Exit::Usage),
        (Verdict::Cancelled, Exit::Interrupted),
    ]
    .into_iter()
    .find(|(verdict, _)| any(*verdict))
    .map_or(Exit::Negative, |(_, exit)| exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{
        Deployed, Failed, NotStarted, Refused, Restored, RollbackFailed, RolledBack, Superseded,
        TimedOut, Unchanged, Unknown,
    };

    #[test]
    fn the_run_ends_as_its_services_do() {
        for (verdicts, expected) in [
            (&[][..], Exit::Done),
            (&[Deployed, Unchanged], Exit::Done),
            (&[Restored, Unchanged], Exit::Done),
            (&[Restored, Failed], Exit::Partial),
            (&[Failed], Exit::Negative),
            (&[RolledBack, NotStarted, Unchanged], Exit::RolledBack),
            (&[Deployed, RolledBack], Exit::Partial),
            (&[Deployed, NotStarted], Exit::Partial),
            (&[Deployed, RollbackFailed], Exit::RollbackFailed),
            (&[Superseded], Exit::Superseded),
            (&[TimedOut, NotStarted], Exit::TimedOut),
            (&[Unknown, RolledBack], Exit::Unreachable),
            (&[NotStarted], Exit::Negative),
            (&[Refused, NotStarted], Exit::Usage),
            (&[Refused, Deployed], Exit::Partial),
            (&[Refused, Unknown], Exit::Unreachable),
        ] {
            assert_eq!(exit(verdicts), expected, "{verdicts:?}");
        }
    }
}
