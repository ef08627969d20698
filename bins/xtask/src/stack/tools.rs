//! What other tools say: workflows, Prometheus's rules, windlass's own configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::task::Error;

use super::{Bench, Job, Outcome, copy, program};

pub(super) fn jobs(bench: &Bench) -> Vec<Job<'_>> {
    vec![
        Job::new("workflows actionlint", move || {
            actionlint(bench, &bench.stack.join(".github/workflows"))
        }),
        Job::new("workflows zizmor", move || {
            zizmor(bench, &bench.stack.join(".github/workflows"))
        }),
        Job::new("prometheus config", move || {
            promtool(bench, &["check", "config", "prometheus.yml"])
        }),
        Job::new("prometheus rules", move || {
            promtool(
                bench,
                &["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"],
            )
        }),
        Job::new("prometheus rule tests", move || {
            promtool(bench, &["test", "rules", "rules.test.yml"])
        }),
        Job::new("windlass.toml", move || configuration(bench)),
    ]
}

/// A Python program beside the environment's Python.
fn tool(bench: &Bench, name: &str) -> Command {
    Command::new(bench.python.with_file_name(name))
}

/// What zizmor says of workflows or actions; every finding counts, informational ones too.
pub(super) fn zizmor(bench: &Bench, folder: &Path) -> Result<Outcome, Error> {
    let mut command = tool(bench, "zizmor");
    command
        .args(["--offline", "--no-progress", "--persona=pedantic"])
        .arg(folder);
    Ok(program::run(command)?.outcome())
}

/// What actionlint says of the workflows of a folder.
pub(super) fn actionlint(bench: &Bench, folder: &Path) -> Result<Outcome, Error> {
    let files = workflows(folder)?;
    let mut command = tool(bench, "actionlint");
    // Shell in workflows is checked too.
    command
        .arg("-shellcheck")
        .arg(bench.python.with_file_name("shellcheck"))
        .args(&files);
    let said = program::run(command)?;
    Ok(if said.good() && !files.is_empty() {
        Outcome::Passed(files.len() as u64)
    } else {
        Outcome::Failed(said.text)
    })
}

fn workflows(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let broken = |source: std::io::Error| {
        Error::broken(format!("cannot list `{}`", folder.display()), source)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(broken)? {
        files.push(entry.map_err(broken)?.path());
    }
    files.sort();
    Ok(files)
}

fn promtool(bench: &Bench, arguments: &[&str]) -> Result<Outcome, Error> {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(bench.stack.join("prometheus"));
    Ok(program::run(command)?.outcome())
}

/// Whether windlass reads the stack's configuration: it knows its environments, and so says that it has none of another name.
fn configuration(bench: &Bench) -> Result<Outcome, Error> {
    let windlass = cargo::keep()
        .parent()
        .map(|target| target.join("debug/windlass"))
        .filter(|program| program.is_file());
    let Some(windlass) = windlass else {
        return Ok(Outcome::Skipped(
            "the debug build of windlass is not there: cargo build -p windlass".into(),
        ));
    };
    let file = bench.stack.join("windlass.toml");
    copy::read(&file)?;
    let mut command = Command::new(windlass);
    command
        .args(["plan", "--environment", "nowhere", "--config"])
        .arg(&file)
        .current_dir(cargo::root());
    let said = program::run(command)?;
    let knows = ["dev", "staging", "production"];
    Ok(
        if said.text.contains("no environment named `nowhere`")
            && knows.iter().all(|name| said.text.contains(name))
        {
            Outcome::Passed(1)
        } else {
            Outcome::Failed(said.text)
        },
    )
}
