//! Results for people: lines on stdout, GitHub outputs and the step summary.

use std::fmt::Write as _;

use change_detect::ModuleName;
use serde_json::json;
use windlass_cli::{Failure, Printer, printable};

use crate::outcome::{BackOutcome, DryOutcome, PlanOutcome, RunOutcome};
use crate::plan::short;
use crate::terminal::bytes;

/// One line per service, and one for the whole.
pub(crate) fn run(outcome: &RunOutcome, printer: &Printer) -> Result<(), Failure> {
    if let Some(reason) = &outcome.nothing {
        printer.line(&printable(&format!("nothing to do: {reason}")))?;
        return removed(&outcome.removed, printer);
    }
    let width = width(
        outcome
            .services
            .iter()
            .map(|service| service.plan.module.as_str()),
    );
    for service in &outcome.services {
        let module = service.plan.module.as_str();
        let mut line = format!("{module:width$}  {:11}  ", service.verdict.word());
        match (&service.reason, service.digest()) {
            (Some(reason), _) if !service.verdict.is_good() => line.push_str(reason),
            (reason, Some(digest)) => {
                let commit = service
                    .commit
                    .as_ref()
                    .map_or("unknown", |commit| commit.short());
                write!(line, "{commit}  {digest}").expect("writing to a String cannot fail");
                if let Some(reason) = reason {
                    write!(line, "  {reason}").expect("writing to a String cannot fail");
                }
            }
            (Some(reason), None) => line.push_str(reason),
            (None, None) => {}
        }
        printer.line(&printable(&line))?;
    }
    removed(&outcome.removed, printer)?;
    if outcome.services.is_empty() {
        return Ok(());
    }
    let good = outcome
        .services
        .iter()
        .filter(|service| service.verdict.is_good())
        .count();
    let what = outcome
        .head
        .as_ref()
        .map_or("what was asked for", |head| head.id.short());
    printer.line(&format!(
        "{good} of {} in `{}` {} {what} ({:.1} s), exit code {}",
        services(outcome.services.len()),
        outcome.environment,
        if outcome.services.len() == 1 {
            "serves"
        } else {
            "serve"
        },
        outcome.seconds,
        outcome.exit_code
    ))
}

/// What a dry run found: the image of each service.
pub(crate) fn dry(outcome: &DryOutcome, printer: &Printer) -> Result<(), Failure> {
    if let Some(reason) = &outcome.nothing {
        return printer.line(&printable(&format!("nothing to do: {reason}")));
    }
    let from = outcome
        .from
        .as_ref()
        .map_or_else(String::new, |from| format!(" from `{from}`"));
    printer.line(&format!(
        "{} of `{}` would be deployed{from}",
        services(outcome.services.len()),
        outcome.environment
    ))?;
    let width = width(
        outcome
            .services
            .iter()
            .map(|ready| ready.plan.module.as_str()),
    );
    for ready in &outcome.services {
        let before = ready
            .plan
            .from
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), short);
        let to = ready
            .commit
            .as_ref()
            .map_or("unknown commit", |commit| commit.short());
        printer.line(&printable(&format!(
            "  {:width$}  {before} -> {to}  {}",
            ready.plan.module.as_str(),
            ready.image.digest
        )))?;
    }
    Ok(())
}

/// What a dry run of `rollback` found.
pub(crate) fn back(outcome: &BackOutcome, printer: &Printer) -> Result<(), Failure> {
    printer.line(&format!(
        "{} of `{}` would go back",
        services(outcome.services.len()),
        outcome.environment
    ))?;
    let width = width(outcome.services.iter().map(|back| back.module.as_str()));
    for back in &outcome.services {
        let before = back
            .from
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), short);
        let image = back
            .image
            .as_ref()
            .map_or_else(|| "no image".to_owned(), short);
        printer.line(&printable(&format!(
            "  {:width$}  {before} -> {image}  {}",
            back.module.as_str(),
            back.to.short()
        )))?;
    }
    Ok(())
}

