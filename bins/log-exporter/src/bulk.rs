//! `log-exporter export --bulk`.

use async_trait::async_trait;
use log_exporter::aws::CloudWatchLogs;
use log_exporter::{
    BULK_DELAY, BulkOptions, BulkOutcome, Error, ExportTask, LogAdmin, LogGroup, Millis, Span,
    TaskState, Window, bulk, bulk_check, find_groups,
};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use windlass_cli::{Exit, Failure, Format, Printer};

use crate::args::{ExportArgs, When};
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
    ended: Ended,
}

/// How it went with a group.
#[derive(Serialize)]
#[serde(untagged)]
enum Ended {
    Followed(BulkOutcome),
    NotFollowed { error: String },
}

/// What is said of a group whose turn did not come.
const LATE: &str = "the deadline came first: nothing was begun, run again";

/// CloudWatch Logs, with a note of each task that is created: it goes on whatever becomes of us.
#[derive(Debug)]
struct Told<'a> {
    logs: &'a CloudWatchLogs,
    printer: &'a Printer,
}

#[async_trait]
impl LogAdmin for Told<'_> {
    async fn set_retention(&self, group: &LogGroup, days: u32) -> Result<(), Error> {
        self.logs.set_retention(group, days).await
    }

    async fn start_export(&self, task: &ExportTask) -> Result<String, Error> {
        let id = self.logs.start_export(task).await?;
        self.printer
            .note(&format!("{}: export task {id} was created", task.group));
        Ok(id)
    }

    async fn find_export(&self, task: &ExportTask) -> Result<Option<String>, Error> {
        let found = self.logs.find_export(task).await?;
        if let Some(id) = &found {
            self.printer
                .note(&format!("{}: export task {id} is under way", task.group));
        }
        Ok(found)
    }

    async fn export_state(&self, id: &str) -> Result<Option<TaskState>, Error> {
        self.logs.export_state(id).await
    }
}

pub(crate) async fn run(
    args: &ExportArgs,
    session: &Session<'_>,
    started: Instant,
) -> Result<Exit, Failure> {
    let (Some(from), Some(to)) = (args.time.from, args.time.to) else {
        return Err(
            Failure::usage("an export task needs a start and an end").hint("give --from and --to")
        );
    };
    let span = hours(from, to, session.clock.now())?;
    let bucket = args.archive.bucket.clone().unwrap_or_default();
    let logs = session.logs().await?;
    let limit = session.limit(&args.effort).await?;
    let observer = session.observer();
    let groups = find_groups(&logs, &required(&args.groups)?, &limit, 8, &observer)
        .await
        .map_err(|error| failures::export(&error))?;
    let (mut tasks, mut planned, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut late = 0;
    let told = Told {
        logs: &logs,
        printer: session.printer,
    };
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
            planned.push((bulk_check(info, &task, &session.clock), task));
            continue;
        }
        let mut options = BulkOptions::default().poll(*args.poll);
        // One end for all groups.
        if let Some(time) = args.deadline {
            let rest = time.saturating_sub(started.elapsed());
            if rest.is_zero() {
                late += 1;
                tasks.push(Task {
                    group: info.group().to_string(),
                    ended: Ended::NotFollowed {
                        error: LATE.to_owned(),
                    },
                });
                continue;
            }
            options = options.timeout(rest);
        }
        session.printer.note(&format!(
            "{}: following an export task of {span}",
            info.place
        ));
        let ended = match bulk(&told, info, &task, &options, &session.clock).await {
            Ok(outcome) => Ended::Followed(outcome),
            Err(error) => {
                let failure = failures::export(&error);
                if groups.len() > 1 {
                    session.printer.note(&format!("{}: {failure}", info.place));
                }
                failed.push(failure);
                let error = error.to_string();
                Ended::NotFollowed { error }
            }
        };
        tasks.push(Task {
            group: info.group().to_string(),
            ended,
        });
    }
    if args.dry_run {
        return dry_run(planned, session.printer);
    }
    // With nothing to tell of, the error is all there is to say.
    if failed.len() == tasks.len()
        && let Some(failure) = failed.pop()
    {
        return Err(failure);
    }
    let ended = |is: fn(&TaskState) -> bool| {
        tasks.iter().any(|task| match &task.ended {
            Ended::Followed(outcome) => is(&outcome.state),
            Ended::NotFollowed { .. } => false,
        })
    };
    let exit = match (
        ended(|state| matches!(state, TaskState::Failed(_) | TaskState::Cancelled)),
        ended(|state| !state.is_over()),
    ) {
        (true, _) => Exit::Negative,
        (false, _) if !failed.is_empty() || late > 0 => Exit::Partial,
        (false, true) => Exit::TimedOut,
        (false, false) => Exit::Done,
    };
    if session.printer.format() == Format::Json {
        session.printer.json(&Document { schema: 1, tasks })?;
        return Ok(exit);
    }
    for Task { group, ended } in &tasks {
        let outcome = match ended {
            Ended::Followed(outcome) => outcome,
            Ended::NotFollowed { error } => {
                let error = windlass_cli::printable(error);
                session
                    .printer
                    .line(&format!("{group}  NOT followed: {error}"))?;
                continue;
            }
        };
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
        count((tasks.len() - failed.len() - late) as u64, "task")
    ));
    Ok(exit)
}

