//! `health-checker check`.

mod args;

use std::time::Duration;

use health_checker::{NetworkProbe, Options, TargetReport, Verdict};
use windlass_cli::{Exit, Failure};

pub(crate) use args::CheckArgs;

use crate::junit::{self, Case, CaseResult};
use crate::run::Session;

pub(crate) async fn run(args: &CheckArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let targets: Vec<health_checker::Target> = args
        .urls
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|error: health_checker::InvalidTarget| {
                    Failure::from_error(Exit::Usage, &error).hint(error.hint())
                })
        })
        .collect::<Result<_, _>>()?;
    let report = health_checker::check(
        &NetworkProbe::new(),
        &targets,
        &Options::default(),
        &|event: health_checker::Event| {
            if let Some(log) = &session.log {
                log.write(&event);
            }
        },
    )
    .await;
    session.printer.json(&report)?;
    if let Some(path) = &args.junit {
        let cases: Vec<Case> = report.targets.iter().map(case).collect();
        junit::write(path, "health", &cases)?;
    }
    Ok(match report.verdict() {
        Some(Verdict::Healthy) => Exit::Done,
        Some(Verdict::Inconclusive) => Exit::Unreachable,
        _ => Exit::Negative,
    })
}

fn case(target: &TargetReport) -> Case {
    let kind = target.verdict.to_string();
    let message = target.reason.clone().unwrap_or_default();
    Case {
        name: target.name.to_string(),
        took: Duration::ZERO,
        result: match target.verdict {
            Verdict::Healthy => CaseResult::Passed,
            Verdict::Inconclusive => CaseResult::Errored { kind, message },
            _ => CaseResult::Failed { kind, message },
        },
    }
}
