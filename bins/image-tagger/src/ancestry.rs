//! Which commit is newer, by a git repository.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use change_detect::{DiffSource, GitSource};
use image_tagger::Ancestry;

/// The history in a folder, if it is in a git repository.
pub(crate) fn history(folder: &Path) -> Option<Arc<dyn Ancestry>> {
    let source = GitSource::discover(folder).ok()?;
    Some(Arc::new(History(source)))
}

#[derive(Debug)]
struct History(GitSource);

#[async_trait]
impl Ancestry for History {
    async fn is_ancestor(&self, ancestor: &str, of: &str) -> Option<bool> {
        // Labels may hold short ids or names: whatever the repository knows is good.
        let (ancestor, of) = (self.0.resolve(ancestor).ok()?, self.0.resolve(of).ok()?);
        self.0.is_ancestor(&ancestor, &of).ok().flatten()
    }
}
