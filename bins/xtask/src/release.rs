//! `cargo xtask release-check`: whether each crate that is published can be, and the workspace released.

mod steps;

use std::fs;

use self::steps::{How, Means};

use crate::cargo;
use crate::manifest::{Package, Workspace, unquoted};
use crate::task::{Error, Verdict};

/// crates.io takes more, and shows no more.
const DESCRIPTION: usize = 200;

/// How much to check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Only manifests and lists of files: seconds instead of minutes.
    pub(crate) quick: bool,
    /// What cannot be checked on this machine is a failure.
    pub(crate) strict: bool,
}

/// Checks each crate, then all together, printing a line for each check.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Result<Verdict, Error> {
    let crates = crates(workspace);
    if options.quick {
        return Ok(crates);
    }
    let means = Means::find(&workspace.rust_version);
    let mut count = [0; 3];
    for step in steps::all(workspace, &means) {
        let (end, which) = match step.how {
            How::Skip(why) => (format!("release skipped {}: {why}", step.name), 2),
            How::Run(mut command) => {
                if cargo::succeeds(&mut command)? {
                    (format!("release ok      {}", step.name), 0)
                } else {
                    (format!("release FAILED  {}", step.name), 1)
                }
            }
        };
        println!("{end}");
        count[which] += 1;
    }
    let [passed, failed, skipped] = count;
    println!("release: {passed} passed, {failed} failed, {skipped} skipped");
    let bad = failed > 0 || (options.strict && skipped > 0);
    Ok(if bad { Verdict::Bad } else { crates })
}

fn crates(workspace: &Workspace) -> Verdict {
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
    verdict
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
