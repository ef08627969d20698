//! From two trees to the modules that are concerned.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::comparison::{Asked, Comparison, Recorder, Scan, Scope};
use crate::globs::Globs;
use crate::inventory::{Inventory, Locked, Part, has_file};
use crate::{
    Bases, Change, ChangeKind, CommitId, Confidence, Dependency, Detection, DiffSource, EdgeKind,
    Error, Graph, Layout, Module, ModuleKind, ModuleName, ModuleReport, OnUnknown, Options,
    RepoPath, Why, cargo, go, gradle, npm,
};

/// Finds what changed between `bases` and `head`, which modules and services are concerned, and why.
///
/// The trees are compared directly (two-dot), so no history between the commits is needed. The head must be readable
/// whatever happens. A base that cannot be compared with is an error, or counts as changed in everything
/// ([`Options::on_unknown`]); it is never an empty list.
pub fn detect(
    source: &dyn DiffSource,
    bases: &Bases,
    head: &CommitId,
    options: &Options,
) -> Result<Detection, Error> {
    let engine = Engine::new(source, head, options)?;
    let mut found = Found::default();
    let mut listed = BTreeMap::new();
    let base = match bases {
        Bases::Nothing => {
            found = engine.everything(Change::Added, &Why::New);
            None
        }
        Bases::One(base) => {
            found = engine.against(Some(base), None)?;
            Some(base.clone())
        }
        Bases::Each(bases) => {
            for base in bases {
                found.join(engine.against(Some(base), None)?);
            }
            found.reasons.push(
                "histories crossed: what differs from any of the commits where they met counts"
                    .to_owned(),
            );
            None
        }
        Bases::Unknown { reason } => {
            if options.on_unknown == OnUnknown::Fail {
                return Err(Error::NoBase {
                    reason: reason.clone(),
                });
            }
            found = engine.everything(Change::Changed, &Why::NoBase);
            found.reasons.push(reason.clone());
            None
        }
        Bases::PerService(bases) => {
            listed = bases.clone();
            engine.per_service(bases, &mut found)?
        }
    };
    Ok(engine.finish(found, base, listed))
}

/// Every module of a commit, in the order to build them in.
pub fn services_at(
    source: &dyn DiffSource,
    head: &CommitId,
    options: &Options,
) -> Result<Vec<Module>, Error> {
    let engine = Engine::new(source, head, options)?;
    Ok(engine
        .inventory
        .nodes
        .into_iter()
        .map(|node| node.module)
        .collect())
}

/// Every module of a commit, with how they hang together.
pub fn graph(source: &dyn DiffSource, head: &CommitId, options: &Options) -> Result<Graph, Error> {
    let Engine {
        inventory, layout, ..
    } = Engine::new(source, head, options)?;
    let all = inventory
        .nodes
        .iter()
        .map(|node| &node.module.name)
        .collect();
    Ok(Graph {
        schema: 1,
        head: head.clone(),
        layout,
        waves: inventory.waves(&all),
        modules: inventory
            .nodes
            .into_iter()
            .map(|node| node.module)
            .collect(),
        cycles: inventory.cycles,
        caveats: inventory.caveats,
    })
}

/// What comparing with one base gives.
#[derive(Debug, Default)]
struct Found {
    concerned: BTreeMap<ModuleName, (Change, BTreeSet<Why>)>,
    removed: BTreeSet<ModuleName>,
    unowned: BTreeSet<RepoPath>,
    partial: BTreeSet<ModuleName>,
    reasons: Vec<String>,
}

#[derive(Debug)]
struct Engine<'a> {
    source: &'a dyn DiffSource,
    head: &'a CommitId,
    services: Globs,
    global: Globs,
    ignore: Globs,
    options: &'a Options,
    layout: Layout,
    inventory: Inventory,
    /// What the inventory was read from.
    asked: Asked,
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

