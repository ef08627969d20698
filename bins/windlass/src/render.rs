//! Results for people: lines on stdout, GitHub outputs and the step summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use change_detect::ModuleName;
use ecs_deployer::ServiceName;
use serde_json::{Value, json};
use windlass_cli::{Failure, Printer, markdown_cell, printable};

use crate::live::Live;
use crate::names::Names;
use crate::outcome::{PlanOutcome, RunOutcome};
use crate::plan::short;
use crate::terminal::bytes;

/// One line per service, and one for the run.
pub(crate) fn run(outcome: &RunOutcome, printer: &Printer) -> Result<(), Failure> {
    let head = &outcome.head.id[..7];
    if let Some(reason) = &outcome.nothing {
        return printer.line(&printable(&format!("nothing to do: {reason}")));
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
        match (&service.reason, &service.push) {
            (Some(reason), _) => line.push_str(reason),
            (None, Some(push)) => {
                write!(line, "{head}  {}", push.digest).expect("writing to a String cannot fail")
            }
            (None, None) => {}
        }
        printer.line(&printable(&line))?;
    }
    let good = outcome
        .services
        .iter()
        .filter(|service| service.verdict.is_good())
        .count();
    printer.line(&format!(
        "{good} of {} in `{}` serve {head} ({:.1} s), exit code {}",
        services(outcome.services.len()),
        outcome.environment,
        outcome.seconds,
        outcome.exit_code
    ))
}

/// What would be done, and why.
pub(crate) fn plan(outcome: &PlanOutcome, printer: &Printer) -> Result<(), Failure> {
    let head = &outcome.head.id[..7];
    if let Some(reason) = &outcome.nothing {
        return printer.line(&printable(&format!("nothing to do: {reason}")));
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
    for module in &outcome.removed {
        printer.line(&printable(&format!(
            "  {module}  is deployed but no longer in the repository: left alone"
        )))?;
    }
    Ok(())
}

/// What runs, and from which commit.
pub(crate) fn status(
    services: &[(ModuleName, ServiceName)],
    live: &BTreeMap<ModuleName, Live>,
    tasks_run: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    let width = width(services.iter().map(|(module, _)| module.as_str()));
    for (module, _) in services {
        let text = match live.get(module) {
            None => "not deployed".to_owned(),
            Some(live) => {
                let image = live
                    .image
                    .as_ref()
                    .map_or_else(|| "no completed deployment".to_owned(), short);
                let unfinished = live
                    .unfinished
                    .as_ref()
                    .map(|image| format!("  a rollout of {} is not completed", short(image)))
                    .unwrap_or_default();
                let tasks = if tasks_run {
                    format!("{}/{} tasks", live.running, live.desired)
                } else {
                    format!("{} tasks", live.desired)
                };
                format!("{image}  {tasks}{unfinished}")
            }
        };
        printer.line(&printable(&format!("{:width$}  {text}", module.as_str())))?;
    }
    Ok(())
}

/// What runs, as a document.
pub(crate) fn status_document(
    names: &Names,
    services: &[(ModuleName, ServiceName)],
    live: &BTreeMap<ModuleName, Live>,
) -> Value {
    let services: Vec<Value> = services
        .iter()
        .map(|(module, service)| json!({"module": module, "service": service, "live": live.get(module)}))
        .collect();
    json!({"schema": 1, "environment": names.environment(), "services": services})
}

/// The step outputs of a run.
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
        ("head", outcome.head.id.clone()),
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
        ("head", outcome.head.id.clone()),
    ]
}

/// The step summary of a run, as Markdown.
pub(crate) fn run_summary(outcome: &RunOutcome) -> String {
    let head = &outcome.head.id[..7];
    let mut text = format!(
        "### {} → {}\n\n{}\n\n",
        head,
        markdown_cell(&outcome.environment),
        markdown_cell(&outcome.head.title)
    );
    if let Some(reason) = &outcome.nothing {
        return text + &format!("Nothing to do: {}.\n", markdown_cell(reason));
    }
    text.push_str(
        "| service | verdict | why it was deployed | what happened |\n|---|---|---|---|\n",
    );
    for service in &outcome.services {
        let happened = service
            .reason
            .clone()
            .or_else(|| service.push.as_ref().map(|push| push.digest.to_string()));
        writeln!(
            text,
            "| {} | {} | {} | {} |",
            markdown_cell(service.plan.module.as_str()),
            service.verdict.word(),
            markdown_cell(&service.plan.why),
            markdown_cell(&happened.unwrap_or_default())
        )
        .expect("writing to a String cannot fail");
    }
    text
}

fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}

fn services(count: usize) -> String {
    if count == 1 {
        "1 service".to_owned()
    } else {
        format!("{count} services")
    }
}
