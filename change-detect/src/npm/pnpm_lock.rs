//! `pnpm-lock.yaml`, versions 6 to 9.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::package::{Package, SECTIONS};
use super::workspace::Workspace;
use super::{Pinned, yaml};

/// For each package what it is built with, the root's tools included, which all are built with.
pub(super) fn read(
    bytes: &[u8],
    workspace: &Workspace,
) -> Result<Vec<BTreeMap<String, String>>, String> {
    let file = yaml::read(bytes)?;
    let version = match file.get("lockfileVersion") {
        Some(Value::String(version)) => version.clone(),
        Some(other) => other.to_string(),
        None => return Err("it has no version".to_owned()),
    };
    let major: u32 = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0);
    if !(6..=9).contains(&major) {
        return Err(format!("its version {version} is not read"));
    }
    let importer = |folder: &str| {
        file.get("importers")
            .and_then(|importers| importers.get(folder))
    };
    // Since version 9 what a package needs is apart from what it is.
    let needs = |key: &str| {
        file.get("snapshots")
            .or_else(|| file.get("packages"))?
            .get(key)
    };
    let is = |key: &str| {
        let packages = file.get("packages")?;
        packages.get(key).or_else(|| packages.get(plain(key)))
    };
    let closure = |package: &Package| {
        let mut pinned = Pinned::default();
        let folder = package.folder.to_string();
        let mut open: Vec<String> = [".", folder.as_str()]
            .into_iter()
            .filter_map(importer)
            .flat_map(wanted)
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(mut key) = open.pop() {
            // Version 6 begins its keys with a slash.
            let slashed = format!("/{key}");
            if needs(&key).is_none() && needs(&slashed).is_some() {
                key = slashed;
            }
            if !seen.insert(key.clone()) {
                continue;
            }
            let (name, version) = divide(&key);
            let resolution = is(&key).and_then(|entry| entry.get("resolution"));
            let text =
                |field: &str| resolution.and_then(|resolution| resolution.get(field)?.as_str());
            let content = text("integrity")
                .or_else(|| text("commit"))
                .or_else(|| text("tarball"));
            pinned.add(name, version, content);
            open.extend(needs(&key).into_iter().flat_map(wanted));
        }
        pinned.finish()
    };
    Ok(workspace.packages.iter().map(closure).collect())
}

/// The keys of what an importer or a package needs; what is linked is of the workspace.
fn wanted(entry: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    for section in SECTIONS {
        let listed = entry.get(section).and_then(Value::as_object);
        for (name, value) in listed.into_iter().flatten() {
            // An importer also says what was asked for; a package only what it got.
            let version = value
                .get("version")
                .unwrap_or(value)
                .as_str()
                .unwrap_or_default();
            if version.starts_with("link:") || version.is_empty() {
                continue;
            }
            let bare = plain(version);
            keys.push(
                if version.starts_with('/') || bare.rfind('@').is_some_and(|at| at > 0) {
                    // Another package under this name, in full.
                    version.to_owned()
                } else {
                    format!("{name}@{version}")
                },
            );
        }
    }
    keys
}

/// A key without the peers that it was resolved with: `a@1.0.0(b@2.0.0)`.
fn plain(key: &str) -> &str {
    key.find('(').map_or(key, |end| &key[..end])
}

/// The name and the version of a key, peers included.
fn divide(key: &str) -> (&str, &str) {
    let key = key.trim_start_matches('/');
    let end = plain(key).rfind('@').filter(|at| *at > 0);
    end.map_or((key, ""), |at| (&key[..at], &key[at + 1..]))
}