impl<'a> Engine<'a> {
    fn new(
        source: &'a dyn DiffSource,
        head: &'a CommitId,
        options: &'a Options,
    ) -> Result<Self, Error> {
        let services = Globs::new(&options.services)?;
        let (global, ignore) = (Globs::new(&options.global)?, Globs::new(&options.ignore)?);
        source.commit(head)?;
        let recorder = Recorder::new(source);
        let layout = layout_at(&recorder, head, options.layout)?;
        let inventory = Inventory::read(&recorder, head, layout, &services)?;
        Ok(Self {
            asked: recorder.into_asked(),
            source,
            head,
            services,
            global,
            ignore,
            options,
            layout,
            inventory,
        })
    }

    /// Judges each service against its own base. Returns the one base if all are equal.
    fn per_service(
        &self,
        bases: &BTreeMap<ModuleName, CommitId>,
        found: &mut Found,
    ) -> Result<Option<CommitId>, Error> {
        let mut groups: BTreeMap<Option<&CommitId>, Vec<&ModuleName>> = BTreeMap::new();
        for service in self.inventory.services() {
            groups
                .entry(bases.get(&service.name))
                .or_default()
                .push(&service.name);
        }
        for (base, services) in &groups {
            let part = self.against(*base, services.first().copied())?;
            let taken: BTreeSet<&ModuleName> = services
                .iter()
                .copied()
                .filter(|name| part.concerned.contains_key(name))
                .collect();
            // What the taken services are built from comes with them; other services have bases of their own.
            let needed = self
                .inventory
                .needs(taken.iter().map(|name| (*name).clone()));
            for (name, (change, why)) in part.concerned {
                if taken.contains(&name)
                    || (needed.contains(&name) && !self.inventory.is_service(&name))
                {
                    found.add(name, change, why);
                }
            }
            found.unowned.extend(part.unowned);
            found.partial.extend(part.partial);
            found.reasons.extend(part.reasons);
        }
        found.removed.extend(
            bases
                .keys()
                .filter(|name| !self.inventory.is_service(name))
                .cloned(),
        );
        let mut distinct = groups.keys().copied().flatten();
        Ok(distinct
            .next()
            .filter(|_| distinct.next().is_none())
            .cloned())
    }

    fn everything(&self, change: Change, why: &Why) -> Found {
        let names = self
            .inventory
            .nodes
            .iter()
            .map(|node| node.module.name.clone());
        Found {
            concerned: names
                .map(|name| (name, (change, BTreeSet::from([why.clone()]))))
                .collect(),
            ..Found::default()
        }
    }

    /// Compares with one base; `service` is named if the base turns out to be unknown.
    fn against(
        &self,
        base: Option<&CommitId>,
        service: Option<&ModuleName>,
    ) -> Result<Found, Error> {
        let Some(base) = base else {
            return Ok(self.everything(Change::Added, &Why::New));
        };
        match self.compare(base) {
            Ok(found) => Ok(found),
            Err(error) if self.options.on_unknown == OnUnknown::All => {
                let mut found =
                    self.everything(Change::Changed, &Why::UnknownBase { base: base.clone() });
                found.reasons.push(format!(
                    "cannot compare with the base {}: {}",
                    base.short(),
                    chain(&error)
                ));
                Ok(found)
            }
            Err(Error::UnknownRevision { .. }) => Err(Error::UnknownBase {
                base: base.clone(),
                service: service.cloned(),
            }),
            Err(error) => Err(error),
        }
    }

