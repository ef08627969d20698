//! The libraries' errors, as what a person reads: the exit code by whose fault it is, and the remedy.

use windlass_cli::{Exit, Failure};

const fn exit(is_usage: bool) -> Exit {
    if is_usage {
        Exit::Usage
    } else {
        Exit::Unreachable
    }
}

/// Of change detection.
pub(crate) fn detect(error: &change_detect::Error) -> Failure {
    Failure::from_error(exit(error.is_usage()), error).hint(error.hint())
}

/// Of a push.
pub(crate) fn push(error: &image_tagger::Error) -> Failure {
    Failure::from_error(exit(error.is_usage()), error).hint(error.hint())
}

/// Of the control plane.
pub(crate) fn deploy(error: &ecs_deployer::Error) -> Failure {
    Failure::from_error(exit(error.is_usage()), error).hint(error.hint())
}
