//! `cargo xtask bench deploy`: verdicts on failing deployments beside other deployers', on the simulated ECS.
//!
//! All of them speak ECS's own protocol to `ecs-simulator`, which knows what became of each deployment. What is compared is
//! what their exit codes claim with that truth, and when, on the model's clock.

mod contenders;
pub(super) mod simulator;

use std::path::{Path, PathBuf};
use std::process::Output;

use self::contenders::{Contender, contenders};
use self::simulator::{Simulator, Truth};
use super::peers::built;
use crate::cargo;
use crate::task::{Error, Verdict};
use crate::venv;

/// The scenarios of `ecs-simulator` that are played.
pub(crate) const SCENARIOS: [&str; 5] = [
    "healthy",
    "missing-image",
    "breaker-rollback",
    "same-revision",
    "superseded",
];

/// Seconds of the model in one of the wall's clock. The waiter of the AWS CLI looks every 15 seconds of the wall's clock,
/// whatever the model's: with a greater factor it would see next to nothing of a deployment.
const FACTOR: f64 = 15.0;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// The deployer to measure instead of a release build.
    pub(crate) ours: Option<PathBuf>,
    /// The simulator to measure with instead of a release build.
    pub(crate) simulator: Option<PathBuf>,
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    scenario: &'static str,
    who: &'static str,
    exit: Option<i32>,
    truth: Truth,
    /// Seconds of the model from the first command to the verdict.
    seconds: f64,
    ours: bool,
}

/// What an exit code claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Deployed,
    NotDeployed,
}

impl Row {
    fn claim(&self) -> Claim {
        if self.exit == Some(0) {
            Claim::Deployed
        } else {
            Claim::NotDeployed
        }
    }

    /// Whether the claim is true. A deployment that is still under way has not been decided, so it is not deployed.
    fn is_right(&self) -> bool {
        (self.truth == Truth::Completed) == (self.claim() == Claim::Deployed)
    }

    /// For our own: whether the exit code names the very end that it came to, as the table of exit codes has it.
    fn is_exact(&self) -> bool {
        let wanted: &[i32] = match self.truth {
            Truth::Completed => &[0],
            Truth::Failed => &[1],
            Truth::RolledBack => &[5],
            Truth::RollbackFailed => &[6],
            Truth::Superseded => &[7],
            // A verdict while it is still under way is none.
            Truth::RollingBack | Truth::UnderWay => &[],
        };
        self.exit.is_some_and(|exit| wanted.contains(&exit))
    }
}

/// Plays each scenario with each deployer and prints the table of verdicts.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let ours = built(
        options.ours.as_deref(),
        "ecs-deployer-cli",
        "ecs-deployer",
        &[],
    )?;
    let server = built(
        options.simulator.as_deref(),
        "ecs-simulator",
        "ecs-simulator",
        &[],
    )?;
    let python = venv::ensure_deployers()?;
    let mut rows = Vec::new();
    for scenario in SCENARIOS {
        for contender in contenders(&ours, &python, scenario, FACTOR) {
            eprintln!("{scenario}: {}", contender.name);
            rows.push(play(&server, scenario, contender)?);
        }
    }
    println!("\n{}", table(&rows));
    let bad: Vec<&Row> = rows
        .iter()
        .filter(|row| row.ours && !row.is_exact())
        .collect();
    for row in &bad {
        println!(
            "GATE FAILED: {} on {}: exit code {:?}, and the deployment {}",
            row.who,
            row.scenario,
            row.exit,
            row.truth.words()
        );
    }
    if bad.is_empty() {
        println!("gate: each of our verdicts is the model's truth");
    }
    Ok(if bad.is_empty() {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn play(server: &Path, scenario: &'static str, contender: Contender) -> Result<Row, Error> {
    let simulator = Simulator::start(server, scenario, FACTOR)?;
    let begun = simulator.now()?;
    let mut exit = None;
    for mut step in contender.steps {
        simulator.aim(&mut step);
        let line = cargo::typed(&step);
        let output = step
            .output()
            .map_err(|source| Error::broken(&line, source))?;
        exit = output.status.code();
        if exit != Some(0) {
            eprintln!("  exit code {exit:?}: {}", last_line(&output));
            break;
        }
    }
    let seconds = simulator.now()? - begun;
    let truth = simulator.truth_of_second()?.ok_or_else(|| {
        Error::Broken(format!(
            "{} began no deployment of `{scenario}`",
            contender.name
        ))
    })?;
    Ok(Row {
        scenario,
        who: contender.name,
        exit,
        truth,
        seconds,
        ours: contender.ours,
    })
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or_default().chars().take(200).collect()
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | deployer | exit code | says | the deployment | verdict | after (model's time) |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let exit = row
            .exit
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        let says = match row.claim() {
            Claim::Deployed => "deployed",
            Claim::NotDeployed => "not deployed",
        };
        let right = match (row.is_right(), row.ours && row.is_exact()) {
            (_, true) => "right, and which",
            (true, false) => "right",
            (false, false) => "WRONG",
        };
        text.push_str(&format!(
            "| {} | {} | {exit} | {says} | {} | {right} | {} |\n",
            row.scenario,
            row.who,
            row.truth.words(),
            minutes(row.seconds)
        ));
    }
    text
}

fn minutes(seconds: f64) -> String {
    let whole = seconds.round().max(0.0);
    format!("{}m{:02}", (whole / 60.0).floor(), whole % 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(exit: i32, truth: Truth) -> Row {
        Row {
            scenario: "superseded",
            who: "x",
            exit: Some(exit),
            truth,
            seconds: 704.4,
            ours: true,
        }
    }

    #[test]
    fn green_is_right_only_when_the_deployment_was_completed() {
        assert!(row(0, Truth::Completed).is_right());
        assert!(!row(0, Truth::RolledBack).is_right());
        assert!(!row(0, Truth::UnderWay).is_right());
        assert!(!row(1, Truth::Completed).is_right());
        assert!(row(1, Truth::Superseded).is_right());
    }

    #[test]
    fn our_exit_codes_have_to_name_the_end() {
        assert!(row(5, Truth::RolledBack).is_exact());
        assert!(!row(1, Truth::RolledBack).is_exact());
        assert!(!row(5, Truth::RollingBack).is_exact());
        assert!(row(7, Truth::Superseded).is_exact());
    }

    #[test]
    fn the_table_says_who_was_wrong_and_when() {
        let text = table(&[Row {
            ours: false,
            ..row(0, Truth::RolledBack)
        }]);
        assert!(
            text.contains("| 0 | deployed | was rolled back | WRONG | 11m44 |"),
            "{text}"
        );
    }
}
