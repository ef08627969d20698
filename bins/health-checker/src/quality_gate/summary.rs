//! The verdicts in Markdown, for GitHub's step summary.

use std::fmt::Write as _;

use health_checker::quality_gate::{GateVerdict, Gravity};
use windlass_cli::markdown_cell;

use super::outcome::{Document, Service};
use super::table::judged_by;

/// A section with a table for each service.
pub(super) fn render(document: &Document) -> String {
    let mut text = format!("## Quality gate: {}\n\n", document.verdict);
    for one in &document.services {
        service(&mut text, one).expect("writing to a String cannot fail");
    }
    text
}

fn service(text: &mut String, service: &Service) -> std::fmt::Result {
    let gate = &service.gate;
    let sign = match gate.verdict {
        GateVerdict::Passed => "✅",
        GateVerdict::Failed => "❌",
        _ => "❔",
    };
    let name = markdown_cell(&service.name);
    writeln!(text, "### {sign} {name}: {}\n", gate.verdict)?;
    if let Some(dashboard) = &gate.dashboard {
        // A URL as the parser writes it has no spaces and no angle brackets.
        writeln!(text, "<{dashboard}>\n")?;
    }
    for finding in &gate.findings {
        let word = match finding.gravity {
            Gravity::Failure => "failed",
            Gravity::Warning => "warning",
            _ => "unknown",
        };
        writeln!(text, "- {word}: {}", markdown_cell(&finding.message))?;
    }
    if !gate.findings.is_empty() {
        text.push('\n');
    }
    if gate.conditions.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "| condition | metric | required | actual | judged by | |\n|---|---|---|---|---|---|"
    )?;
    for row in &gate.conditions {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            markdown_cell(&row.name),
            markdown_cell(row.metric.as_str()),
            markdown_cell(&row.required),
            row.actual
                .as_deref()
                .map_or_else(|| "-".to_owned(), markdown_cell),
            judged_by(row),
            row.state
        )?;
    }
    text.push('\n');
    Ok(())
}
