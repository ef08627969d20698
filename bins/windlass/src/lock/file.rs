//! The lock on one machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use windlass_cli::Failure;

use super::{Attempt, Holder, Lock, Unlocked, describe};
use crate::folder;

/// `.windlass/<environment>/lock`.
#[derive(Debug)]
pub(crate) struct FilePlace {
    work_tree: PathBuf,
    environment: String,
}

/// The file, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FilePlace {
    pub(super) fn new(work_tree: &Path, environment: &str) -> Self {
        Self {
            work_tree: work_tree.to_owned(),
            environment: environment.to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        folder::of(&self.work_tree, &self.environment).join("lock")
    }

    fn denied(&self, error: &io::Error) -> Failure {
        folder::denied(&self.work_tree, &self.path(), error)
    }

    pub(super) fn attempt(&self, holder: &Holder) -> Result<Attempt, Failure> {
        folder::make(&self.work_tree, &self.environment)?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(self.path())
            .map_err(|error| self.denied(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy(read(&mut file))),
            Err(TryLockError::Error(error)) => return Err(self.denied(&error)),
        }
        // Who lets go empties the file; a text in it is that of a run that was killed.
        let left_behind = read(&mut file);
        let written = serde_json::to_vec(holder)
            .map_err(io::Error::from)
            .and_then(|text| {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(&text)
            });
        written.map_err(|error| self.denied(&error))?;
        Ok(Attempt::Taken(Lock::File(FileLock(file)), left_behind))
    }

    /// Lets go of a lock that was given while nobody looked: empties the file if its text is still this holder's.
    pub(super) fn abandon(&self, holder: &Holder) -> Result<(), Failure> {
        let Ok(mut file) = OpenOptions::new().read(true).write(true).open(self.path()) else {
            return Ok(());
        };
        if file.try_lock().is_ok() && read(&mut file).is_some_and(|found| found.id == holder.id) {
            FileLock(file).release();
        }
        Ok(())
    }

    pub(super) fn unlock(&self, environment: &str, force: bool) -> Result<Unlocked, Failure> {
        let mut file = match OpenOptions::new().read(true).write(true).open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Unlocked::Free),
            Err(error) => return Err(self.denied(&error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let who = read(&mut file);
                return Err(Failure::unreachable(format!(
                    "the run that holds the lock of `{environment}` is alive: {}",
                    describe(who.as_ref())
                ))
                .hint(if force {
                    "the system holds this lock for the process, and nobody can force it away: end the process"
                } else {
                    "end that process: the lock goes with it, and cannot be taken from it otherwise"
                }));
            }
            Err(TryLockError::Error(error)) => return Err(self.denied(&error)),
        }
        let left_behind = read(&mut file);
        FileLock(file).release();
        Ok(left_behind.map_or(Unlocked::Free, |holder| Unlocked::Removed(Some(holder))))
    }
}

impl FileLock {
    pub(super) fn release(self) {
        // The lock itself goes with the file handle; a text that stays would only be told as that of a killed run.
        let _ = self.0.set_len(0);
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64 * 1024).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(folder: &Path, environment: &str) -> Attempt {
        FilePlace::new(folder, environment)
            .attempt(&Holder::here("run", environment))
            .unwrap()
    }

    fn taken(attempt: Attempt) -> (FileLock, Option<Holder>) {
        match attempt {
            Attempt::Taken(Lock::File(lock), left_behind) => (lock, left_behind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_run_at_a_time_and_the_other_learns_who() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = taken(attempt(folder.path(), "local"));
        let Attempt::Busy(Some(holder)) = attempt(folder.path(), "local") else {
            panic!("two hold it");
        };
        assert_eq!(holder.pid, std::process::id());
        taken(attempt(folder.path(), "other"));
        first.release();
        assert_eq!(taken(attempt(folder.path(), "local")).1, None);
    }

    #[test]
    fn a_lock_that_went_with_its_process_tells_whose_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (killed, _) = taken(attempt(folder.path(), "local"));
        drop(killed);
        let (_, left_behind) = taken(attempt(folder.path(), "local"));
        assert_eq!(left_behind.unwrap().command, "run");
    }

    #[test]
    fn a_live_lock_is_not_taken_away_and_a_dead_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let place = FilePlace::new(folder.path(), "local");
        assert_eq!(place.unlock("local", false).unwrap(), Unlocked::Free);
        assert!(
            !folder.path().join(".windlass").exists(),
            "a look makes nothing"
        );
        let (lock, _) = taken(attempt(folder.path(), "local"));
        assert!(
            place
                .unlock("local", false)
                .unwrap_err()
                .to_string()
                .contains("is alive")
        );
        drop(lock);
        assert!(matches!(
            place.unlock("local", false).unwrap(),
            Unlocked::Removed(Some(_))
        ));
        assert_eq!(place.unlock("local", false).unwrap(), Unlocked::Free);
    }
}
