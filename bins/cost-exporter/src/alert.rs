//! Budgets that alert, as a report that `notifier send` takes.

use std::path::Path;

use cost_exporter::{AlertPart, BudgetState, Outcome};
use serde_json::{Value, json};
use windlass_cli::{Exit, Failure};

/// The report; `None` when no budget alerts.
pub(crate) fn report(outcome: &Outcome) -> Option<Value> {
    let alerting: Vec<&BudgetState> = outcome
        .budgets
        .iter()
        .filter(|budget| budget.alerting())
        .collect();
    let title = match alerting.as_slice() {
        [] => return None,
        [budget] => format!("Budget {} is at {}", budget.name, percent(budget)),
        several => format!("{} budgets alert", several.len()),
    };
    let text: Vec<String> = alerting.iter().map(|budget| line(budget)).collect();
    let severity = match alerting.iter().any(|budget| spent(budget)) {
        true => "danger",
        false => "warning",
    };
    Some(json!({
        "event": "notice",
        "title": title,
        "text": text.join("\n"),
        "severity": severity,
        "source": "cost-exporter",
    }))
}

/// Whether all of a budget is spent.
fn spent(budget: &BudgetState) -> bool {
    budget.actual >= budget.limit
}

/// How much of a budget is spent, for people.
pub(crate) fn percent(budget: &BudgetState) -> String {
    let hundred = |ratio: cost_exporter::Amount| {
        let percent = cost_exporter::Amount::of_units(1, 2)
            .ok()
            .and_then(|cent| ratio.over(cent));
        percent.map(|percent| format!("{} %", percent.fixed(1)))
    };
    budget
        .used()
        .and_then(hundred)
        .unwrap_or_else(|| "an unknown part".to_owned())
}

/// How a budget stands, on one line.
pub(crate) fn line(budget: &BudgetState) -> String {
    if let Some(reason) = &budget.unknown {
        return format!("{}: nothing can be said of it: {reason}", budget.name);
    }
    let mut text = format!(
        "{}: {} of {} {} spent ({})",
        budget.name,
        budget.actual.fixed(2),
        budget.limit.fixed(2),
        budget.currency,
        percent(budget)
    );
    if let Some(projected) = budget.projected {
        text.push_str(&format!(
            ", {} expected by the month's end",
            projected.fixed(2)
        ));
    }
    let reached = |wanted: AlertPart| {
        let alerts = budget
            .alerts
            .iter()
            .filter(move |alert| alert.part == wanted && alert.reached == Some(true));
        alerts.map(|alert| alert.threshold).max()
    };
    if let Some(threshold) = reached(AlertPart::Actual) {
        text.push_str(&format!("; alert: {threshold} % are spent"));
    }
    if let Some(threshold) = reached(AlertPart::Projected) {
        text.push_str(&format!("; alert: {threshold} % are expected"));
    }
    text
}

/// Writes the report to a file, or removes what an earlier run left there.
pub(crate) fn write(path: &Path, report: Option<&Value>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            Exit::Unreachable,
            format!("the alert cannot be written to `{}`", path.display()),
        )
        .caused_by(&error)
    };
    // A link stays one.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match report {
        Some(report) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
                .map_err(failed)?;
            std::fs::write(file.path(), format!("{report:#}\n")).map_err(failed)?;
            file.persist(path)
                .map(drop)
                .map_err(|error| failed(error.error))
        }
        None => match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        },
    }
}
