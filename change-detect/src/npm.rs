//! Layout `npm`: the packages of an npm, pnpm or yarn workspace.
//!
//! The package at the root is no module, unless it is the only one: it holds the others together. What its `package.json` says beyond its own name and
//! words (tools, overrides, scripts, the package manager) counts for every package.
//! <https://docs.npmjs.com/cli/using-npm/workspaces>, <https://pnpm.io/pnpm-workspace_yaml>,
//! <https://yarnpkg.com/features/workspaces>

mod package;
mod package_lock;
mod pnpm_lock;
mod workspace;
mod yaml;
mod yarn_lock;

use std::collections::{BTreeMap, BTreeSet};

use self::workspace::Workspace;
use crate::globs::Globs;
use crate::inventory::{Inventory, Locked, Node, has_file};
use crate::kinds::{self, Candidate};
use crate::{CommitId, Dependency, DiffSource, EdgeKind, Error, Module, RepoPath};

const MANIFEST: &str = "package.json";
const PNPM: &str = "pnpm-workspace.yaml";

/// Files at the root by which packages are installed and built.
const SHARED_FILES: [&str; 5] = [
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pnpmfile.cjs",
    ".pnpmfile.mjs",
];

const LOCKS: [&str; 6] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
];

/// Whether a commit has such a layout at its root.
pub(crate) fn applies(source: &dyn DiffSource, at: &CommitId) -> Result<bool, Error> {
    if has_file(source, at, &RepoPath::root(), PNPM.as_bytes())? {
        return Ok(true);
    }
    let root = package::read(source, at, &path(MANIFEST))?;
    Ok(root.is_some_and(|root| root.get("workspaces").is_some()))
}

/// Reads the modules of a commit.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let workspace = Workspace::read(source, at)?;
    let names = workspace.names()?;
    let mut used = vec![false; workspace.packages.len()];
    let mut candidates = Vec::new();
    let mut dependencies = Vec::new();
    for (index, package) in workspace.packages.iter().enumerate() {
        candidates.push(Candidate {
            folder: package.folder.clone(),
            deploys: has_file(source, at, &package.folder, b"Dockerfile")?,
            program: package.is_program(),
        });
        let mut edges: BTreeMap<usize, &str> = BTreeMap::new();
        for wanted in &package.wants {
            if let Some(on) = workspace.meant(package, wanted).filter(|on| *on != index) {
                used[on] = true;
                edges.entry(on).or_insert(wanted.section);
            }
        }
        let edge = |(on, section): (usize, &str)| {
            let detail = Some(section.to_owned());
            Dependency::new(names[on].clone(), EdgeKind::Dependency, detail)
        };
        dependencies.push(edges.into_iter().map(edge).collect::<Vec<_>>());
    }
    let kinds = kinds::choose(services, &candidates, &used);
    let mut nodes = Vec::new();
    for (index, (dependencies, kind)) in dependencies.into_iter().zip(kinds).enumerate() {
        let package = &workspace.packages[index];
        let mut model: BTreeSet<RepoPath> = SHARED_FILES.iter().map(|file| path(file)).collect();
        model.insert(package.path.clone());
        nodes.push(Node {
            module: Module {
                name: names[index].clone(),
                path: package.folder.clone(),
                kind,
                dependencies,
            },
            model,
            aggregator: false,
        });
    }
    let mut inventory = Inventory::ordered(nodes);
    inventory.locks = LOCKS
        .iter()
        .chain(&[MANIFEST, PNPM])
        .map(|file| path(file))
        .collect();
    Ok(inventory)
}

/// Reads what a lock file pins, or what the root's manifests say for each package.
pub(crate) fn locked(
    source: &dyn DiffSource,
    at: &CommitId,
    _inventory: &Inventory,
    lock: &RepoPath,
) -> Result<Locked, Error> {
    let Some(bytes) = source.read(at, lock)? else {
        return Ok(Locked::Absent);
    };
    let workspace = Workspace::read(source, at)?;
    let names = workspace.names()?;
    let pinned = match lock.as_bytes() {
        b"package.json" => Ok(workspace.said_by_root()),
        b"pnpm-workspace.yaml" => Ok(workspace.said_by_pnpm()),
        b"package-lock.json" | b"npm-shrinkwrap.json" => package_lock::read(&bytes, &workspace),
        b"pnpm-lock.yaml" => pnpm_lock::read(&bytes, &workspace),
        b"yarn.lock" => yarn_lock::read(&bytes, &workspace),
        _ => Err("its form is not read".to_owned()),
    };
    Ok(match pinned {
        Ok(pinned) => Locked::Known(names.into_iter().zip(pinned).collect()),
        Err(problem) => Locked::Opaque(problem),
    })
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap_or_default()
}

/// Packages from outside by name, each with its versions and what tells their contents apart.
#[derive(Debug, Default)]
struct Pinned(BTreeMap<String, BTreeSet<String>>);

impl Pinned {
    /// `content` is what else tells two contents of a version apart: a hash, a commit, or only where it comes from.
    fn add(&mut self, name: &str, version: &str, content: Option<&str>) {
        let content = match content.map(mark) {
            Some(mark) => format!("{version} ({mark})"),
            None => version.to_owned(),
        };
        self.0.entry(name.to_owned()).or_default().insert(content);
    }

    fn finish(self) -> BTreeMap<String, String> {
        let joined =
            |versions: BTreeSet<String>| versions.into_iter().collect::<Vec<_>>().join(", ");
        self.0
            .into_iter()
            .map(|(name, versions)| (name, joined(versions)))
            .collect()
    }
}

/// A few characters that stand for a content: the first ones of a hash, or of a hash of what is none. An address is not
/// repeated, as it may carry a password.
fn mark(content: &str) -> String {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric());
    // `sha512-…` of npm's, `10c0/…` of yarn's, or nothing but the hash.
    let hash = match content.split_once(['-', '/']) {
        Some((kind, hash)) if plain(kind) && !content.contains(':') => Some(hash),
        _ => plain(content).then_some(content),
    };
    match hash {
        Some(hash) => hash.chars().take(8).collect(),
        None => {
            // FNV-1a; nothing here has to withstand an attack.
            let digest = content
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
            format!("from {digest:016x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_apart_by_a_few_characters() {
        assert_eq!(mark("sha512-AbCdEfGh/x=="), "AbCdEfGh");
        assert_eq!(mark("10c0/0123456789"), "01234567");
        assert_eq!(mark("0123456789"), "01234567");
        assert_eq!(mark("sha1-a/b"), "a/b");
        let [one, other] = ["https://ada:s3cret@r/a-1.tgz", "https://r/a-1.tgz"].map(mark);
        assert!(
            one != other && one.starts_with("from ") && !one.contains("s3cret"),
            "{one} {other}"
        );
        assert_ne!(
            mark("a@patch:a@npm%3A1#x&hash=1"),
            mark("a@patch:a@npm%3A1#x&hash=2")
        );
    }
}
