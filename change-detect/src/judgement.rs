//! What differs, judged: which modules it concerns, how, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{Inventory, Locked, Owner, Part};
use crate::{
    Change, ChangeKind, Dependency, EdgeKind, FileChange, Module, ModuleKind, ModuleName, RepoPath,
    Why,
};

/// What comparing with one base gives.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) concerned: BTreeMap<ModuleName, (Change, BTreeSet<Why>)>,
    pub(crate) removed: BTreeSet<ModuleName>,
    pub(crate) unowned: BTreeSet<RepoPath>,
    pub(crate) partial: BTreeSet<ModuleName>,
    pub(crate) reasons: Vec<String>,
}

/// Collects what speaks for each module of the head.
#[derive(Debug)]
pub(crate) struct Judgement<'a> {
    before: &'a Inventory,
    after: &'a Inventory,
    why: BTreeMap<&'a ModuleName, BTreeSet<Why>>,
    reach: BTreeMap<&'a ModuleName, Reach>,
    unowned: BTreeSet<RepoPath>,
    reasons: Vec<String>,
}

impl<'a> Judgement<'a> {
    pub(crate) fn new(before: &'a Inventory, after: &'a Inventory) -> Self {
        let mut reasons: Vec<String> = before.caveats.clone();
        let more = after
            .caveats
            .iter()
            .filter(|caveat| !before.caveats.contains(caveat));
        reasons.extend(more.cloned());
        Self {
            before,
            after,
            why: BTreeMap::new(),
            reach: BTreeMap::new(),
            unowned: BTreeSet::new(),
            reasons,
        }
    }

    /// A file changed that concerns every service.
    pub(crate) fn global(&mut self, path: &RepoPath) {
        for service in self.after.services() {
            let why = Why::Global { path: path.clone() };
            self.why.entry(&service.name).or_default().insert(why);
        }
    }

    pub(crate) fn is_lock(&self, path: &RepoPath) -> bool {
        is_lock(self.before, self.after, path)
    }

    pub(crate) fn unowned(&mut self, path: &RepoPath) {
        self.unowned.insert(path.clone());
    }

    /// A file changed. False if it belongs to no module. Of a lock file only its being part of a model counts: whose folder
    /// it lies in says nothing.
    pub(crate) fn file(&mut self, change: &FileChange, lock: bool) -> bool {
        let Credit { owned, owners } = Credit::of(self.before, self.after, change, lock);
        for owner in owners {
            let path = change.path.clone();
            let node = &self.after.nodes[owner.node];
            self.concern(&node.module.name, Why::File { path }, owner.part);
        }
        owned
    }

    /// A lock file changed.
    pub(crate) fn lock(&mut self, lock: &RepoPath, was: &Locked, is: &Locked) {
        for side in [was, is] {
            if let Locked::Opaque(problem) = side {
                let reason = format!("`{lock}` counts for every module: {problem}");
                if !self.reasons.contains(&reason) {
                    self.reasons.push(reason);
                }
            }
        }
        let nothing = BTreeMap::new();
        for node in &self.after.nodes {
            let name = &node.module.name;
            let why = match (was, is) {
                (Locked::Absent, Locked::Absent) => None,
                (Locked::Opaque(_), _) | (_, Locked::Opaque(_)) => {
                    Some(Why::File { path: lock.clone() })
                }
                // From versions chosen at the time of the build to pinned ones or back: any may be another.
                (Locked::Known(known), Locked::Absent) | (Locked::Absent, Locked::Known(known)) => {
                    known
                        .contains_key(name)
                        .then(|| Why::File { path: lock.clone() })
                }
                (Locked::Known(was), Locked::Known(is)) => pinned_otherwise(
                    lock,
                    was.get(name).unwrap_or(&nothing),
                    is.get(name).unwrap_or(&nothing),
                ),
            };
            if let Some(why) = why {
                self.concern(name, why, Part::Main);
            }
        }
    }

