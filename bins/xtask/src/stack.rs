//! `cargo xtask test stack`: the reference deployment, the project's actions and its workflows, checked without a cloud.

mod account;
mod act;
mod action;
mod actions;
mod applied;
mod balancer;
mod checkout;
mod copy;
mod costs;
mod dashboards;
mod describe;
mod environments;
mod function;
mod gate;
mod http;
mod iam;
mod modules;
mod planted;
mod privilege;
mod program;
mod project;
mod refusal;
mod state;
mod stub;
mod terraform;
mod tools;
mod workflows;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo;
use crate::needs;
use crate::node;
use crate::report::Counts;
use crate::task::{Error, Verdict};
use crate::venv;

use terraform::Terraform;

/// How many checks run at once: each is a process of one thread, mostly.
const WORKERS: usize = 2;

/// What to check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Also what takes more time than it is likely to find.
    pub(crate) full: bool,
    /// Only the checks whose names hold this.
    pub(crate) only: Option<String>,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// So many assertions held.
    Passed(u64),
    /// What was found.
    Failed(String),
    /// What is missing.
    Skipped(String),
}

/// A check that was made.
#[derive(Debug, Clone)]
struct Check {
    name: String,
    outcome: Outcome,
    took: Duration,
}

/// A check that is to be made: its name and what it does. An error is a finding as well.
struct Job<'a> {
    name: String,
    run: Box<dyn FnOnce() -> Result<Outcome, Error> + Send + 'a>,
}

