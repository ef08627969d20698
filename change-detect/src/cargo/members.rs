//! Which packages a workspace has.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::manifest::{Manifest, Used, follow};
use super::{MANIFEST, path, table};
use crate::globs::Globs;
use crate::{CommitId, DiffSource, EntryKind, Error, ModuleName, RepoPath};

/// A workspace and its packages, sorted by folder.
#[derive(Debug)]
pub(super) struct Members {
    root: Manifest,
    pub(super) packages: Vec<Manifest>,
    by_folder: BTreeMap<RepoPath, usize>,
}

impl Members {
    /// Reads the workspace at the root: what `members` lists, what is not excluded, and what members need by path.
    pub(super) fn read(source: &dyn DiffSource, at: &CommitId) -> Result<Self, Error> {
        let Some(root) = Manifest::read(source, at, &path(MANIFEST))? else {
            return Err(Error::NoManifest {
                commit: at.clone(),
                file: MANIFEST,
            });
        };
        let empty = Table::new();
        let workspace = table(&root.table, &["workspace"]).unwrap_or(&empty);
        let excluded: Vec<RepoPath> = strings(workspace, "exclude")
            .iter()
            .filter_map(|folder| follow(&RepoPath::root(), folder))
            .collect();
        let mut folders = BTreeSet::new();
        if root.name().is_some() {
            folders.insert(RepoPath::root());
        }
        let mut patterns = Vec::new();
        for member in strings(workspace, "members") {
            if member.contains(['*', '?', '[']) {
                patterns.push(member.trim_start_matches("./").to_owned());
            } else if let Some(folder) = follow(&RepoPath::root(), &member) {
                folders.insert(folder);
            }
        }
        let globs = Globs::new(&patterns)?;
        let mut open = if globs.is_empty() {
            vec![]
        } else {
            vec![RepoPath::root()]
        };
        while let Some(folder) = open.pop() {
            for entry in source.list(at, &folder)? {
                if entry.kind != EntryKind::Directory {
                    continue;
                }
                // Cargo passes over folders that match and are no packages.
                if globs.matches(&entry.path) && has_manifest(source, at, &entry.path)? {
                    folders.insert(entry.path.clone());
                }
                if globs.may_match_below(&entry.path) {
                    open.push(entry.path);
                }
            }
        }
        let outside =
            |folder: &RepoPath| excluded.iter().any(|excluded| folder.starts_with(excluded));
        let mut open: Vec<RepoPath> = folders
            .into_iter()
            .filter(|folder| !outside(folder))
            .collect();
        let mut packages: BTreeMap<RepoPath, Manifest> = BTreeMap::new();
        while let Some(folder) = open.pop() {
            if packages.contains_key(&folder) {
                continue;
            }
            let file = folder.join(MANIFEST).unwrap_or_default();
            let Some(manifest) = Manifest::read(source, at, &file)? else {
                return Err(Error::InvalidManifest {
                    commit: at.clone(),
                    path: path(MANIFEST),
                    position: None,
                    source: format!(
                        "the workspace has the member `{folder}`, which has no Cargo.toml"
                    )
                    .into(),
                });
            };
            if manifest.name().is_none() {
                return Err(Error::InvalidManifest {
                    commit: at.clone(),
                    path: file,
                    position: None,
                    source: "the package has no name".into(),
                });
            }
            // What a member names by its folder is a member as well, if it is in the workspace at all.
            for dependency in manifest.dependencies(&root) {
                if let Some(folder) = dependency.folder
                    && !outside(&folder)
                    && has_manifest(source, at, &folder)?
                {
                    open.push(folder);
                }
            }
            packages.insert(folder, manifest);
        }
        let by_folder = packages.keys().cloned().zip(0..).collect();
        Ok(Self {
            root,
            packages: packages.into_values().collect(),
            by_folder,
        })
    }

