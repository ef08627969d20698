//! Layout `go`: the modules that `go.work` uses; without one, every folder with a `go.mod`. In either case also those that
//! replace others by their folder.
//! <https://go.dev/ref/mod>

mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use self::syntax::Directive;
use crate::globs::Globs;
use crate::inventory::{Inventory, Locked, Node, has_file};
use crate::kinds::{self, Candidate};
use crate::{
    CommitId, Dependency, DiffSource, EdgeKind, EntryKind, Error, Module, ModuleName, RepoPath,
};

const WORK: &str = "go.work";
const WORK_SUM: &str = "go.work.sum";

/// A `go.mod` and where it is.
#[derive(Debug)]
struct Unit {
    folder: RepoPath,
    file: RepoPath,
    path: String,
    directives: Vec<Directive>,
}

/// Whether a commit has such a layout at its root. A single `go.mod` may be beside services that are no modules.
pub(crate) fn applies(source: &dyn DiffSource, at: &CommitId) -> Result<bool, Error> {
    has_file(source, at, &RepoPath::root(), WORK.as_bytes())
}

/// Reads the modules of a commit.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let work = read(source, at, &path(WORK))?;
    let units = units(source, at, work.as_deref())?;
    let names = names(&units)?;
    let by_path: BTreeMap<&str, usize> = units
        .iter()
        .map(|unit| unit.path.as_str())
        .zip(0..)
        .collect();
    let by_folder: BTreeMap<&RepoPath, usize> =
        units.iter().map(|unit| &unit.folder).zip(0..).collect();

    // In a workspace a replacement counts for all of its modules, wherever it is written.
    let mut replacements: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    if let Some(work) = &work {
        let root = RepoPath::root();
        let listed = units
            .iter()
            .map(|unit| (&unit.folder, unit.directives.as_slice()));
        for (folder, directives) in listed.chain([(&root, work.as_slice())]) {
            for (words, target) in replaces(folder, directives) {
                if let (Some(module), Some(on)) = (words.first(), by_folder.get(&target)) {
                    replacements.entry(module).or_default().insert(*on);
                }
            }
        }
    }

    let mut used = vec![false; units.len()];
    let (mut dependencies, mut candidates) = (Vec::new(), Vec::new());
    for (index, unit) in units.iter().enumerate() {
        let mut edges: BTreeMap<usize, &str> = BTreeMap::new();
        let required = unit.directives.iter().filter(|line| line.verb == "require");
        // In a workspace what is required comes from the workspace, whatever version is asked for.
        for module in required.filter(|_| work.is_some()) {
            let Some(module) = module.words.first() else {
                continue;
            };
            edges.extend(by_path.get(module.as_str()).map(|on| (*on, "require")));
            let replaced = replacements.get(module.as_str()).into_iter().flatten();
            edges.extend(replaced.map(|on| (*on, "replace")));
        }
        for (_, target) in replaces(&unit.folder, &unit.directives) {
            edges.extend(by_folder.get(&target).map(|on| (*on, "replace")));
        }
        edges.remove(&index);
        for on in edges.keys() {
            used[*on] = true;
        }
        candidates.push(Candidate {
            folder: unit.folder.clone(),
            deploys: has_file(source, at, &unit.folder, b"Dockerfile")?,
            program: is_program(source, at, &unit.folder)?,
        });
        let edge = |(on, detail): (usize, &str)| {
            Dependency::new(
                names[on].clone(),
                EdgeKind::Dependency,
                Some(detail.to_owned()),
            )
        };
        dependencies.push(edges.into_iter().map(edge).collect::<Vec<_>>());
    }
    let kinds = kinds::choose(services, &candidates, &used);
    let mut nodes = Vec::new();
    let mut locks = BTreeSet::from([path(WORK_SUM)]);
    for (index, (dependencies, kind)) in dependencies.into_iter().zip(kinds).enumerate() {
        let unit = &units[index];
        locks.extend(unit.folder.join("go.sum"));
        let mut model = BTreeSet::from([unit.file.clone()]);
        if work.is_some() {
            model.insert(path(WORK));
        }
        nodes.push(Node {
            module: Module {
                name: names[index].clone(),
                path: unit.folder.clone(),
                kind,
                dependencies,
            },
            model,
            aggregator: false,
        });
    }
    let mut inventory = Inventory::ordered(nodes);
    inventory.locks = locks;
    Ok(inventory)
}

