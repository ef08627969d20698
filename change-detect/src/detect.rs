//! From two trees to the modules that are concerned.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::comparison::{Asked, Comparison, Recorder, Scan, Scope};
use crate::globs::Globs;
use crate::inventory::{Inventory, has_file};
use crate::judgement::{Found, Judgement};
use crate::{
    Bases, Change, CommitId, Confidence, Detection, DiffSource, Error, Graph, Layout, Module,
    ModuleKind, ModuleName, ModuleReport, OnUnknown, Options, RepoPath, Why, cargo, directories,
    go, gradle, npm,
};

/// Finds what changed between `bases` and `head`, which modules and services are concerned, and why.
///
/// The trees are compared directly (two-dot), so no history between the commits is needed. The head must be readable
/// whatever happens. A base that cannot be compared with is an error, or counts as changed in everything
/// ([`Options::on_unknown`]); it is never an empty list. Nor is a repository in which nothing is a service and nothing was:
/// that is [`Error::NoServices`].
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
            engine.per_service(bases, &BTreeMap::new(), &mut found)?
        }
        Bases::Partly { known, unknown } => {
            if let (Some((service, reason)), OnUnknown::Fail) =
                (unknown.iter().next(), options.on_unknown)
            {
                return Err(Error::NoBase {
                    reason: format!("what `{service}` runs is not known: {reason}"),
                });
            }
            listed = known.clone();
            engine.per_service(known, unknown, &mut found)?
        }
    };
    if found.removed.is_empty() && engine.inventory.services().next().is_none() {
        // A pipeline would take the empty answer for a green one, today and every day.
        return Err(Error::NoServices {
            commit: head.clone(),
            layout: engine.layout,
            globs: options.services.clone(),
        });
    }
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

impl<'a> Engine<'a> {
    fn new(
        source: &'a dyn DiffSource,
        head: &'a CommitId,
        options: &'a Options,
    ) -> Result<Self, Error> {
        let services = Globs::new(&options.services)?;
        let (global, ignore) = (Globs::new(&options.global)?, Globs::new(&options.ignore)?);
        source.commit(head).map_err(|error| match error {
            Error::UnknownRevision { .. } => Error::UnknownHead { head: head.clone() },
            error => error,
        })?;
        let recorder = Recorder::new(source);
        let layout = layout_at(&recorder, head, options.layout, &services)?;
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
        unknown: &BTreeMap<ModuleName, String>,
        found: &mut Found,
    ) -> Result<Option<CommitId>, Error> {
        let mut bases: BTreeMap<&ModuleName, &CommitId> = bases.iter().collect();
        let mut called_otherwise = Vec::new();
        for (name, base) in &bases {
            if self.inventory.get(name).is_none() {
                called_otherwise.push((*name, *base, self.called_now(name, base)));
            }
        }
        for (name, base, now) in &called_otherwise {
            match now {
                Some(now) => _ = bases.entry(now).or_insert(base),
                None => _ = found.removed.insert((*name).clone()),
            }
        }
        let gone = unknown
            .keys()
            .filter(|name| self.inventory.get(name).is_none());
        found.removed.extend(gone.cloned());

        let mut groups: BTreeMap<Option<&CommitId>, Vec<&ModuleName>> = BTreeMap::new();
        let mut without = Vec::new();
        for Module { name, .. } in self.inventory.services() {
            match (bases.get(name), unknown.get(name)) {
                (None, Some(reason)) => {
                    without.push(name);
                    found.reasons.push(format!(
                        "`{name}` counts, as what it runs is not known: {reason}"
                    ));
                }
                (base, _) => groups.entry(base.copied()).or_default().push(name),
            }
        }
        for (base, services) in &groups {
            let part = self.against(*base, services.first().copied())?;
            self.take(part, services, found);
        }
        let part = self.everything(Change::Changed, &Why::NoBase);
        self.take(part, &without, found);
        let mut distinct = groups.keys().copied().flatten();
        Ok(distinct
            .next()
            .filter(|_| distinct.next().is_none() && without.is_empty())
            .cloned())
    }

