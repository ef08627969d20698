//! `cargo xtask test`: everything that is tested, in one run, counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::cargo;
use crate::guard::{self, Guarded};
use crate::manifest::{Package, Workspace};
use crate::needs;
use crate::node;
use crate::report::{Counts, Report};
use crate::scrub::scrub;
use crate::servers::Servers;
use crate::stack::{self, Stack};
use crate::task::{Error, Verdict};
use crate::venv;

/// What to test.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Only these packages; all of them when empty.
    pub(crate) packages: Vec<String>,
    /// Whether to install and start the servers.
    pub(crate) servers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            packages: Vec::new(),
            servers: true,
        }
    }
}

/// One `cargo test`, done.
#[derive(Debug)]
struct Run {
    /// The feature set, in words.
    features: String,
    report: Report,
    /// Whether cargo was content.
    succeeded: bool,
    took: Duration,
}

/// All that was done.
#[derive(Debug, Default)]
struct Outcome {
    runs: Vec<Run>,
    guards: Option<Vec<Guarded>>,
    /// The reference deployment, when all is tested with what that needs.
    stack: Option<Stack>,
    /// The servers that ran, and those of them that ended too early.
    servers: Vec<&'static str>,
    ended: Vec<&'static str>,
    took: Duration,
}

/// Runs the tests and prints the summary.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Verdict, Error> {
    let begun = Instant::now();
    let chosen = chosen(workspace, &options.packages)?;
    let servers = if options.servers {
        needs::ensure()?;
        Servers::start(&venv::ensure()?, &node::ensure()?)?
    } else {
        Servers::default()
    };
    fetch()?;
    let mut outcome = Outcome {
        servers: servers.names(),
        ..Outcome::default()
    };
    let mut first = vec!["--all-features".to_owned()];
    if options.packages.is_empty() {
        first.push("--workspace".into());
    } else {
        first.extend(
            chosen
                .iter()
                .flat_map(|package| ["--package".into(), package.name.clone()]),
        );
    }
    outcome.runs.push(test("all", &first, workspace, &servers)?);
    for library in workspace
        .libraries()
        .filter(|library| chosen.contains(library))
    {
        for (features, arguments) in feature_sets(library) {
            outcome
                .runs
                .push(test(&features, &arguments, workspace, &servers)?);
        }
    }
    outcome.ended = servers.stop();
    if options.packages.is_empty() {
        outcome.guards = Some(guard::all(workspace)?);
        if options.servers {
            outcome.stack = Some(stack::check(stack::Options::default(), &node::ensure()?)?);
        }
    }
    outcome.took = begun.elapsed();
    print!("{}", outcome.summary());
    Ok(if outcome.good() {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn chosen<'a>(workspace: &'a Workspace, names: &[String]) -> Result<Vec<&'a Package>, Error> {
    if let Some(unknown) = names.iter().find(|name| {
        !workspace
            .members
            .iter()
            .any(|package| &package.name == *name)
    }) {
        return Err(Error::Setup(format!(
            "the workspace has no package `{unknown}`"
        )));
    }
    Ok(workspace
        .members
        .iter()
        .filter(|package| names.is_empty() || names.contains(&package.name))
        .collect())
}

/// The feature sets of a library beside all of them, with cargo's arguments for each.
fn feature_sets(library: &Package) -> Vec<(String, Vec<String>)> {
    let package = ["--package".to_owned(), library.name.clone()];
    let mut sets = vec![(
        "none".to_owned(),
        [&package[..], &["--no-default-features".to_owned()]].concat(),
    )];
    // Without a default they are one set.
    if !library.default.is_empty() {
        sets.push(("default".to_owned(), package.to_vec()));
    }
    sets
}

