//! What the tasks need to know of the workspace's manifests.
//!
//! A reader for the few keys that matter, in the form in which this workspace writes them: a TOML parser would be most of this program's dependencies.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo;
use crate::task::Error;

/// The workspace's members.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) members: Vec<Package>,
    /// The least Rust that the published crates promise to build with.
    pub(crate) rust_version: String,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// The name that `cargo -p` takes.
    pub(crate) name: String,
    /// Relative to the top folder, as in `members`.
    pub(crate) folder: String,
    /// The keys of `[package]`, with values as written: `"text"`, `false`, or `true` for an inherited key.
    pub(crate) keys: BTreeMap<String, String>,
    /// The names of `[features]`, `default` left out, each with what it turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// What `default` turns on.
    pub(crate) default: Vec<String>,
}

impl Workspace {
    /// Reads the root manifest and each member's.
    pub(crate) fn load() -> Result<Self, Error> {
        let root = cargo::root();
        let text = read(&root.join("Cargo.toml"))?;
        let mut members = Vec::new();
        for folder in list(&sections(&text), "workspace", "members") {
            let path = root.join(&folder).join("Cargo.toml");
            members.push(
                Package::parse(&folder, &read(&path)?).ok_or_else(|| {
                    Error::Broken(format!("`{}` names no package", path.display()))
                })?,
            );
        }
        let promised = sections(&text)
            .into_iter()
            .find(|(section, key, _)| section == "workspace.package" && key == "rust-version");
        let Some((_, _, rust_version)) = promised else {
            return Err(Error::Broken(
                "the workspace's Cargo.toml has no `rust-version`".to_owned(),
            ));
        };
        Ok(Self {
            members,
            rust_version: unquoted(&rust_version).to_owned(),
        })
    }

    /// The libraries among the members: what other Rust tools embed. They stand at the top; each has to build, and pass, with each of its feature sets, and may
    /// depend on no other.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.members
            .iter()
            .filter(|package| !package.folder.contains('/') && package.folder != "examples")
    }

    /// The package in `folder`.
    pub(crate) fn in_folder(&self, folder: &Path) -> Option<&Package> {
        self.members
            .iter()
            .find(|package| Path::new(&package.folder) == folder)
    }
}

impl Package {
    fn parse(folder: &str, text: &str) -> Option<Self> {
        let sections = sections(text);
        let mut keys = BTreeMap::new();
        for (section, key, value) in &sections {
            if section == "package" {
                keys.insert(key.trim_end_matches(".workspace").to_owned(), value.clone());
            }
        }
        let mut features = BTreeMap::new();
        for (section, key, _) in &sections {
            if section == "features" {
                features.insert(key.clone(), list(&sections, "features", key));
            }
        }
        let default = features.remove("default").unwrap_or_default();
        Some(Self {
            name: unquoted(keys.get("name")?).to_owned(),
            folder: folder.to_owned(),
            keys,
            features,
            default,
        })
    }

    /// Whether the package goes to crates.io.
    pub(crate) fn published(&self) -> bool {
        self.keys
            .get("publish")
            .is_none_or(|value| value != "false")
    }

    /// The package's folder on this machine.
    pub(crate) fn path(&self) -> PathBuf {
        cargo::root().join(&self.folder)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path)
        .map_err(|source| Error::broken(format!("cannot read `{}`", path.display()), source))
}

/// Each `key = value` as (section, key, value), values that span lines joined.
fn sections(text: &str) -> Vec<(String, String, String)> {
    let mut out: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    let mut open = false;
    for line in text.lines() {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        if open {
            if let Some((_, _, value)) = out.last_mut() {
                value.push(' ');
                value.push_str(line);
                open = unclosed(value);
            }
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let value = value.trim().to_owned();
            open = unclosed(&value);
            out.push((section.clone(), key.trim().to_owned(), value));
        }
    }
    out
}

fn unclosed(value: &str) -> bool {
    value.starts_with('[') && !value.ends_with(']')
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

/// The strings of the array that `key` of `section` holds.
fn list(sections: &[(String, String, String)], section: &str, key: &str) -> Vec<String> {
    let found = sections
        .iter()
        .find(|(of, name, _)| of == section && name == key);
    let Some((_, _, value)) = found else {
        return Vec::new();
    };
    value
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// A string without its quotes.
pub(crate) fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_features_whatever_their_layout() {
        let text = "[package]\nname = \"notifier\" # taken\npublish = false\nlicense.workspace = true\n\n[features]\ndefault = [\"http\",\n  \"tls\", # https\n]\n# a # comment\nhttp = [\"dep:url\"]\ntls = []\n[dependencies]\nurl = \"2\"\n";
        let package = Package::parse("notifier", text).unwrap();
        assert_eq!(package.name, "notifier");
        assert_eq!(package.default, ["http", "tls"]);
        assert_eq!(
            package.features.into_iter().collect::<Vec<_>>(),
            [
                ("http".into(), vec!["dep:url".to_owned()]),
                ("tls".into(), vec![])
            ]
        );
        assert_eq!(package.keys["license"], "true");
        assert!(!package.keys.contains_key("url"));
    }

    #[test]
    fn finds_every_library_in_this_workspace() {
        let workspace = Workspace::load().unwrap();
        let libraries: Vec<&str> = workspace
            .libraries()
            .map(|library| library.folder.as_str())
            .collect();
        for folder in [
            "change-detect",
            "image-tagger",
            "ecs-deployer",
            "health-checker",
            "notifier",
        ] {
            assert!(libraries.contains(&folder), "{folder} in {libraries:?}");
        }
        assert!(
            !libraries
                .iter()
                .any(|folder| folder.starts_with("bins") || *folder == "examples"),
            "{libraries:?}"
        );
        assert_eq!(
            workspace.in_folder(Path::new("notifier")).unwrap().name,
            "deploy-notifier"
        );
        assert!(
            workspace
                .in_folder(Path::new("bins/xtask"))
                .is_some_and(|xtask| !xtask.published())
        );
        assert!(
            workspace
                .in_folder(Path::new("change-detect"))
                .is_some_and(Package::published)
        );
    }

    #[test]
    fn a_manifest_without_a_package_is_told_apart() {
        assert_eq!(Package::parse("x", "[workspace]\nmembers = []\n"), None);
    }
}
