//! `log-exporter verify`.

use log_exporter::{
    Finding, LogSource, ORPHAN_AGE, Place, RateLimit, VerifyReport, VerifyRequest, Window,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, printable};

use crate::args::VerifyArgs;
use crate::failures;
use crate::session::{Session, selections};
use crate::text::{bytes, count};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    verified: bool,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

pub(crate) async fn run(args: &VerifyArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let archive = session.archive(&args.archive).await?;
    let options = session.options(&args.archive, Some(&args.effort));
    let (from, to) = session.times(&args.time);
    let request = VerifyRequest::new(selections(&args.groups))
        .between(from, to)
        .quick(args.quick)
        .orphans(args.gc)
        .delete_after(args.delete.then_some(ORPHAN_AGE));
    let (logs, limit) = match args.fresh {
        true => (
            Some(session.logs().await?),
            session.limit(&args.effort).await?,
        ),
        // Nothing is asked of CloudWatch Logs.
        false => (None, RateLimit::new(f64::INFINITY)),
    };
    let source = logs.as_ref().map(|logs| logs as &dyn LogSource);
    let report = log_exporter::verify(
        &archive,
        source,
        &request,
        &options,
        &session.clock,
        &limit,
        &session.observer(),
    )
    .await
    .map_err(|error| failures::export(&error))?;
    if report.groups == 0 && report.findings.is_empty() {
        return Err(Failure::usage("there is nothing in this archive")
            .hint("check the bucket or folder, and --key-prefix"));
    }
    show(&report, args.fresh, session)?;
    Ok(match report.findings.is_empty() {
        true => Exit::Done,
        false => Exit::Negative,
    })
}

fn show(report: &VerifyReport, fresh: bool, session: &Session<'_>) -> Result<(), Failure> {
    let printer = session.printer;
    if printer.format() == Format::Json {
        return printer.json(&Document {
            schema: 1,
            verified: report.findings.is_empty(),
            report,
        });
    }
    for finding in &report.findings {
        printer.line(&line(finding))?;
    }
    for orphan in &report.orphans {
        let what = match (orphan.deleted, orphan.collectable || orphan.kept.is_some()) {
            (true, _) => "deleted orphan",
            (false, true) => "orphan",
            (false, false) => "young orphan",
        };
        let kept = orphan.kept.as_ref();
        let kept = kept.map_or_else(String::new, |why| format!(", kept: {why}"));
        printer.line(&format!(
            "{what}  {}  {}{kept}",
            printable(&orphan.key),
            bytes(orphan.bytes)
        ))?;
    }
    let verdict = match report.findings.len() {
        0 => "verified".to_owned(),
        findings => format!("NOT VERIFIED, {}", count(findings as u64, "finding")),
    };
    printer.line(&format!(
        "{verdict}: {} of {}, {} for good, {}, {} in {}{}",
        count(report.windows as u64, "window"),
        count(report.groups as u64, "group"),
        report.final_windows,
        count(report.events, "event"),
        bytes(report.bytes),
        count(report.parts as u64, "part"),
        match fresh {
            true => format!(", {} compared with CloudWatch Logs", report.compared),
            false => String::new(),
        },
    ))?;
    if report.late > 0 {
        printer.note(&format!(
            "{} came after their windows were read; the next export has them",
            count(report.late, "event")
        ));
    }
    Ok(())
}

/// A finding on one line.
pub(crate) fn line(finding: &Finding) -> String {
    let hour = |place: &Place, window: &Window| format!("{place} {window}");
    let text = match finding {
        Finding::MissingWindow { place, window } => {
            format!("missing window  {}", hour(place, window))
        }
        Finding::HalfWindow {
            place,
            window,
            unread,
        } => {
            let spans: Vec<String> = unread.iter().map(ToString::to_string).collect();
            format!(
                "half a window  {}: not read: {}",
                hour(place, window),
                spans.join(", ")
            )
        }
        Finding::Truncated {
            place,
            window,
            reason,
        } => {
            format!("truncated window  {}: {reason}", hour(place, window))
        }
        Finding::DamagedManifest { key, problem } => format!("damaged manifest  {key}: {problem}"),
        Finding::LostManifest {
            place,
            window,
            since,
        } => format!(
            "lost manifest  {}: it was read at {since}, and no manifest says so; restore it, or read the hour again with \
             `export --no-checkpoint`",
            hour(place, window)
        ),
        Finding::MissingPart { key } => format!("missing part  {key}"),
        Finding::DamagedPart { key, problem } => format!("damaged part  {key}: {problem}"),
        Finding::Duplicates {
            place,
            window,
            events,
        } => {
            format!(
                "duplicates  {}: {}",
                hour(place, window),
                count(*events, "event")
            )
        }
        Finding::Lost {
            place,
            window,
            events,
        } => {
            format!("lost  {}: {}", hour(place, window), count(*events, "event"))
        }
        Finding::Altered {
            place,
            window,
            events,
        } => format!(
            "other messages  {}: {}",
            hour(place, window),
            count(*events, "event")
        ),
        Finding::NotCompared { place, reason } => format!("not compared  {place}: {reason}"),
        other => format!("{other:?}"),
    };
    printable(&text)
}