/// The whole hours that are meant: a task is found again by its times, and by the millisecond no two runs would ask for the same.
fn hours(from: When, to: When, now: Millis) -> Result<Span, Failure> {
    let span = |from, to| {
        Span::new(from, to).map_err(|error| {
            Failure::from_error(Exit::Usage, &error).hint("give a later --to or an earlier --from")
        })
    };
    let asked = span(from.at(now), to.at(now))?;
    let hours = asked.hours();
    let newest = now.minus(BULK_DELAY);
    // So long ago may be the middle of an hour that as a whole is too young. A time that is given by itself is not cut short.
    let cut = matches!(to, When::Ago(_)) && asked.to() <= newest && newest < hours.to();
    if cut {
        return span(hours.from(), Window::containing(asked.to()).start());
    }
    Ok(hours)
}

/// What a run would do, and what it would refuse.
fn dry_run(
    tasks: Vec<(Result<(), Error>, ExportTask)>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let count = tasks.len();
    let (mut refused, mut said) = (Vec::new(), Vec::new());
    for (check, task) in tasks {
        let error = check.err();
        let text = error.as_ref().map(ToString::to_string);
        said.push((task, text));
        refused.extend(error.map(|error| failures::export(&error)));
    }
    let exit = match refused.is_empty() {
        true => Exit::Done,
        false => Exit::Partial,
    };
    // As for a run: with nothing to do the error is all there is to say.
    if refused.len() == count
        && let Some(failure) = refused.pop()
    {
        return Err(failure);
    }
    if printer.format() == Format::Json {
        let tasks: Vec<_> = said
            .iter()
            .map(|(task, error)| match error {
                Some(error) => json!({"group": task.group, "error": error}),
                None => json!({
                    "group": task.group, "from": task.span.from(), "to": task.span.to(),
                    "bucket": task.bucket, "prefix": task.prefix,
                }),
            })
            .collect();
        printer.json(&json!({"schema": 1, "dry_run": true, "tasks": tasks}))?;
        return Ok(exit);
    }
    for (task, error) in &said {
        printer.line(&match error {
            Some(error) => format!(
                "{}  would NOT export: {}",
                task.group,
                windlass_cli::printable(error)
            ),
            None => format!(
                "would export {} of {} to s3://{}/{}",
                task.group, task.span, task.bucket, task.prefix
            ),
        })?;
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours_of(from: &str, to: &str, now: &str) -> Result<String, String> {
        let now: Millis = now.parse().unwrap();
        hours(from.parse().unwrap(), to.parse().unwrap(), now)
            .map(|span| span.to_string())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn runs_of_the_same_hour_ask_for_the_same_times() {
        for (to, end) in [
            ("13h", "2026-11-26T10:00:00Z"),
            ("12h", "2026-11-26T10:00:00Z"),
            ("1d", "2026-11-25T23:00:00Z"),
        ] {
            for now in ["22:00:00.001", "22:10:00", "22:59:59.999"] {
                let hours = hours_of("2d", to, &format!("2026-11-26T{now}Z")).unwrap();
                assert_eq!(
                    hours,
                    format!("2026-11-24T22:00:00Z to {end}"),
                    "{to} {now}"
                );
            }
        }
    }

    #[test]
    fn what_is_asked_for_is_never_cut_but_by_how_long_ago_and_less_than_an_hour() {
        let now = "2026-11-26T22:10:00Z";
        let hours = |from, to| hours_of(from, to, now);
        let day = "2026-11-25T00:00:00Z to 2026-11-26";
        assert_eq!(
            hours("2026-11-25", "2026-11-26T09:00:00Z").unwrap(),
            format!("{day}T09:00:00Z")
        );
        assert_eq!(
            hours("2026-11-25T00:30:00Z", "2026-11-26T09:00:00.001Z").unwrap(),
            format!("{day}T10:00:00Z")
        );
        // Too young: that is refused by what starts tasks.
        for to in ["2026-11-26T10:05:00Z", "12h"] {
            assert_eq!(
                hours("2026-11-25", to).unwrap(),
                format!("{day}T{}:00:00Z", if to == "12h" { 10 } else { 11 }),
            );
        }
        assert_eq!(
            hours("2026-11-25", "11h").unwrap(),
            format!("{day}T12:00:00Z")
        );
        assert!(hours("12h5m", "12h").unwrap_err().contains("no time"));
        assert!(hours("13h", "14h").unwrap_err().contains("no time"));
    }
}
