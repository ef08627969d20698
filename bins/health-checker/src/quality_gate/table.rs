//! The verdicts for people, in a terminal.

use health_checker::quality_gate::{ConditionRow, Gravity, Judge, MeasureSource};
use windlass_cli::printable;

use super::outcome::{Document, Service};

const HEAD: [&str; 6] = ["condition", "metric", "required", "actual", "judged by", ""];

/// Every service with its conditions and what was found.
pub(super) fn render(document: &Document) -> String {
    let services: Vec<String> = document.services.iter().map(service).collect();
    services.join("\n\n")
}

fn service(service: &Service) -> String {
    let gate = &service.gate;
    let mut lines = vec![format!("{}: {}", one_line(&service.name), gate.verdict)];
    if let Some(dashboard) = &gate.dashboard {
        lines.push(format!("  {}", one_line(dashboard.as_str())));
    }
    if !gate.conditions.is_empty() {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(gate.conditions.iter().map(cells));
        lines.extend(aligned(&rows));
    }
    for finding in &gate.findings {
        let word = match finding.gravity {
            Gravity::Failure => "failed",
            Gravity::Warning => "warning",
            _ => "unknown",
        };
        lines.push(format!("  {word}: {}", one_line(&finding.message)));
        if let Some(hint) = &finding.hint {
            lines.push(format!("    hint: {}", one_line(hint)));
        }
    }
    lines.join("\n")
}

fn cells(row: &ConditionRow) -> [String; 6] {
    [
        one_line(&row.name),
        one_line(row.metric.as_str()),
        one_line(&row.required),
        row.actual
            .as_deref()
            .map_or_else(|| "-".to_owned(), one_line),
        judged_by(row).to_owned(),
        row.state.to_string(),
    ]
}

/// Who judged a condition, and by which measure.
pub(super) fn judged_by(row: &ConditionRow) -> &'static str {
    match (row.judge, row.source) {
        (Judge::Server, _) => "server",
        (_, Some(MeasureSource::Project)) => "rule, project's measure",
        (_, _) => "rule",
    }
}

fn one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

fn aligned(rows: &[[String; 6]]) -> Vec<String> {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("    {}", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
