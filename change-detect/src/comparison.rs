//! Two commits side by side: where they differ, asked folder by folder and no deeper than needed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use crate::globs::Globs;
use crate::inventory::{Inventory, Owner};
use crate::{
    CommitId, CommitInfo, CommonAncestors, DiffSource, Difference, EntryKind, Error, FileChange,
    ModuleName, RepoPath, TreeEntry,
};

/// A base and a head.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    source: &'a dyn DiffSource,
    base: &'a CommitId,
    head: &'a CommitId,
    folders: RefCell<HashMap<RepoPath, Rc<Vec<Difference>>>>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(source: &'a dyn DiffSource, base: &'a CommitId, head: &'a CommitId) -> Self {
        Self {
            source,
            base,
            head,
            folders: RefCell::default(),
        }
    }

    /// The entries of a folder that differ.
    fn folder(&self, folder: &RepoPath) -> Result<Rc<Vec<Difference>>, Error> {
        if let Some(known) = self.folders.borrow().get(folder) {
            return Ok(Rc::clone(known));
        }
        let found = Rc::new(
            self.source
                .differences(Some(self.base), self.head, folder)?,
        );
        self.folders
            .borrow_mut()
            .insert(folder.clone(), Rc::clone(&found));
        Ok(found)
    }

    /// What differs at one path. Nothing is asked about folders above which nothing differs.
    fn at(&self, path: &RepoPath) -> Result<Option<Difference>, Error> {
        let Some(folder) = path.parent() else {
            return Ok(None);
        };
        if !folder.is_root() && !self.at(&folder)?.is_some_and(|found| found.is_folder()) {
            return Ok(None);
        }
        let entries = self.folder(&folder)?;
        Ok(entries
            .binary_search_by(|entry| entry.path.cmp(path))
            .ok()
            .map(|index| entries[index].clone()))
    }

    /// Whether nothing differs at all.
    pub(crate) fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.folder(&RepoPath::root())?.is_empty())
    }

    /// Whether the base would have answered everything that was asked of the head in the same way.
    pub(crate) fn same(&self, asked: &Asked) -> Result<bool, Error> {
        for path in &asked.read {
            if self.at(path)?.is_some() {
                return Ok(false);
            }
        }
        for path in &asked.kinds {
            if self
                .at(path)?
                .is_some_and(|found| found.before != found.after)
            {
                return Ok(false);
            }
        }
        for folder in &asked.listed {
            let differs = folder.is_root() || self.at(folder)?.is_some();
            if differs
                && self
                    .folder(folder)?
                    .iter()
                    .any(|entry| entry.before != entry.after)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What makes one changed file enough.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    before: &'a Inventory,
    after: &'a Inventory,
    global: &'a Globs,
    ignore: &'a Globs,
    /// How many files to name of each part of a module; none for all.
    limit: Option<usize>,
    /// Every path at which what files mean may change.
    landmarks: BTreeSet<&'a RepoPath>,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Files that differ and are not ignored, sorted by path.
    pub(crate) changes: Vec<FileChange>,
    /// Modules of which more files may differ than were named.
    pub(crate) partial: BTreeSet<ModuleName>,
}

impl Comparison<'_> {
    /// Finds the files that differ, and of each module no more than the limit.
    ///
    /// A folder whose files all have the same meaning is not entered once enough was found for its module. Every file
    /// outside of modules is found, and every one that could be global, a build file or a lock file.
    pub(crate) fn scan(&self, scope: &Scope<'_>) -> Result<Scan, Error> {
        let mut scan = Scan::default();
        let mut named: BTreeMap<(ModuleName, Owner), usize> = BTreeMap::new();
        let mut folders = vec![RepoPath::root()];
        while let Some(folder) = folders.pop() {
            if let Some(owners) = scope.uniform(&folder)
                && owners.iter().all(|owner| {
                    scope.limit <= Some(named.get(owner).copied().unwrap_or(0))
                        && scope.limit.is_some()
                })
            {
                scan.partial
                    .extend(owners.into_iter().map(|(name, _)| name));
                continue;
            }
            for difference in self.folder(&folder)?.iter() {
                if difference.is_folder() {
                    folders.push(difference.path.clone());
                }
                let Some(change) = difference.file() else {
                    continue;
                };
                if scope.ignore.matches(&change.path) {
                    continue;
                }
                for owner in scope.owners(scope.after, &change.path) {
                    *named.entry(owner).or_default() += 1;
                }
                scan.changes.push(change);
            }
        }
        scan.changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(scan)
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        before: &'a Inventory,
        after: &'a Inventory,
        global: &'a Globs,
        ignore: &'a Globs,
        limit: Option<usize>,
    ) -> Self {
        Self {
            before,
            after,
            global,
            ignore,
            limit,
            landmarks: before.landmarks().chain(after.landmarks()).collect(),
        }
    }

    /// Whether there is a landmark below a folder.
    fn leads_to_landmark(&self, folder: &RepoPath) -> bool {
        // All that is below a folder stands together in the order of bytes, and nothing of it comes before this.
        folder.join("\u{1}").is_ok_and(|first| {
            let mut after = self.landmarks.range::<RepoPath, _>(first..);
            after.next().is_some_and(|path| path.starts_with(folder))
        })
    }

    fn owners(&self, side: &Inventory, file: &RepoPath) -> BTreeSet<(ModuleName, Owner)> {
        side.owners(file)
            .into_iter()
            .map(|owner| {
                let name = side.nodes[owner.node].module.name.clone();
                (name, Owner { node: 0, ..owner })
            })
            .collect()
    }

    /// The owners of every file in a folder, if all have the same on both sides and nothing else is to be said of them.
    fn uniform(&self, folder: &RepoPath) -> Option<BTreeSet<(ModuleName, Owner)>> {
        if self.leads_to_landmark(folder) || self.global.may_match_below(folder) {
            return None;
        }
        let any = folder.join("any").ok()?;
        let owners = self.owners(self.after, &any);
        (!owners.is_empty() && owners == self.owners(self.before, &any)).then_some(owners)
    }
}

