//! The library's errors, as what a person reads.

use windlass_cli::{Exit, Failure};

/// An error with its causes, its remedy and the exit code by whose fault it is.
pub(crate) fn detect(error: &change_detect::Error) -> Failure {
    let exit = if error.is_usage() {
        Exit::Usage
    } else {
        Exit::Unreachable
    };
    Failure::from_error(exit, error).hint(error.hint())
}

/// What to do about an error, where that is known.
pub(crate) fn hint(error: &change_detect::Error) -> Option<String> {
    error.hint()
}
