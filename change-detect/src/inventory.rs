//! All modules of one commit: what they own and how they hang together.

use std::collections::{BTreeMap, BTreeSet};

use crate::globs::Globs;
use crate::{
    CommitId, DiffSource, EntryKind, Error, Layout, Module, ModuleKind, ModuleName, RepoPath,
    directories, maven,
};

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
    by_name: BTreeMap<ModuleName, usize>,
    by_path: BTreeMap<RepoPath, Vec<usize>>,
    by_model: BTreeMap<RepoPath, Vec<usize>>,
}

/// A changed file's meaning for one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) node: usize,
    /// Whether the file is part of the module's model.
    pub(crate) model: bool,
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

    /// Reads the modules of a commit. `layout` is not [`Layout::Auto`].
    pub(crate) fn read(
        source: &dyn DiffSource,
        at: &CommitId,
        layout: Layout,
        services: &Globs,
    ) -> Result<Self, Error> {
        match layout {
            Layout::Maven => maven::inventory(source, at, services),
            Layout::Auto | Layout::Directories => directories::inventory(source, at, services),
        }
    }

    pub(crate) fn get(&self, name: &ModuleName) -> Option<&Node> {
        self.by_name.get(name).map(|index| &self.nodes[*index])
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
                model: true,
            })
            .collect();
        let mut folder = Some(file.clone());
        while let Some(here) = folder {
            if let Some(nodes) = self.by_path.get(&here) {
                // A pom beside another is that other module's alone.
                if !owners.iter().any(|owner| nodes.contains(&owner.node)) {
                    let owned = nodes.iter().filter(|node| self.nodes[**node].holds(file));
                    owners.extend(owned.map(|node| Owner {
                        node: *node,
                        model: false,
                    }));
                }
                break;
            }
            folder = here.parent();
        }
        owners
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
            let before = dependencies
                .iter()
                .filter(|dependency| dependency.kind.orders());
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

impl Node {
    /// Whether a file of its folder that is in nobody's model is part of it.
    fn holds(&self, file: &RepoPath) -> bool {
        if !self.aggregator {
            return true;
        }
        let below = file.strip_prefix(&self.module.path).unwrap_or_default();
        [&b"src/"[..], b".mvn/"]
            .iter()
            .any(|folder| below.as_bytes().starts_with(folder))
    }
}

/// Whether a commit has a file (or a link to one) of that name in that folder.
pub(crate) fn has_file(
    source: &dyn DiffSource,
    at: &CommitId,
    folder: &RepoPath,
    name: &[u8],
) -> Result<bool, Error> {
    let entries = source.list(at, folder)?;
    Ok(entries.iter().any(|entry| {
        entry.path.file_name() == name
            && matches!(entry.kind, EntryKind::File { .. } | EntryKind::Symlink)
    }))
}
