//! The state folder of a local environment: what was pushed and what runs, from one run to the next.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ecs_deployer::sim::Snapshot;
use windlass_cli::Failure;

/// The folder at the root of the work tree that holds all local environments.
const FOLDER: &str = ".windlass";

/// `.windlass/<environment>/` of a repository.
#[derive(Debug)]
pub(super) struct StateFolder {
    root: PathBuf,
    /// Held for as long as the environment is in use; the system releases it even after a crash.
    _lock: Option<File>,
}

impl StateFolder {
    /// Opens the folder for a run, creates it if need be, and keeps other runs out of it.
    pub(super) fn open(work_tree: &Path, environment: &str) -> Result<Self, Failure> {
        let all = work_tree.join(FOLDER);
        let root = all.join(environment);
        let denied = |error: io::Error| {
            Failure::usage(format!("cannot use the state folder `{}`", root.display()))
                .caused_by(&error)
                .hint(format!("the local environment keeps its images and its cluster there: make `{}` a folder that you may write", all.display()))
        };
        std::fs::create_dir_all(&root).map_err(denied)?;
        // The state is this machine's: the folder keeps itself out of git.
        let ignore = all.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(&ignore, "*\n").map_err(denied)?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join("lock"))
            .map_err(denied)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root,
                _lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(Failure::unreachable(format!(
                "another run is using the environment `{environment}`"
            ))
            .hint(format!(
                "wait for it to end; `{}` is free again when its process is gone",
                root.display()
            ))),
            Err(TryLockError::Error(error)) => Err(denied(error)),
        }
    }

    /// Looks at the folder without creating or locking anything; `None` if there is none yet.
    pub(super) fn peek(work_tree: &Path, environment: &str) -> Option<Self> {
        let root = work_tree.join(FOLDER).join(environment);
        root.is_dir().then_some(Self { root, _lock: None })
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
    fn one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateFolder::open(folder.path(), "local").unwrap();
        let second = StateFolder::open(folder.path(), "local")
            .unwrap_err()
            .to_string();
        assert!(second.contains("another run"), "{second}");
        StateFolder::open(folder.path(), "other").unwrap();
        drop(first);
        StateFolder::open(folder.path(), "local").unwrap();
    }

    #[test]
    fn peeking_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(StateFolder::peek(folder.path(), "local").is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".windlass"), "").unwrap();
        let failure = StateFolder::open(folder.path(), "local").unwrap_err();
        assert_eq!(failure.exit(), windlass_cli::Exit::Usage);
        assert!(failure.to_string().contains(".windlass"), "{failure}");
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
