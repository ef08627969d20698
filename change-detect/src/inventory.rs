//! All modules of one commit: what they own and how they hang together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::globs::Globs;
use crate::{
    CommitId, DiffSource, EntryKind, Error, Layout, Module, ModuleKind, ModuleName, RepoPath,
    cargo, directories, go, gradle, maven, npm,
};

/// What a lock file pins for each module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locked {
    /// There is no such file.
    Absent,
    /// For each module the packages from outside that it is built with, directly or through others, and their versions
    /// (with whatever else tells two contents of a version apart). Modules that the file says nothing about are left out.
    Known(BTreeMap<ModuleName, BTreeMap<String, String>>),
    /// It cannot be understood, and why; it then counts for every module.
    Opaque(String),
}

/// A module and the files that count for it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) module: Module,
    /// The build files that make up its model, wherever they are.
    pub(crate) model: BTreeSet<RepoPath>,
    /// Whether it only holds other modules together, so that not every file in its folder is part of it.
    pub(crate) aggregator: bool,
}

/// The modules of one commit, in the order to build them in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    pub(crate) nodes: Vec<Node>,
    /// Files that pin the versions of packages from outside. They belong to no module: what they pin does.
    pub(crate) locks: BTreeSet<RepoPath>,
    /// Where the build could not be read without running it, and what was assumed instead. Always too much, never too
    /// little.
    pub(crate) caveats: Vec<String>,
    /// Modules that need each other, where the build allows it; the first of each is repeated last.
    pub(crate) cycles: Vec<Vec<ModuleName>>,
    /// The folders of a module that hold nothing but its tests.
    pub(crate) tests: BTreeMap<ModuleName, Vec<RepoPath>>,
    /// What a build names a module by, where that is not its folder.
    pub(crate) selectors: BTreeMap<ModuleName, String>,
    by_name: BTreeMap<ModuleName, usize>,
    by_path: HashMap<RepoPath, Vec<usize>>,
    by_model: HashMap<RepoPath, Vec<usize>>,
}

/// What of a module a file is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Its model: how it is built, and what others inherit or import.
    Model,
    /// What it builds, or what cannot be told from that.
    Main,
    /// Its tests alone.
    Test,
}

/// A changed file's meaning for one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) node: usize,
    pub(crate) part: Part,
}

