//! Git repositories, read with gix.

mod commits;
mod descent;
mod fetch;
mod program;
mod remotes;
mod trees;
mod worktree;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gix::hash::ObjectId;
use gix::objs::tree::EntryKind as GitKind;
use gix::{Repository, ThreadSafeRepository};

use self::commits::{
    check_shallow, commit, commit_id, is_empty, link, object_id, shallow, tree_id,
};
use self::program::Program;
use self::remotes::{any_remote, is_partial};
use self::trees::{Item, Tree, Trees};
pub use self::worktree::Worktree;
use crate::history::common_ancestors;
use crate::{
    CommitId, CommitInfo, CommonAncestors, DiffSource, Difference, EntryKind, Error, FileChange,
    RepoPath, TreeEntry,
};

/// A git repository on disk.
///
/// Only the repository's own configuration is read, not the user's or the system's. Objects of either hash, work trees,
/// alternates and shallow clones are read directly. Two things are left to the `git` program, which is started for them
/// alone (never in a repository of another user, unless the user's configuration has it as a `safe.directory`): objects that a partial clone (`--filter=blob:none`, `--filter=tree:0`) lacks, which git asks the remote for
/// unless `GIT_NO_LAZY_FETCH` is set, and refs that are kept in tables (`reftable`).
///
/// Trees are kept in memory once they were read: a source is meant for one question, or for several about the same
/// commits.
pub struct GitSource {
    repository: ThreadSafeRepository,
    workdir: Option<PathBuf>,
    git_dir: PathBuf,
    program: Program,
    /// Whether the remote promised objects that are not here (a partial clone).
    promised: AtomicBool,
    /// Repositories with warm caches, for whichever thread needs one next.
    idle: Mutex<Vec<Repository>>,
    trees: Trees,
    roots: Mutex<HashMap<CommitId, ObjectId>>,
    /// The trees of folders, by the tree at the root; none where there is no such folder.
    places: Mutex<Places>,
}

type Places = gix::hashtable::HashMap<ObjectId, HashMap<RepoPath, Option<ObjectId>>>;