/// Reads what a `go.sum` pins for its module, or `go.work.sum` for all.
pub(crate) fn locked(
    source: &dyn DiffSource,
    at: &CommitId,
    inventory: &Inventory,
    lock: &RepoPath,
) -> Result<Locked, Error> {
    let Some(bytes) = source.read(at, lock)? else {
        return Ok(Locked::Absent);
    };
    let mut sums: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&bytes).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [module, version, hash] = words.as_slice() else {
            continue;
        };
        let hash = hash.strip_prefix("h1:").unwrap_or(hash);
        let content = format!("{version} ({})", hash.get(..8).unwrap_or(hash));
        sums.entry((*module).to_owned())
            .or_default()
            .insert(content);
    }
    let joined = |versions: BTreeSet<String>| versions.into_iter().collect::<Vec<_>>().join(", ");
    let sums: BTreeMap<String, String> = sums
        .into_iter()
        .map(|(module, versions)| (module, joined(versions)))
        .collect();
    let concerned =
        |node: &&Node| *lock == path(WORK_SUM) || Some(&node.module.path) == lock.parent().as_ref();
    let nodes = inventory.nodes.iter().filter(concerned);
    Ok(Locked::Known(
        nodes
            .map(|node| (node.module.name.clone(), sums.clone()))
            .collect(),
    ))
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap_or_default()
}

/// Reads a `go.mod` or `go.work`, or none if there is no such file.
fn read(
    source: &dyn DiffSource,
    at: &CommitId,
    path: &RepoPath,
) -> Result<Option<Vec<Directive>>, Error> {
    let Some(bytes) = source.read(at, path)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let directives = syntax::parse(&text).map_err(|fault| Error::InvalidManifest {
        commit: at.clone(),
        path: path.clone(),
        position: Some((fault.line, 1)),
        source: fault.problem.into(),
    })?;
    Ok(Some(directives))
}

fn units(
    source: &dyn DiffSource,
    at: &CommitId,
    work: Option<&[Directive]>,
) -> Result<Vec<Unit>, Error> {
    let mut folders = BTreeSet::new();
    match work {
        Some(work) => {
            for directive in work.iter().filter(|directive| directive.verb == "use") {
                let used = directive.words.first().map_or("", String::as_str);
                let folder = follow(&RepoPath::root(), used);
                let there = match &folder {
                    Some(folder) => has_file(source, at, folder, b"go.mod")?,
                    None => false,
                };
                match folder.filter(|_| there) {
                    Some(folder) => _ = folders.insert(folder),
                    None => {
                        return Err(Error::InvalidManifest {
                            commit: at.clone(),
                            path: path(WORK),
                            position: Some((directive.line, 1)),
                            source: format!(
                                "it uses `{used}`, which has no go.mod in the repository"
                            )
                            .into(),
                        });
                    }
                }
            }
        }
        None => {
            let mut open = vec![RepoPath::root()];
            while let Some(folder) = open.pop() {
                for entry in source.list(at, &folder)? {
                    let name = entry.path.file_name();
                    // As the go command has it: these are never looked into.
                    let hidden = name.starts_with(b".") || name.starts_with(b"_");
                    if entry.kind == EntryKind::Directory {
                        if !hidden && name != b"vendor" && name != b"testdata" {
                            open.push(entry.path);
                        }
                    } else if name == b"go.mod" {
                        folders.insert(folder.clone());
                    }
                }
            }
            if folders.is_empty() {
                return Err(Error::NoManifest {
                    commit: at.clone(),
                    file: WORK,
                });
            }
        }
    }
    // What replaces a module is built from the repository as well, whether the workspace uses it or not.
    let mut open: Vec<RepoPath> = folders.iter().cloned().collect();
    let of_work = replaces(&RepoPath::root(), work.unwrap_or_default());
    open.extend(of_work.into_iter().map(|(_, target)| target));
    let mut units: BTreeMap<RepoPath, Unit> = BTreeMap::new();
    while let Some(folder) = open.pop() {
        if units.contains_key(&folder) || !has_file(source, at, &folder, b"go.mod")? {
            continue;
        }
        let file = folder.join("go.mod").unwrap_or_default();
        let directives = read(source, at, &file)?.unwrap_or_default();
        let module = directives
            .iter()
            .find(|directive| directive.verb == "module");
        let Some(path) = module
            .and_then(|directive| directive.words.first())
            .cloned()
        else {
            return Err(Error::InvalidManifest {
                commit: at.clone(),
                path: file,
                position: None,
                source: "it names no module".into(),
            });
        };
        let of_module = replaces(&folder, &directives);
        open.extend(of_module.into_iter().map(|(_, target)| target));
        let unit = Unit {
            folder: folder.clone(),
            file,
            path,
            directives,
        };
        units.insert(folder, unit);
    }
    Ok(units.into_values().collect())
}

