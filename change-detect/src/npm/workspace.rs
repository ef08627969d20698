//! Which packages a workspace has, and which of them another means.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde_json::{Map, Value};

use super::package::{self, Package, SECTIONS, Wanted};
use super::{MANIFEST, PNPM, path, yaml};
use crate::globs::Globs;
use crate::inventory::has_file;
use crate::{CommitId, DiffSource, EntryKind, Error, ModuleName, RepoPath};

/// What of the root's `package.json` concerns the root alone.
const ITS_OWN: [&str; 14] = [
    "name",
    "version",
    "private",
    "description",
    "keywords",
    "author",
    "contributors",
    "license",
    "repository",
    "bugs",
    "homepage",
    "funding",
    "workspaces",
    "files",
];

/// A workspace and its packages, sorted by folder.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: Package,
    pnpm: Map<String, Value>,
    pub(super) packages: Vec<Package>,
    by_name: BTreeMap<String, usize>,
    by_folder: BTreeMap<RepoPath, usize>,
}

impl Workspace {
    /// Reads the workspace at the root.
    pub(super) fn read(source: &dyn DiffSource, at: &CommitId) -> Result<Self, Error> {
        let Some(root) = package::read(source, at, &path(MANIFEST))? else {
            return Err(Error::NoManifest {
                commit: at.clone(),
                file: MANIFEST,
            });
        };
        let pnpm = match source.read(at, &path(PNPM))? {
            None => Value::Null,
            Some(bytes) => yaml::read(&bytes).map_err(|problem| Error::InvalidManifest {
                commit: at.clone(),
                path: path(PNPM),
                position: None,
                source: problem.into(),
            })?,
        };
        let is_pnpm = pnpm.is_object();
        let listed = match (&pnpm, root.get("workspaces")) {
            (Value::Object(pnpm), _) => pnpm.get("packages"),
            (_, Some(Value::Object(yarn))) => yarn.get("packages"),
            (_, listed) => listed,
        };
        let mut patterns: Vec<String> = listed
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|pattern| match pattern.strip_prefix('!') {
                Some(pattern) => format!("!{}", plain(pattern)),
                None => plain(pattern).to_owned(),
            })
            .collect();
        if is_pnpm && listed.is_none() {
            patterns.push("**".to_owned());
        }
        let mut packages = BTreeMap::new();
        for folder in folders(source, at, &Globs::new(&patterns)?)? {
            let file = folder.join(MANIFEST).unwrap_or_default();
            if let Some(table) = package::read(source, at, &file)? {
                packages.insert(folder, Package::new(file, table));
            }
        }
        if packages.is_empty() && (patterns.is_empty() || is_pnpm && listed.is_none()) {
            // It holds no others together: it is the one package.
            let package = Package::new(path(MANIFEST), root.clone());
            packages.insert(RepoPath::root(), package);
        }
        let packages: Vec<Package> = packages.into_values().collect();
        let by_name = packages.iter().map(Package::name).zip(0..).collect();
        let folders = packages.iter().map(|package| package.folder.clone());
        Ok(Self {
            by_name,
            by_folder: folders.zip(0..).collect(),
            root: Package::new(path(MANIFEST), root),
            pnpm: match pnpm {
                Value::Object(pnpm) => pnpm,
                _ => Map::new(),
            },
            packages,
        })
    }

    /// The name of each package. Fails if two have the same.
    pub(super) fn names(&self) -> Result<Vec<ModuleName>, Error> {
        let mut taken: BTreeMap<ModuleName, &RepoPath> = BTreeMap::new();
        let mut names = Vec::new();
        for package in &self.packages {
            let name = ModuleName::of(&package.name());
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

    /// The package of the workspace that another means, if it means one. What cannot be read as a range is taken to.
    pub(super) fn meant(&self, package: &Package, wanted: &Wanted) -> Option<usize> {
        let catalog;
        let spec = if wanted.spec.starts_with("catalog:") {
            catalog = self.catalog(&wanted.name, &wanted.spec)?;
            catalog.as_str()
        } else {
            wanted.spec.as_str()
        };
        let by_name = |name: &str| self.by_name.get(name).copied();
        for protocol in ["file:", "link:", "portal:"] {
            if let Some(folder) = spec.strip_prefix(protocol) {
                let folder = follow(&package.folder, folder)?;
                return self.by_folder.get(&folder).copied();
            }
        }
        if let Some(version) = spec.strip_prefix("workspace:") {
            // `workspace:other@^1` and `workspace:../other` name another; `workspace:^` names this.
            let name = version
                .rfind('@')
                .filter(|at| *at > 0)
                .map(|at| &version[..at]);
            let folder = follow(&package.folder, version);
            return name
                .and_then(by_name)
                .or_else(|| folder.and_then(|folder| self.by_folder.get(&folder).copied()))
                .or_else(|| by_name(&wanted.name));
        }
        let (name, range) = match spec.strip_prefix("npm:") {
            Some(alias) => match alias.rfind('@').filter(|at| *at > 0) {
                Some(at) => (&alias[..at], &alias[at + 1..]),
                None => (alias, "*"),
            },
            None => (wanted.name.as_str(), spec),
        };
        by_name(name).filter(|index| satisfies(self.packages[*index].text("version"), range))
    }

    /// What a catalog of pnpm's has for a package: `catalog:` or `catalog:NAME`.
    pub(super) fn catalog(&self, name: &str, spec: &str) -> Option<String> {
        let list = match spec.strip_prefix("catalog:")? {
            "" | "default" => self
                .pnpm
                .get("catalog")
                .or_else(|| self.pnpm.get("catalogs")?.get("default")),
            named => self.pnpm.get("catalogs")?.get(named),
        };
        Some(short(list?.get(name)?))
    }

    /// What the root's `package.json` says for each package.
    pub(super) fn said_by_root(&self) -> Vec<BTreeMap<String, String>> {
        let mut said = BTreeMap::new();
        for (key, value) in &self.root.table {
            if ITS_OWN.contains(&key.as_str()) {
                continue;
            }
            match value {
                Value::Object(listed) if SECTIONS.contains(&key.as_str()) => {
                    said.extend(
                        listed
                            .iter()
                            .map(|(name, spec)| (name.clone(), short(spec))),
                    );
                }
                value => _ = said.insert(format!("[{key}]"), short(value)),
            }
        }
        vec![said; self.packages.len()]
    }

    /// What `pnpm-workspace.yaml` says for each package: the catalog entries that it uses, and what counts for all.
    pub(super) fn said_by_pnpm(&self) -> Vec<BTreeMap<String, String>> {
        let for_all: BTreeMap<String, String> = self
            .pnpm
            .iter()
            .filter(|(key, _)| !["packages", "catalog", "catalogs"].contains(&key.as_str()))
            .map(|(key, value)| (format!("[{key}]"), short(value)))
            .collect();
        let used = |package: &Package| {
            let mut said = for_all.clone();
            for wanted in &package.wants {
                let entry = self.catalog(&wanted.name, &wanted.spec);
                said.extend(entry.map(|entry| (wanted.name.clone(), entry)));
            }
            said
        };
        self.packages.iter().map(used).collect()
    }

    /// Whether a name is that of a package of the workspace.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}

fn plain(pattern: &str) -> &str {
    pattern.trim_start_matches("./")
}

/// The folders that globs match and that have a manifest; `node_modules` are not entered.
fn folders(source: &dyn DiffSource, at: &CommitId, globs: &Globs) -> Result<Vec<RepoPath>, Error> {
    let mut found = Vec::new();
    let mut open = if globs.is_empty() {
        vec![]
    } else {
        vec![RepoPath::root()]
    };
    while let Some(folder) = open.pop() {
        for entry in source.list(at, &folder)? {
            if entry.kind != EntryKind::Directory || entry.path.file_name() == b"node_modules" {
                continue;
            }
            if globs.matches(&entry.path) && has_file(source, at, &entry.path, MANIFEST.as_bytes())?
            {
                found.push(entry.path.clone());
            }
            if globs.may_match_below(&entry.path) {
                open.push(entry.path);
            }
        }
    }
    Ok(found)
}

/// Follows a relative path; none if it leaves the repository.
fn follow(folder: &RepoPath, path: &str) -> Option<RepoPath> {
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

/// Whether a version is in a range of npm's. What cannot be read is taken to be.
fn satisfies(version: Option<&str>, range: &str) -> bool {
    let Some(version) = version.and_then(|version| version.parse::<Version>().ok()) else {
        return true;
    };
    range.split("||").any(|part| {
        let part = part.trim();
        let requirement = if part.parse::<Version>().is_ok() {
            // A version alone is that version, not one that is compatible with it.
            VersionReq::parse(&format!("={part}"))
        } else if part.contains(" - ") {
            return true;
        } else {
            let words: Vec<&str> = part.split_whitespace().collect();
            VersionReq::parse(&words.join(", "))
        };
        requirement.map_or(true, |requirement| requirement.matches(&version))
    })
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_npm_does() {
        for (range, version, expected) in [
            ("1.2.3", "1.2.3", true),
            ("1.2.3", "1.2.4", false),
            ("^1.2.0", "1.9.0", true),
            ("^1.2.0", "2.0.0", false),
            ("~1.2.0", "1.3.0", false),
            ("*", "9.9.9", true),
            ("", "9.9.9", true),
            (">=1.0.0 <2.0.0", "1.5.0", true),
            (">=1.0.0 <2.0.0", "2.5.0", false),
            ("^1.0.0 || ^3.0.0", "3.1.0", true),
            ("1.0.0 - 2.0.0", "9.0.0", true),
            ("latest", "9.0.0", true),
            ("github:a/b", "1.0.0", true),
        ] {
            assert_eq!(
                satisfies(Some(version), range),
                expected,
                "{range} {version}"
            );
        }
        assert!(satisfies(None, "^1.0.0"));
    }
}
