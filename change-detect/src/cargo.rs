//! Layout `cargo`: the packages of a Cargo workspace.

use crate::globs::Globs;
use crate::inventory::{Inventory, Locked};
use crate::{CommitId, DiffSource, Error, RepoPath};

/// Whether a commit has such a layout at its root.
pub(crate) fn applies(_source: &dyn DiffSource, _at: &CommitId) -> Result<bool, Error> {
    Ok(false)
}

/// Reads the modules of a commit.
pub(crate) fn inventory(
    _source: &dyn DiffSource,
    at: &CommitId,
    _services: &Globs,
) -> Result<Inventory, Error> {
    Err(Error::NoManifest {
        commit: at.clone(),
        file: "Cargo.toml",
    })
}

/// Reads what a lock file pins.
pub(crate) fn locked(
    _source: &dyn DiffSource,
    _at: &CommitId,
    _inventory: &Inventory,
    _lock: &RepoPath,
) -> Result<Locked, Error> {
    Ok(Locked::Absent)
}
