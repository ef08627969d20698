//! What the dependency graph must not hold, and what the top folder may hold.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cargo;
use crate::manifest::{Package, Workspace};
use crate::task::{Error, Verdict};

/// A guard that stood its watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guarded {
    /// What it guards, as a fact.
    pub(crate) name: String,
    /// What it found, if the fact is none.
    pub(crate) failure: Option<String>,
}

/// What a graph must not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ban {
    /// A crate of this name.
    Name(String),
    /// A crate whose name begins so.
    Prefix(&'static str),
    /// A crate of this name with a version that begins so.
    Version(&'static str, &'static str),
}

/// A graph, what it must not hold, and what that means.
struct Rule {
    name: String,
    /// cargo tree's arguments that choose packages, features and edges.
    graph: Vec<String>,
    bans: Vec<Ban>,
}

/// The folders that may stand at the top, files and what begins with a dot aside.
const FOLDERS: [&str; 9] = [
    "bins",
    "change-detect",
    "cost-exporter",
    "ecs-deployer",
    "examples",
    "health-checker",
    "image-tagger",
    "log-exporter",
    "notifier",
];

/// What AWS's SDK consists of; aws-lc-rs, which TLS uses, does not belong to it.
const SDK: [Ban; 5] = [
    Ban::Prefix("aws-sdk-"),
    Ban::Prefix("aws-smithy-"),
    Ban::Prefix("aws-config"),
    Ban::Prefix("aws-types"),
    Ban::Prefix("aws-runtime"),
];