/// The step outputs of a dry run of `rollback`.
pub(crate) fn back_outputs(outcome: &BackOutcome) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = outcome
        .services
        .iter()
        .map(|back| back.module.as_str())
        .collect();
    vec![
        ("services", json!(names).to_string()),
        ("has_changes", (!names.is_empty()).to_string()),
        ("count", names.len().to_string()),
    ]
}

/// The step outputs of a dry run.
pub(crate) fn dry_outputs(outcome: &DryOutcome) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = outcome
        .services
        .iter()
        .map(|ready| ready.plan.module.as_str())
        .collect();
    vec![
        ("services", json!(names).to_string()),
        ("has_changes", (!names.is_empty()).to_string()),
        ("count", names.len().to_string()),
    ]
}

/// What would be done, and why.
pub(crate) fn plan(outcome: &PlanOutcome, printer: &Printer) -> Result<(), Failure> {
    let head = outcome.head.id.short();
    if let Some(reason) = &outcome.nothing {
        printer.line(&printable(&format!("nothing to do: {reason}")))?;
        return removed(&outcome.removed, printer);
    }
    let title = printable(&outcome.head.title).replace('\n', " ");
    printer.line(&format!(
        "{} of `{}` would be deployed at {head} ({title})",
        services(outcome.services.len()),
        outcome.environment
    ))?;
    let width = width(
        outcome
            .services
            .iter()
            .map(|planned| planned.service.module.as_str()),
    );
    let mut group = None;
    for planned in &outcome.services {
        let service = &planned.service;
        if group.replace(service.group) != Some(service.group) {
            printer.line(if group == Some(0) || group.is_none() {
                "first"
            } else {
                "then"
            })?;
        }
        let from = service
            .from
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), short);
        let push = planned.push.as_ref().map_or_else(
            || "size known after the build".to_owned(),
            |push| format!("{} to push", bytes(push.bytes_to_push)),
        );
        let module = service.module.as_str();
        printer.line(&printable(&format!(
            "  {module:width$}  {from} -> {head}  {push}"
        )))?;
        printer.line(&printable(&format!(
            "  {:width$}  because {}",
            "", service.why
        )))?;
    }
    removed(&outcome.removed, printer)
}

fn removed(modules: &[ModuleName], printer: &Printer) -> Result<(), Failure> {
    for module in modules {
        printer.line(&printable(&format!(
            "{module} is deployed and no longer in the repository: left alone"
        )))?;
    }
    Ok(())
}

/// The step outputs of a command that changed an environment.
pub(crate) fn run_outputs(outcome: &RunOutcome) -> Vec<(&'static str, String)> {
    let names = |good: Option<bool>| {
        let names: Vec<&str> = outcome
            .services
            .iter()
            .filter(|service| good.is_none_or(|good| service.verdict.is_good() == good))
            .map(|service| service.plan.module.as_str())
            .collect();
        json!(names).to_string()
    };
    vec![
        ("services", names(None)),
        ("deployed", names(Some(true))),
        ("failed", names(Some(false))),
        ("has_changes", (!outcome.services.is_empty()).to_string()),
        ("count", outcome.services.len().to_string()),
        (
            "head",
            outcome
                .head
                .as_ref()
                .map(|head| head.id.to_string())
                .unwrap_or_default(),
        ),
        ("exit_code", outcome.exit_code.to_string()),
    ]
}

/// The step outputs of a plan.
pub(crate) fn plan_outputs(outcome: &PlanOutcome) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = outcome
        .services
        .iter()
        .map(|planned| planned.service.module.as_str())
        .collect();
    vec![
        ("services", json!(names).to_string()),
        ("has_changes", (!names.is_empty()).to_string()),
        ("count", names.len().to_string()),
        ("head", outcome.head.id.to_string()),
    ]
}

/// How wide a column of names is.
pub(crate) fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}

fn services(count: usize) -> String {
    if count == 1 {
        "1 service".to_owned()
    } else {
        format!("{count} services")
    }
}
