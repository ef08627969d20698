//! The library's errors, as what a person reads.

use log_exporter::Error;
use windlass_cli::{Exit, Failure};

/// An error with its causes, its remedy and the exit code by whose fault it is.
pub(crate) fn export(error: &Error) -> Failure {
    Failure::from_error(exit(error), error).hint(error.hint())
}

const fn exit(error: &Error) -> Exit {
    match error {
        Error::Damaged { .. } => Exit::Negative,
        // A folder of this machine is a matter of its setup.
        Error::Disk { .. } => Exit::Usage,
        error if error.is_usage() => Exit::Usage,
        _ => Exit::Unreachable,
    }
}
