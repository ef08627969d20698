//! The state folder of a local environment: what was pushed and what runs, from one run to the next.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ecs_deployer::sim::Snapshot;
use windlass_cli::Failure;

use crate::folder;

/// `.windlass/<environment>/` of a repository.
#[derive(Debug)]
pub(super) struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    /// Opens the folder for a run, which holds the environment's lock, and creates it if need be.
    pub(super) fn open(work_tree: &Path, environment: &str) -> Result<Self, Failure> {
        let root = folder::make(work_tree, environment)?;
        Ok(Self { root })
    }

    /// Looks at the folder without creating or locking anything; `None` if there is none yet.
    pub(super) fn peek(work_tree: &Path, environment: &str) -> Option<Self> {
        let root = folder::of(work_tree, environment);
        root.is_dir().then_some(Self { root })
    }

    /// Where the image layouts stand.
    pub(super) fn registry(&self) -> PathBuf {
        self.root.join("registry")
    }

    /// What the cluster ran when it was saved last; `None` before the first time.
    pub(super) fn load(&self) -> Result<Option<Snapshot>, Failure> {
        let path = self.cluster();
        let damaged = |error: &(dyn std::error::Error + 'static)| {
            Failure::unreachable(format!(
                "the saved cluster `{}` cannot be read",
                path.display()
            ))
            .caused_by(error)
            .hint(format!(
                "remove `{}` to begin anew; every service is then deployed again",
                self.root.display()
            ))
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(&error)),
        };
        Snapshot::from_json(&bytes)
            .map(Some)
            .map_err(|error| damaged(&error))
    }

    /// Replaces the saved cluster: readers see the old state or the new one, never a part.
    pub(super) fn save(&self, snapshot: &[u8]) -> Result<(), Failure> {
        let written = (|| {
            let mut file = tempfile::NamedTempFile::new_in(&self.root)?;
            file.write_all(snapshot)?;
            file.as_file().sync_all()?;
            file.persist(self.cluster()).map_err(|error| error.error)?;
            io::Result::Ok(())
        })();
        written.map_err(|error| {
            Failure::unreachable(format!(
                "cannot save the cluster to `{}`",
                self.cluster().display()
            ))
            .caused_by(&error)
            .hint("the next run would not know what was deployed: make room and run again")
        })
    }

    fn cluster(&self) -> PathBuf {
        self.root.join("cluster.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peeking_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(StateFolder::peek(folder.path(), "local").is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_state_says_how_to_begin_anew() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path(), "local").unwrap();
        assert!(state.load().unwrap().is_none());
        state.save(b"{\"version\":").unwrap();
        let failure = state.load().unwrap_err().to_string();
        assert!(failure.contains("to begin anew"), "{failure}");
        state
            .save(b"{\"version\": 1, \"cluster\": \"dev\"}")
            .unwrap();
        let failure = state.load().unwrap_err().to_string();
        assert!(
            failure.contains("version is 1") && failure.contains("to begin anew"),
            "{failure}"
        );
    }
}
