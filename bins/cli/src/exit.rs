//! The exit codes that all binaries share.

use std::process::ExitCode;

/// What a run ended with; each value is a documented exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Exit {
    /// 0: done, or provably nothing to do.
    Done,
    /// 1: the verdict is negative: unhealthy, the rollout failed, the gate is red.
    Negative,
    /// 2: wrong usage or configuration; nothing was changed.
    Usage,
    /// 3: AWS, a registry or the network refused or could not be reached: the outcome is not known.
    Unreachable,
    /// 4: partial: some of several succeeded.
    Partial,
    /// 5: rolled back: the old revision serves.
    RolledBack,
    /// 6: the rollback itself failed.
    RollbackFailed,
    /// 7: superseded by a newer deployment.
    Superseded,
    /// 8: timed out, still undecided.
    TimedOut,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    /// The code that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Partial => 4,
            Self::RolledBack => 5,
            Self::RollbackFailed => 6,
            Self::Superseded => 7,
            Self::TimedOut => 8,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_documentation() {
        let all = [
            (Exit::Done, 0),
            (Exit::Negative, 1),
            (Exit::Usage, 2),
            (Exit::Unreachable, 3),
            (Exit::Partial, 4),
            (Exit::RolledBack, 5),
            (Exit::RollbackFailed, 6),
            (Exit::Superseded, 7),
            (Exit::TimedOut, 8),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
