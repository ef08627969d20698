//! `log-exporter export`.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log_exporter::{
    Archive, Codec, Compression, Fault, Finding, LogSource, Options, PartFormat, PlanRequest,
    RateLimit, Report, Selection, Unit, WindowState,
};
use serde::Serialize;
use tokio::time::Instant;
use windlass_cli::{Exit, Failure, Format, GithubActions, markdown_cell};

use crate::args::{CodecArg, ExportArgs};
use crate::progress::Progress;
use crate::session::{Session, required};
use crate::text::{bytes, count, seconds};
use crate::{bulk, failures, plan};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    complete: bool,
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a [Finding]>,
    seconds: f64,
}

/// What there is to do.
enum Work {
    /// These windows.
    Units(Vec<Unit>),
    /// All that is due of these groups.
    Plan(Vec<Selection>),
}

pub(crate) async fn run(args: &ExportArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let started = Instant::now();
    if args.bulk {
        return bulk::run(args, session, started).await;
    }
    let options = options(args, session, started)?;
    options.check().map_err(|error| failures::export(&error))?;
    // What is wrong with the command line comes before what is wrong with AWS.
    let work = match &args.units {
        Some(path) => Work::Units(units(path)?),
        None => Work::Plan(required(&args.groups)?),
    };
    if let (Work::Units(units), true) = (&work, args.dry_run) {
        plan::show_units(units, session.printer)?;
        return Ok(Exit::Done);
    }
    let limit = session.limit(&args.effort).await?;
    let archive = session.archive(&args.archive).await?;
    let logs = session.logs().await?;
    let progress = Arc::new(Progress::new(session.printer, session.log.clone()));
    let heard = Arc::clone(&progress);
    let observer = move |event| log_exporter::Observer::observe(&*heard, event);
    let units = match work {
        Work::Units(units) => units,
        Work::Plan(selections) => {
            let (from, to) = session.times(&args.time);
            let request = PlanRequest::new(selections).from(from).to(to);
            let plan = log_exporter::plan(
                &logs,
                &archive,
                &request,
                &options,
                &session.clock,
                &limit,
                &observer,
            )
            .await
            .map_err(|error| failures::export(&error))?;
            for warning in &plan.warnings {
                session.printer.warn(warning);
            }
            if args.dry_run {
                plan::show(&plan, session.printer)?;
                return Ok(Exit::Done);
            }
            plan.units
        }
    };
    let mut report = log_exporter::export(
        &logs,
        &archive,
        units,
        &options,
        &session.clock,
        &limit,
        &observer,
    )
    .await;
    progress.finish();
    let findings = match args.verify && report.stopped.is_none() {
        true => Some(again(&report, &logs, &archive, &options, &limit, session).await?),
        false => None,
    };
    let stopped = report.stopped.take();
    show(&report, findings.as_deref(), started.elapsed(), session)?;
    if let Some(error) = stopped {
        return Err(failures::export(&error));
    }
    Ok(exit(&report, findings.as_deref()))
}

fn options(args: &ExportArgs, session: &Session<'_>, started: Instant) -> Result<Options, Failure> {
    let format = PartFormat::from(args.archive_format);
    let mut compression = match args.codec {
        None => format.compression(),
        Some(CodecArg::Gzip) => Compression::new(Codec::Gzip),
        Some(CodecArg::Zstd) => Compression::new(Codec::Zstd),
    };
    if let Some(level) = args.level {
        let levels = match compression.codec {
            Codec::Gzip => 1..=9,
            _ => 1..=19,
        };
        if !levels.contains(&level) {
            let (least, most) = levels.into_inner();
            return Err(
                Failure::usage(format!("`{level}` is no level of this codec"))
                    .hint(format!("give --level {least} to {most}")),
            );
        }
        compression = compression.level(level);
    }
    let mut options = session
        .options(&args.archive, Some(&args.effort))
        .format(format)
        .compression(compression)
        .part_bytes(args.part_size.get().saturating_mul(1 << 20))
        .lag(*args.lag)
        .max_parallel(args.max_parallel.get())
        .checkpoint(!args.no_checkpoint);
    if let Some(time) = args.deadline {
        // A fifth of a short time is enough to come to an end.
        let reserve = Duration::from_secs(20).min(*time / 5);
        options = options.deadline(started + *time, reserve);
    }
    Ok(options)
}

