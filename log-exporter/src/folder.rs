//! An archive in a folder of this machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;

use crate::archive::Sha256;
use crate::engine::blocking;
use crate::{Archive, Error, ListPage, Listed, Millis, Object, ObjectInfo, Put, Version};

/// What is being written, until it is whole.
const UNFINISHED: &str = ".unfinished";
/// Keeps two writers of one folder from replacing the same object.
const LOCK: &str = ".lock";
const PAGE: usize = 1000;
/// A name that is longer than this is cut, so long are the pieces.
const LONGEST: usize = 250;
const FOLD: usize = 200;

/// An archive in a folder, with S3's conditional semantics: an object is whole or not there, and of several that write one key,
/// in this or in other processes, one succeeds. It takes a file system that can link files and lock them. Only writing changes
/// anything.
///
/// A part of a key that is longer than a file's name may be lies in folders of 200 letters and `~` each.
#[derive(Debug, Clone)]
pub struct FolderArchive {
    root: PathBuf,
    tidied: Arc<Once>,
}

impl FolderArchive {
    /// An archive in this folder, which is made by the first write if it is missing.
    ///
    /// # Errors
    /// When it is something else than a folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        match fs::metadata(&root) {
            Ok(metadata) if !metadata.is_dir() => Err(Error::invalid(
                format!("`{}` is not a folder", root.display()),
                "name the folder of the archive, or a new one",
            )),
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::disk(
                "look at the folder",
                root.display().to_string(),
                source,
            )),
            _ => Ok(Self {
                root,
                tidied: Arc::new(Once::new()),
            }),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, key: &str) -> Result<PathBuf, Error> {
        let plain =
            |part: &str| !part.is_empty() && part != "." && part != ".." && piece(part).is_none();
        if key.split('/').all(plain) && !key.starts_with('.') && !key.contains(['\\', '\0']) {
            Ok(self.root.join(folded(key)))
        } else {
            Err(Error::invalid(
                format!("`{key}` cannot be a file's name"),
                "use a prefix without empty parts, `.` and `..`",
            ))
        }
    }

    /// The content in a file that has no place yet.
    fn write(&self, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
        let scratch = self.root.join(UNFINISHED);
        fs::create_dir_all(&scratch)?;
        self.tidied.call_once(|| forget(&scratch));
        let mut file = tempfile::NamedTempFile::new_in(scratch)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    async fn with<T: Send + 'static>(
        &self,
        operation: &'static str,
        key: &str,
        work: impl FnOnce(&Self, PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.path(key)?;
        let this = self.clone();
        let shown = path.display().to_string();
        blocking(move || work(&this, path))
            .await
            .map_err(|source| Error::disk(operation, shown, source))
    }
}

/// A key as a path: file systems take names of up to 255 bytes, and a group's may be 512 letters long.
fn folded(key: &str) -> String {
    let parts = key.split('/').map(|part| {
        let mut rest = part;
        let mut folders = String::new();
        while rest.len() > LONGEST {
            let (head, tail) = rest.split_at(rest.floor_char_boundary(FOLD));
            folders.push_str(head);
            folders.push_str("~/");
            rest = tail;
        }
        folders + rest
    });
    parts.collect::<Vec<String>>().join("/")
}

/// What is of a name in a folder that holds a piece of it.
fn piece(part: &str) -> Option<&str> {
    let head = part.strip_suffix('~')?;
    // Letters of up to four bytes are not cut.
    (FOLD - 3..=FOLD).contains(&head.len()).then_some(head)
}

/// The key of a path.
fn unfolded(path: &str) -> String {
    let mut key = String::with_capacity(path.len());
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        match piece(part) {
            Some(head) => key.push_str(head),
            None => {
                key.push_str(part);
                if parts.peek().is_some() {
                    key.push('/');
                }
            }
        }
    }
    key
}

/// Removes what writers that were killed days ago have left; nobody knows its name.
fn forget(scratch: &Path) {
    let Ok(entries) = fs::read_dir(scratch) else {
        return;
    };
    for entry in entries.flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|written| written.elapsed().ok());
        if age.is_some_and(|age| age > Duration::from_secs(2 * 86_400)) {
            // Another process may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn version(bytes: &[u8]) -> Version {
    Version::new(Sha256::of(bytes).to_string())
}