    fn compare(&self, base: &CommitId) -> Result<Found, Error> {
        self.source.commit(base)?;
        let comparison = Comparison::new(self.source, base, self.head);
        if comparison.is_empty()? {
            return Ok(Found::default());
        }
        let after = &self.inventory;
        let (before_layout, before) = if comparison.same(&self.asked)? {
            (self.layout, Cow::Borrowed(after))
        } else {
            let (layout, before) = self.inventory_before(base)?;
            (layout, Cow::Owned(before))
        };
        let Scan { changes, partial } = comparison.scan(&Scope::new(
            &before,
            after,
            &self.global,
            &self.ignore,
            self.options.most_files,
        ))?;

        let mut found = Found {
            partial,
            ..Found::default()
        };
        for caveat in before.caveats.iter().chain(&after.caveats) {
            if !found.reasons.contains(caveat) {
                found.reasons.push(caveat.clone());
            }
        }
        let mut why: BTreeMap<&ModuleName, BTreeSet<Why>> = BTreeMap::new();
        let mut reach: BTreeMap<&ModuleName, Reach> = BTreeMap::new();
        for change in &changes {
            let global = self.global.matches(&change.path);
            if global {
                for service in after.services() {
                    why.entry(&service.name).or_default().insert(Why::Global {
                        path: change.path.clone(),
                    });
                }
            }
            // A file belongs to who owned it where it existed.
            let sides = match change.kind {
                ChangeKind::Added => &[after][..],
                ChangeKind::Deleted => &[&*before][..],
                ChangeKind::Modified | ChangeKind::TypeChanged => &[&*before, after][..],
            };
            let mut owned = global;
            let lock = before.locks.contains(&change.path) || after.locks.contains(&change.path);
            if lock {
                owned = true;
                let was = before.locked(self.source, base, before_layout, &change.path)?;
                let is = after.locked(self.source, self.head, self.layout, &change.path)?;
                for (name, reason) in pinned(after, &change.path, &was, &is, &mut found.reasons) {
                    why.entry(name).or_default().insert(reason);
                    reach.entry(name).or_default().add(Part::Main);
                }
            }
            for side in sides {
                for owner in side.owners(&change.path) {
                    owned = true;
                    if lock && owner.part != Part::Model {
                        // Whose folder it lies in says nothing; what it pins does.
                        continue;
                    }
                    // A module that is gone has nothing to be rebuilt.
                    let Some(node) = after.get(&side.nodes[owner.node].module.name) else {
                        continue;
                    };
                    let name = &node.module.name;
                    why.entry(name).or_default().insert(Why::File {
                        path: change.path.clone(),
                    });
                    reach.entry(name).or_default().add(owner.part);
                }
            }
            if !owned {
                found.unowned.insert(change.path.clone());
            }
        }

        let mut added = BTreeSet::new();
        for node in &after.nodes {
            let Module { name, kind, .. } = &node.module;
            if before.get(name).is_none_or(|old| {
                *kind == ModuleKind::Service && old.module.kind != ModuleKind::Service
            }) {
                added.insert(name);
                reach.entry(name).or_default().add(Part::Model);
            }
        }
        for node in &before.nodes {
            let Some(now) = after.get(&node.module.name) else {
                continue;
            };
            let name = &now.module.name;
            for lost in node
                .module
                .dependencies
                .iter()
                .filter(|dependency| after.get(&dependency.on).is_none())
            {
                // What it used is now either built elsewhere or not at all.
                why.entry(name).or_default().insert(edge(lost, name));
                reach.entry(name).or_default().add(lost.arrives());
            }
        }

        spread(after, &mut reach);
        for node in &after.nodes {
            let name = &node.module.name;
            for dependency in &node.module.dependencies {
                let from = reach.get(&dependency.on).copied().unwrap_or_default();
                if from.passes(dependency) {
                    why.entry(name).or_default().insert(edge(dependency, name));
                }
            }
        }
        for (name, why) in why {
            if !added.contains(name) {
                let own = why.iter().any(|why| {
                    matches!(
                        why,
                        Why::File { .. } | Why::Global { .. } | Why::Lockfile { .. }
                    )
                });
                found.add(
                    name.clone(),
                    if own {
                        Change::Changed
                    } else {
                        Change::Affected
                    },
                    why,
                );
            }
        }
        for name in added {
            found.add(name.clone(), Change::Added, BTreeSet::from([Why::Added]));
        }
        found.removed.extend(
            before
                .services()
                .filter(|module| !after.is_service(&module.name))
                .map(|module| module.name.clone()),
        );
        Ok(found)
    }

    fn inventory_before(&self, base: &CommitId) -> Result<(Layout, Inventory), Error> {
        let layout = layout_at(self.source, base, self.options.layout)?;
        match Inventory::read(self.source, base, layout, &self.services) {
            // Then every module of the head is new.
            Err(Error::NoReactor { .. } | Error::NoManifest { .. }) => {
                Ok((layout, Inventory::default()))
            }
            other => Ok((layout, other?)),
        }
    }

