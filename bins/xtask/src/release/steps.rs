//! What is checked of all published crates at once, by cargo and its extensions.

use std::process::Command;

use crate::cargo;
use crate::manifest::Workspace;

/// A check, and what it needs.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) how: How,
}

/// How a check is made, or why it cannot be made here.
#[derive(Debug)]
pub(super) enum How {
    Run(Box<Command>),
    Skip(String),
}

/// What this machine and this checkout have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Means {
    /// The least Rust that the manifests promise, where a toolchain of it is installed.
    msrv: Option<String>,
    deny: bool,
    semver_checks: bool,
    public_api: bool,
    /// The tag of the last release before this commit, which may be one itself.
    baseline: Option<String>,
}

impl Means {
    /// Looks around.
    pub(super) fn find(promised: &str) -> Self {
        let has =
            |extension: &str| cargo::output(&mut cargo::cargo([extension, "--version"])).is_ok();
        let toolchains = Command::new("rustup")
            .args(["toolchain", "list"])
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        Self {
            msrv: toolchain(&toolchains, promised),
            deny: has("deny"),
            semver_checks: has("semver-checks"),
            public_api: has("public-api"),
            baseline: cargo::output(
                Command::new("git")
                    .args([
                        "describe",
                        "--tags",
                        "--abbrev=0",
                        "--match",
                        "v[0-9]*",
                        "HEAD^",
                    ])
                    .current_dir(cargo::root()),
            )
            .ok()
            .map(|tag| tag.trim().to_owned()),
        }
    }
}

/// All of them, the quickest first.
pub(super) fn all(workspace: &Workspace, means: &Means) -> Vec<Step> {
    let promised = &workspace.rust_version;
    let mut steps = vec![
        Step {
            name: "licences, bans, sources",
            how: if means.deny {
                run([
                    "deny",
                    "--all-features",
                    "check",
                    "licenses",
                    "bans",
                    "sources",
                ])
            } else {
                skip("cargo-deny is not installed; `cargo install cargo-deny --locked`")
            },
        },
        Step {
            name: "documentation",
            how: {
                let mut doc = cargo::cargo([
                    "doc",
                    "--locked",
                    "--workspace",
                    "--no-deps",
                    "--all-features",
                ]);
                doc.env("RUSTDOCFLAGS", "-D warnings");
                How::Run(Box::new(doc))
            },
        },
        Step {
            name: "least Rust",
            how: match &means.msrv {
                Some(toolchain) => {
                    let mut check = Command::new("rustup");
                    check
                        .args([
                            "run",
                            toolchain,
                            "cargo",
                            "check",
                            "--locked",
                            "--workspace",
                            "--all-features",
                        ])
                        .current_dir(cargo::root());
                    How::Run(Box::new(check))
                }
                None => How::Skip(format!(
                    "Rust {promised} is not installed; `rustup toolchain install {promised} --profile minimal`"
                )),
            },
        },
    ];
    steps.push(Step {
        name: "packages build from what is packed",
        how: {
            let mut arguments = vec!["package", "--locked", "--allow-dirty", "--workspace"];
            for package in workspace
                .members
                .iter()
                .filter(|package| !package.published())
            {
                arguments.extend(["--exclude", &package.name]);
            }
            run(arguments)
        },
    });
    let libraries = || workspace.libraries().filter(|package| package.published());
    let Some(baseline) = &means.baseline else {
        let why = "no tag `v…` to compare with: nothing was released yet";
        steps.extend(["semantic version", "public API"].map(|name| Step {
            name,
            how: skip(why),
        }));
        return steps;
    };
    steps.push(Step {
        name: "semantic version",
        how: if means.semver_checks {
            let mut arguments = vec!["semver-checks", "--baseline-rev", baseline];
            for package in libraries() {
                arguments.extend(["--package", &package.name]);
            }
            run(arguments)
        } else {
            skip("cargo-semver-checks is not installed; `cargo install cargo-semver-checks --locked`")
        },
    });
    if means.public_api {
        // It takes one package at a time; its differences are for reading and no failure.
        steps.extend(libraries().map(|package| Step {
            name: "public API",
            how: run([
                "public-api",
                "--package",
                &package.name,
                "--all-features",
                "diff",
                &format!("{baseline}..HEAD"),
            ]),
        }));
    } else {
        steps.push(Step {
            name: "public API",
            how: skip("cargo-public-api is not installed; `cargo install cargo-public-api --locked`, and a nightly Rust"),
        });
    }
    steps
}

fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> How {
    How::Run(Box::new(cargo::cargo(arguments)))
}

fn skip(why: &str) -> How {
    How::Skip(why.to_owned())
}

/// The installed toolchain that is the promised version, by the list of `rustup`.
fn toolchain(list: &str, promised: &str) -> Option<String> {
    let versions = [format!("{promised}-"), format!("{promised}.")];
    list.lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| versions.iter().any(|version| name.starts_with(version)))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Workspace {
        Workspace {
            members: vec![],
            rust_version: "1.95".into(),
        }
    }

    fn skipped(steps: &[Step]) -> Vec<(&str, &str)> {
        steps
            .iter()
            .filter_map(|step| match &step.how {
                How::Skip(why) => Some((step.name, why.as_str())),
                How::Run(_) => None,
            })
            .collect()
    }

    fn typed(steps: &[Step]) -> Vec<String> {
        steps
            .iter()
            .filter_map(|step| match &step.how {
                How::Run(command) => Some(cargo::typed(command)),
                How::Skip(_) => None,
            })
            .collect()
    }

    #[test]
    fn a_check_that_cannot_be_made_says_what_it_needs() {
        let workspace = empty();
        let steps = all(&workspace, &Means::default());
        let skipped = skipped(&steps);
        assert_eq!(
            skipped.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            [
                "licences, bans, sources",
                "least Rust",
                "semantic version",
                "public API"
            ]
        );
        assert!(skipped[0].1.contains("cargo install cargo-deny"));
        assert!(skipped[1].1.contains("rustup toolchain install 1.95"));
        assert!(skipped[2].1.contains("nothing was released"));
    }

    #[test]
    fn everything_that_is_there_is_used() {
        let workspace = empty();
        let means = Means {
            msrv: Some("1.95.0-x86_64-unknown-linux-gnu".into()),
            deny: true,
            semver_checks: true,
            public_api: true,
            baseline: Some("v0.1.0".into()),
        };
        let steps = all(&workspace, &means);
        assert_eq!(skipped(&steps), []);
        let typed = typed(&steps);
        assert!(
            typed
                .iter()
                .any(|line| line.contains("run 1.95.0-x86_64-unknown-linux-gnu cargo check"))
        );
        assert!(
            typed
                .iter()
                .any(|line| line.ends_with("semver-checks --baseline-rev v0.1.0"))
        );
    }

    #[test]
    fn the_promised_toolchain_is_told_from_a_longer_number() {
        let list = "stable-x86_64 (active, default)\n1.950.0-x86_64\n1.95.0-x86_64\n";
        assert_eq!(toolchain(list, "1.95").as_deref(), Some("1.95.0-x86_64"));
        assert_eq!(toolchain(list, "1.9"), None);
        assert_eq!(
            toolchain("1.95-x86_64\n", "1.95").as_deref(),
            Some("1.95-x86_64")
        );
    }
}
