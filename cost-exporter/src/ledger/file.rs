//! The ledger in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Ledger, LedgerState, LedgerVersion};
use crate::Error;

/// A ledger in a file. It is replaced whole; a lock on the file beside it keeps two runs from saving at once.
#[derive(Debug, Clone)]
pub struct FileLedger {
    path: PathBuf,
}

impl FileLedger {
    /// The ledger at this path. Its folder must exist; the file need not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn read(&self) -> Result<Option<String>, Error> {
        const OPERATION: &str = "read the ledger";
        let path = regular(&self.path).map_err(|error| self.failed(OPERATION, error))?;
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(OPERATION, error)),
        }
    }

    fn failed(&self, operation: &'static str, source: io::Error) -> Error {
        Error::File {
            operation,
            path: self.path.clone(),
            source,
        }
    }

    fn locked(&self) -> io::Result<File> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(&regular(&self.path)?, "lock"))?;
        lock.lock()?;
        Ok(lock)
    }
}

#[async_trait]
impl Ledger for FileLedger {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        match self.read()? {
            None => Ok((LedgerState::default(), LedgerVersion::ABSENT)),
            Some(text) => Ok((LedgerState::from_json(&text)?, version(&text))),
        }
    }

    async fn save(
        &self,
        state: &LedgerState,
        over: &LedgerVersion,
    ) -> Result<LedgerVersion, Error> {
        const OPERATION: &str = "save the ledger";
        let _lock = self
            .locked()
            .map_err(|error| self.failed(OPERATION, error))?;
        let there = self
            .read()?
            .map_or(LedgerVersion::ABSENT, |text| version(&text));
        if there != *over {
            return Err(Error::LedgerConflict);
        }
        let text = state.to_json();
        replace(&self.path, text.as_bytes()).map_err(|error| self.failed(OPERATION, error))?;
        Ok(version(&text))
    }
}

/// A hash that no two different ledgers share but by the rarest of chances: FNV-1a over 128 bits.
fn version(text: &str) -> LedgerVersion {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    LedgerVersion::new(format!("{hash:032x}"))
}

/// Puts a file in the place of another in one step, so that nobody reads half of it. A link stays one, and leads to the new
/// file.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &regular(path)?;
    let new = beside(path, &format!("{}.new", std::process::id()));
    let written = File::create(&new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it is of no use; the error that counts is the first one.
        let _ = fs::remove_file(&new);
    }
    written
}

/// How many links may lead from one to the next.
const LINKS: usize = 40;

/// The file that a path leads to, over links. It need not be there, but if it is, it is a file: a device, a pipe or a folder
/// cannot be replaced by one without breaking what others have of it.
pub(crate) fn regular(path: &Path) -> io::Result<PathBuf> {
    let refused = |reason: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        // There links lead to what is open already, and not by their names.
        let open = ["/dev", "/proc"]
            .iter()
            .any(|folder| path.starts_with(folder));
        if open && !path.starts_with("/dev/shm") {
            return refused("it belongs to the system and is no file");
        }
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            Ok(found) if found.is_file() => return Ok(path),
            Ok(_) => return refused("it is no file that can be replaced"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    refused("its links lead in a circle")
}

/// A path beside another one, with a hidden name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}