impl GitSource {
    /// Opens the repository that `path` is in: there or in a folder above it.
    ///
    /// Fails with [`Error::NotARepository`], and with [`Error::Unreadable`] if its list of shallow commits is damaged.
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
        check_shallow(&local)?;
        let promised = is_partial(&local);
        Ok(Self {
            program: Program::new(git_dir.clone(), workdir.clone()),
            repository,
            workdir,
            git_dir,
            promised: AtomicBool::new(promised),
            idle: Mutex::new(vec![local]),
            trees: Trees::default(),
            roots: Mutex::default(),
            places: Mutex::default(),
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

    /// Runs something with a repository of this thread's own.
    fn with<T>(&self, ask: impl FnOnce(&Repository) -> T) -> T {
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = lock().pop();
        let repository = idle.unwrap_or_else(|| self.repository.to_thread_local());
        let answer = ask(&repository);
        lock().push(repository);
        answer
    }

    /// After a fetch with a filter: what is missing was promised.
    fn now_partial(&self) {
        self.promised.store(true, Ordering::Relaxed);
    }

    /// An object's bytes, from here or, in a partial clone, from where it was promised.
    fn object(
        &self,
        id: ObjectId,
        kind: gix::objs::Kind,
        what: impl Fn() -> String,
    ) -> Result<Vec<u8>, Error> {
        let here = self.with(|repository| match repository.try_find_object(id) {
            Ok(Some(object)) => Ok(Some((object.kind, object.detach().data))),
            Ok(None) => Ok(None),
            Err(error) => Err(unreadable(what(), error.into())),
        })?;
        let (found, data) = match here {
            Some(here) => here,
            None if self.promised.load(Ordering::Relaxed) => {
                let (found, data) = self
                    .program
                    .object(&id.to_string())
                    .map_err(|problem| problem.or(|problem| unreadable(what(), problem.into())))?;
                let found = gix::objs::Kind::from_bytes(found.as_bytes())
                    .map_err(|error| unreadable(what(), error.into()))?;
                (found, data)
            }
            None => {
                return Err(unreadable(
                    what(),
                    format!("the object `{id}` is missing").into(),
                ));
            }
        };
        if found == kind {
            Ok(data)
        } else {
            Err(unreadable(
                what(),
                format!("the object `{id}` is a {found}").into(),
            ))
        }
    }

    /// The tree of an id.
    fn tree(&self, id: ObjectId, folder: &RepoPath) -> Result<Arc<Tree>, Error> {
        self.trees.get(id, || {
            let what = || format!("the tree of `{folder}` (object `{id}`)");
            let data = self.object(id, gix::objs::Kind::Tree, what)?;
            Tree::decode(&data, id.kind()).map_err(|error| unreadable(what(), error.into()))
        })
    }

    /// The id of a commit's tree.
    fn root(&self, id: &CommitId) -> Result<ObjectId, Error> {
        let lock = || self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(id) {
            return Ok(*known);
        }
        let root = self.with(|repository| tree_id(repository, id))?;
        lock().insert(id.clone(), root);
        Ok(root)
    }

    /// The tree of a folder, or none if there is no such folder.
    fn folder(
        &self,
        at: &CommitId,
        folder: &RepoPath,
    ) -> Result<Option<(ObjectId, Arc<Tree>)>, Error> {
        let id = self.place(at, folder)?;
        id.map(|id| Ok((id, self.tree(id, folder)?))).transpose()
    }

    /// The id of a folder's tree, or none if there is no such folder.
    fn place(&self, at: &CommitId, folder: &RepoPath) -> Result<Option<ObjectId>, Error> {
        let root = self.root(at)?;
        let lock = || self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks for a folder mostly asked for the one above it before.
        let (mut known, mut id) = (0, Some(root));
        if let Some(places) = lock().get(&root) {
            let path = folder.as_bytes();
            let mut end = path.len();
            while end > 0 {
                if let Some(place) = places.get(&path[..end]) {
                    (known, id) = (end, *place);
                    break;
                }
                end = path[..end]
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .unwrap_or(0);
            }
        }
        for name in folder.as_bytes()[known..]
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
        {
            let Some(above) = id else { break };
            id = match self.tree(above, folder)?.get(name) {
                Some(Item {
                    kind: GitKind::Tree,
                    id,
                }) => Some(id),
                _ => None,
            };
        }
        if known < folder.as_bytes().len() {
            lock().entry(root).or_default().insert(folder.clone(), id);
        }
        Ok(id)
    }

    /// A revision as the git program resolves it.
    fn rev_parse(&self, rev: &str) -> Result<CommitId, Error> {
        let unknown = |source| Error::UnknownRevision {
            revision: rev.to_owned(),
            source,
        };
        // What begins with a dash would be an option to whoever does not expect it.
        if rev.is_empty() || rev.starts_with('-') {
            return Err(unknown(None));
        }
        let spec = format!("{rev}^{{commit}}");
        let out = self
            .program
            .run(&[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &spec,
            ])
            .map_err(|problem| problem.or(|_| unknown(None)))?;
        let id = String::from_utf8_lossy(&out);
        let id = id.trim().parse();
        id.map_err(|error: crate::InvalidCommitId| unknown(Some(error.into())))
    }

    /// Whether refs are kept in tables, which gix does not read.
    fn has_reftable(&self) -> bool {
        // A linked work tree keeps its refs with those of the repository that it belongs to.
        self.with(|repository| repository.common_dir().join("reftable").is_dir())
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
        let unknown = |source| Error::UnknownRevision {
            revision: rev.to_owned(),
            source,
        };
        if self.has_reftable() && rev.parse::<CommitId>().is_err() {
            return self.rev_parse(rev);
        }
        self.with(|repository| {
            let found = repository
                .rev_parse_single(rev)
                .and_then(|id| id.object()?.peel_to_commit());
            match found {
                Ok(commit) => commit_id(commit.id),
                Err(_) if is_empty(repository) => Err(Error::NoCommits),
                Err(error) => Err(unknown(Some(error.into()))),
            }
        })
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error> {
        let (author, seconds, message) = self.with(|repository| {
            let commit = commit(repository, id)?;
            let unreadable =
                |error: gix::Error| unreadable(format!("the commit `{id}`"), error.into());
            let author = commit.author().map_err(unreadable)?.name.to_string();
            let seconds = commit.time().map_err(unreadable)?.seconds;
            let message = String::from_utf8_lossy(commit.message_raw_sloppy()).into_owned();
            Ok::<_, Error>((author, seconds, message))
        })?;
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

    fn differences(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
    ) -> Result<Vec<Difference>, Error> {
        let before = base
            .map(|base| self.folder(base, folder))
            .transpose()?
            .flatten();
        let after = self.folder(head, folder)?;
        let id = |side: &Option<(ObjectId, Arc<Tree>)>| side.as_ref().map(|(id, _)| *id);
        if id(&before) == id(&after) {
            return Ok(Vec::new());
        }
        let tree = |side: &'_ Option<(ObjectId, Arc<Tree>)>| {
            side.as_ref().map(|(_, tree)| Arc::clone(tree))
        };
        let (before, after) = (tree(&before), tree(&after));
        Tree::differences(before.as_deref(), after.as_deref())
            .into_iter()
            .map(|(name, before, after)| {
                let kind = |item: Option<Item>| item.map(|item| kind_of(item.kind));
                Ok(Difference::new(
                    join(folder, name)?,
                    kind(before),
                    kind(after),
                ))
            })
            .collect()
    }

    fn changes_below(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
        wanted: &dyn Fn(&FileChange) -> bool,
        limit: Option<usize>,
    ) -> Result<(Vec<FileChange>, bool), Error> {
        let tree = |at| self.place(at, folder);
        let before = base.map(tree).transpose()?.flatten();
        let after = tree(head)?;
        if before == after {
            return Ok((Vec::new(), false));
        }
        self.descend((folder.clone(), before, after), wanted, limit)
    }

    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        let (Some(folder), name) = (path.parent(), path.file_name()) else {
            // The root is a folder. The commit is looked for all the same.
            return self.root(at).map(|_| None);
        };
        let Some((_, tree)) = self.folder(at, &folder)? else {
            return Ok(None);
        };
        match tree.get(name) {
            Some(Item {
                kind: GitKind::Blob | GitKind::BlobExecutable | GitKind::Link,
                id,
            }) => {
                let what = || format!("`{path}` at {}", at.short());
                self.object(id, gix::objs::Kind::Blob, what).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
        let Some((_, tree)) = self.folder(at, folder)? else {
            return Ok(Vec::new());
        };
        tree.iter()
            .map(|(name, item)| Ok(TreeEntry::new(join(folder, name)?, kind_of(item.kind))))
            .collect()
    }

    fn kind(&self, at: &CommitId, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
        let Some(folder) = path.parent() else {
            return self.root(at).map(|_| Some(EntryKind::Directory));
        };
        let Some((_, tree)) = self.folder(at, &folder)? else {
            return Ok(None);
        };
        Ok(tree.get(path.file_name()).map(|item| kind_of(item.kind)))
    }

    fn common_ancestors(&self, a: &CommitId, b: &CommitId) -> Result<CommonAncestors, Error> {
        self.with(|repository| {
            let (Some(left), Some(right)) = (object_id(repository, a), object_id(repository, b))
            else {
                return Ok(CommonAncestors::new(Vec::new(), vec![a.clone(), b.clone()]));
            };
            let shallow = shallow(repository)?;
            let common = common_ancestors(&left, &right, |id| link(repository, *id, &shallow))?;
            let ids = |ids: Vec<ObjectId>| ids.into_iter().map(commit_id).collect::<Result<_, _>>();
            Ok(CommonAncestors::new(ids(common.best)?, ids(common.cut)?))
        })
    }

    fn parents(&self, id: &CommitId) -> Result<Vec<CommitId>, Error> {
        self.with(|repository| {
            let commit = commit(repository, id)?;
            commit
                .parent_ids()
                .map(|parent| commit_id(parent.detach()))
                .collect()
        })
    }

    fn tags(&self) -> Result<Vec<(String, CommitId)>, Error> {
        if self.has_reftable() {
            return self.tags_by_program();
        }
        let what = || "the tags".to_owned();
        self.with(|repository| {
            let references = repository
                .references()
                .map_err(|error| unreadable(what(), error.into()))?;
            let mut tags = Vec::new();
            for tag in references
                .tags()
                .map_err(|error| unreadable(what(), error.into()))?
            {
                let mut tag = tag.map_err(|error| unreadable(what(), error.into()))?;
                let name = tag.name().shorten().to_string();
                // A tag of a tree or a file is none of history's.
                if let Ok(commit) = tag.peel_to_commit() {
                    tags.push((name, commit_id(commit.id)?));
                }
            }
            tags.sort();
            Ok(tags)
        })
    }

    fn has_all_tags(&self) -> Result<bool, Error> {
        Ok(self.with(|repository| {
            // As `git clone --no-tags` leaves it.
            !any_remote(repository, "tagOpt", |value| value == b"--no-tags")
        }))
    }
}

impl GitSource {
    fn tags_by_program(&self) -> Result<Vec<(String, CommitId)>, Error> {
        let format =
            "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname:strip=2)";
        let out = self
            .program
            .run(&["for-each-ref", format, "refs/tags"])
            .map_err(|problem| {
                problem.or(|problem| unreadable("the tags".to_owned(), problem.into()))
            })?;
        let mut tags = Vec::new();
        for line in String::from_utf8_lossy(&out).lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let tag = match words.as_slice() {
                ["commit", id, "", "", name] | ["tag", _, "commit", id, name] => {
                    id.parse().ok().map(|id| ((*name).to_owned(), id))
                }
                _ => None,
            };
            tags.extend(tag);
        }
        tags.sort();
        Ok(tags)
    }
}

fn unreadable(what: String, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Unreadable {
        what,
        source: Some(source),
    }
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

#[cfg(test)]
mod tests;