fn modified(metadata: &fs::Metadata) -> Millis {
    let time = metadata.modified().ok();
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Millis::from_epoch(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A new name in a folder is safe once the folder is.
fn settle(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[async_trait]
impl Archive for FolderArchive {
    async fn put_new(&self, key: &str, bytes: Bytes, _sha256: &Sha256) -> Result<Put, Error> {
        self.with("write", key, move |this, path| {
            if path.exists() {
                return Ok(Put::Refused);
            }
            let file = this.write(&bytes)?;
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            // Linking fails where the name is taken, and is seen whole or not at all.
            match fs::hard_link(file.path(), &path) {
                Ok(()) => {
                    settle(&path)?;
                    Ok(Put::Written)
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Refused),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn put_over(
        &self,
        key: &str,
        bytes: Bytes,
        _sha256: &Sha256,
        expected: &Version,
    ) -> Result<Put, Error> {
        let expected = expected.clone();
        self.with("replace", key, move |this, path| {
            if !path.exists() {
                return Ok(Put::Refused);
            }
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(this.root.join(LOCK))?;
            lock.lock()?;
            match read(&path)? {
                Some(old) if version(&old) == expected => {}
                _ => return Ok(Put::Refused),
            }
            this.write(&bytes)?.persist(&path).map_err(|e| e.error)?;
            settle(&path)?;
            Ok(Put::Written)
        })
        .await
    }

    async fn stat(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        self.with("look at", key, |_, path| {
            let Some(bytes) = read(&path)? else {
                return Ok(None);
            };
            let when = modified(&fs::metadata(&path)?);
            let sha256 = Sha256::of(&bytes);
            Ok(Some(ObjectInfo::new(
                bytes.len() as u64,
                Some(sha256),
                Version::new(sha256.to_string()),
                when,
            )))
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        self.with("read", key, |_, path| {
            Ok(read(&path)?.map(|bytes| Object {
                version: version(&bytes),
                bytes: bytes.into(),
            }))
        })
        .await
    }

    async fn list<'a>(&self, prefix: &str, after: Option<&'a str>) -> Result<ListPage, Error> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        let root = self.root.clone();
        let shown = root.display().to_string();
        blocking(move || {
            let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut found = Vec::new();
            collect(&root, &root.join(folded(folder)), &mut found)?;
            found.retain(|listed: &Listed| {
                listed.key.starts_with(&prefix)
                    && after.as_ref().is_none_or(|after| listed.key > *after)
            });
            found.sort_by(|a, b| a.key.cmp(&b.key));
            let more = found.len() > PAGE;
            found.truncate(PAGE);
            Ok(ListPage {
                next: found.last().filter(|_| more).map(|last| last.key.clone()),
                objects: found,
            })
        })
        .await
        .map_err(|source| Error::disk("list", shown, source))
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.with("delete", key, |_, path| match fs::remove_file(&path) {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        })
        .await
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Listed>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let Some(key) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
            continue;
        };
        if key.starts_with('.') {
            continue;
        }
        let key = unfolded(key);
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // It was deleted meanwhile.
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            collect(root, &path, found)?;
        } else {
            found.push(Listed {
                key,
                size: metadata.len(),
                modified: modified(&metadata),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_key_is_a_path_and_is_read_back(parts in proptest::collection::vec("[a-z=!(é]{1,700}", 1..4)) {
            let key = parts.join("/");
            let path = folded(&key);
            prop_assert!(path.split('/').all(|name| name.len() <= 255), "{}", path);
            prop_assert_eq!(unfolded(&path), key);
        }
    }

    #[test]
    fn short_names_stay_what_they_are() {
        let key = format!("events/group={}/x", "a".repeat(244));
        assert_eq!(folded(&key), key);
        assert_ne!(folded(&key.replace("/x", "a/x")), key);
        assert_eq!(unfolded("a~/b"), "a~/b");
    }
}
