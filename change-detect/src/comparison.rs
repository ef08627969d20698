//! Two commits side by side: where they differ, asked folder by folder and no deeper than needed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::globs::Globs;
use crate::inventory::{Inventory, Owner, Part};
use crate::judgement::{Credit, is_lock};
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
    folders: Mutex<HashMap<RepoPath, Arc<Vec<Difference>>>>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(source: &'a dyn DiffSource, base: &'a CommitId, head: &'a CommitId) -> Self {
        Self {
            source,
            base,
            head,
            folders: Mutex::default(),
        }
    }

    /// The entries of a folder that differ.
    fn folder(&self, folder: &RepoPath) -> Result<Arc<Vec<Difference>>, Error> {
        let lock = || self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(folder) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(
            self.source
                .differences(Some(self.base), self.head, folder)?,
        );
        lock().insert(folder.clone(), Arc::clone(&found));
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

/// Folders in which every file means the same, by what it means.
type Regions = BTreeMap<Vec<Owner>, Vec<RepoPath>>;

impl Comparison<'_> {
    /// Finds the files that differ, and of each part of a module no more than the limit, if there is one.
    ///
    /// A folder whose files all mean the same is not entered once enough was found for its module. Every file outside of
    /// modules is found, and every one that could be global, a build file or a lock file. The modules are looked at in
    /// parallel, each by one thread, so that what is named does not depend on their speed.
    pub(crate) fn scan(&self, scope: &Scope<'_>) -> Result<Scan, Error> {
        let mut scan = Scan::default();
        let mut regions = Regions::new();
        let mut named: BTreeMap<Owner, usize> = BTreeMap::new();
        let mut folders = vec![RepoPath::root()];
        while let Some(folder) = folders.pop() {
            if let Some(owners) = scope.uniform(&folder) {
                regions.entry(owners).or_default().push(folder);
                continue;
            }
            for difference in self.folder(&folder)?.iter() {
                if difference.is_folder() {
                    folders.push(difference.path.clone());
                }
                if let Some(change) = scope.wanted(difference) {
                    // As it will be judged: what counts for nobody must not stand for what does.
                    let lock = is_lock(scope.before, scope.after, &change.path);
                    for owner in Credit::of(scope.before, scope.after, &change, lock).owners {
                        *named.entry(owner).or_default() += 1;
                    }
                    scan.changes.push(change);
                }
            }
        }
        let regions: Vec<(Vec<Owner>, Vec<RepoPath>)> = regions.into_iter().collect();
        for found in in_parallel(&regions, |(owners, folders)| {
            let named = owners
                .iter()
                .map(|owner| named.get(owner).copied().unwrap_or(0));
            self.region(scope, folders.clone(), named.min().unwrap_or(0))
        })
        .into_iter()
        .zip(&regions)
        {
            let ((changes, more), (owners, _)) = (found.0?, found.1);
            scan.changes.extend(changes);
            if more {
                let name = |owner: &Owner| scope.after.nodes[owner.node].module.name.clone();
                scan.partial.extend(owners.iter().map(name));
            }
        }
        scan.changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(scan)
    }

    /// The files that differ in folders where all mean the same, and whether there may be more than the limit allows.
    fn region(
        &self,
        scope: &Scope<'_>,
        mut folders: Vec<RepoPath>,
        named: usize,
    ) -> Result<(Vec<FileChange>, bool), Error> {
        let mut changes = Vec::new();
        folders.sort();
        for folder in folders {
            let left = scope
                .limit
                .map(|limit| limit.saturating_sub(named + changes.len()));
            if left == Some(0) {
                return Ok((changes, true));
            }
            let wanted = |change: &FileChange| !scope.ignore.matches(&change.path);
            let (found, more) =
                self.source
                    .changes_below(Some(self.base), self.head, &folder, &wanted, left)?;
            changes.extend(found);
            if more {
                return Ok((changes, true));
            }
        }
        Ok((changes, false))
    }
}

/// Does the same with each item on as many threads as there are processors, and keeps the order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    if threads == 1 || items.len() < 8 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            done.push((index, work(item)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        for other in others {
            match other.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

impl<'a> Scope<'a> {
    /// `limit` is how many files to name of each part of a module; none for all.
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

    /// The file of a difference, if it has one that is not ignored.
    fn wanted(&self, difference: &Difference) -> Option<FileChange> {
        difference
            .file()
            .filter(|change| !self.ignore.matches(&change.path))
    }

    /// Whether there is a landmark below a folder.
    fn leads_to_landmark(&self, folder: &RepoPath) -> bool {
        // All that is below a folder stands together in the order of bytes, and nothing of it comes before this.
        folder.join("\u{1}").is_ok_and(|first| {
            let mut after = self.landmarks.range::<RepoPath, _>(first..);
            after.next().is_some_and(|path| path.starts_with(folder))
        })
    }

    /// The owners of every file in a folder, if all have the same on both sides and nothing else is to be said of them.
    fn uniform(&self, folder: &RepoPath) -> Option<Vec<Owner>> {
        if self.leads_to_landmark(folder) || self.global.may_match_below(folder) {
            return None;
        }
        let any = folder.join("any").ok()?;
        let owners = self.after.owners(&any);
        let same = std::ptr::eq(self.before, self.after) || {
            let named = |side: &Inventory, owners: &[Owner]| -> BTreeSet<(ModuleName, Part)> {
                let name = |owner: &Owner| side.nodes[owner.node].module.name.clone();
                owners
                    .iter()
                    .map(|owner| (name(owner), owner.part))
                    .collect()
            };
            named(self.before, &self.before.owners(&any)) == named(self.after, &owners)
        };
        (!owners.is_empty() && same).then_some(owners)
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

    fn changes_below(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
        wanted: &dyn Fn(&FileChange) -> bool,
        limit: Option<usize>,
    ) -> Result<(Vec<FileChange>, bool), Error> {
        self.source.changes_below(base, head, folder, wanted, limit)
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

    fn has_all_tags(&self) -> Result<bool, Error> {
        self.source.has_all_tags()
    }
}