impl<'a> Job<'a> {
    fn new(
        name: impl Into<String>,
        run: impl FnOnce() -> Result<Outcome, Error> + Send + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// All that was checked.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    checks: Vec<Check>,
    took: Duration,
}

/// What the checks work with.
#[derive(Debug)]
struct Bench {
    /// The stack in the checkout.
    stack: PathBuf,
    /// A folder to work in.
    scratch: PathBuf,
    /// Where the Python programs are.
    python: PathBuf,
    /// Where the packages of Node.js are.
    modules: PathBuf,
    /// The Terraform command, or why there is none.
    terraform: Result<Terraform, String>,
    full: bool,
}

/// Runs the checks by themselves, and prints how they ended.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    needs::ensure()?;
    account::build()?;
    let stack = check(options, &node::ensure()?)?;
    for name in stack.failures() {
        println!("failed: stack: {name}");
    }
    print!("{}", stack.summary());
    let Counts {
        passed,
        failed,
        skipped,
    } = stack.counts();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 && passed > 0 {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

/// Runs the checks; what they need is there.
pub(crate) fn check(options: &Options, modules: &Path) -> Result<Stack, Error> {
    let begun = Instant::now();
    let scratch = cargo::keep()
        .join("stack")
        .join(std::process::id().to_string());
    fs::create_dir_all(&scratch)
        .map_err(|source| Error::broken(format!("cannot make `{}`", scratch.display()), source))?;
    let bench = Bench {
        stack: cargo::root().join("examples/skill-tracker"),
        python: venv::ensure_stack()?,
        modules: modules.to_owned(),
        terraform: Terraform::find(),
        full: options.full,
        scratch,
    };
    let world = applied::World::new(&bench);
    let mut jobs = Vec::new();
    // The longest first, so that no worker is left with it at the end.
    jobs.push(applied::job(&bench, &world));
    jobs.extend(environments::jobs(&bench)?);
    jobs.extend(modules::jobs(&bench)?);
    jobs.extend(planted::jobs(&bench)?);
    jobs.extend(dashboards::jobs(&bench));
    jobs.extend(tools::jobs(&bench));
    jobs.extend(actions::jobs(&bench));
    jobs.extend(project::jobs(&bench));
    jobs.extend(workflows::jobs(&bench));
    jobs.extend(describe::jobs(&bench)?);
    // Last: they wait for the account that the first has made.
    jobs.extend(privilege::jobs(&world));
    if let Some(only) = &options.only {
        jobs.retain(|job| job.name.contains(only));
        if jobs.is_empty() {
            return Err(Error::Setup(format!(
                "no check of the stack is named `{only}`"
            )));
        }
    }
    if jobs.iter().any(|job| job.name.starts_with("action ")) {
        actions::build()?;
    }
    let checks = work(jobs);
    // What is left after a failure is worth a look; the folder goes with `cargo clean` in any case.
    if checks
        .iter()
        .all(|check| !matches!(check.outcome, Outcome::Failed(_)))
    {
        fs::remove_dir_all(&bench.scratch).map_err(|source| {
            Error::broken(
                format!("cannot remove `{}`", bench.scratch.display()),
                source,
            )
        })?;
    }
    Ok(Stack {
        checks,
        took: begun.elapsed(),
    })
}

fn work(mut jobs: Vec<Job<'_>>) -> Vec<Check> {
    jobs.reverse();
    let queue = Mutex::new(jobs);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                // The lock is held for the taking alone.
                while let Some(job) = {
                    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                    queue.pop()
                } {
                    let begun = Instant::now();
                    let outcome =
                        (job.run)().unwrap_or_else(|error| Outcome::Failed(error.to_string()));
                    let check = Check {
                        name: job.name,
                        outcome,
                        took: begun.elapsed(),
                    };
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    println!("{}", check.line());
                    done.push(check);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by(|a, b| a.name.cmp(&b.name));
    done
}

impl Check {
    fn line(&self) -> String {
        let seconds = self.took.as_secs_f64();
        match &self.outcome {
            Outcome::Passed(count) => {
                format!("stack ok      {} ({count}, {seconds:.1}s)", self.name)
            }
            Outcome::Skipped(reason) => format!("stack skipped {}: {reason}", self.name),
            Outcome::Failed(found) => format!("stack FAILED  {}\n{}", self.name, found.trim_end()),
        }
    }
}

impl Stack {
    /// The counts; a check that failed or was skipped counts as one.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for check in &self.checks {
            match &check.outcome {
                Outcome::Passed(count) => counts.passed += count,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }

    /// What was skipped, by name, and the counts.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            match &check.outcome {
                Outcome::Passed(_) | Outcome::Failed(_) => {}
                Outcome::Skipped(reason) => {
                    text += &format!("skipped: stack: {}: {reason}\n", check.name);
                }
            }
        }
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts();
        text += &format!(
            "stack: {passed} passed, {failed} failed, {skipped} skipped in {}s\n",
            self.took.as_secs()
        );
        text
    }

    /// The names of the checks that failed.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &str> {
        self.checks
            .iter()
            .filter(|check| matches!(check.outcome, Outcome::Failed(_)))
            .map(|check| check.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> Stack {
        let job = |name: &str, outcome: Outcome| Job::new(name, move || Ok(outcome));
        let checks = work(vec![
            job("a", Outcome::Passed(3)),
            job("b", Outcome::Failed("an open door".into())),
            job("c", Outcome::Skipped("no terraform".into())),
            Job::new("d", || Err(Error::Broken("no such file".into()))),
        ]);
        Stack {
            checks,
            took: Duration::from_secs(61),
        }
    }

    #[test]
    fn what_is_skipped_is_counted_by_name_and_is_no_pass() {
        let stack = stack();
        assert_eq!(
            stack.counts(),
            Counts {
                passed: 3,
                failed: 2,
                skipped: 1
            }
        );
        let summary = stack.summary();
        assert!(
            summary.contains("skipped: stack: c: no terraform"),
            "{summary}"
        );
        assert!(
            summary.contains("stack: 3 passed, 2 failed, 1 skipped in 61s"),
            "{summary}"
        );
    }

    #[test]
    fn a_check_that_could_not_be_made_has_failed() {
        let stack = stack();
        assert_eq!(stack.failures().collect::<Vec<_>>(), ["b", "d"]);
        assert!(stack.checks[3].line().contains("no such file"));
    }
}
