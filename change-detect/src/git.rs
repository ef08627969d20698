//! Git repositories, read with gix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use gix::hash::ObjectId;
use gix::objs::tree::EntryKind as GitKind;
use gix::{Repository, ThreadSafeRepository};

use crate::{
    ChangeKind, CommitId, CommitInfo, DiffSource, EntryKind, Error, FileChange, RepoPath, TreeEntry,
};

/// A git repository on disk.
///
/// Only the repository's own configuration is read, not the user's or the system's, and no `git` is started. Objects of
/// either hash, work trees, alternates, shallow clones and clones without blobs are read as far as they go; a clone
/// without trees is [`Error::Unreadable`]. Refs kept as reftables cannot be resolved.
pub struct GitSource {
    repository: ThreadSafeRepository,
    workdir: Option<PathBuf>,
    git_dir: PathBuf,
}

/// The entries of a tree, by name.
type Entries = BTreeMap<Vec<u8>, (GitKind, ObjectId)>;

impl GitSource {
    /// Opens the repository that `path` is in: there or in a folder above it.
    ///
    /// Fails with [`Error::NotARepository`].
    pub fn discover(path: &Path) -> Result<Self, Error> {
        let not_a_repository =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::NotARepository {
                path: path.to_owned(),
                source,
            };
        // An absolute path, so that the folders told do not depend on where the process stands.
        let start = path
            .canonicalize()
            .map_err(|error| not_a_repository(error.into()))?;
        // What changed must not depend on whose machine this is.
        let isolated = gix::sec::trust::Mapping {
            full: gix::open::Options::isolated(),
            reduced: gix::open::Options::isolated(),
        };
        let repository = ThreadSafeRepository::discover_opts(
            start,
            gix::discover::upwards::Options::default(),
            isolated,
        )
        .map_err(|error| not_a_repository(error.into()))?;
        let local = repository.to_thread_local();
        let (workdir, git_dir) = (
            local.workdir().map(Path::to_owned),
            local.git_dir().to_owned(),
        );
        Ok(Self {
            repository,
            workdir,
            git_dir,
        })
    }

    /// The root of the work tree; none in a bare repository.
    pub fn workdir(&self) -> Option<&Path> {
        self.workdir.as_deref()
    }

    /// The folder of the repository itself, usually `.git`.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    fn local(&self) -> Repository {
        self.repository.to_thread_local()
    }
}

impl fmt::Debug for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitSource")
            .field("git_dir", &self.git_dir)
            .finish_non_exhaustive()
    }
}

impl DiffSource for GitSource {
    fn resolve(&self, rev: &str) -> Result<CommitId, Error> {
        let repository = self.local();
        let found = repository
            .rev_parse_single(rev)
            .and_then(|id| id.object()?.peel_to_commit());
        match found {
            Ok(commit) => commit_id(commit.id),
            Err(_) if is_empty(&repository) => Err(Error::NoCommits),
            Err(error) => Err(Error::UnknownRevision {
                revision: rev.to_owned(),
                source: Some(error.into()),
            }),
        }
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error> {
        let repository = self.local();
        let commit = commit(&repository, id)?;
        let unreadable = |error: gix::Error| unreadable(format!("the commit `{id}`"), error);
        let author = commit.author().map_err(unreadable)?.name.to_string();
        let seconds = commit.time().map_err(unreadable)?.seconds;
        let message = String::from_utf8_lossy(commit.message_raw_sloppy()).into_owned();
        let title = message
            .trim_start()
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_owned();
        Ok(CommitInfo::new(
            id.clone(),
            title,
            author.trim().to_owned(),
            seconds,
        ))
    }

    fn changes(&self, base: Option<&CommitId>, head: &CommitId) -> Result<Vec<FileChange>, Error> {
        let repository = self.local();
        let before = base.map(|base| tree_id(&repository, base)).transpose()?;
        let after = tree_id(&repository, head)?;
        let mut changes = compare(&repository, before, after)?;
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }

    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        let repository = self.local();
        let (Some(folder), name) = (path.parent(), path.file_name()) else {
            // The root is a folder. The commit is looked for all the same.
            return tree_id(&repository, at).map(|_| None);
        };
        let Some(tree) = folder_at(&repository, at, &folder)? else {
            return Ok(None);
        };
        match entry(&repository, tree, &folder, name)? {
            Some((GitKind::Blob | GitKind::BlobExecutable | GitKind::Link, id)) => {
                let blob = repository
                    .find_blob(id)
                    .map_err(|error| unreadable(format!("`{path}` at {}", at.short()), error))?;
                Ok(Some(blob.detach().data))
            }
            _ => Ok(None),
        }
    }

    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
        let repository = self.local();
        let Some(tree) = folder_at(&repository, at, folder)? else {
            return Ok(Vec::new());
        };
        let entry = |(name, (kind, _)): (Vec<u8>, (GitKind, ObjectId))| {
            Ok(TreeEntry::new(join(folder, &name)?, kind_of(kind)))
        };
        entries(&repository, tree, folder)?
            .into_iter()
            .map(entry)
            .collect()
    }

    fn is_ancestor(&self, ancestor: &CommitId, of: &CommitId) -> Result<Option<bool>, Error> {
        let repository = self.local();
        let (Some(ancestor), Some(of)) =
            (object_id(&repository, ancestor), object_id(&repository, of))
        else {
            return Ok(None);
        };
        if !repository.has_object(ancestor) {
            return Ok(None);
        }
        let cut = repository
            .shallow_commits()
            .map_err(|error| unreadable("the list of shallow commits".to_owned(), error))?;
        let cut: BTreeSet<ObjectId> = cut
            .iter()
            .flat_map(|commits| commits.iter().copied())
            .collect();
        let (mut open, mut seen, mut whole) = (vec![of], BTreeSet::new(), true);
        while let Some(id) = open.pop() {
            if id == ancestor {
                return Ok(Some(true));
            }
            if !seen.insert(id) {
                continue;
            }
            let unreadable = |error| unreadable(format!("the commit `{id}`"), error);
            match repository.try_find_object(id).map_err(unreadable)? {
                Some(_) if cut.contains(&id) => whole = false,
                Some(object) => {
                    let commit = object.try_into_commit().map_err(unreadable)?;
                    open.extend(commit.parent_ids().map(|parent| parent.detach()));
                }
                None => whole = false,
            }
        }
        Ok(whole.then_some(false))
    }
}

