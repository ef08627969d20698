//! Layout `maven`: the modules of a reactor.

use crate::globs::Globs;
use crate::inventory::Inventory;
use crate::{CommitId, DiffSource, Error};

/// Reads the reactor of a commit, in the order that Maven builds it in.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let _ = (source, services);
    Err(Error::NoReactor { commit: at.clone() })
}
