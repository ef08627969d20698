//! The library's errors, as what a person reads.

use image_tagger::Error;
use windlass_cli::{Exit, Failure};

/// An error with its causes, its remedy and the exit code by whose fault it is.
pub(crate) fn image(error: &Error) -> Failure {
    Failure::from_error(exit(error), error).hint(error.hint())
}

/// An error of a push from this machine: there the image's files are the caller's.
pub(crate) fn local(error: &Error) -> Failure {
    Failure::from_error(local_exit(error), error).hint(error.hint())
}

/// The exit code of an error of a push from this machine.
pub(crate) const fn local_exit(error: &Error) -> Exit {
    match error {
        Error::DigestMismatch { .. } | Error::InvalidManifest { .. } | Error::Storage { .. } => {
            Exit::Usage
        }
        error => exit(error),
    }
}

/// An error of work on an image of a registry: that it is not there is an answer.
pub(crate) fn absent(error: &Error) -> Failure {
    let exit = match error {
        Error::ImageNotFound { .. } => Exit::Negative,
        error => exit(error),
    };
    Failure::from_error(exit, error).hint(error.hint())
}

/// The exit code of an error.
pub(crate) const fn exit(error: &Error) -> Exit {
    match error {
        Error::ImmutableTag { .. } => Exit::Negative,
        error if error.is_usage() => Exit::Usage,
        _ => Exit::Unreachable,
    }
}

/// An error of a look at an image: then it is the verdict that the image is not there, not whole or not the expected one.
pub(crate) fn verdict(error: &Error) -> Failure {
    let exit = match error {
        Error::ImageNotFound { .. }
        | Error::MissingBlobs { .. }
        | Error::DigestMismatch { .. }
        | Error::InvalidManifest { .. } => Exit::Negative,
        error => exit(error),
    };
    Failure::from_error(exit, error).hint(error.hint())
}