/// The replacements by folders: their words, the module first, and the folders.
fn replaces<'a>(folder: &RepoPath, directives: &'a [Directive]) -> Vec<(&'a [String], RepoPath)> {
    directives
        .iter()
        .filter(|line| line.verb == "replace")
        .filter_map(|line| Some((line.words.as_slice(), replaced(folder, &line.words)?)))
        .collect()
}

/// Names each module after the last part of its path that is no version, or the whole path where that is not alone.
fn names(units: &[Unit]) -> Result<Vec<ModuleName>, Error> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for unit in units {
        *counts.entry(short(&unit.path)).or_default() += 1;
    }
    let mut taken: BTreeMap<ModuleName, &RepoPath> = BTreeMap::new();
    let mut names = Vec::new();
    for unit in units {
        let alone = counts.get(short(&unit.path)) == Some(&1);
        let name = if alone { short(&unit.path) } else { &unit.path };
        let name = ModuleName::of(name);
        if let Some(first) = taken.insert(name.clone(), &unit.file) {
            return Err(Error::DuplicateModule {
                name,
                first: first.clone(),
                second: unit.file.clone(),
            });
        }
        names.push(name);
    }
    Ok(names)
}

fn short(path: &str) -> &str {
    let version = |part: &str| {
        part.strip_prefix('v').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
        })
    };
    path.rsplit('/').find(|part| !version(part)).unwrap_or(path)
}

/// The folder that a replacement points to: `old [version] => ./folder`.
fn replaced(folder: &RepoPath, words: &[String]) -> Option<RepoPath> {
    let arrow = words.iter().position(|word| word == "=>")?;
    match &words[arrow + 1..] {
        // With a version it is a module of a registry.
        [target] if target.starts_with("./") || target.starts_with("../") => follow(folder, target),
        _ => None,
    }
}

/// Follows a relative path; none if it leaves the repository.
fn follow(folder: &RepoPath, path: &str) -> Option<RepoPath> {
    if path.is_empty() || path.starts_with('/') {
        return None;
    }
    let mut here = folder.clone();
    for name in path.split('/') {
        here = match name {
            "" | "." => here,
            ".." => here.parent()?,
            name => here.join(name).ok()?,
        };
    }
    Some(here)
}

/// Whether the module's folder, or one below `cmd`, has a program.
fn is_program(source: &dyn DiffSource, at: &CommitId, folder: &RepoPath) -> Result<bool, Error> {
    let mut folders = vec![folder.clone()];
    if let Ok(commands) = folder.join("cmd") {
        folders.push(commands.clone());
        let below = source.list(at, &commands)?;
        folders.extend(
            below
                .into_iter()
                .filter(|entry| entry.kind == EntryKind::Directory)
                .map(|entry| entry.path),
        );
    }
    for folder in folders {
        for entry in source.list(at, &folder)? {
            let name = entry.path.file_name();
            if !name.ends_with(b".go") || name.ends_with(b"_test.go") {
                continue;
            }
            let text = source.read(at, &entry.path)?.unwrap_or_default();
            let clause = |line: &str| line.split_whitespace().take(2).eq(["package", "main"]);
            if String::from_utf8_lossy(&text).lines().any(clause) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
