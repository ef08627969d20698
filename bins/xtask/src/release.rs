//! `cargo xtask release-check`: whether each crate that is published can be.

use std::fs;

use crate::cargo;
use crate::manifest::{Package, Workspace, unquoted};
use crate::task::{Error, Verdict};

/// crates.io takes more, and shows no more.
const DESCRIPTION: usize = 200;

/// Checks each crate, printing a line for it.
pub(crate) fn run(workspace: &Workspace) -> Result<Verdict, Error> {
    let mut verdict = Verdict::Good;
    for package in workspace
        .members
        .iter()
        .filter(|package| package.published())
    {
        let mut faults = faults(package);
        let readme = package.path().join("README.md");
        match fs::read_to_string(&readme) {
            Ok(text) if text.trim().is_empty() => faults.push("its README.md is empty".into()),
            Ok(_) => {}
            Err(error) => faults.push(format!("its README.md cannot be read: {error}")),
        }
        let listed = cargo::output(&mut cargo::cargo([
            "package",
            "--locked",
            "--list",
            "--allow-dirty",
            "--package",
            &package.name,
        ]));
        match listed {
            Ok(files) => faults.extend(missing(&files)),
            Err(error) => faults.push(error.to_string()),
        }
        if faults.is_empty() {
            println!("release ok      {}", package.name);
        } else {
            verdict = Verdict::Bad;
            println!("release FAILED  {}", package.name);
            faults.iter().for_each(|fault| println!("  {fault}"));
        }
    }
    Ok(verdict)
}

/// What the manifest lacks.
fn faults(package: &Package) -> Vec<String> {
    let mut faults: Vec<String> = [
        "version",
        "description",
        "license",
        "readme",
        "repository",
        "rust-version",
        "keywords",
        "categories",
    ]
    .into_iter()
    .filter(|key| {
        package
            .keys
            .get(*key)
            .is_none_or(|value| unquoted(value).is_empty())
    })
    .map(|key| format!("its manifest has no `{key}`"))
    .collect();
    if let Some(description) = package.keys.get("description")
        && unquoted(description).len() > DESCRIPTION
    {
        faults.push(format!(
            "its description is longer than {DESCRIPTION} bytes"
        ));
    }
    faults
}

/// What the packaged files lack.
fn missing(files: &str) -> Option<String> {
    let has = |name: &str| files.lines().any(|line| line == name);
    if !has("README.md") {
        Some("README.md would not be packaged".into())
    } else if !has("src/lib.rs") && !has("src/main.rs") {
        Some("neither src/lib.rs nor src/main.rs would be packaged".into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn package(keys: &[(&str, &str)]) -> Package {
        Package {
            name: "x".into(),
            folder: "x".into(),
            keys: keys
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            features: BTreeMap::new(),
            default: vec![],
        }
    }

    #[test]
    fn a_missing_or_empty_key_is_a_fault() {
        let found = faults(&package(&[
            ("version", "true"),
            ("description", "\"\""),
            ("license", "true"),
            ("readme", "\"README.md\""),
            ("repository", "true"),
            ("rust-version", "true"),
            ("keywords", "true"),
        ]));
        assert_eq!(
            found,
            [
                "its manifest has no `description`",
                "its manifest has no `categories`"
            ]
        );
    }

    #[test]
    fn a_package_without_its_readme_or_sources_is_caught() {
        assert_eq!(missing("Cargo.toml\nREADME.md\nsrc/lib.rs\n"), None);
        assert!(
            missing("Cargo.toml\nsrc/lib.rs\n").is_some_and(|fault| fault.contains("README.md"))
        );
        assert!(missing("README.md\nsrc/bin/x.rs\n").is_some());
    }
}
