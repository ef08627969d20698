//! Outcomes as a person, a program and GitHub Actions read them.

use windlass_cli::{Failure, Format, GithubActions, markdown_cell, printable};

use crate::outcome::{Document, Entry};
use crate::run::Session;

/// How many lines of a failed container's log are shown to people; JSON has all that were read.
const LOG_LINES: usize = 10;

/// Writes what became of the services: to stdout, and to GitHub Actions.
pub(crate) fn deployed(document: &Document, session: &Session<'_>) -> Result<(), Failure> {
    let printer = session.printer;
    if printer.format() == Format::Json {
        printer.json(document)?;
    } else {
        for line in document.services.iter().flat_map(lines) {
            printer.line(&printable(&line))?;
        }
        let calls: u64 = document.api_calls.values().sum();
        printer.note(&format!("{calls} calls to ECS"));
    }
    github(document)
}

fn lines(entry: &Entry) -> Vec<String> {
    let mut head = format!("{}  {}", entry.service, entry.verdict);
    let brings = entry.task_definition.as_ref();
    for part in [
        entry.deployment.as_ref().map(ToString::to_string),
        brings.map(|arn| arn.short().to_owned()),
        entry.image.as_ref().map(ToString::to_string),
        Some(format!("{:.0} s", entry.seconds)),
    ]
    .into_iter()
    .flatten()
    {
        head.push_str("  ");
        head.push_str(&part);
    }
    let mut lines = vec![head];
    lines.extend(entry.reason.iter().map(|reason| format!("  {reason}")));
    lines.extend(entry.notes.iter().map(|note| format!("  note: {note}")));
    lines.extend(entry.hint.iter().map(|hint| format!("  hint: {hint}")));
    lines.extend(logs(entry));
    lines
}

/// What the failed containers wrote at last, each text once.
fn logs(entry: &Entry) -> Vec<String> {
    let mut lines = Vec::new();
    let mut shown: Vec<&[String]> = Vec::new();
    for task in &entry.stopped_tasks {
        for container in task
            .containers
            .iter()
            .filter(|container| !container.log.is_empty())
        {
            let last = &container.log[container.log.len().saturating_sub(LOG_LINES)..];
            if shown.contains(&last) {
                continue;
            }
            shown.push(last);
            lines.push(format!(
                "  last lines of `{}` in the task {}:",
                container.name, task.task
            ));
            lines.extend(last.iter().map(|line| format!("    {line}")));
        }
    }
    lines
}

fn github(document: &Document) -> Result<(), Failure> {
    let actions = GithubActions::from_env();
    let services = serde_json::to_string(&document.services).unwrap_or_default();
    let names = |which: bool| {
        let names: Vec<&str> = document
            .services
            .iter()
            .filter(|entry| entry.is_good() == which)
            .map(|entry| entry.service.as_str())
            .collect();
        serde_json::to_string(&names).unwrap_or_default()
    };
    let mut outputs = vec![
        ("services", services),
        ("deployed", names(true)),
        ("failed", names(false)),
    ];
    if let [entry] = document.services.as_slice() {
        let text = |part: Option<String>| part.unwrap_or_default();
        let arn = entry.task_definition.as_ref();
        outputs.extend([
            ("verdict", entry.verdict.to_owned()),
            ("reason", text(entry.reason.clone())),
            (
                "deployment",
                text(entry.deployment.as_ref().map(ToString::to_string)),
            ),
            ("task_definition", text(arn.map(ToString::to_string))),
            ("image", text(entry.image.as_ref().map(ToString::to_string))),
        ]);
    }
    actions.outputs(&outputs)?;
    actions.summary(&summary(document))
}

fn summary(document: &Document) -> String {
    let mut text =
        String::from("| service | verdict | deployment | image | why |\n|---|---|---|---|---|\n");
    for entry in &document.services {
        let deployment = entry.deployment.as_ref().map(ToString::to_string);
        let image = entry.image.as_ref().map(ToString::to_string);
        let cells = [
            entry.service.as_str(),
            entry.verdict,
            deployment.as_deref().unwrap_or("-"),
            image.as_deref().unwrap_or("-"),
            entry.reason.as_deref().unwrap_or("-"),
        ]
        .map(markdown_cell);
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}
