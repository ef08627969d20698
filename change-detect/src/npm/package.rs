//! One `package.json`.

use serde_json::{Map, Value};

use crate::{CommitId, DiffSource, Error, RepoPath};

/// The lists of packages that a package uses.
pub(super) const SECTIONS: [&str; 4] = [
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
];

/// A package as its manifest has it.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) path: RepoPath,
    pub(super) folder: RepoPath,
    pub(super) table: Map<String, Value>,
    pub(super) wants: Vec<Wanted>,
}

/// One package that another uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) spec: String,
    pub(super) section: &'static str,
}

/// Reads a manifest as it is written, or none if there is no such file.
pub(super) fn read(
    source: &dyn DiffSource,
    at: &CommitId,
    path: &RepoPath,
) -> Result<Option<Map<String, Value>>, Error> {
    let Some(bytes) = source.read(at, path)? else {
        return Ok(None);
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let table = serde_json::from_slice(bytes).map_err(|error| Error::InvalidManifest {
        commit: at.clone(),
        path: path.clone(),
        position: Some((error.line(), error.column())),
        source: error.into(),
    })?;
    Ok(Some(table))
}

impl Package {
    pub(super) fn new(path: RepoPath, table: Map<String, Value>) -> Self {
        let mut wants = Vec::new();
        for section in SECTIONS {
            let listed = table.get(section).and_then(Value::as_object);
            for (name, spec) in listed.into_iter().flatten() {
                wants.push(Wanted {
                    name: name.clone(),
                    spec: spec.as_str().unwrap_or_default().to_owned(),
                    section,
                });
            }
        }
        Self {
            folder: path.parent().unwrap_or_default(),
            path,
            table,
            wants,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.as_str()
    }

    /// Its name, or its folder's path where it has none.
    pub(super) fn name(&self) -> String {
        self.text("name")
            .map_or_else(|| self.folder.to_string(), str::to_owned)
    }

    /// Whether it can be started.
    pub(super) fn is_program(&self) -> bool {
        let scripts = self.table.get("scripts");
        self.table.contains_key("bin")
            || scripts.is_some_and(|scripts| scripts.get("start").is_some())
    }
}
