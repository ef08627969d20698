//! Grafana's dashboards: of the types that Grafana publishes, and querying metrics that exist.

use std::process::Command;

use crate::cargo;

use super::{Bench, Job, Outcome, copy, program};

/// Reads the dashboards, checks what types cannot say, and writes each as a typed literal.
const CHECK: &str = include_str!("dashboards.mjs");

pub(super) fn jobs(bench: &Bench) -> Vec<Job<'_>> {
    vec![Job::new("dashboards", move || {
        let place = bench.scratch.join("dashboards");
        std::fs::create_dir_all(&place).map_err(|source| {
            crate::task::Error::broken(format!("cannot make `{}`", place.display()), source)
        })?;
        let script = place.join("check.mjs");
        copy::write(&script, CHECK)?;
        let mut check = Command::new("node");
        check
            .arg(&script)
            .arg(bench.stack.join("dashboards"))
            .arg(&place)
            .arg(cargo::root().join("cost-exporter/src/metric.rs"));
        let said = program::run(check)?;
        if !said.good() {
            return Ok(Outcome::Failed(said.text));
        }
        let held = said
            .text
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count() as u64;
        // The compiler looks for packages beside the files that it reads.
        let link = place.join("node_modules");
        std::os::unix::fs::symlink(&bench.modules, &link).map_err(|source| {
            crate::task::Error::broken(format!("cannot link `{}`", link.display()), source)
        })?;
        let mut compile = Command::new("node");
        compile
            .arg(bench.modules.join("typescript/bin/tsc"))
            .args([
                "--noEmit",
                "--strict",
                "--skipLibCheck",
                "--module",
                "nodenext",
                "--moduleResolution",
                "nodenext",
                "dashboards.ts",
            ])
            .current_dir(&place);
        let said = program::run(compile)?;
        Ok(if said.good() && held > 0 {
            Outcome::Passed(held + 1)
        } else {
            Outcome::Failed(said.text)
        })
    })]
}
