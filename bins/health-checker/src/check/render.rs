//! Reports, as a person reads them.

use std::time::Duration;

use health_checker::deployment::{DeploymentReport, DeploymentVerdict};
use health_checker::{TargetReport, Verdict};
use windlass_cli::{Failure, Format, GithubActions, Printer, markdown_cell, printable};

use super::outcome::Document;
use crate::junit::{Case, CaseResult};

/// The report on stdout: one document, or a line for each target.
pub(super) fn report(document: &Document<'_>, printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(document);
    }
    if let Some(deployment) = document.deployment {
        let verdict = deployment.verdict.as_str();
        printer.line(&printable(&format!(
            "{verdict:<12}  {}",
            deployment_words(deployment)
        )))?;
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

/// Everything about a deployment but its verdict.
fn deployment_words(report: &DeploymentReport) -> String {
    let name = report.deployment.as_deref().unwrap_or("its deployment");
    let mut words = format!("{}/{}  {name}", report.cluster, report.service);
    if let Some(definition) = &report.task_definition {
        let short = definition.rsplit('/').next().unwrap_or(definition);
        words.push_str(&format!(" of {short}"));
    }
    if let (Some(running), Some(desired)) = (report.running, report.desired) {
        words.push_str(&format!(", {running} of {desired} tasks"));
    }
    for more in [&report.reason, &report.note].into_iter().flatten() {
        words.push_str(&format!("; it {more}"));
    }
    words
}

/// What JUnit has of a deployment.
pub(super) fn deployment_case(report: &DeploymentReport) -> Case {
    let kind = report.verdict.to_string();
    let message = deployment_words(report);
    Case {
        name: format!("{}/{}", report.cluster, report.service),
        took: Duration::from_millis(report.took_ms),
        result: match report.verdict {
            DeploymentVerdict::Serving => CaseResult::Passed,
            DeploymentVerdict::Unknown
            | DeploymentVerdict::NotFound
            | DeploymentVerdict::TimedOut => CaseResult::Errored { kind, message },
            _ => CaseResult::Failed { kind, message },
        },
    }
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
    if let Some(deployment) = document.deployment {
        summary += &format!(
            "Deployment: **{}**, {}\n\n",
            deployment.verdict,
            markdown_cell(&deployment_words(deployment))
        );
    }
    if document.targets.is_empty() && document.deployment.is_some() {
        summary += "No target was asked.\n";
    } else if document.targets.is_empty() {
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