impl Inventory {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        let mut inventory = Self {
            nodes,
            ..Self::default()
        };
        for (index, node) in inventory.nodes.iter().enumerate() {
            inventory.by_name.insert(node.module.name.clone(), index);
            inventory
                .by_path
                .entry(node.module.path.clone())
                .or_default()
                .push(index);
            for file in &node.model {
                inventory
                    .by_model
                    .entry(file.clone())
                    .or_default()
                    .push(index);
            }
        }
        inventory
    }

    /// Puts modules in an order in which each comes after those that it depends on, and else by name.
    ///
    /// Modules that need each other are kept in [`cycles`](Self::cycles); the last edge of each is passed over.
    pub(crate) fn ordered(mut nodes: Vec<Node>) -> Self {
        nodes.sort_by(|a, b| a.module.name.cmp(&b.module.name));
        let index: BTreeMap<ModuleName, usize> = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (node.module.name.clone(), index))
            .collect();
        let needs = |node: &Node| -> Vec<usize> {
            let ordering = node.module.dependencies.iter().filter(|d| d.orders());
            let mut needs: Vec<usize> = ordering
                .filter_map(|dependency| index.get(&dependency.on).copied())
                .collect();
            needs.sort_unstable();
            needs.dedup();
            needs
        };
        let needs: Vec<Vec<usize>> = nodes.iter().map(needs).collect();
        let (order, cycles) = post_order(&needs);
        let name = |node: &usize| nodes[*node].module.name.clone();
        let cycles = cycles
            .iter()
            .map(|cycle| cycle.iter().map(name).collect())
            .collect();
        let mut places: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
        let nodes = order.into_iter().filter_map(|node| places[node].take());
        Self {
            cycles,
            ..Self::new(nodes.collect())
        }
    }

    /// Reads the modules of a commit. `layout` is not [`Layout::Auto`].
    pub(crate) fn read(
        source: &dyn DiffSource,
        at: &CommitId,
        layout: Layout,
        services: &Globs,
    ) -> Result<Self, Error> {
        match layout {
            Layout::Maven => maven::inventory(source, at, services),
            Layout::Cargo => cargo::inventory(source, at, services),
            Layout::Npm => npm::inventory(source, at, services),
            Layout::Go => go::inventory(source, at, services),
            Layout::Gradle => gradle::inventory(source, at, services),
            Layout::Auto | Layout::Directories => directories::inventory(source, at, services),
        }
    }

    /// What one of the files in [`locks`](Self::locks) pins. `self` is the inventory of that same commit.
    pub(crate) fn locked(
        &self,
        source: &dyn DiffSource,
        at: &CommitId,
        layout: Layout,
        lock: &RepoPath,
    ) -> Result<Locked, Error> {
        match layout {
            Layout::Cargo => cargo::locked(source, at, self, lock),
            Layout::Npm => npm::locked(source, at, self, lock),
            Layout::Go => go::locked(source, at, self, lock),
            Layout::Gradle => gradle::locked(source, at, self, lock),
            Layout::Auto | Layout::Directories | Layout::Maven => Ok(Locked::Absent),
        }
    }

    pub(crate) fn get(&self, name: &ModuleName) -> Option<&Node> {
        self.index(name).map(|index| &self.nodes[index])
    }

    pub(crate) fn index(&self, name: &ModuleName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Calls modules as `after` does, where the same module has another name only because of its neighbours.
    pub(crate) fn aligned(mut self, after: &Self) -> Self {
        let renamed: BTreeMap<ModuleName, ModuleName> = self
            .nodes
            .iter()
            .filter(|node| after.get(&node.module.name).is_none())
            .filter_map(|node| {
                let old = &node.module.name;
                let same = after.by_path.get(&node.module.path)?.iter();
                let mut same = same
                    .map(|index| &after.nodes[*index].module.name)
                    .filter(|new| self.get(new).is_none() && old.is_form_of(new));
                let new = same.next()?;
                same.next().is_none().then(|| (old.clone(), new.clone()))
            })
            .collect();
        // Two that would be called the same stay apart.
        let distinct: BTreeSet<&ModuleName> = renamed.values().collect();
        if renamed.is_empty() || distinct.len() < renamed.len() {
            return self;
        }
        let rename = |name: &mut ModuleName| {
            if let Some(new) = renamed.get(name) {
                *name = new.clone();
            }
        };
        for Node { module, .. } in &mut self.nodes {
            rename(&mut module.name);
            for dependency in &mut module.dependencies {
                rename(&mut dependency.on);
            }
        }
        let tests = self.tests.into_iter().map(|(mut name, folders)| {
            rename(&mut name);
            (name, folders)
        });
        Self {
            locks: self.locks,
            caveats: self.caveats,
            tests: tests.collect(),
            ..Self::new(self.nodes)
        }
    }

    /// Every path at which what files mean may change: modules, build files, lock files, tests.
    pub(crate) fn landmarks(&self) -> impl Iterator<Item = &RepoPath> {
        self.by_path
            .keys()
            .chain(self.by_model.keys())
            .chain(&self.locks)
            .chain(self.tests.values().flatten())
    }

    pub(crate) fn is_service(&self, name: &ModuleName) -> bool {
        self.get(name)
            .is_some_and(|node| node.module.kind == ModuleKind::Service)
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &Module> {
        self.nodes
            .iter()
            .map(|node| &node.module)
            .filter(|module| module.kind == ModuleKind::Service)
    }

    /// The modules that a file is part of: those whose model it is in, else those of the nearest folder.
    pub(crate) fn owners(&self, file: &RepoPath) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self
            .by_model
            .get(file)
            .into_iter()
            .flatten()
            .map(|node| Owner {
                node: *node,
                part: Part::Model,
            })
            .collect();
        if let Some(nodes) = self.nearest(file)
            // A pom beside another is that other module's alone.
            && !owners.iter().any(|owner| nodes.contains(&owner.node))
        {
            let owned = nodes.iter().filter(|node| self.nodes[**node].holds(file));
            owners.extend(owned.map(|node| Owner {
                node: *node,
                part: self.part(*node, file),
            }));
        }
        owners
    }

    /// The modules of the nearest folder that is one's.
    fn nearest(&self, file: &RepoPath) -> Option<&Vec<usize>> {
        let mut here = file.as_bytes();
        loop {
            if let Some(nodes) = self.by_path.get(here) {
                return Some(nodes);
            }
            if here.is_empty() {
                return None;
            }
            let end = here.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            here = &here[..end];
        }
    }

    fn part(&self, node: usize, file: &RepoPath) -> Part {
        let tests = self.tests.get(&self.nodes[node].module.name);
        let within = tests
            .into_iter()
            .flatten()
            .any(|folder| file.starts_with(folder));
        if within { Part::Test } else { Part::Main }
    }

    /// Every module that the given ones depend on to be built, themselves included.
    pub(crate) fn needs(
        &self,
        names: impl IntoIterator<Item = ModuleName>,
    ) -> BTreeSet<ModuleName> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<ModuleName> = names.into_iter().collect();
        while let Some(name) = open.pop() {
            if let Some(node) = self.get(&name)
                && needed.insert(name)
            {
                open.extend(
                    node.module
                        .dependencies
                        .iter()
                        .map(|dependency| dependency.on.clone()),
                );
            }
        }
        needed
    }

    /// Puts some modules in waves; each needs only waves before its own, through modules that are not rebuilt as well.
    pub(crate) fn waves(&self, rebuilt: &BTreeSet<&ModuleName>) -> Vec<Vec<ModuleName>> {
        let mut waves: Vec<Vec<ModuleName>> = Vec::new();
        let mut after: BTreeMap<&ModuleName, usize> = BTreeMap::new();
        for Module {
            name, dependencies, ..
        } in self.nodes.iter().map(|node| &node.module)
        {
            let before = dependencies.iter().filter(|dependency| dependency.orders());
            let wave = before
                .filter_map(|dependency| after.get(&dependency.on))
                .copied()
                .max()
                .unwrap_or(0);
            if rebuilt.contains(name) {
                if waves.len() == wave {
                    waves.push(Vec::new());
                }
                waves[wave].push(name.clone());
                after.insert(name, wave + 1);
            } else {
                after.insert(name, wave);
            }
        }
        for wave in &mut waves {
            wave.sort();
        }
        waves
    }
}

