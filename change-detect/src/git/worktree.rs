//! The work tree as one more commit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{GitSource, unreadable};
use crate::{
    CommitId, CommitInfo, CommonAncestors, Deepen, DiffSource, Difference, EntryKind, Error,
    RepoPath, TreeEntry,
};

/// A repository whose work tree, with what is staged, changed and new in it, can be asked for like a commit.
///
/// That commit's id is [`Worktree::id`], forty zeros, as git writes it. It stands on `HEAD`. What differs from `HEAD` is what
/// `git status` says, new files included and ignored ones not, so the `git` program is needed. A file that is staged counts
/// as different even if the work tree has what `HEAD` has. Files are read from the disk as they are, without git's filters.
/// The list of what differs is made once; files that change afterwards may be seen or not.
#[derive(Debug)]
pub struct Worktree {
    git: GitSource,
    folder: PathBuf,
    id: CommitId,
    /// None before the first commit.
    head: Option<CommitId>,
    /// What differs from the head, and what stands there now.
    changed: BTreeMap<RepoPath, Option<EntryKind>>,
}

impl GitSource {
    /// The tracked files whose content in the index or the work tree is not that of `HEAD`, as `git status` tells them. Untracked
    /// files are none of them, and a submodule is one of them unless only untracked files stand in it.
    ///
    /// # Errors
    /// [`Error::NoWorktree`] in a bare repository, and [`Error::Unreadable`] if the `git` program cannot tell.
    pub fn modified(&self) -> Result<Vec<RepoPath>, Error> {
        if self.workdir().is_none() {
            return Err(Error::NoWorktree {
                path: self.git_dir().to_owned(),
            });
        }
        let what = || "the state of the work tree".to_owned();
        let out = self
            .program
            .run(&[
                "status",
                "--porcelain=v1",
                "-z",
                "--no-renames",
                "--untracked-files=no",
                "--ignore-submodules=untracked",
            ])
            .map_err(|problem| problem.or(|problem| unreadable(what(), problem.into())))?;
        out.split(|byte| *byte == 0)
            .filter(|line| line.len() > 3)
            .map(|line| {
                RepoPath::from_bytes(&line[3..]).map_err(|error| unreadable(what(), error.into()))
            })
            .collect()
    }
}

impl Worktree {
    /// Looks at the work tree of a repository.
    ///
    /// Fails with [`Error::NoWorktree`] in a bare repository, and with [`Error::Unreadable`] if git cannot tell.
    pub fn new(git: GitSource) -> Result<Self, Error> {
        let Some(folder) = git.workdir().map(std::path::Path::to_owned) else {
            return Err(Error::NoWorktree {
                path: git.git_dir().to_owned(),
            });
        };
        let what = || "the state of the work tree".to_owned();
        let out = git
            .program
            .run(&[
                "status",
                "--porcelain=v1",
                "-z",
                "--no-renames",
                "--untracked-files=all",
                "--ignore-submodules=none",
            ])
            .map_err(|problem| problem.or(|problem| unreadable(what(), problem.into())))?;
        let head = match git.resolve("HEAD") {
            Ok(head) => Some(head),
            Err(Error::NoCommits) => None,
            Err(error) => return Err(error),
        };
        let mut worktree = Self {
            id: "0"
                .repeat(40)
                .parse()
                .map_err(|error: crate::InvalidCommitId| unreadable(what(), error.into()))?,
            git,
            folder,
            head,
            changed: BTreeMap::new(),
        };
        for line in out.split(|byte| *byte == 0).filter(|line| line.len() > 3) {
            let path = &line[3..];
            // A repository of somebody else's inside this one is listed as a folder.
            let path = path.strip_suffix(b"/").unwrap_or(path);
            let path =
                RepoPath::from_bytes(path).map_err(|error| unreadable(what(), error.into()))?;
            let kind = worktree.on_disk(&path)?;
            worktree.changed.insert(path, kind);
        }
        Ok(worktree)
    }