    /// The name of each package. Fails if two have the same.
    pub(super) fn names(&self) -> Result<Vec<ModuleName>, Error> {
        let mut taken: BTreeMap<ModuleName, &RepoPath> = BTreeMap::new();
        let mut names = Vec::new();
        for package in &self.packages {
            let name = ModuleName::of(package.name().unwrap_or_default());
            if let Some(first) = taken.insert(name.clone(), &package.path) {
                return Err(Error::DuplicateModule {
                    name,
                    first: first.clone(),
                    second: package.path.clone(),
                });
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The packages of the workspace that one of them uses.
    pub(super) fn edges(&self, package: &Manifest) -> Vec<Used> {
        let mut used = Vec::new();
        for dependency in package.dependencies(&self.root) {
            let folder = dependency
                .folder
                .or_else(|| self.patched(&dependency.package));
            if let Some(on) = folder.and_then(|folder| self.by_folder.get(&folder).copied())
                && self.packages[on].path != package.path
            {
                used.push(Used {
                    package: on,
                    detail: dependency.detail,
                    tests_only: dependency.tests_only,
                });
            }
        }
        used
    }

    /// Where `[patch]` of the root says that a package is.
    fn patched(&self, name: &str) -> Option<RepoPath> {
        let registries = table(&self.root.table, &["patch"])?;
        registries.values().find_map(|registry| {
            registry.as_table()?.iter().find_map(|(key, spec)| {
                let package = spec.get("package").and_then(Value::as_str).unwrap_or(key);
                let folder = spec.get("path").and_then(Value::as_str)?;
                (package == name)
                    .then(|| follow(&RepoPath::root(), folder))
                    .flatten()
            })
        })
    }

    /// What each package takes from the root's manifest.
    pub(super) fn inherited(
        &self,
    ) -> Result<BTreeMap<ModuleName, BTreeMap<String, String>>, Error> {
        let empty = Table::new();
        let workspace = table(&self.root.table, &["workspace"]).unwrap_or(&empty);
        let mut for_all = BTreeMap::new();
        for key in ["profile", "patch", "replace", "cargo-features"] {
            let value = self.root.table.get(key);
            for_all.extend(value.map(|value| (format!("[{key}]"), short(value))));
        }
        let resolver = workspace.get("resolver");
        for_all.extend(resolver.map(|value| ("resolver".to_owned(), short(value))));

        let mut inherited = BTreeMap::new();
        for (package, name) in self.packages.iter().zip(self.names()?) {
            let mut taken: BTreeMap<String, String> = for_all.clone();
            inherit(&package.table, workspace, &mut Vec::new(), &mut taken);
            inherited.insert(name, taken);
        }
        Ok(inherited)
    }
}

/// Finds every `….workspace = true` of a manifest and what the workspace has for it.
fn inherit(
    manifest: &Table,
    workspace: &Table,
    way: &mut Vec<String>,
    taken: &mut BTreeMap<String, String>,
) {
    for (key, value) in manifest {
        let Some(below) = value.as_table() else {
            continue;
        };
        way.push(key.clone());
        if below.get("workspace").and_then(Value::as_bool) == Some(true) {
            let section = way.first().map_or("", String::as_str);
            let given = match section {
                "package" => table(workspace, &["package"]).and_then(|package| package.get(key)),
                "lints" => workspace.get("lints"),
                _ => table(workspace, &["dependencies"]).and_then(|listed| listed.get(key)),
            };
            let name = match section {
                "package" | "lints" => way.join("."),
                _ => key.clone(),
            };
            taken.extend(given.map(|given| (name, short(given))));
        } else if way.len() < 5 {
            inherit(below, workspace, way, taken);
        }
        way.pop();
    }
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn has_manifest(source: &dyn DiffSource, at: &CommitId, folder: &RepoPath) -> Result<bool, Error> {
    crate::inventory::has_file(source, at, folder, MANIFEST.as_bytes())
}

fn strings(table: &Table, key: &str) -> Vec<String> {
    let items = table
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