    fn finish(
        self,
        found: Found,
        base: Option<CommitId>,
        bases: BTreeMap<ModuleName, CommitId>,
    ) -> Detection {
        let rebuilt: BTreeSet<&ModuleName> = found.concerned.keys().collect();
        let waves = self.inventory.waves(&rebuilt);
        let order = self
            .inventory
            .nodes
            .iter()
            .map(|node| &node.module.name)
            .filter(|name| rebuilt.contains(name))
            .cloned()
            .collect();
        let mut modules = Vec::new();
        for (name, (change, why)) in found.concerned {
            if let Some(Module { path, kind, .. }) =
                self.inventory.get(&name).map(|node| node.module.clone())
            {
                modules.push(ModuleReport {
                    more: found.partial.contains(&name),
                    name,
                    path,
                    kind,
                    change,
                    why: why.into_iter().collect(),
                });
            }
        }
        let services = modules
            .iter()
            .filter(|module| module.kind == ModuleKind::Service)
            .map(|module| module.name.clone())
            .collect();
        let exact = found.reasons.is_empty();
        Detection {
            schema: 1,
            base,
            bases,
            head: self.head.clone(),
            layout: self.layout,
            confidence: if exact {
                Confidence::Exact
            } else {
                Confidence::OverApproximate
            },
            reason: (!exact).then(|| found.reasons.join("; ")),
            services,
            services_total: self.inventory.services().count(),
            modules,
            removed: found.removed.into_iter().collect(),
            order,
            waves,
            cycles: self.inventory.cycles,
            unowned: found.unowned.into_iter().collect(),
        }
    }
}

impl Found {
    /// Adds what was found in comparison with another base.
    fn join(&mut self, other: Self) {
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

    fn add(&mut self, name: ModuleName, change: Change, why: BTreeSet<Why>) {
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

fn layout_at(source: &dyn DiffSource, at: &CommitId, layout: Layout) -> Result<Layout, Error> {
    Ok(match layout {
        Layout::Auto if has_file(source, at, &RepoPath::root(), b"pom.xml")? => Layout::Maven,
        Layout::Auto if cargo::applies(source, at)? => Layout::Cargo,
        Layout::Auto if npm::applies(source, at)? => Layout::Npm,
        Layout::Auto if go::applies(source, at)? => Layout::Go,
        Layout::Auto if gradle::applies(source, at)? => Layout::Gradle,
        Layout::Auto => Layout::Directories,
        named => named,
    })
}

/// The modules for which a lock file pins something else than before.
fn pinned<'a>(
    inventory: &'a Inventory,
    lock: &RepoPath,
    was: &Locked,
    is: &Locked,
    reasons: &mut Vec<String>,
) -> Vec<(&'a ModuleName, Why)> {
    let mut concerned = Vec::new();
    let nothing = BTreeMap::new();
    for node in &inventory.nodes {
        let name = &node.module.name;
        let why = |package: Option<(String, Option<String>, Option<String>, usize)>| {
            let path = lock.clone();
            match package {
                None => Why::File { path },
                Some((package, before, after, more)) => Why::Lockfile {
                    path,
                    package,
                    before,
                    after,
                    more,
                },
            }
        };
        match (was, is) {
            (Locked::Known(was), Locked::Known(is)) => {
                if !was.contains_key(name) && !is.contains_key(name) {
                    continue;
                }
                let (was, is) = (
                    was.get(name).unwrap_or(&nothing),
                    is.get(name).unwrap_or(&nothing),
                );
                let packages: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
                let mut changed = packages
                    .into_iter()
                    .filter(|package| was.get(*package) != is.get(*package));
                if let Some(first) = changed.next() {
                    let version = |side: &BTreeMap<String, String>| side.get(first).cloned();
                    let package = (first.clone(), version(was), version(is), changed.count());
                    concerned.push((name, why(Some(package))));
                }
            }
            (Locked::Absent, Locked::Absent) => {}
            // From versions chosen at the time of the build to pinned ones or back: any may be another.
            _ => concerned.push((name, why(None))),
        }
    }
    for side in [was, is] {
        if let Locked::Opaque(problem) = side {
            let reason = format!("`{lock}` counts for every module: {problem}");
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    concerned
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

/// An error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
