//! `log-exporter export --bulk`.

use log_exporter::{BulkOptions, BulkOutcome, ExportTask, Span, TaskState, bulk, find_groups};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format};

use crate::args::ExportArgs;
use crate::failures;
use crate::session::{Session, required};
use crate::text::count;

#[derive(Serialize)]
struct Document {
    schema: u32,
    tasks: Vec<Task>,
}

#[derive(Serialize)]
struct Task {
    group: String,
    #[serde(flatten)]
    outcome: BulkOutcome,
}

pub(crate) async fn run(args: &ExportArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let (from, to) = session.times(&args.time);
    let (Some(from), Some(to)) = (from, to) else {
        return Err(
            Failure::usage("an export task needs a start and an end").hint("give --from and --to")
        );
    };
    let span = Span::new(from, to)
        .map_err(|error| Failure::from_error(Exit::Usage, &error).hint("give a later --to"))?;
    let bucket = args.archive.bucket.clone().unwrap_or_default();
    let logs = session.logs().await?;
    let limit = session.limit(&args.effort).await?;
    let observer = session.observer();
    let groups = find_groups(&logs, &required(&args.groups)?, &limit, 8, &observer)
        .await
        .map_err(|error| failures::export(&error))?;
    let mut options = BulkOptions::default().poll(*args.poll);
    if let Some(time) = args.deadline {
        options = options.timeout(*time);
    }
    let mut tasks = Vec::new();
    // One after the other: an account has one task at a time.
    for info in &groups {
        let prefix = format!(
            "{}bulk",
            log_exporter::Layout::new(&args.archive.key_prefix).prefix()
        );
        let task = ExportTask {
            group: info.group().clone(),
            span,
            bucket: bucket.clone(),
            prefix,
        };
        if args.dry_run {
            session.printer.line(&format!(
                "would export {} of {span} to s3://{}/{}",
                task.group, task.bucket, task.prefix
            ))?;
            continue;
        }
        session
            .printer
            .note(&format!("{}: following an export task", info.place));
        let outcome = bulk(&logs, info, &task, &options, &session.clock)
            .await
            .map_err(|error| failures::export(&error))?;
        tasks.push(Task {
            group: info.group().to_string(),
            outcome,
        });
    }
    if args.dry_run {
        return Ok(Exit::Done);
    }
    let ended = |state: fn(&TaskState) -> bool| tasks.iter().any(|task| state(&task.outcome.state));
    let exit = match (
        ended(|state| matches!(state, TaskState::Failed(_) | TaskState::Cancelled)),
        ended(|state| !state.is_over()),
    ) {
        (true, _) => Exit::Negative,
        (false, true) => Exit::TimedOut,
        (false, false) => Exit::Done,
    };
    if session.printer.format() == Format::Json {
        session.printer.json(&Document { schema: 1, tasks })?;
        return Ok(exit);
    }
    for Task { group, outcome } in &tasks {
        let how = match &outcome.state {
            TaskState::Completed => "completed".to_owned(),
            TaskState::Failed(why) => format!("FAILED: {}", windlass_cli::printable(why)),
            TaskState::Cancelled => "was cancelled".to_owned(),
            TaskState::Pending => "still waits for its turn".to_owned(),
            _ => "is still running".to_owned(),
        };
        let found = match outcome.resumed {
            true => ", found under way",
            false => "",
        };
        session.printer.line(&format!(
            "{group}  task {}{found}  {how}, {:.0} s",
            outcome.task, outcome.seconds
        ))?;
    }
    session.printer.note(&format!(
        "{} followed; what export tasks write is no part of the archive and is not verified",
        count(tasks.len() as u64, "task")
    ));
    Ok(exit)
}
