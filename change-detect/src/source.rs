//! Where commits, trees and files are read from.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;

use crate::{CommitId, Error, RepoPath};

/// A repository's history, read only.
///
/// # Contract
/// - Commits never change: the same question about the same ids has the same answer, but for faults. Names
///   ([`resolve`](Self::resolve)) may move between calls.
/// - Paths are bytes and are never normalised. Lists are sorted by the bytes of their paths and have no duplicates.
/// - What is not there is not an error where `None` or an empty list says so: a path that a commit does not have, or that
///   is of another kind than asked for. A *commit* that is not there is [`Error::UnknownRevision`].
/// - An object that a commit names but that cannot be read is [`Error::Unreadable`], never "no such file": an incomplete
///   clone must not look like a deletion.
/// - Nothing is fetched, written or retried. Calls may be made from several threads at once.
pub trait DiffSource: Debug + Send + Sync {
    /// The commit that a revision names: a full or abbreviated id, a branch, a tag (peeled), `HEAD`, `HEAD~2`.
    ///
    /// Fails with [`Error::UnknownRevision`] if there is no such commit, with [`Error::NoCommits`] if the repository has
    /// none at all.
    fn resolve(&self, rev: &str) -> Result<CommitId, Error>;

    /// What a commit says about itself.
    fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error>;

    /// The files that differ between the trees of two commits, whatever lies between them in history (two-dot).
    ///
    /// Without a base everything at `head` is added. A renamed file is one deleted and one added. Folders are not listed.
    fn changes(&self, base: Option<&CommitId>, head: &CommitId) -> Result<Vec<FileChange>, Error>;

    /// The content of a file, or the target of a symbolic link. `None` if there is no such file at that commit.
    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error>;

    /// The entries of a folder, one level, with their full paths. Empty if there is no such folder at that commit.
    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error>;

    /// Whether `of` is `ancestor` or descends from it. `None` if that cannot be told, because history was cut short
    /// (a shallow clone) or one of the commits is missing.
    fn is_ancestor(&self, ancestor: &CommitId, of: &CommitId) -> Result<Option<bool>, Error>;
}

macro_rules! delegate {
    ($pointer:ident) => {
        impl<T: DiffSource + ?Sized> DiffSource for $pointer<T> {
            fn resolve(&self, rev: &str) -> Result<CommitId, Error> {
                (**self).resolve(rev)
            }

            fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error> {
                (**self).commit(id)
            }

            fn changes(
                &self,
                base: Option<&CommitId>,
                head: &CommitId,
            ) -> Result<Vec<FileChange>, Error> {
                (**self).changes(base, head)
            }

            fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
                (**self).read(at, path)
            }

            fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
                (**self).list(at, folder)
            }

            fn is_ancestor(
                &self,
                ancestor: &CommitId,
                of: &CommitId,
            ) -> Result<Option<bool>, Error> {
                (**self).is_ancestor(ancestor, of)
            }
        }
    };
}

delegate!(Arc);
delegate!(Box);

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EntryKind {
    /// A file.
    File {
        /// Whether it may be executed.
        executable: bool,
    },
    /// A folder.
    Directory,
    /// A symbolic link; its content is its target.
    Symlink,
    /// Another repository's commit; its files are not part of this one.
    Submodule,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TreeEntry {
    /// The path from the repository's root.
    pub path: RepoPath,
    /// What it is.
    pub kind: EntryKind,
}

impl TreeEntry {
    /// An entry, for implementations of [`DiffSource`].
    pub const fn new(path: RepoPath, kind: EntryKind) -> Self {
        Self { path, kind }
    }
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// Only the head has it.
    Added,
    /// Its content or its executable bit differs.
    Modified,
    /// Only the base has it.
    Deleted,
    /// It is of another kind, say a symbolic link instead of a file.
    TypeChanged,
}

/// One file that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileChange {
    /// The path from the repository's root.
    pub path: RepoPath,
    /// What happened to it.
    pub kind: ChangeKind,
}

impl FileChange {
    /// A change, for implementations of [`DiffSource`].
    pub const fn new(path: RepoPath, kind: ChangeKind) -> Self {
        Self { path, kind }
    }
}

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CommitInfo {
    /// Its id.
    pub id: CommitId,
    /// The first line of its message; bytes that are no UTF-8 are replaced.
    pub title: String,
    /// The name of its author.
    pub author: String,
    /// When it was committed, in seconds since 1970.
    pub seconds: i64,
}

impl CommitInfo {
    /// A commit's words, for implementations of [`DiffSource`].
    pub const fn new(id: CommitId, title: String, author: String, seconds: i64) -> Self {
        Self {
            id,
            title,
            author,
            seconds,
        }
    }
}

/// Everything below a folder but the folders themselves, with full paths, sorted by the bytes of the paths.
///
/// A folder that does not exist has nothing below it. Fails as [`DiffSource::list`] does.
pub fn walk(
    source: &dyn DiffSource,
    at: &CommitId,
    folder: &RepoPath,
) -> Result<Vec<TreeEntry>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in source.list(at, &folder)? {
            match entry.kind {
                EntryKind::Directory => folders.push(entry.path),
                _ => files.push(entry),
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