    /// The id that stands for the work tree: forty zeros.
    pub const fn id(&self) -> &CommitId {
        &self.id
    }

    /// The repository.
    pub const fn git(&self) -> &GitSource {
        &self.git
    }

    fn place(&self, path: &RepoPath) -> PathBuf {
        self.folder.join(os_path(path.as_bytes()))
    }

    fn on_disk(&self, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
        let metadata = match std::fs::symlink_metadata(self.place(path)) {
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(unreadable(
                    format!("`{path}` in the work tree"),
                    error.into(),
                ));
            }
        };
        Ok(Some(if metadata.is_symlink() {
            EntryKind::Symlink
        } else if metadata.is_dir() {
            // Git lists files; a folder is another repository.
            EntryKind::Submodule
        } else {
            EntryKind::File {
                executable: is_executable(&metadata),
            }
        }))
    }

    fn is_id(&self, id: &CommitId) -> bool {
        *id == self.id
    }

    fn head_kind(&self, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
        self.head
            .as_ref()
            .map_or(Ok(None), |head| self.git.kind(head, path))
    }

    /// What differs below a folder.
    fn below<'a>(
        &'a self,
        folder: &'a RepoPath,
    ) -> impl Iterator<Item = (&'a RepoPath, &'a Option<EntryKind>)> {
        self.changed
            .range(folder.clone()..)
            .skip_while(move |(path, _)| *path == folder)
            // Between a folder and what is in it stand names that begin like its own.
            .take_while(move |(path, _)| path.as_bytes().starts_with(folder.as_bytes()))
            .filter(move |(path, _)| path.starts_with(folder))
    }

    /// The entries of a folder that lead to what differs.
    fn touched(&self, folder: &RepoPath) -> Result<Vec<RepoPath>, Error> {
        let mut entries = Vec::new();
        for (path, _) in self.below(folder) {
            let Some(rest) = path.strip_prefix(folder) else {
                continue;
            };
            let first = rest
                .as_bytes()
                .split(|byte| *byte == b'/')
                .next()
                .unwrap_or_default();
            let entry = folder
                .join(first)
                .map_err(|error| unreadable(format!("`{path}` in the work tree"), error.into()))?;
            if entries.last() != Some(&entry) {
                entries.push(entry);
            }
        }
        entries.sort();
        entries.dedup();
        Ok(entries)
    }

    fn to_commit<'a>(&'a self, id: &'a CommitId) -> Option<&'a CommitId> {
        if self.is_id(id) {
            self.head.as_ref()
        } else {
            Some(id)
        }
    }
}

#[cfg(unix)]
fn os_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

#[cfg(not(unix))]
fn os_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).as_ref())
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0
}

#[cfg(not(unix))]
const fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

