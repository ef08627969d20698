//! What the configuration says of remotes.

use gix::Repository;

/// Whether a remote promised objects that the clone was made without.
pub(super) fn is_partial(repository: &Repository) -> bool {
    let config = repository.config_snapshot();
    if config.string("extensions.partialClone").is_some() {
        return true;
    }
    any_remote(repository, "promisor", |value| value != b"false")
}

/// Whether any remote's configuration has a value for a key of which something holds.
pub(super) fn any_remote(
    repository: &Repository,
    key: &str,
    holds: impl Fn(&[u8]) -> bool,
) -> bool {
    let config = repository.config_snapshot();
    let mut remotes = config
        .plumbing()
        .sections_by_name("remote")
        .into_iter()
        .flatten();
    remotes.any(|remote| remote.value(key).is_some_and(|value| holds(&value)))
}