    /// Adds what was found for some services, and what they are built from.
    fn take(&self, part: Found, services: &[&ModuleName], found: &mut Found) {
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

    /// What the head calls a service that had another name at its base, because of its neighbours.
    fn called_now(&self, name: &ModuleName, base: &CommitId) -> Option<ModuleName> {
        let (_, before) = self.inventory_before(base).ok()?;
        let index = before.index(name)?;
        let aligned = before.aligned(&self.inventory);
        let now = &aligned.nodes.get(index)?.module.name;
        (now != name).then(|| now.clone())
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
        let (layout, before) = if comparison.same(&self.asked)? {
            (self.layout, Cow::Borrowed(&self.inventory))
        } else {
            let (layout, before) = self.inventory_before(base)?;
            (layout, Cow::Owned(before.aligned(&self.inventory)))
        };
        let Scan { changes, partial } = comparison.scan(&Scope::new(
            &before,
            &self.inventory,
            &self.global,
            &self.ignore,
            self.options.most_files,
        ))?;

        let mut judgement = Judgement::new(&before, &self.inventory);
        for change in &changes {
            let mut owned = self.global.matches(&change.path);
            if owned {
                judgement.global(&change.path);
            }
            let lock = judgement.is_lock(&change.path);
            if lock {
                owned = true;
                let was = before
                    .locked(self.source, base, layout, &change.path)
                    .map_err(|error| of_base(base, error))?;
                let is =
                    self.inventory
                        .locked(self.source, self.head, self.layout, &change.path)?;
                judgement.lock(&change.path, &was, &is);
            }
            if !judgement.file(change, lock) && !owned {
                judgement.unowned(&change.path);
            }
        }
        Ok(Found {
            partial,
            ..judgement.finish()
        })
    }

    fn inventory_before(&self, base: &CommitId) -> Result<(Layout, Inventory), Error> {
        let failed = |error| of_base(base, error);
        let layout =
            layout_at(self.source, base, self.options.layout, &self.services).map_err(failed)?;
        match Inventory::read(self.source, base, layout, &self.services) {
            // Then every module of the head is new.
            Err(Error::NoReactor { .. } | Error::NoManifest { .. }) => {
                Ok((layout, Inventory::default()))
            }
            other => Ok((layout, other.map_err(failed)?)),
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
                    selector: self.inventory.selectors.get(&name).cloned(),
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

fn layout_at(
    source: &dyn DiffSource,
    at: &CommitId,
    layout: Layout,
    services: &Globs,
) -> Result<Layout, Error> {
    Ok(match layout {
        Layout::Auto if has_file(source, at, &RepoPath::root(), b"pom.xml")? => Layout::Maven,
        Layout::Auto if cargo::applies(source, at)? => Layout::Cargo,
        Layout::Auto if npm::applies(source, at)? => Layout::Npm,
        Layout::Auto if go::applies(source, at)? => Layout::Go,
        Layout::Auto if gradle::applies(source, at)? => Layout::Gradle,
        Layout::Auto => match alone(source, at)? {
            // A build at the root that holds no others together is only meant if no folder is a service.
            Some(alone)
                if directories::inventory(source, at, services)?
                    .nodes
                    .is_empty() =>
            {
                alone
            }
            _ => Layout::Directories,
        },
        named => named,
    })
}

/// The layout of a repository that is one project, with its build file at the root.
fn alone(source: &dyn DiffSource, at: &CommitId) -> Result<Option<Layout>, Error> {
    for (file, layout) in [
        ("Cargo.toml", Layout::Cargo),
        ("package.json", Layout::Npm),
        ("go.mod", Layout::Go),
        ("build.gradle", Layout::Gradle),
        ("build.gradle.kts", Layout::Gradle),
    ] {
        if has_file(source, at, &RepoPath::root(), file.as_bytes())? {
            return Ok(Some(layout));
        }
    }
    Ok(None)
}

/// What would have to be corrected at the head cannot be at a base.
fn of_base(base: &CommitId, error: Error) -> Error {
    if !error.is_usage() {
        return error;
    }
    Error::UnreadableBase {
        base: base.clone(),
        source: Box::new(error),
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
