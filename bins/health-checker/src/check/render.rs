//! Reports, as a person reads them.

use std::time::Duration;

use health_checker::{TargetReport, Verdict};
use windlass_cli::{Failure, Format, GithubActions, Printer, markdown_cell, printable};

use super::outcome::Document;
use crate::junit::{Case, CaseResult};

/// The report on stdout: one document, or a line for each target.
pub(super) fn report(document: &Document<'_>, printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(document);
    }
    let width = document
        .targets
        .iter()
        .map(|target| target.name.as_str().chars().count())
        .max()
        .unwrap_or_default();
    for target in document.targets {
        let verdict = target.verdict.as_str();
        let name = target.name.as_str();
        printer.line(&printable(&format!(
            "{verdict:<12}  {name:width$}  {}",
            words(target)
        )))?;
    }
    Ok(())
}

/// Everything about a target but its name and its verdict.
fn words(target: &TargetReport) -> String {
    let mut words = match &target.reason {
        Some(reason) => reason.clone(),
        None => format!(
            "{} in a row{}",
            target.consecutive,
            target
                .last
                .as_ref()
                .map(|last| format!(", the last in {} ms", last.latency_ms))
                .unwrap_or_default()
        ),
    };
    if let (Some(revision), Verdict::Healthy) = (&target.revision, target.verdict) {
        words.push_str(&format!(", build {}", revision.short()));
    }
    if let Some(note) = &target.note {
        words.push_str(&format!("; {note}"));
    }
    words
}

/// What JUnit has of a target.
pub(super) fn case(target: &TargetReport) -> Case {
    let kind = target.verdict.to_string();
    let message = words(target);
    Case {
        name: target.name.to_string(),
        took: Duration::from_millis(target.took_ms),
        result: match target.verdict {
            Verdict::Healthy => CaseResult::Passed,
            Verdict::Inconclusive => CaseResult::Errored { kind, message },
            _ => CaseResult::Failed { kind, message },
        },
    }
}

/// What GitHub Actions hears.
pub(super) fn github(document: &Document<'_>) -> Result<(), Failure> {
    let github = GithubActions::from_env();
    github.outputs(&document.outputs())?;
    let mut summary = "### Health\n\n".to_owned();
    if document.targets.is_empty() {
        summary += "Nothing was to be checked.\n";
    } else {
        summary += "| target | verdict | what was seen | probes |\n|---|---|---|--:|\n";
    }
    for target in document.targets {
        let mark = match target.verdict {
            Verdict::Healthy => "✅",
            Verdict::Inconclusive => "❔",
            _ => "❌",
        };
        summary += &format!(
            "| {} | {mark} {} | {} | {} |\n",
            markdown_cell(target.name.as_str()),
            target.verdict,
            markdown_cell(&words(target)),
            target.probes
        );
    }
    github.summary(&summary)
}
