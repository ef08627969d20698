//! The library's errors, as what a person reads.

use cost_exporter::Error;
use windlass_cli::{Exit, Failure};

/// An error with its causes, its remedy and the exit code by whose fault it is.
pub(crate) fn cost(error: &Error) -> Failure {
    let exit = match error.is_usage() {
        true => Exit::Usage,
        false => Exit::Unreachable,
    };
    Failure::from_error(exit, error).hint(error.hint())
}