/// The windows of a file, a JSON object a line.
fn units(path: &Path) -> Result<Vec<Unit>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read windows from `{}`", path.display())).caused_by(&error)
    };
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(unreadable)?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| {
                Failure::usage(format!(
                    "line {} of `{}` is no window",
                    index + 1,
                    path.display()
                ))
                .caused_by(&error)
                .hint("write it with `log-exporter plan --emit lines`")
            })
        })
        .collect()
}

/// Reads what was done again, and compares.
async fn again(
    report: &Report,
    logs: &dyn LogSource,
    archive: &dyn Archive,
    options: &Options,
    limit: &RateLimit,
    session: &Session<'_>,
) -> Result<Vec<Finding>, Failure> {
    let done = report.windows.iter().filter(|window| window.is_done());
    let units: Vec<Unit> = done.map(|window| window.unit.clone()).collect();
    log_exporter::verify_units(
        archive,
        logs,
        &units,
        options,
        &session.clock,
        limit,
        &session.observer(),
    )
    .await
    .map(|verified| verified.findings)
    .map_err(|error| failures::export(&error))
}

fn exit(report: &Report, findings: Option<&[Finding]>) -> Exit {
    if findings.is_some_and(|findings| !findings.is_empty()) {
        return Exit::Negative;
    }
    if report.is_complete() {
        return Exit::Done;
    }
    let some = report.windows.iter().any(|window| window.is_done());
    if some || report.count(WindowState::Failed) == 0 {
        return Exit::Partial;
    }
    // Nothing was done: the code says where that lies.
    let mut faults = report.windows.iter().filter_map(|window| window.fault);
    if faults.clone().any(|fault| fault == Fault::Archive) {
        Exit::Negative
    } else if faults.all(|fault| matches!(fault, Fault::Request | Fault::Disk)) {
        Exit::Usage
    } else {
        Exit::Unreachable
    }
}

fn show(
    report: &Report,
    findings: Option<&[Finding]>,
    took: Duration,
    session: &Session<'_>,
) -> Result<(), Failure> {
    let printer = session.printer;
    if printer.format() == Format::Json {
        printer.json(&Document {
            schema: 1,
            complete: report.is_complete(),
            report,
            findings,
            seconds: took.as_secs_f64(),
        })?;
    } else {
        for window in &report.windows {
            let what = match window.state {
                WindowState::Written if window.events == 0 => "no events".to_owned(),
                WindowState::Written => format!(
                    "{}, {} in {}",
                    count(window.events, "event"),
                    bytes(window.bytes),
                    count(window.parts as u64, "part")
                ),
                WindowState::NothingNew => "nothing new".to_owned(),
                WindowState::AlreadyRead => "had been read".to_owned(),
                WindowState::Unfinished => "not finished".to_owned(),
                WindowState::GroupGone => "the group is gone".to_owned(),
                _ => "FAILED".to_owned(),
            };
            let reason = window.reason.as_ref().map_or_else(String::new, |reason| {
                windlass_cli::printable(&format!(": {reason}"))
            });
            printer.line(&format!(
                "{}  {}  {}  {what}{reason}",
                window.unit.window, window.unit.sweep, window.unit.place
            ))?;
        }
        for finding in findings.unwrap_or_default() {
            printer.line(&crate::verify::line(finding))?;
        }
        printer.line(&format!(
            "{} archived, {} as {}, {} left to do, {}",
            count(report.events, "event"),
            bytes(report.raw_bytes),
            bytes(report.bytes),
            count(report.remaining.len() as u64, "window"),
            seconds(took)
        ))?;
    }
    github(report)
}

fn github(report: &Report) -> Result<(), Failure> {
    let github = GithubActions::from_env();
    github.outputs(&[
        ("complete", report.is_complete().to_string()),
        ("events", report.events.to_string()),
        ("windows", report.windows.len().to_string()),
        ("remaining", report.remaining.len().to_string()),
    ])?;
    let mut summary = "| group | windows | events | archived |\n|---|--:|--:|--:|\n".to_owned();
    let mut rows: std::collections::BTreeMap<String, (u64, u64, u64)> = Default::default();
    for window in &report.windows {
        let row = rows.entry(window.unit.place.to_string()).or_default();
        *row = (row.0 + 1, row.1 + window.events, row.2 + window.bytes);
    }
    for (group, (windows, events, size)) in rows {
        summary += &format!(
            "| {} | {windows} | {events} | {} |\n",
            markdown_cell(&group),
            bytes(size)
        );
    }
    github.summary(&summary)
}
