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

    /// The entries of one folder that differ between the trees of two commits, whatever lies between them in history
    /// (two-dot).
    ///
    /// Without a base everything at `head` is new. A folder is listed if anything below it differs; what does is asked for
    /// with the folder's own path ([`changes`] asks for all of it). Empty if neither commit has the folder.
    fn differences(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
    ) -> Result<Vec<Difference>, Error>;

    /// The files that differ at or below a folder, those that `wanted` refuses aside, in no order; and whether more than
    /// `limit` may differ.
    ///
    /// Once `limit` files were found no further folder is entered. Which ones are found is the same for the same question.
    fn changes_below(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
        wanted: &dyn Fn(&FileChange) -> bool,
        limit: Option<usize>,
    ) -> Result<(Vec<FileChange>, bool), Error> {
        let mut changes = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(folder) = folders.pop() {
            if limit.is_some_and(|limit| changes.len() >= limit) {
                return Ok((changes, true));
            }
            for difference in self.differences(base, head, &folder)? {
                changes.extend(difference.file().filter(|change| wanted(change)));
                if difference.is_folder() {
                    folders.push(difference.path);
                }
            }
        }
        Ok((changes, false))
    }

    /// The content of a file, or the target of a symbolic link. `None` if there is no such file at that commit.
    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error>;

    /// The entries of a folder, one level, with their full paths. Empty if there is no such folder at that commit.
    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error>;

    /// What stands at a path, or `None` if nothing does at that commit.
    fn kind(&self, at: &CommitId, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
        let folder = path.parent().unwrap_or_default();
        if path.is_root() {
            return self.list(at, path).map(|_| Some(EntryKind::Directory));
        }
        let entries = self.list(at, &folder)?;
        Ok(entries
            .into_iter()
            .find(|entry| entry.path == *path)
            .map(|entry| entry.kind))
    }

    /// The best common ancestors of two commits (`git merge-base --all`), and whether that is proven.
    ///
    /// A commit that is not there has unknown ancestors: it is no error.
    fn common_ancestors(&self, a: &CommitId, b: &CommitId) -> Result<CommonAncestors, Error>;

    /// The parents of a commit, whether the repository has them or not.
    fn parents(&self, id: &CommitId) -> Result<Vec<CommitId>, Error>;

    /// All tags that name a commit, directly or through tag objects, sorted by name.
    fn tags(&self) -> Result<Vec<(String, CommitId)>, Error>;

    /// Whether [`tags`](Self::tags) is known to lack none: not so in a clone that was made without tags.
    fn has_all_tags(&self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Whether `of` is `ancestor` or descends from it. `None` if that cannot be told, because history was cut short
    /// (a shallow clone) or one of the commits is missing.
    fn is_ancestor(&self, ancestor: &CommitId, of: &CommitId) -> Result<Option<bool>, Error> {
        let common = self.common_ancestors(ancestor, of)?;
        let found = common.best.contains(ancestor);
        // Parents that are missing may hide the ancestor; they cannot make one.
        Ok((found || common.cut.is_empty()).then_some(found))
    }
}

/// What two commits have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct CommonAncestors {
    /// The common ancestors that are no ancestor of another, the newest first. More than one if histories crossed; none if
    /// they are unrelated.
    pub best: Vec<CommitId>,
    /// Commits whose parents the repository lacks and through which a better one might have been found. If there are none,
    /// `best` is what the whole history would give.
    pub cut: Vec<CommitId>,
}

impl CommonAncestors {
    /// What was found, for implementations of [`DiffSource`].
    pub const fn new(best: Vec<CommitId>, cut: Vec<CommitId>) -> Self {
        Self { best, cut }
    }
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

            fn differences(
                &self,
                base: Option<&CommitId>,
                head: &CommitId,
                folder: &RepoPath,
            ) -> Result<Vec<Difference>, Error> {
                (**self).differences(base, head, folder)
            }

            fn changes_below(
                &self,
                base: Option<&CommitId>,
                head: &CommitId,
                folder: &RepoPath,
                wanted: &dyn Fn(&FileChange) -> bool,
                limit: Option<usize>,
            ) -> Result<(Vec<FileChange>, bool), Error> {
                (**self).changes_below(base, head, folder, wanted, limit)
            }

            fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
                (**self).read(at, path)
            }

            fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
                (**self).list(at, folder)
            }

            fn kind(&self, at: &CommitId, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
                (**self).kind(at, path)
            }

            fn common_ancestors(
                &self,
                a: &CommitId,
                b: &CommitId,
            ) -> Result<CommonAncestors, Error> {
                (**self).common_ancestors(a, b)
            }

            fn parents(&self, id: &CommitId) -> Result<Vec<CommitId>, Error> {
                (**self).parents(id)
            }

            fn tags(&self) -> Result<Vec<(String, CommitId)>, Error> {
                (**self).tags()
            }

            fn has_all_tags(&self) -> Result<bool, Error> {
                (**self).has_all_tags()
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

/// One entry of a folder that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The path from the repository's root.
    pub path: RepoPath,
    /// What the base has there.
    pub before: Option<EntryKind>,
    /// What the head has there.
    pub after: Option<EntryKind>,
}

impl Difference {
    /// A difference, for implementations of [`DiffSource`].
    pub const fn new(path: RepoPath, before: Option<EntryKind>, after: Option<EntryKind>) -> Self {
        Self {
            path,
            before,
            after,
        }
    }

    /// Whether one of the commits has a folder there, so that there may be more below it.
    pub const fn is_folder(&self) -> bool {
        matches!(self.before, Some(EntryKind::Directory))
            || matches!(self.after, Some(EntryKind::Directory))
    }

    /// What happened to the file, if one of the commits has one there.
    pub fn file(&self) -> Option<FileChange> {
        let file = |side: Option<EntryKind>| side.filter(|kind| *kind != EntryKind::Directory);
        let plain = |kind: EntryKind| matches!(kind, EntryKind::File { .. });
        let kind = match (file(self.before), file(self.after)) {
            (None, None) => return None,
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Deleted,
            (Some(before), Some(after)) if before == after || (plain(before) && plain(after)) => {
                ChangeKind::Modified
            }
            (Some(_), Some(_)) => ChangeKind::TypeChanged,
        };
        Some(FileChange::new(self.path.clone(), kind))
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

/// The files that differ between the trees of two commits (two-dot), sorted by the bytes of their paths.
///
/// Without a base everything at `head` is added. A renamed file is one deleted and one added. Folders are not listed. Fails
/// as [`DiffSource::differences`] does.
pub fn changes(
    source: &dyn DiffSource,
    base: Option<&CommitId>,
    head: &CommitId,
) -> Result<Vec<FileChange>, Error> {
    let (mut files, _) = source.changes_below(base, head, &RepoPath::root(), &|_| true, None)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
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
