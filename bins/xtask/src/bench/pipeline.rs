//! `cargo xtask bench pipeline`: one service of twelve is changed, and deployed by `windlass run` and by the workflow that it
//! replaces: requests and calls counted, time per stage.
//!
//! Both get a CNCF registry, an `ecs-simulator` and a balancer of their own, and images that were built before. The clusters'
//! time runs [`FACTOR`] times as fast as ours, and both look at it as often as they do by default on that clock; what their own
//! processes take is not scaled.

mod balancer;
mod contenders;
mod count;
mod tracker;

use std::path::PathBuf;

use self::contenders::Place;
use self::count::{Cost, STAGES};
use self::tracker::{CHANGED, SERVICES, SHARING, Tracker};
use super::Scratch;
use super::peers::built;
use crate::task::{Error, Verdict};
use crate::venv;

/// Seconds of the clusters' time in one of ours.
const FACTOR: f64 = 15.0;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// The pipeline to measure instead of a release build.
    pub(crate) ours: Option<PathBuf>,
    /// The simulator to measure with instead of a release build.
    pub(crate) simulator: Option<PathBuf>,
}

/// Whose pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    Seed,
}

impl Who {
    const fn word(self) -> &'static str {
        match self {
            Self::Ours => "windlass",
            Self::Seed => "shell",
        }
    }
}

/// What is deployed.
struct Case {
    name: &'static str,
    /// Which of the tracker's commits.
    commit: usize,
    /// The services whose running code the commit changes.
    affected: &'static [&'static str],
    /// The most requests to the registry that ours may need.
    requests: u64,
    /// The most calls of ECS that ours may need.
    calls: u64,
}

const CASES: [Case; 3] = [
    Case {
        name: "one service of 12 changed",
        commit: 1,
        affected: &[CHANGED],
        requests: 16,
        calls: 110,
    },
    Case {
        name: "the same commit again",
        commit: 1,
        affected: &[],
        requests: 0,
        calls: 20,
    },
    Case {
        name: "a module that 3 of 12 share changed",
        commit: 2,
        affected: &SHARING,
        requests: 42,
        calls: 290,
    },
];

/// A row of the table.
struct Row {
    case: &'static Case,
    who: Who,
    cost: Cost,
}

/// Deploys each case with both and prints the table with the gates.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let ours = built(options.ours.as_deref(), "windlass", "windlass", &[])?;
    let simulator = built(
        options.simulator.as_deref(),
        "ecs-simulator",
        "ecs-simulator",
        &[],
    )?;
    let aws = venv::ensure_deployers()?;
    let aws = aws.parent().map(PathBuf::from).unwrap_or_default();
    let scratch = Scratch::new(None)?;
    let mut rows = Vec::new();
    for who in [Who::Ours, Who::Seed] {
        let tracker = Tracker::make(scratch.folder.join(format!("tracker-{}", who.word())))?;
        tracker.check_out(&tracker.commits[0], &SERVICES)?;
        let place = Place::make(who, &tracker, &simulator, &scratch.folder)?;
        for case in &CASES {
            eprintln!("{}: {}", who.word(), case.name);
            tracker.check_out(&tracker.commits[case.commit], case.affected)?;
            let cost = place.run(&tracker, &ours, &aws)?;
            rows.push(Row { case, who, cost });
        }
    }
    // The cases as they stand above, ours before the other's: a sort that keeps the order of equals.
    rows.sort_by_key(|row| CASES.iter().position(|case| case.name == row.case.name));
    println!("\n{}", table(&rows));
    let gates: Vec<String> = rows.iter().flat_map(gates).collect();
    for line in &gates {
        println!("GATE FAILED: {line}");
    }
    if gates.is_empty() {
        println!(
            "gate: ours deploys what is affected and nothing else, within the limits of requests and calls"
        );
    }
    Ok(if gates.is_empty() {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "| case | pipeline | exit code | deployed | registry: requests | sent | ECS: calls | health requests | {} | whole |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        STAGES.join(" s | ") + " s"
    );
    for row in rows {
        let cost = &row.cost;
        let exit = cost
            .exit
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        text.push_str(&format!(
            "| {} | {} | {exit} | {} of {} | {} | {:.1} KB | {} | {} | {} | {:.1} s |\n",
            row.case.name,
            row.who.word(),
            cost.calls.of("UpdateService"),
            row.case.affected.len(),
            cost.requests,
            cost.sent as f64 / 1000.0,
            cost.calls.total(),
            cost.asked,
            cost.stages.cells(),
            cost.time.as_secs_f64()
        ));
    }
    text
}

/// What the project wants of its own row and does not get.
fn gates(row: &Row) -> Vec<String> {
    if row.who != Who::Ours {
        return Vec::new();
    }
    let (case, cost) = (row.case, &row.cost);
    let affected = case.affected.len() as u64;
    let deployed = cost.calls.of("UpdateService");
    let checks = [
        (cost.exit != Some(0), format!("exit code {:?}", cost.exit)),
        (
            deployed != affected,
            format!("{deployed} deployed, {affected} affected"),
        ),
        (
            cost.requests > case.requests,
            format!(
                "{} requests to the registry, at most {}",
                cost.requests, case.requests
            ),
        ),
        (
            cost.calls.total() > case.calls,
            format!(
                "{} calls of ECS, at most {}",
                cost.calls.total(),
                case.calls
            ),
        ),
    ];
    checks
        .into_iter()
        .filter(|(is_bad, _)| *is_bad)
        .map(|(_, text)| format!("{}: {text}", case.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::count::{Calls, Stages};
    use super::*;

    fn row(who: Who, updates: u64, requests: u64) -> Row {
        Row {
            case: &CASES[0],
            who,
            cost: Cost {
                exit: Some(0),
                requests,
                sent: 12_345,
                calls: Calls::read(&format!(r#"{{"calls":{{"UpdateService":{updates}}}}}"#)),
                asked: 9,
                stages: Stages::default(),
                time: std::time::Duration::from_secs(3),
            },
        }
    }

    #[test]
    fn ours_has_to_deploy_what_is_affected_within_its_limits() {
        assert_eq!(gates(&row(Who::Ours, 1, CASES[0].requests)), [""; 0]);
        assert_eq!(gates(&row(Who::Ours, 2, CASES[0].requests + 1)).len(), 2);
        assert_eq!(gates(&row(Who::Ours, 0, 0)).len(), 1);
        assert_eq!(gates(&row(Who::Seed, 12, 1000)), [""; 0]);
    }

    #[test]
    fn the_table_has_a_cell_for_each_of_its_columns() {
        let text = table(&[row(Who::Ours, 1, 9)]);
        let columns: Vec<usize> = text.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(columns, [14, 14, 14], "{text}");
        assert!(
            text.contains("| 0 | 1 of 1 | 9 | 12.3 KB | 1 | 9 |"),
            "{text}"
        );
    }
}