    fn concern(&mut self, name: &'a ModuleName, why: Why, part: Part) {
        self.why.entry(name).or_default().insert(why);
        self.reach.entry(name).or_default().add(part);
    }

    /// Compares the modules themselves, follows the edges, and gives the verdict on each module.
    pub(crate) fn finish(mut self) -> Found {
        let (before, after) = (self.before, self.after);
        let added = self.added();
        self.lost_edges();
        spread(after, &mut self.reach);
        for node in &after.nodes {
            let name = &node.module.name;
            for dependency in &node.module.dependencies {
                let from = self.reach.get(&dependency.on).copied().unwrap_or_default();
                if from.passes(dependency) {
                    self.why
                        .entry(name)
                        .or_default()
                        .insert(edge(dependency, name));
                }
            }
        }

        let mut found = Found {
            unowned: self.unowned,
            reasons: self.reasons,
            ..Found::default()
        };
        for (name, why) in self.why {
            if !added.contains(name) {
                let change = if why.iter().any(is_own) {
                    Change::Changed
                } else {
                    Change::Affected
                };
                found.add(name.clone(), change, why);
            }
        }
        for name in added {
            let why = match before.get(name) {
                Some(_) => Why::Service,
                None => Why::Added,
            };
            found.add(name.clone(), Change::Added, BTreeSet::from([why]));
        }
        let gone = before
            .services()
            .filter(|module| after.get(&module.name).is_none());
        found.removed.extend(gone.map(|module| module.name.clone()));
        found
    }

    /// The modules that the base does not have, not as what they are now.
    fn added(&mut self) -> BTreeSet<&'a ModuleName> {
        let mut added = BTreeSet::new();
        for node in &self.after.nodes {
            let Module { name, kind, .. } = &node.module;
            let new = self.before.get(name).is_none_or(|old| {
                *kind == ModuleKind::Service && old.module.kind != ModuleKind::Service
            });
            if new {
                added.insert(name);
                self.reach.entry(name).or_default().add(Part::Model);
            }
        }
        added
    }

    /// What used a module that is gone now gets it from elsewhere, or not at all. So does what used one of another version.
    fn lost_edges(&mut self) {
        for node in &self.before.nodes {
            let Some(now) = self.after.get(&node.module.name) else {
                continue;
            };
            let name = &now.module.name;
            // Who says itself that it uses something else is concerned by that.
            let says_so = self.reach.get(name).is_some_and(|reach| reach.model);
            let kept: BTreeSet<&ModuleName> = now
                .module
                .dependencies
                .iter()
                .map(|kept| &kept.on)
                .collect();
            for lost in &node.module.dependencies {
                if self.after.get(&lost.on).is_none() {
                    self.concern(name, edge(lost, name), lost.arrives());
                } else if !says_so && !kept.contains(&lost.on) {
                    let (from, to) = (lost.on.clone(), name.clone());
                    self.concern(name, Why::Lost { from, to }, lost.arrives());
                }
            }
        }
    }
}

/// Whether a file pins versions on either side.
pub(crate) fn is_lock(before: &Inventory, after: &Inventory, path: &RepoPath) -> bool {
    before.locks.contains(path) || after.locks.contains(path)
}

/// Whom a changed file counts for.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    /// Whether it belongs to any module, be it one that is gone.
    pub(crate) owned: bool,
    /// The modules of the head.
    pub(crate) owners: Vec<Owner>,
}

impl Credit {
    /// Of a lock file (`lock`) only its being part of a model counts.
    pub(crate) fn of(
        before: &Inventory,
        after: &Inventory,
        change: &FileChange,
        lock: bool,
    ) -> Self {
        // A file belongs to who owned it where it existed.
        let sides = match change.kind {
            ChangeKind::Added => &[after][..],
            ChangeKind::Deleted => &[before],
            ChangeKind::Modified | ChangeKind::TypeChanged => &[before, after],
        };
        let mut credit = Self::default();
        for side in sides {
            for Owner { node, part } in side.owners(&change.path) {
                credit.owned = true;
                if lock && part != Part::Model {
                    continue;
                }
                // A module that is gone has nothing to be rebuilt.
                if let Some(node) = after.index(&side.nodes[node].module.name) {
                    credit.owners.push(Owner { node, part });
                }
            }
        }
        credit.owners.sort_unstable();
        credit.owners.dedup();
        credit
    }
}

