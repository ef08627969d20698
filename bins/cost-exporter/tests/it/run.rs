//! The binary in a folder of its own.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a run ended with.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cost-exporter"));
    command.current_dir(folder).env_clear().env("HOME", folder);
    command
}

pub(crate) fn run(folder: &TempDir, arguments: &[&str]) -> Ran {
    Ran::of(command(folder.path()).args(arguments).output().unwrap())
}

/// Costs from the first of February to the tenth of March, as `aws ce get-cost-and-usage` prints them.
pub(crate) fn saved(folder: &TempDir) {
    let metric = |amount: &str| json!({"UnblendedCost": {"Amount": amount, "Unit": "USD"}, "AmortizedCost": {"Amount": "1E-8", "Unit": "USD"}});
    let first = cost_exporter::day("2026-02-01").unwrap();
    let days =
        cost_exporter::Period::new(first, cost_exporter::day("2026-03-11").unwrap()).unwrap();
    let results: Vec<Value> = days
        .days()
        .map(|date| {
            json!({
                "TimePeriod": {"Start": date, "End": date.tomorrow().unwrap()},
                "Total": {},
                "Estimated": date.month() == 3,
                "Groups": [
                    {"Keys": ["Amazon EC2", "Environment$prod"], "Metrics": metric("7.0000000001")},
                    {"Keys": ["Amazon EC2", "Environment$dev"], "Metrics": metric("2")},
                    {"Keys": ["=cmd|' /C calc'!A0", "Environment$"], "Metrics": metric("-0.5")},
                ],
            })
        })
        .collect();
    std::fs::write(
        folder.path().join("saved.json"),
        json!({"ResultsByTime": results}).to_string(),
    )
    .unwrap();
}

pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    saved(&folder);
    folder
}
