//! Looking for what would make a deployment fail.

use std::collections::BTreeMap;

use ecs_deployer::{
    Check, DeployRequest, Finding, ImageLookUp, LookUps, Preflight, preflight as look,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format};

use crate::failures;
use crate::run::Session;

#[derive(Serialize)]
struct Document<'a> {
    preflight: &'a [Preflight],
    api_calls: BTreeMap<String, u64>,
}

pub(crate) async fn check(
    requests: &[DeployRequest],
    registries: &dyn ImageLookUp,
    session: &Session<'_>,
) -> Result<Vec<Preflight>, Failure> {
    let clients = &session.clients;
    let mut checked = Vec::new();
    for request in requests {
        let look_ups = LookUps::new(Some(registries), Some(&clients.account));
        match look(&clients.plane, request, look_ups).await {
            Ok(preflight) => checked.push(preflight),
            Err(error) => return Err(failures::named(&error, clients).await),
        }
    }
    Ok(checked)
}

/// All checks, as the result.
pub(crate) fn show(checked: &[Preflight], session: &Session<'_>) -> Result<Exit, Failure> {
    let printer = session.printer;
    if printer.format() == Format::Json {
        let api_calls = session.clients.calls();
        printer.json(&Document {
            preflight: checked,
            api_calls,
        })?;
    } else {
        for preflight in checked {
            for check in &preflight.checks {
                printer.line(&windlass_cli::printable(&line(preflight, check)))?;
            }
        }
    }
    Ok(if checked.iter().all(Preflight::is_clear) {
        Exit::Done
    } else {
        Exit::Usage
    })
}

/// What stands in the way, with its remedies.
pub(crate) fn tell_problems(checked: &[Preflight], session: &Session<'_>) {
    for preflight in checked {
        for check in preflight.problems() {
            let Finding::Problem { problem, hint } = &check.finding else {
                continue;
            };
            let subject = subject(check);
            let text = format!(
                "{}: {}{subject}: {problem}",
                preflight.service,
                check.check.as_str()
            );
            session
                .printer
                .failure(&Failure::usage(text).hint(hint.as_str()));
        }
    }
}

/// What could not be checked is no problem, and is not passed over in silence.
pub(crate) fn tell_unchecked(checked: &[Preflight], session: &Session<'_>) {
    for preflight in checked {
        let unchecked: Vec<&Check> = preflight
            .checks
            .iter()
            .filter(|check| matches!(check.finding, Finding::Unchecked { .. }))
            .collect();
        if unchecked.is_empty() {
            continue;
        }
        if session.verbose {
            for check in unchecked {
                session
                    .printer
                    .note(&windlass_cli::printable(&line(preflight, check)));
            }
            continue;
        }
        let mut names: Vec<&str> = unchecked.iter().map(|check| check.check.as_str()).collect();
        names.dedup();
        session.printer.note(&format!(
            "{}: preflight could not check: {} (-v says why)",
            preflight.service,
            names.join(", ")
        ));
    }
}

fn subject(check: &Check) -> String {
    check
        .subject
        .as_ref()
        .map(|subject| format!(" `{subject}`"))
        .unwrap_or_default()
}

fn line(preflight: &Preflight, check: &Check) -> String {
    let finding = match &check.finding {
        Finding::Ok => "ok".to_owned(),
        Finding::Problem { problem, hint } => format!("problem: {problem} ({hint})"),
        Finding::Unchecked { reason } => format!("could not be checked: {reason}"),
        _ => "unknown".to_owned(),
    };
    format!(
        "{}  {}{}  {finding}",
        preflight.service,
        check.check.as_str(),
        subject(check)
    )
}