fn unreadable(what: String, error: gix::Error) -> Error {
    Error::Unreadable {
        what,
        source: Some(error.into()),
    }
}

fn commit_id(id: ObjectId) -> Result<CommitId, Error> {
    let text = id.to_string();
    text.parse()
        .map_err(|error: crate::InvalidCommitId| Error::UnknownRevision {
            revision: text,
            source: Some(error.into()),
        })
}

/// The id as this repository has ids; none if it has ids of the other length.
fn object_id(repository: &Repository, id: &CommitId) -> Option<ObjectId> {
    ObjectId::from_hex(id.as_str().as_bytes())
        .ok()
        .filter(|id| id.kind() == repository.object_hash())
}

/// Whether there is nothing that a revision could name.
fn is_empty(repository: &Repository) -> bool {
    let unborn = repository.head().is_ok_and(|head| head.is_unborn());
    unborn
        && repository
            .references()
            .is_ok_and(|refs| refs.all().is_ok_and(|mut refs| refs.next().is_none()))
}

fn commit<'r>(repository: &'r Repository, id: &CommitId) -> Result<gix::Commit<'r>, Error> {
    let unknown = || Error::UnknownRevision {
        revision: id.to_string(),
        source: None,
    };
    let object = repository
        .try_find_object(object_id(repository, id).ok_or_else(unknown)?)
        .map_err(|error| unreadable(format!("the commit `{id}`"), error))?;
    object
        .ok_or_else(unknown)?
        .try_into_commit()
        .map_err(|error| Error::UnknownRevision {
            revision: id.to_string(),
            source: Some(error.into()),
        })
}

fn tree_id(repository: &Repository, id: &CommitId) -> Result<ObjectId, Error> {
    let tree = commit(repository, id)?
        .tree_id()
        .map_err(|error| unreadable(format!("the commit `{id}`"), error))?;
    Ok(tree.detach())
}

fn entries(repository: &Repository, id: ObjectId, folder: &RepoPath) -> Result<Entries, Error> {
    let unreadable = |error| unreadable(format!("the tree of `{folder}` (object `{id}`)"), error);
    let tree = repository.find_tree(id).map_err(unreadable)?;
    let decoded = tree.decode().map_err(unreadable)?;
    let entry = |entry: &gix::objs::tree::EntryRef<'_>| {
        (
            entry.filename.to_vec(),
            (entry.mode.kind(), entry.oid.to_owned()),
        )
    };
    Ok(decoded.entries.iter().map(entry).collect())
}

