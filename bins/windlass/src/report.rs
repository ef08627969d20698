//! One report of a run: JSON, Markdown and a drawn page.

mod dry;
mod graph;
mod html;
mod markdown;
mod page;
mod timeline;

use std::path::Path;

use serde::Serialize;
use windlass_cli::Failure;

use crate::args::ReportArgs;
use crate::outcome::RunOutcome;

pub(crate) use self::dry::{back_markdown, dry_markdown, plan_markdown};
pub(crate) use self::html::cut;
pub(crate) use self::markdown::markdown;

/// Refuses, before anything is begun, files that cannot be written afterwards.
pub(crate) fn check(reports: &ReportArgs) -> Result<(), Failure> {
    for (flag, file) in files(reports) {
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(
                Failure::usage(format!("cannot write a report to `{}`", file.display()))
                    .hint(format!("give {flag} a file in a folder that exists")),
            );
        }
    }
    Ok(())
}

/// Writes the reports for people that were asked for; returns those that could not be written.
pub(crate) fn write_pages(outcome: &RunOutcome, reports: &ReportArgs) -> Vec<Failure> {
    let markdown = reports
        .report_markdown
        .as_ref()
        .map(|file| save(file, &markdown(outcome)));
    let html = reports
        .report_html
        .as_ref()
        .map(|file| save(file, &page::page(outcome)));
    markdown
        .into_iter()
        .chain(html)
        .filter_map(Result::err)
        .collect()
}

/// Writes a report as Markdown, if it was asked for.
pub(crate) fn write_markdown(text: &str, reports: &ReportArgs) -> Result<(), Failure> {
    let file = reports.report_markdown.as_ref();
    file.map_or(Ok(()), |file| save(file, text))
}

/// Writes the report as JSON, if it was asked for.
pub(crate) fn write_json(outcome: &impl Serialize, reports: &ReportArgs) -> Result<(), Failure> {
    let Some(file) = &reports.report_json else {
        return Ok(());
    };
    let mut text = serde_json::to_string_pretty(outcome).map_err(|error| {
        Failure::unreachable("cannot write the report as JSON").caused_by(&error)
    })?;
    text.push('\n');
    save(file, &text)
}

fn files(reports: &ReportArgs) -> impl Iterator<Item = (&'static str, &Path)> {
    [
        ("--report-json", &reports.report_json),
        ("--report-markdown", &reports.report_markdown),
        ("--report-html", &reports.report_html),
    ]
    .into_iter()
    .filter_map(|(flag, file)| Some((flag, file.as_deref()?)))
}

fn save(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| {
        Failure::unreachable(format!("cannot write the report `{}`", file.display()))
            .caused_by(&error)
    })
}

/// A duration for people.
fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    // Whole seconds are enough here, and no report is of a run that lasts for ages.
    let whole = seconds.round().min(f64::from(u32::MAX)) as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

/// What happened, in a word or two.
fn verdict(outcome: &RunOutcome) -> &'static str {
    if outcome.interrupted.is_some() {
        return "interrupted";
    }
    if outcome.nothing.is_some() {
        return "nothing to do";
    }
    use windlass_cli::Exit;
    match outcome.exit {
        Exit::Done => "done",
        Exit::Partial => "partial",
        Exit::RolledBack => "rolled back",
        Exit::RollbackFailed => "rollback failed",
        Exit::Superseded => "superseded",
        Exit::TimedOut => "timed out",
        Exit::Interrupted => "interrupted",
        Exit::Unreachable => "outcome not known",
        _ => "failed",
    }
}

/// What the run was to do, as a title.
fn title(outcome: &RunOutcome) -> String {
    let head = outcome
        .head
        .as_ref()
        .map(|head| format!("{} ", head.id.short()))
        .unwrap_or_default();
    match &outcome.from {
        Some(from) => format!(
            "{}: {head}{from} → {}",
            outcome.command, outcome.environment
        ),
        None => format!("{}: {head}→ {}", outcome.command, outcome.environment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        assert_eq!(seconds(0.04), "0.0 s");
        assert_eq!(seconds(59.94), "59.9 s");
        assert_eq!(seconds(332.0), "5 min 32 s");
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let reports = |path: &str| ReportArgs {
            report_html: Some(folder.path().join(path)),
            ..ReportArgs::default()
        };
        assert!(check(&reports("report.html")).is_ok());
        let failure = check(&reports("no/report.html")).unwrap_err();
        assert!(failure.to_string().contains("--report-html"), "{failure}");
        assert!(check(&reports("")).is_err());
    }
}
