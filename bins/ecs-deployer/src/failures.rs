//! The library's errors, as what a person reads.

use ecs_deployer::{ClusterName, Directory, Error};
use windlass_cli::{Exit, Failure, nearest};

use crate::clients::Clients;

/// An error with its causes, its remedy and the exit code by whose fault it is.
pub(crate) fn deploy(error: &Error) -> Failure {
    Failure::from_error(exit(error), error).hint(error.hint())
}

/// The exit code of an error.
pub(crate) const fn exit(error: &Error) -> Exit {
    match error {
        error if error.is_usage() => Exit::Usage,
        Error::TaskNotStarted { .. } => Exit::Negative,
        _ => Exit::Unreachable,
    }
}

/// The same, and for a name that leads nowhere the one that was likely meant, if the API gives the names that there are.
pub(crate) async fn named(error: &Error, clients: &Clients) -> Failure {
    let failure = deploy(error);
    match error {
        Error::ClusterNotFound { cluster } => {
            let names = clients.ecs.clusters().await.unwrap_or_default();
            let names: Vec<&str> = names.iter().map(ClusterName::as_str).collect();
            failure.hint(suggestion("clusters", cluster.as_str(), &names))
        }
        Error::ServiceNotFound { cluster, service } => {
            let names = clients.ecs.services(cluster).await.unwrap_or_default();
            let names: Vec<&str> = names
                .iter()
                .map(ecs_deployer::ServiceName::as_str)
                .collect();
            failure.hint(suggestion("services", service.as_str(), &names))
        }
        _ => failure,
    }
}

/// What to say about a name among those that there are.
fn suggestion(kind: &str, name: &str, names: &[&str]) -> Option<String> {
    /// So many names are told; more are no help.
    const TOLD: usize = 12;
    if names.is_empty() {
        return None;
    }
    let told = names
        .iter()
        .take(TOLD)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let more = match names.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? the {kind} are: {told}{more}"),
        None => format!("the {kind} are: {told}{more}; check the region as well"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let text =
            suggestion("services", "user-servce", &["task-service", "user-service"]).unwrap();
        assert!(text.starts_with("did you mean `user-service`?"), "{text}");
        assert_eq!(suggestion("services", "x", &[]), None);
    }
}