/// Walks depth first, needs before who needs them. The second list has the circles that were found, closed.
fn post_order(needs: &[Vec<usize>]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let (mut order, mut cycles) = (Vec::new(), Vec::new());
    let (mut seen, mut open) = (vec![false; needs.len()], vec![false; needs.len()]);
    for start in 0..needs.len() {
        if seen[start] {
            continue;
        }
        (seen[start], open[start]) = (true, true);
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let node = *node;
            let Some(to) = needs[node].get(*next).copied() else {
                open[node] = false;
                order.push(node);
                way.pop();
                continue;
            };
            *next += 1;
            if open[to] {
                let circle = way.iter().map(|(node, _)| *node);
                cycles.push(circle.skip_while(|node| *node != to).chain([to]).collect());
            } else if !seen[to] {
                (seen[to], open[to]) = (true, true);
                way.push((to, 0));
            }
        }
    }
    (order, cycles)
}

impl Node {
    /// Whether a file of its folder that is in nobody's model is part of it.
    fn holds(&self, file: &RepoPath) -> bool {
        if !self.aggregator {
            return true;
        }
        let below = file.as_bytes().strip_prefix(self.module.path.as_bytes());
        let below = below.map_or(&b""[..], |below| below.strip_prefix(b"/").unwrap_or(below));
        below.starts_with(b"src/") || below.starts_with(b".mvn/")
    }
}

/// Whether a commit has a file (or a link to one) of that name in that folder.
pub(crate) fn has_file(
    source: &dyn DiffSource,
    at: &CommitId,
    folder: &RepoPath,
    name: &[u8],
) -> Result<bool, Error> {
    let Ok(path) = folder.join(name) else {
        return Ok(false);
    };
    let kind = source.kind(at, &path)?;
    Ok(matches!(
        kind,
        Some(EntryKind::File { .. } | EntryKind::Symlink)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_come_first_and_a_circle_is_passed_over_and_kept() {
        assert_eq!(
            post_order(&[vec![2], vec![], vec![1]]),
            (vec![1, 2, 0], vec![])
        );
        assert_eq!(
            post_order(&[vec![1], vec![2], vec![0]]),
            (vec![2, 1, 0], vec![vec![0, 1, 2, 0]])
        );
        assert_eq!(post_order(&[vec![0]]), (vec![0], vec![vec![0, 0]]));
    }
}