/// Whether a reason is a module's own, not another module's.
const fn is_own(why: &Why) -> bool {
    matches!(
        why,
        Why::File { .. } | Why::Global { .. } | Why::Lockfile { .. }
    )
}

/// The first package of a module that is pinned otherwise than before, if any is.
fn pinned_otherwise(
    lock: &RepoPath,
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
) -> Option<Why> {
    let packages: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let mut changed = packages
        .into_iter()
        .filter(|package| was.get(*package) != is.get(*package));
    let first = changed.next()?;
    Some(Why::Lockfile {
        path: lock.clone(),
        package: first.clone(),
        before: was.get(first).cloned(),
        after: is.get(first).cloned(),
        more: changed.count(),
    })
}

/// How far a module's change reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reach {
    model: bool,
    main: bool,
    test: bool,
}

impl Reach {
    const fn with(mut self, part: Part) -> Self {
        match part {
            Part::Model => self.model = true,
            Part::Main => self.main = true,
            Part::Test => self.test = true,
        }
        self
    }

    fn add(&mut self, part: Part) {
        *self = self.with(part);
    }

    /// Whether a change comes through an edge.
    const fn passes(self, through: &Dependency) -> bool {
        (self.model && through.carries(Part::Model))
            || (self.main && through.carries(Part::Main))
            || (self.test && through.carries(Part::Test))
    }
}

impl Found {
    /// Adds what was found in comparison with another base.
    pub(crate) fn join(&mut self, other: Self) {
        for (name, (change, why)) in other.concerned {
            self.add(name, change, why);
        }
        self.removed.extend(other.removed);
        self.unowned.extend(other.unowned);
        self.partial.extend(other.partial);
        for reason in other.reasons {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }

    pub(crate) fn add(&mut self, name: ModuleName, change: Change, why: BTreeSet<Why>) {
        let entry = self
            .concerned
            .entry(name)
            .or_insert_with(|| (change, BTreeSet::new()));
        entry.1.extend(why);
        // Seen from several bases, the strongest word stays.
        let strength = |change| match change {
            Change::Affected => 0,
            Change::Added => 1,
            Change::Changed => 2,
        };
        if strength(change) > strength(entry.0) {
            entry.0 = change;
        }
    }
}

/// Follows the edges from what changed to all that depends on it.
fn spread<'a>(inventory: &'a Inventory, reach: &mut BTreeMap<&'a ModuleName, Reach>) {
    let mut dependents: BTreeMap<&ModuleName, Vec<(&Dependency, &'a ModuleName)>> = BTreeMap::new();
    for node in &inventory.nodes {
        for dependency in &node.module.dependencies {
            let dependents = dependents.entry(&dependency.on).or_default();
            dependents.push((dependency, &node.module.name));
        }
    }
    let mut open: Vec<&ModuleName> = reach.keys().copied().collect();
    while let Some(name) = open.pop() {
        let from = reach.get(name).copied().unwrap_or_default();
        for (dependency, dependent) in dependents.get(name).into_iter().flatten() {
            if !from.passes(dependency) {
                continue;
            }
            let to = reach.entry(dependent).or_default();
            let more = to.with(dependency.arrives());
            if *to != more {
                *to = more;
                open.push(dependent);
            }
        }
    }
}

fn edge(dependency: &Dependency, to: &ModuleName) -> Why {
    let (from, to, detail) = (dependency.on.clone(), to.clone(), dependency.detail.clone());
    match dependency.kind {
        EdgeKind::Dependency => Why::Dependency { from, to, detail },
        EdgeKind::Parent => Why::Parent { from, to },
        EdgeKind::Plugin => Why::Plugin { from, to, detail },
        EdgeKind::Bom => Why::Bom { from, to },
    }
}
