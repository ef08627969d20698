//! `Cargo.lock`: which packages from outside each member is built with.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::inventory::{Inventory, Locked};

/// The versions of the file's form that are understood.
const NEWEST: u32 = 4;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Package>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Reads a lock file. The graph in it is that of all features and targets, so nothing that could be built with is missing.
pub(super) fn read(bytes: &[u8], inventory: &Inventory) -> Locked {
    let file: File = match toml::from_slice(bytes) {
        Ok(file) => file,
        Err(error) => return Locked::Opaque(format!("it cannot be read: {}", error.message())),
    };
    if file.version.is_some_and(|version| version > NEWEST) {
        return Locked::Opaque(format!(
            "its version {} is newer than {NEWEST}",
            file.version.unwrap_or_default()
        ));
    }
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in file.package.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(index);
    }
    // "name", "name version" or "name version (source)": as much as is needed to tell it apart.
    let resolve = |text: &str| -> Vec<usize> {
        let mut words = text.splitn(3, ' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let from = words.next().map(|from| from.trim_matches(['(', ')']));
        by_name
            .get(name)
            .into_iter()
            .flatten()
            .copied()
            .filter(|index| {
                let package = &file.package[*index];
                version.is_none_or(|version| package.version == version)
                    && from.is_none_or(|from| package.source.as_deref() == Some(from))
            })
            .collect()
    };
    let edges: Vec<Vec<usize>> = file
        .package
        .iter()
        .map(|package| {
            package
                .dependencies
                .iter()
                .flat_map(|text| resolve(text))
                .collect()
        })
        .collect();

    let mut known = BTreeMap::new();
    for node in &inventory.nodes {
        let start = by_name
            .get(node.module.name.as_str())
            .into_iter()
            .flatten()
            .copied()
            .find(|index| file.package[*index].source.is_none());
        let Some(start) = start else { continue };
        let (mut open, mut seen) = (vec![start], BTreeSet::from([start]));
        while let Some(index) = open.pop() {
            open.extend(edges[index].iter().copied().filter(|to| seen.insert(*to)));
        }
        let mut pinned: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for index in seen {
            let package = &file.package[index];
            if let Some(source) = &package.source {
                let content = identity(package, source, &file.metadata);
                pinned
                    .entry(package.name.clone())
                    .or_default()
                    .push(content);
            }
        }
        let pinned = pinned.into_iter().map(|(name, mut versions)| {
            versions.sort();
            (name, versions.join(", "))
        });
        known.insert(node.module.name.clone(), pinned.collect());
    }
    Locked::Known(known)
}

/// The version, with what tells its content apart: the commit of a git source, or the first digits of the checksum.
fn identity(package: &Package, source: &str, metadata: &BTreeMap<String, String>) -> String {
    // The first form of the file has checksums in a list of their own.
    let listed = || {
        let key = format!("checksum {} {} ({source})", package.name, package.version);
        metadata.get(&key)
    };
    let content = match source.rsplit_once('#') {
        Some((_, commit)) => Some(commit),
        None => package
            .checksum
            .as_ref()
            .or_else(listed)
            .map(String::as_str),
    };
    match content.and_then(|content| content.get(..8)) {
        Some(content) => format!("{} ({content})", package.version),
        None => package.version.clone(),
    }
}