/// Fetches the dependencies with the developer's own proxy and certificates, which the tests then do without.
fn fetch() -> Result<(), Error> {
    let version = cargo::output(std::process::Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let mut command = cargo::cargo(["fetch", "--locked", "--quiet"]);
    command.args(host.into_iter().flat_map(|host| ["--target", host]));
    if cargo::succeeds(&mut command)? {
        Ok(())
    } else {
        Err(Error::Broken(
            "the dependencies could not be fetched".into(),
        ))
    }
}

fn test(
    features: &str,
    arguments: &[String],
    workspace: &Workspace,
    servers: &Servers,
) -> Result<Run, Error> {
    let begun = Instant::now();
    let mut command = cargo::cargo(["test", "--locked", "--offline", "--no-fail-fast"]);
    command.args(arguments).args(["--", "--show-output"]);
    scrub(&mut command);
    command.envs(servers.variables());
    let mut report = Report::default();
    let status = cargo::stream(command, |line| report.read(line, workspace))?;
    Ok(Run {
        features: features.to_owned(),
        report,
        succeeded: status.success(),
        took: begun.elapsed(),
    })
}

impl Run {
    /// What is wrong with the run that no failed test accounts for.
    fn trouble(&self) -> Option<String> {
        let total = self.report.total();
        if !self.succeeded && total.failed == 0 {
            Some("cargo test failed without a failed test: a package did not build, or a test binary ended before its result".into())
        } else if total == Counts::default() {
            Some("no test ran".into())
        } else if self.report.warnings.is_empty() {
            None
        } else {
            Some(format!(
                "the compiler warned:\n  {}",
                self.report.warnings.join("\n  ")
            ))
        }
    }
}

impl Outcome {
    fn good(&self) -> bool {
        let total = self.total();
        total.failed == 0 && total.passed > 0
    }

    /// The tests of all runs; each trouble beside the tests counts as one failed.
    fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.runs
            .iter()
            .for_each(|run| total.add(run.report.total()));
        match &self.stack {
            Some(stack) => total.add(Counts {
                // Those that failed are among the troubles.
                failed: 0,
                ..stack.counts()
            }),
            None if self.guards.is_some() => total.skipped += 1,
            None => {}
        }
        total.failed += self.troubles().len() as u64;
        total
    }

    fn troubles(&self) -> Vec<String> {
        let mut troubles: Vec<String> = self
            .runs
            .iter()
            .filter_map(|run| Some(format!("features {}: {}", run.features, run.trouble()?)))
            .collect();
        troubles.extend(
            self.ended
                .iter()
                .map(|name| format!("{name} ended during the tests")),
        );
        if !self.servers.is_empty() {
            // The servers ran, so a test that found none looks for a variable that does not exist.
            troubles.extend(self.missed().into_iter().map(|(variable, count)| {
                format!(
                    "{count} tests skipped themselves without {variable}, with the servers running"
                )
            }));
        }
        troubles.extend(
            self.guards
                .iter()
                .flatten()
                .filter(|guard| guard.failure.is_some())
                .map(|guard| format!("guard: {}", guard.name)),
        );
        troubles.extend(
            self.stack
                .iter()
                .flat_map(Stack::failures)
                .map(|name| format!("stack: {name}")),
        );
        troubles
    }

    /// The variables that tests missed, with how many tests missed each.
    fn missed(&self) -> BTreeMap<&str, u64> {
        let mut missed = BTreeMap::new();
        for (variable, count) in self.runs.iter().flat_map(|run| &run.report.missed) {
            *missed.entry(variable.as_str()).or_default() += count;
        }
        missed
    }

    /// The summary; its last line is the plain count.
    fn summary(&self) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n{:<18} {:<9} {:>7} {:>7} {:>8} {:>7}",
            "package", "features", "passed", "failed", "skipped", "time"
        )?;
        for run in &self.runs {
            let mut time = seconds(run.took);
            for (package, counts) in &run.report.packages {
                let Counts {
                    passed,
                    failed,
                    skipped,
                } = counts;
                if passed + failed + skipped > 0 {
                    // A run builds and tests its packages together, so the first line of it has its time.
                    writeln!(
                        out,
                        "{package:<18} {:<9} {passed:>7} {failed:>7} {skipped:>8} {:>7}",
                        run.features,
                        std::mem::take(&mut time)
                    )?;
                }
            }
        }
        for run in &self.runs {
            for failure in &run.report.failures {
                writeln!(out, "failed: {failure} (features: {})", run.features)?;
            }
        }
        for trouble in self.troubles() {
            writeln!(out, "failed: {trouble}")?;
        }
        for (variable, count) in self.missed() {
            writeln!(out, "skipped: {count} without {variable}")?;
        }
        match &self.guards {
            Some(guards) => {
                let failed = guards
                    .iter()
                    .filter(|guard| guard.failure.is_some())
                    .count();
                writeln!(
                    out,
                    "guards: {} passed, {failed} failed",
                    guards.len() - failed
                )?;
            }
            None => writeln!(out, "guards: not run, for single packages are tested")?,
        }
        match &self.stack {
            Some(stack) => write!(out, "{}", stack.summary())?,
            None if self.guards.is_some() => {
                writeln!(out, "skipped: stack: what it needs is not installed")?;
            }
            None => writeln!(out, "stack: not run, for single packages are tested")?,
        }
        let servers = if self.servers.is_empty() {
            "none".to_owned()
        } else {
            self.servers.join(", ")
        };
        writeln!(out, "servers: {servers}\nwall time: {}", seconds(self.took))?;
        let Counts {
            passed,
            failed,
            skipped,
        } = self.total();
        if passed + failed + skipped == 0 {
            writeln!(out, "failed: no test ran")?;
        }
        writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

