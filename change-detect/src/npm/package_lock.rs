//! `package-lock.json` and `npm-shrinkwrap.json`.
//! <https://docs.npmjs.com/cli/configuring-npm/package-lock-json>

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Pinned;
use super::package::SECTIONS;
use super::workspace::Workspace;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    lockfile_version: u32,
    #[serde(default)]
    packages: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

impl Entry {
    fn wants(&self) -> impl Iterator<Item = &String> {
        SECTIONS
            .iter()
            .filter_map(|section| self.other.get(*section)?.as_object())
            .flat_map(|listed| listed.keys())
    }
}

/// For each package what it is built with, the root's tools included, which all are built with.
pub(super) fn read(
    bytes: &[u8],
    workspace: &Workspace,
) -> Result<Vec<BTreeMap<String, String>>, String> {
    let file: File =
        serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if !matches!(file.lockfile_version, 2 | 3) {
        return Err(format!(
            "its version {} knows no workspaces",
            file.lockfile_version
        ));
    }
    let closure = |start: String| {
        let mut pinned = Pinned::default();
        let (mut open, mut seen) = (vec![String::new(), start], BTreeSet::new());
        while let Some(place) = open.pop() {
            let Some(entry) = file.packages.get(&place) else {
                continue;
            };
            // Packages of the workspace are edges of their own.
            if entry.link || !seen.insert(place.clone()) {
                continue;
            }
            if let Some((_, name)) = place.rsplit_once("node_modules/") {
                let version = entry.version.as_deref().or(entry.resolved.as_deref());
                let content = entry
                    .integrity
                    .as_deref()
                    .or_else(|| source(entry.resolved.as_deref()));
                pinned.add(name, version.unwrap_or_default(), content);
            }
            open.extend(
                entry
                    .wants()
                    .filter_map(|name| resolve(&file.packages, &place, name)),
            );
        }
        pinned.finish()
    };
    let folder = |package: &super::package::Package| {
        String::from_utf8_lossy(package.folder.as_bytes()).into_owned()
    };
    Ok(workspace
        .packages
        .iter()
        .map(|package| closure(folder(package)))
        .collect())
}

/// The commit of a package that is a git repository, or else its address.
fn source(resolved: Option<&str>) -> Option<&str> {
    let resolved = resolved?;
    Some(
        resolved
            .rsplit_once('#')
            .map_or(resolved, |(_, commit)| commit),
    )
}

/// Where node finds a package from some place: in the nearest `node_modules` above.
fn resolve(packages: &BTreeMap<String, Entry>, from: &str, name: &str) -> Option<String> {
    let mut here = from;
    loop {
        let candidate = if here.is_empty() {
            format!("node_modules/{name}")
        } else {
            format!("{here}/node_modules/{name}")
        };
        if packages.contains_key(&candidate) {
            return Some(candidate);
        }
        if here.is_empty() {
            return None;
        }
        here = here.rsplit_once('/').map_or("", |(above, _)| above);
    }
}