impl DiffSource for Worktree {
    fn resolve(&self, rev: &str) -> Result<CommitId, Error> {
        if rev == self.id.as_str() {
            return Ok(self.id.clone());
        }
        self.git.resolve(rev)
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error> {
        if !self.is_id(id) {
            return self.git.commit(id);
        }
        let seconds = self
            .head
            .as_ref()
            .map_or(Ok(0), |head| self.git.commit(head).map(|info| info.seconds))?;
        Ok(CommitInfo::new(
            id.clone(),
            "The work tree".to_owned(),
            String::new(),
            seconds,
        ))
    }

    fn differences(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
    ) -> Result<Vec<Difference>, Error> {
        if base == Some(head) {
            return Ok(Vec::new());
        }
        if !self.is_id(head) && !base.is_some_and(|base| self.is_id(base)) {
            return self.git.differences(base, head, folder);
        }
        let mut entries: BTreeMap<RepoPath, Difference> = BTreeMap::new();
        let before = base.and_then(|base| self.to_commit(base));
        if let Some(after) = self.to_commit(head) {
            for found in self.git.differences(before, after, folder)? {
                entries.insert(found.path.clone(), found);
            }
        } else if let Some(before) = before {
            for entry in self.git.list(before, folder)? {
                entries.insert(
                    entry.path.clone(),
                    Difference::new(entry.path, Some(entry.kind), None),
                );
            }
        }
        for path in self.touched(folder)? {
            let side = |id: Option<&CommitId>| id.map_or(Ok(None), |id| self.kind(id, &path));
            let (before, after) = (side(base)?, side(Some(head))?);
            if before.is_some() || after.is_some() {
                entries.insert(path.clone(), Difference::new(path, before, after));
            }
        }
        Ok(entries.into_values().collect())
    }

    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        if !self.is_id(at) {
            return self.git.read(at, path);
        }
        let failed =
            |error: std::io::Error| unreadable(format!("`{path}` in the work tree"), error.into());
        match self.changed.get(path) {
            None => match (&self.head, self.kind(at, path)?) {
                (Some(head), Some(_)) => self.git.read(head, path),
                _ => Ok(None),
            },
            Some(Some(EntryKind::Symlink)) => {
                let target = std::fs::read_link(self.place(path)).map_err(failed)?;
                Ok(Some(target.into_os_string().into_encoded_bytes()))
            }
            Some(Some(EntryKind::File { .. })) => {
                std::fs::read(self.place(path)).map(Some).map_err(failed)
            }
            Some(_) => Ok(None),
        }
    }

    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
        if !self.is_id(at) {
            return self.git.list(at, folder);
        }
        let mut entries: BTreeMap<RepoPath, EntryKind> = BTreeMap::new();
        if let Some(head) = &self.head {
            let listed = self.git.list(head, folder)?;
            entries.extend(listed.into_iter().map(|entry| (entry.path, entry.kind)));
        }
        for path in self.touched(folder)? {
            match self.kind(at, &path)? {
                Some(kind) => entries.insert(path, kind),
                None => entries.remove(&path),
            };
        }
        Ok(entries
            .into_iter()
            .map(|(path, kind)| TreeEntry::new(path, kind))
            .collect())
    }

    fn kind(&self, at: &CommitId, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
        if !self.is_id(at) {
            return self.git.kind(at, path);
        }
        if self.below(path).any(|(_, kind)| kind.is_some()) || path.is_root() {
            return Ok(Some(EntryKind::Directory));
        }
        if let Some(kind) = self.changed.get(path) {
            return Ok(*kind);
        }
        match self.head_kind(path)? {
            // All that was in it may be gone.
            Some(EntryKind::Directory)
                if self.below(path).next().is_some() && self.list(at, path)?.is_empty() =>
            {
                Ok(None)
            }
            kind => Ok(kind),
        }
    }

    fn common_ancestors(&self, a: &CommitId, b: &CommitId) -> Result<CommonAncestors, Error> {
        match (self.to_commit(a), self.to_commit(b)) {
            (Some(a), Some(b)) => self.git.common_ancestors(a, b),
            _ => Ok(CommonAncestors::default()),
        }
    }

    fn parents(&self, id: &CommitId) -> Result<Vec<CommitId>, Error> {
        if self.is_id(id) {
            Ok(self.head.iter().cloned().collect())
        } else {
            self.git.parents(id)
        }
    }

    fn tags(&self) -> Result<Vec<(String, CommitId)>, Error> {
        self.git.tags()
    }

    fn has_all_tags(&self) -> Result<bool, Error> {
        self.git.has_all_tags()
    }
}

impl Deepen for Worktree {
    fn deepen(&self, tips: &[CommitId], by: u32) -> Result<bool, Error> {
        let tips: Vec<CommitId> = tips
            .iter()
            .filter_map(|tip| self.to_commit(tip))
            .cloned()
            .collect();
        self.git.deepen(&tips, by)
    }

    fn fetch(&self, id: &CommitId) -> Result<bool, Error> {
        self.git.fetch(id)
    }

    fn fetch_tags(&self) -> Result<bool, Error> {
        self.git.fetch_tags()
    }
}