fn seconds(duration: Duration) -> String {
    let all = duration.as_secs();
    if all < 60 {
        format!("{all}s")
    } else {
        format!("{}m{:02}s", all / 60, all % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, succeeded: bool) -> Run {
        let workspace = Workspace::load().unwrap();
        let mut report = Report::default();
        for line in text.lines() {
            report.read(line, &workspace);
        }
        Run {
            features: "all".into(),
            report,
            succeeded,
            took: Duration::from_secs(75),
        }
    }

    fn outcome(run: Run) -> Outcome {
        Outcome {
            runs: vec![run],
            ..Outcome::default()
        }
    }

    fn last(outcome: &Outcome) -> String {
        outcome.summary().lines().last().unwrap().to_owned()
    }

    const PASSED: &str =
        "   Doc-tests image_tagger\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n";

    #[test]
    fn the_last_line_is_the_plain_count() {
        let outcome = outcome(run(PASSED, true));
        assert!(outcome.good());
        assert_eq!(last(&outcome), "3 passed, 0 failed, 1 skipped");
        assert!(
            outcome.summary().contains("image-tagger"),
            "{}",
            outcome.summary()
        );
        assert!(outcome.summary().contains("1m15s"));
    }

    #[test]
    fn a_run_in_which_no_test_ran_is_a_failure() {
        let outcome = outcome(run("    Finished `test` profile\n", true));
        assert!(!outcome.good());
        assert_eq!(last(&outcome), "0 passed, 1 failed, 0 skipped");
        assert!(outcome.summary().contains("no test ran"));
        assert!(!Outcome::default().good());
    }

    #[test]
    fn a_build_that_broke_counts_as_a_failure() {
        let outcome = outcome(run(
            &format!("{PASSED}error: could not compile `windlass`\n"),
            false,
        ));
        assert!(!outcome.good());
        assert_eq!(last(&outcome), "3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_failed_test_is_named_and_counted_once() {
        let outcome = outcome(run(
            "   Doc-tests image_tagger\ntest a::b ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n",
            false,
        ));
        assert_eq!(last(&outcome), "1 passed, 1 failed, 0 skipped");
        assert!(
            outcome
                .summary()
                .contains("failed: image-tagger: a::b (features: all)")
        );
        assert!(!outcome.good());
    }

    #[test]
    fn a_failed_guard_fails_the_run() {
        let mut outcome = outcome(run(PASSED, true));
        outcome.guards = Some(vec![
            Guarded {
                name: "no ring".into(),
                failure: None,
            },
            Guarded {
                name: "no clap".into(),
                failure: Some("clap v4".into()),
            },
        ]);
        assert!(!outcome.good());
        assert!(outcome.summary().contains("guards: 1 passed, 1 failed"));
        assert!(outcome.summary().contains("failed: guard: no clap"));
    }

    #[test]
    fn missing_a_server_is_counted_without_servers_and_a_failure_with_them() {
        let text = "   Doc-tests image_tagger\nskipped: WINDLASS_TEST_REGISTRY is not set\ntest result: ok. 3 passed; 0 failed; 0 ignored\n";
        let mut outcome = outcome(run(text, true));
        assert!(outcome.good());
        assert_eq!(last(&outcome), "2 passed, 0 failed, 1 skipped");
        assert!(
            outcome
                .summary()
                .contains("skipped: 1 without WINDLASS_TEST_REGISTRY")
        );
        outcome.servers = vec!["docker-registry", "moto"];
        assert!(!outcome.good());
        outcome.servers.clear();
        outcome.ended = vec!["moto"];
        assert!(!outcome.good());
    }

    #[test]
    fn a_warning_in_any_feature_set_is_a_failure() {
        let outcome = outcome(run(
            &format!("warning: `image-tagger` (lib) generated 1 warning\n{PASSED}"),
            true,
        ));
        assert!(!outcome.good());
        assert!(
            outcome
                .summary()
                .contains("`image-tagger` (lib) generated 1 warning")
        );
    }

    #[test]
    fn a_library_without_default_features_has_one_set_less() {
        let workspace = Workspace::load().unwrap();
        let sets = |name: &str| {
            let library = workspace
                .libraries()
                .find(|library| library.name == name)
                .unwrap();
            feature_sets(library)
                .into_iter()
                .map(|(words, _)| words)
                .collect::<Vec<_>>()
        };
        assert_eq!(sets("change-detect"), ["none", "default"]);
        assert_eq!(sets("ecs-deployer"), ["none"]);
    }

    #[test]
    fn a_package_that_does_not_exist_is_refused_before_anything_runs() {
        let workspace = Workspace::load().unwrap();
        assert!(
            matches!(chosen(&workspace, &["notifier".into()]), Err(Error::Setup(text)) if text.contains("`notifier`"))
        );
        assert_eq!(
            chosen(&workspace, &["deploy-notifier".into()])
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            chosen(&workspace, &[]).unwrap().len(),
            workspace.members.len()
        );
    }
}