/// The tree of a folder, or none if there is no such folder.
fn folder_at(
    repository: &Repository,
    at: &CommitId,
    folder: &RepoPath,
) -> Result<Option<ObjectId>, Error> {
    let mut here = RepoPath::root();
    let mut tree = tree_id(repository, at)?;
    for name in folder
        .as_bytes()
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
    {
        let Some((GitKind::Tree, id)) = entry(repository, tree, &here, name)? else {
            return Ok(None);
        };
        here = join(&here, name)?;
        tree = id;
    }
    Ok(Some(tree))
}

/// One entry of a tree. The rest is passed over, not kept: a root with a thousand modules is asked a thousand times.
fn entry(
    repository: &Repository,
    id: ObjectId,
    folder: &RepoPath,
    name: &[u8],
) -> Result<Option<(GitKind, ObjectId)>, Error> {
    let unreadable = |error| unreadable(format!("the tree of `{folder}` (object `{id}`)"), error);
    let tree = repository.find_tree(id).map_err(unreadable)?;
    for entry in tree.iter() {
        let entry = entry.map_err(unreadable)?;
        if entry.filename() == name {
            return Ok(Some((entry.mode().kind(), entry.object_id())));
        }
    }
    Ok(None)
}

/// Git itself refuses names such as `..` in trees, but a tree can be written without git.
fn join(folder: &RepoPath, name: &[u8]) -> Result<RepoPath, Error> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreadable {
        what: format!("the tree of `{folder}`"),
        source: Some(source),
    };
    folder.join(name).map_err(|error| unreadable(error.into()))
}

const fn kind_of(kind: GitKind) -> EntryKind {
    match kind {
        GitKind::Tree => EntryKind::Directory,
        GitKind::Blob => EntryKind::File { executable: false },
        GitKind::BlobExecutable => EntryKind::File { executable: true },
        GitKind::Link => EntryKind::Symlink,
        GitKind::Commit => EntryKind::Submodule,
    }
}

/// Two trees that differ, of which one may not be there.
type Pair = (RepoPath, Option<ObjectId>, Option<ObjectId>);

/// The files that differ, in no order. Trees of the same id are not entered.
fn compare(
    repository: &Repository,
    before: Option<ObjectId>,
    after: ObjectId,
) -> Result<Vec<FileChange>, Error> {
    let mut changes = Vec::new();
    let mut open: Vec<Pair> = Vec::new();
    if before != Some(after) {
        open.push((RepoPath::root(), before, Some(after)));
    }
    while let Some((folder, before, after)) = open.pop() {
        let read = |id: Option<ObjectId>| {
            id.map_or_else(|| Ok(Entries::new()), |id| entries(repository, id, &folder))
        };
        let (before, mut after) = (read(before)?, read(after)?);
        for (name, old) in before {
            let new = after.remove(&name);
            if new != Some(old) {
                differ(
                    join(&folder, &name)?,
                    Some(old),
                    new,
                    &mut changes,
                    &mut open,
                );
            }
        }
        for (name, new) in after {
            differ(
                join(&folder, &name)?,
                None,
                Some(new),
                &mut changes,
                &mut open,
            );
        }
    }
    Ok(changes)
}

fn differ(
    path: RepoPath,
    old: Option<(GitKind, ObjectId)>,
    new: Option<(GitKind, ObjectId)>,
    changes: &mut Vec<FileChange>,
    open: &mut Vec<Pair>,
) {
    let divide = |entry: Option<(GitKind, ObjectId)>| match entry {
        Some((GitKind::Tree, id)) => (Some(id), None),
        Some((kind, _)) => (None, Some(kind)),
        None => (None, None),
    };
    let ((old_tree, old_file), (new_tree, new_file)) = (divide(old), divide(new));
    if old_tree.is_some() || new_tree.is_some() {
        open.push((path.clone(), old_tree, new_tree));
    }
    let file = |kind: GitKind| matches!(kind, GitKind::Blob | GitKind::BlobExecutable);
    changes.extend(match (old_file, new_file) {
        (None, None) => None,
        (None, Some(_)) => Some(FileChange::new(path, ChangeKind::Added)),
        (Some(_), None) => Some(FileChange::new(path, ChangeKind::Deleted)),
        (Some(old), Some(new)) if old == new || (file(old) && file(new)) => {
            Some(FileChange::new(path, ChangeKind::Modified))
        }
        (Some(_), Some(_)) => Some(FileChange::new(path, ChangeKind::TypeChanged)),
    });
}

#[cfg(test)]
mod tests;
