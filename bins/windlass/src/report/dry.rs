//! What would be done, as Markdown.

use windlass_cli::markdown_cell;

use crate::outcome::{BackOutcome, Commit, DryOutcome, PlanOutcome};
use crate::plan::short;

/// A plan of `run`.
pub(crate) fn plan_markdown(outcome: &PlanOutcome) -> String {
    let mut text = heading("plan", &outcome.environment, Some(&outcome.head));
    let head = outcome.head.id.short();
    let rows = outcome.services.iter().map(|planned| {
        let service = &planned.service;
        let from = service.from.as_ref().map(short);
        [
            service.module.to_string(),
            from.unwrap_or_default(),
            head.to_owned(),
            service.why.clone(),
        ]
    });
    table(&mut text, outcome.nothing.as_deref(), rows);
    for module in &outcome.removed {
        let module = markdown_cell(module.as_str());
        text.push_str(&format!(
            "{module} is deployed and no longer in the repository: it is left alone.\n\n"
        ));
    }
    warnings(&mut text, &outcome.warnings);
    text
}

/// A dry run of a command that takes images which stand in a registry.
pub(crate) fn dry_markdown(outcome: &DryOutcome) -> String {
    let mut text = heading(outcome.command, &outcome.environment, outcome.head.as_ref());
    let rows = outcome.services.iter().map(|ready| {
        let from = ready.plan.from.as_ref().map(short);
        let to = ready.commit.as_ref().map_or_else(
            || ready.image.digest.to_string(),
            |commit| commit.short().to_owned(),
        );
        [
            ready.plan.module.to_string(),
            from.unwrap_or_default(),
            to,
            ready.plan.why.clone(),
        ]
    });
    table(&mut text, outcome.nothing.as_deref(), rows);
    text
}

/// A dry run of `rollback`.
pub(crate) fn back_markdown(outcome: &BackOutcome) -> String {
    let mut text = heading(outcome.command, &outcome.environment, None);
    let rows = outcome.services.iter().map(|back| {
        let from = back.from.as_ref().map(short);
        let to = back.image.as_ref().map(short).unwrap_or_default();
        [
            back.module.to_string(),
            from.unwrap_or_default(),
            to,
            format!("back to {}", back.to.short()),
        ]
    });
    table(&mut text, None, rows);
    warnings(&mut text, &outcome.warnings);
    text
}

fn heading(command: &str, environment: &str, head: Option<&Commit>) -> String {
    let environment = markdown_cell(environment);
    let mut text = format!("### {command} → {environment} — nothing was changed\n\n");
    if let Some(head) = head {
        text.push_str(&format!(
            "{} {} ({})\n\n",
            head.id.short(),
            markdown_cell(&head.title),
            markdown_cell(&head.author)
        ));
    }
    text
}

fn table(text: &mut String, nothing: Option<&str>, rows: impl Iterator<Item = [String; 4]>) {
    if let Some(reason) = nothing {
        text.push_str(&format!("Nothing to do: {}.\n\n", markdown_cell(reason)));
        return;
    }
    text.push_str("| service | from | to | why |\n|---|---|---|---|\n");
    for row in rows {
        let cells = row.map(|cell| markdown_cell(&cell));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
}

fn warnings(text: &mut String, warnings: &[String]) {
    for warning in warnings {
        text.push_str(&format!("**Warning:** {}\n\n", markdown_cell(warning)));
    }
}