/// Runs the guards and says how they ended.
pub(crate) fn run(workspace: &Workspace) -> Result<Verdict, Error> {
    let guards = all(workspace)?;
    let failed = guards
        .iter()
        .filter(|guard| guard.failure.is_some())
        .count();
    println!("guards: {} passed, {failed} failed", guards.len() - failed);
    Ok(if failed == 0 {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

/// Runs all guards, printing a line for each.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Guarded>, Error> {
    let mut guards = Vec::new();
    for rule in rules(workspace) {
        guards.push(announced(rule.stand()?));
    }
    guards.push(announced(top()?));
    Ok(guards)
}

fn announced(guard: Guarded) -> Guarded {
    match &guard.failure {
        None => println!("guard ok      {}", guard.name),
        Some(failure) => println!("guard FAILED  {}\n{failure}", guard.name),
    }
    guard
}

fn rules(workspace: &Workspace) -> Vec<Rule> {
    let libraries: Vec<&Package> = workspace.libraries().collect();
    let mut rules = vec![
        Rule::new(
            "the demo builds neither AWS's SDK nor TLS",
            &[
                "-p",
                "windlass",
                "--no-default-features",
                "-e",
                "normal,build",
            ],
            ["ring", "rustls", "native-tls", "openssl-sys"]
                .map(named)
                .into_iter()
                .chain([Ban::Prefix("aws-")]),
        ),
        Rule::new(
            "the binary change-detect holds neither AWS's SDK nor TLS",
            &["-p", "change-detect-cli", "-e", "normal,build"],
            ["ring", "rustls", "native-tls", "openssl-sys"]
                .map(named)
                .into_iter()
                .chain([Ban::Prefix("aws-")]),
        ),
        Rule::new(
            "the binary image-tagger without the feature `aws` holds nothing of AWS's SDK",
            &[
                "-p",
                "image-tagger-cli",
                "--no-default-features",
                "-e",
                "normal,build",
            ],
            SDK,
        ),
        Rule::new(
            "the binary notifier holds nothing of AWS's SDK",
            &["-p", "notifier-cli", "-e", "normal,build"],
            SDK.into_iter().chain([named("ring")]),
        ),
        Rule::new(
            "the function alarm-notifier-lambda holds no AWS SDK and no command line parser",
            &["-p", "alarm-notifier-lambda", "-e", "normal,build"],
            SDK.into_iter().chain(["ring", "clap"].map(named)),
        ),
        Rule::new(
            "one TLS stack in the whole workspace: no ring, rustls 0.21, hyper 0.14, openssl-sys",
            &["--workspace", "--all-features", "-e", "normal"],
            [
                named("ring"),
                named("openssl-sys"),
                Ban::Version("rustls", "0.21."),
                Ban::Version("hyper", "0.14."),
            ],
        ),
    ];
    for library in &libraries {
        let name = &library.name;
        let without: Vec<&str> = library
            .features
            .keys()
            .map(String::as_str)
            // `aws-…` is more of the same.
            .filter(|feature| *feature != "aws" && !feature.starts_with("aws-"))
            .collect();
        let features = without.join(",");
        rules.push(Rule::new(
            &format!("{name} without its feature aws holds nothing of AWS's SDK"),
            &[
                "-p",
                name,
                "--no-default-features",
                "--features",
                &features,
                "-e",
                "normal,build",
            ],
            SDK,
        ));
        let strangers = libraries
            .iter()
            .filter(|other| other.name != *name)
            .map(|other| named(&other.name))
            .chain([named("clap")]);
        rules.push(Rule::new(
            &format!("{name} depends on no sibling and on no command line parser"),
            &["-p", name, "--all-features", "-e", "normal,build"],
            strangers,
        ));
    }
    rules
}

fn named(name: &str) -> Ban {
    Ban::Name(name.to_owned())
}

impl Rule {
    fn new(name: &str, graph: &[&str], bans: impl IntoIterator<Item = Ban>) -> Self {
        Self {
            name: name.to_owned(),
            graph: graph.iter().map(|word| (*word).to_owned()).collect(),
            bans: bans.into_iter().collect(),
        }
    }

    fn stand(self) -> Result<Guarded, Error> {
        let tree = cargo::output(
            cargo::cargo(["tree", "--locked", "--prefix", "none", "--format", "{p}"])
                .args(&self.graph),
        )?;
        let failure = match offenders(&tree, &self.bans) {
            None => Some("  cargo tree shows no crate at all".to_owned()),
            Some(found) if found.is_empty() => None,
            Some(found) => Some(self.paths(&found)?),
        };
        Ok(Guarded {
            name: self.name,
            failure,
        })
    }

    /// How each offender comes in.
    fn paths(&self, found: &BTreeSet<(String, String)>) -> Result<String, Error> {
        let mut text = String::new();
        for (name, version) in found {
            let spec = format!("{name}@{version}");
            let inverse = cargo::output(
                cargo::cargo(["tree", "--locked", "--invert", &spec]).args(&self.graph),
            )?;
            for line in inverse.lines() {
                text.push_str("  ");
                text.push_str(line);
                text.push('\n');
            }
        }
        text.truncate(text.trim_end().len());
        Ok(text)
    }
}

/// The crates of `tree` (one `name vVERSION …` a line) that `bans` rule out; nothing when the tree is empty, which proves nothing.
fn offenders(tree: &str, bans: &[Ban]) -> Option<BTreeSet<(String, String)>> {
    let mut crates = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .peekable();
    crates.peek()?;
    Some(
        crates
            .filter(|(name, version)| bans.iter().any(|ban| ban.covers(name, version)))
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .collect(),
    )
}

impl Ban {
    fn covers(&self, name: &str, version: &str) -> bool {
        match self {
            Self::Name(banned) => banned == name,
            Self::Prefix(prefix) => name.starts_with(prefix),
            Self::Version(banned, prefix) => *banned == name && version.starts_with(prefix),
        }
    }
}

/// The guard of the top folder: what git tracks, or would.
fn top() -> Result<Guarded, Error> {
    let files = cargo::output(
        std::process::Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(cargo::root()),
    )?;
    let strange = strange_folders(files.split('\0'));
    let failure = (!strange.is_empty()).then(|| {
        format!(
            "  not among them: {}",
            strange.into_iter().collect::<Vec<_>>().join(", ")
        )
    });
    Ok(Guarded {
        name: "the top folder holds only the folders that were agreed on".to_owned(),
        failure,
    })
}

fn strange_folders<'a>(files: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    files
        .filter_map(|file| {
            let mut parts = Path::new(file).components();
            let first = parts.next()?.as_os_str().to_str()?;
            // A file at the top is no folder.
            parts.next()?;
            (!first.starts_with('.') && !FOLDERS.contains(&first)).then_some(first)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "windlass v0.1.0 (/src/bins/windlass)
aws-lc-rs v1.17.0
hyper v1.12.0
hyper v0.14.32
rustls v0.21.12
rustls v0.23.41
ring v0.17.14 (*)
serde_derive v1.0.229 (proc-macro)
";

    fn found(bans: &[Ban]) -> Vec<String> {
        offenders(BAD, bans)
            .unwrap()
            .into_iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect()
    }

    #[test]
    fn a_bad_tree_is_caught() {
        assert_eq!(found(&[named("ring")]), ["ring 0.17.14"]);
        assert_eq!(found(&[Ban::Prefix("aws-")]), ["aws-lc-rs 1.17.0"]);
        assert_eq!(
            found(&[
                Ban::Version("rustls", "0.21."),
                Ban::Version("hyper", "0.14.")
            ]),
            ["hyper 0.14.32", "rustls 0.21.12"]
        );
    }

    #[test]
    fn the_tls_stacks_own_crates_are_no_part_of_the_sdk() {
        assert!(found(&SDK).is_empty());
        assert!(
            offenders("x v1\naws-sdk-ecs v1.157.0\n", &SDK).is_some_and(|found| found.len() == 1)
        );
    }

    #[test]
    fn a_name_is_the_whole_name() {
        assert!(found(&[named("rin"), named("serde")]).is_empty());
    }

    #[test]
    fn an_empty_tree_proves_nothing() {
        assert_eq!(offenders("", &[named("ring")]), None);
        assert_eq!(
            offenders("error: no such package\n", &[named("ring")]),
            None
        );
    }

    #[test]
    fn a_real_tree_that_holds_what_a_rule_bans_fails_with_the_path_to_it() {
        let rule = Rule::new(
            "windlass holds no serde",
            &["-p", "windlass", "--no-default-features", "-e", "normal"],
            [named("serde")],
        );
        let failure = rule.stand().unwrap().failure.unwrap();
        assert!(
            failure.contains("serde v1.") && failure.contains("windlass v"),
            "{failure}"
        );
    }

    #[test]
    fn each_library_is_guarded_without_aws_and_against_its_siblings() {
        let workspace = Workspace::load().unwrap();
        let rules = rules(&workspace);
        assert_eq!(rules.len(), 6 + 2 * workspace.libraries().count());
        let tagger = rules
            .iter()
            .find(|rule| rule.name.starts_with("image-tagger depends"))
            .unwrap();
        assert!(
            tagger.bans.contains(&named("ecs-deployer"))
                && !tagger.bans.contains(&named("image-tagger"))
        );
        let without = rules
            .iter()
            .find(|rule| rule.name.starts_with("image-tagger without"))
            .unwrap();
        assert!(
            without
                .graph
                .contains(&"http,server,testing,tls".to_owned()),
            "{:?}",
            without.graph
        );
    }

    #[test]
    fn only_a_folder_that_was_not_agreed_on_is_strange() {
        let files = [
            "Cargo.toml",
            ".ci/run",
            "bins/windlass/src/lib.rs",
            "scripts/x.sh",
            "docs/a/b.md",
            "docs/c.md",
            "",
        ];
        assert_eq!(
            strange_folders(files.into_iter())
                .into_iter()
                .collect::<Vec<_>>(),
            ["docs", "scripts"]
        );
    }
}
