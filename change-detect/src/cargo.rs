//! Layout `cargo`: the packages of a Cargo workspace, as
//! <https://doc.rust-lang.org/cargo/reference/workspaces.html> has it.
//!
//! Of a package all files in its folder count that are no other package's. What a package takes from elsewhere by
//! `include_str!("../…")` or `#[path]` cannot be known from manifests: name such files in `global`.

mod lock;
mod manifest;
mod members;

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use self::manifest::{Manifest, Used};
use self::members::Members;
use crate::globs::Globs;
use crate::inventory::{Inventory, Locked, Node, has_file};
use crate::kinds::{self, Candidate};
use crate::{
    CommitId, Dependency, DiffSource, EdgeKind, EntryKind, Error, Module, ModuleKind, ModuleName,
    RepoPath,
};

const MANIFEST: &str = "Cargo.toml";
const LOCK: &str = "Cargo.lock";

/// Files at the root that every package is built with.
const SHARED_FILES: [&str; 4] = [
    "rust-toolchain",
    "rust-toolchain.toml",
    ".cargo/config",
    ".cargo/config.toml",
];

/// Whether a commit has such a layout at its root.
pub(crate) fn applies(source: &dyn DiffSource, at: &CommitId) -> Result<bool, Error> {
    let root = Manifest::read(source, at, &path(MANIFEST))?;
    Ok(root.is_some_and(|root| root.table.contains_key("workspace")))
}

/// Reads the modules of a commit.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let members = Members::read(source, at)?;
    let names = members.names()?;
    let mut candidates = Vec::new();
    let mut used = vec![false; members.packages.len()];
    let mut dependencies = Vec::new();
    for package in &members.packages {
        candidates.push(Candidate {
            folder: package.folder.clone(),
            deploys: has_file(source, at, &package.folder, b"Dockerfile")?,
            program: is_program(source, at, package)?,
        });
        let mut edges: BTreeMap<(usize, bool), String> = BTreeMap::new();
        for Used {
            package: on,
            detail,
            tests_only,
        } in members.edges(package)
        {
            used[on] |= !tests_only;
            edges.entry((on, tests_only)).or_insert(detail);
        }
        // Who uses a package at all is not told twice that its tests do.
        let (main, tests): (Vec<_>, Vec<_>) = edges.into_iter().partition(|((_, tests), _)| !tests);
        let known: BTreeSet<usize> = main.iter().map(|((on, _), _)| *on).collect();
        let tests = tests.into_iter().filter(|((on, _), _)| !known.contains(on));
        let edge = |((on, tests), detail): ((usize, bool), String)| {
            Dependency::new(names[on].clone(), EdgeKind::Dependency, Some(detail))
                .for_tests_only(tests)
        };
        dependencies.push(main.into_iter().chain(tests).map(edge).collect::<Vec<_>>());
    }
    let kinds = kinds::choose(services, &candidates, &used);
    let shared: Vec<RepoPath> = SHARED_FILES.iter().map(|file| path(file)).collect();
    let nodes = members
        .packages
        .iter()
        .zip(names)
        .zip(dependencies)
        .zip(kinds)
        .map(
            |(((package, name), dependencies), kind): (
                ((&Manifest, ModuleName), Vec<Dependency>),
                ModuleKind,
            )| {
                let mut model: BTreeSet<RepoPath> = shared.iter().cloned().collect();
                model.insert(package.path.clone());
                Node {
                    module: Module {
                        name,
                        path: package.folder.clone(),
                        kind,
                        dependencies,
                    },
                    model,
                    aggregator: false,
                }
            },
        );
    let mut inventory = Inventory::ordered(nodes.collect());
    inventory.locks.insert(path(LOCK));
    // What members inherit from the root's manifest is told apart like what the lock file pins.
    inventory.locks.insert(path(MANIFEST));
    Ok(inventory)
}

/// Reads what the lock file pins, or what members inherit from the root's manifest.
pub(crate) fn locked(
    source: &dyn DiffSource,
    at: &CommitId,
    inventory: &Inventory,
    lock: &RepoPath,
) -> Result<Locked, Error> {
    if *lock == path(MANIFEST) {
        let members = Members::read(source, at)?;
        return Ok(Locked::Known(members.inherited()?));
    }
    match source.read(at, lock)? {
        None => Ok(Locked::Absent),
        Some(bytes) => Ok(lock::read(&bytes, inventory)),
    }
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap_or_default()
}

fn is_program(source: &dyn DiffSource, at: &CommitId, package: &Manifest) -> Result<bool, Error> {
    if package.table.contains_key("bin") {
        return Ok(true);
    }
    let Ok(sources) = package.folder.join("src") else {
        return Ok(false);
    };
    if has_file(source, at, &sources, b"main.rs")? {
        return Ok(true);
    }
    let Ok(programs) = sources.join("bin") else {
        return Ok(false);
    };
    Ok(source.kind(at, &programs)? == Some(EntryKind::Directory))
}

/// The table at the end of a way of keys.
fn table<'a>(table: &'a Table, way: &[&str]) -> Option<&'a Table> {
    way.iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())
}