/// What was asked of a source about one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    read: BTreeSet<RepoPath>,
    kinds: BTreeSet<RepoPath>,
    listed: BTreeSet<RepoPath>,
}

/// A source that remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    source: &'a dyn DiffSource,
    asked: Mutex<Asked>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(source: &'a dyn DiffSource) -> Self {
        Self {
            source,
            asked: Mutex::default(),
        }
    }

    pub(crate) fn into_asked(self) -> Asked {
        self.asked
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Asked) -> bool) {
        note(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl DiffSource for Recorder<'_> {
    fn resolve(&self, rev: &str) -> Result<CommitId, Error> {
        self.source.resolve(rev)
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error> {
        self.source.commit(id)
    }

    fn differences(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
    ) -> Result<Vec<Difference>, Error> {
        self.source.differences(base, head, folder)
    }

    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        self.note(|asked| asked.read.insert(path.clone()));
        self.source.read(at, path)
    }

    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
        self.note(|asked| asked.listed.insert(folder.clone()));
        self.source.list(at, folder)
    }

    fn kind(&self, at: &CommitId, path: &RepoPath) -> Result<Option<EntryKind>, Error> {
        self.note(|asked| asked.kinds.insert(path.clone()));
        self.source.kind(at, path)
    }

    fn common_ancestors(&self, a: &CommitId, b: &CommitId) -> Result<CommonAncestors, Error> {
        self.source.common_ancestors(a, b)
    }

    fn parents(&self, id: &CommitId) -> Result<Vec<CommitId>, Error> {
        self.source.parents(id)
    }

    fn tags(&self) -> Result<Vec<(String, CommitId)>, Error> {
        self.source.tags()
    }
}
