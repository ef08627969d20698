//! One `Cargo.toml`.

use toml::{Table, Value};

use super::table;
use crate::maven::position;
use crate::{CommitId, DiffSource, Error, RepoPath};

/// A manifest as it is written.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) path: RepoPath,
    pub(super) folder: RepoPath,
    pub(super) table: Table,
}

/// A dependency as it is written, with what it inherits filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The name of the package that is meant.
    pub(super) package: String,
    /// Where it is, if it is named by its folder.
    pub(super) folder: Option<RepoPath>,
    /// How it is used, for people.
    pub(super) detail: String,
    pub(super) tests_only: bool,
}

/// A package of the workspace that another uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used {
    /// Its place among the packages.
    pub(super) package: usize,
    pub(super) detail: String,
    pub(super) tests_only: bool,
}

const SECTIONS: [(&str, &str); 5] = [
    ("dependencies", "dependency"),
    ("build-dependencies", "build-dependency"),
    ("build_dependencies", "build-dependency"),
    ("dev-dependencies", "dev-dependency"),
    ("dev_dependencies", "dev-dependency"),
];

impl Manifest {
    /// Reads a manifest, or none if there is no such file.
    pub(super) fn read(
        source: &dyn DiffSource,
        at: &CommitId,
        path: &RepoPath,
    ) -> Result<Option<Self>, Error> {
        let Some(bytes) = source.read(at, path)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| Error::InvalidManifest {
                commit: at.clone(),
                path: path.clone(),
                position: error.span().map(|span| position(&text, span.start)),
                source: error.message().to_owned().into(),
            })?;
        Ok(Some(Self {
            path: path.clone(),
            folder: path.parent().unwrap_or_default(),
            table,
        }))
    }

    /// The package's name; none for the manifest of a workspace alone.
    pub(super) fn name(&self) -> Option<&str> {
        table(&self.table, &["package"])?.get("name")?.as_str()
    }

    /// Every dependency, of all targets, in the order of the sections.
    pub(super) fn dependencies(&self, root: &Self) -> Vec<Dependency> {
        let mut found = Vec::new();
        let targets = table(&self.table, &["target"]);
        let targets = targets
            .into_iter()
            .flatten()
            .filter_map(|(target, value)| Some((Some(target.as_str()), value.as_table()?)));
        for (target, section) in std::iter::once((None, &self.table)).chain(targets) {
            for (key, what) in SECTIONS {
                for (name, spec) in table(section, &[key]).into_iter().flatten() {
                    found.extend(self.dependency(root, name, spec, what, target));
                }
            }
        }
        found
    }

    fn dependency(
        &self,
        root: &Self,
        name: &str,
        spec: &Value,
        what: &str,
        target: Option<&str>,
    ) -> Option<Dependency> {
        let inherits = spec.get("workspace").and_then(Value::as_bool) == Some(true);
        // A path in the root's list is seen from the root.
        let (folder, given) = if inherits {
            let given = table(&root.table, &["workspace", "dependencies"])?.get(name)?;
            (&root.folder, given)
        } else {
            (&self.folder, spec)
        };
        let text = |key| given.get(key).and_then(Value::as_str);
        let optional = spec.get("optional").and_then(Value::as_bool) == Some(true);
        let mut detail = if optional {
            format!("optional {what}")
        } else {
            what.to_owned()
        };
        if let Some(target) = target {
            detail.push_str(&format!(" on {target}"));
        }
        Some(Dependency {
            package: text("package").unwrap_or(name).to_owned(),
            folder: text("path").and_then(|path| follow(folder, path)),
            detail,
            tests_only: what == "dev-dependency",
        })
    }
}

/// Follows a relative path as manifests write it; none if it leaves the repository.
pub(super) fn follow(folder: &RepoPath, path: &str) -> Option<RepoPath> {
    if path.starts_with('/') {
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
