//! One event: what it asks for, within its time, and an honest answer to Lambda.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use log_exporter::aws::{CloudWatchLogs, S3Archive};
use log_exporter::{
    Clock, Error, Event, Millis, PlanRequest, RateLimit, Region, Report, Unit, WindowState,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::journal::{Line, observe};
use crate::request::{Due, Message, Request};
use crate::settings::Settings;

/// Archives what events ask for.
#[derive(Debug)]
pub(crate) struct Handler {
    settings: Settings,
    logs: CloudWatchLogs,
    archive: S3Archive,
    /// For all invocations of this process: the quota does not begin anew with each.
    limit: RateLimit,
}

/// The invocation failed; Lambda shows this beside the function, and retries or hands the event to its dead-letter queue.
#[derive(Debug)]
pub(crate) struct NotArchived {
    kind: &'static str,
    message: String,
}

impl From<NotArchived> for Diagnostic {
    fn from(error: NotArchived) -> Self {
        Self {
            error_type: error.kind.to_owned(),
            error_message: error.message,
        }
    }
}

impl Handler {
    pub(crate) async fn new(settings: Settings) -> Self {
        let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
        let region = config
            .region()
            .and_then(|region| region.as_ref().parse::<Region>().ok());
        let limit = match (settings.rate, region) {
            (Some(rate), _) => RateLimit::new(rate / f64::from(settings.workers)),
            (None, Some(region)) => RateLimit::published(&region, settings.workers),
            (None, None) => RateLimit::new(5.0 / f64::from(settings.workers)),
        };
        Self {
            logs: CloudWatchLogs::new(&aws_sdk_cloudwatchlogs::Client::new(&config)),
            archive: S3Archive::new(&aws_sdk_s3::Client::new(&config), &settings.bucket),
            limit,
            settings,
        }
    }

    pub(crate) async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, NotArchived> {
        let request = event.context.request_id.clone();
        let result = self.answer(event).await;
        if let Err(error) = &result {
            let line = Line::Failed {
                request: &request,
                reason: &error.message,
                hint: None,
            };
            line.write();
        }
        result
    }

    async fn answer(&self, event: LambdaEvent<Value>) -> Result<Value, NotArchived> {
        let asked = Request::of(&event.payload).map_err(|message| NotArchived {
            kind: "EventNotUnderstood",
            message,
        })?;
        let context = &event.context;
        match asked {
            Request::Due(due) => {
                let units = self.plan(&due, context).await?;
                let report = self.export(units, context).await;
                finished(&report)
            }
            Request::Remaining(units) => {
                let report = self.export(units, context).await;
                finished(&report)
            }
            Request::Items(units) => self.whole(units, context).await,
            Request::Item(unit) => self.whole(vec![*unit], context).await,
            Request::Queue(messages) => Ok(self.queue(messages, context).await),
        }
    }

    /// All of these windows, or a failure: a map takes every answer for the end of its item.
    async fn whole(&self, units: Vec<Unit>, context: &Context) -> Result<Value, NotArchived> {
        let all = units.len();
        let report = self.export(units, context).await;
        let answer = finished(&report)?;
        match report.remaining.len() {
            0 => Ok(answer),
            // What is committed of them stays; the map's retry goes on from there.
            left => Err(NotArchived {
                kind: "Unfinished",
                message: format!(
                    "{left} of {all} windows did not fit into the time of one invocation"
                ),
            }),
        }
    }

    async fn plan(&self, due: &Due, context: &Context) -> Result<Vec<Unit>, NotArchived> {
        let mut selections = due.selections();
        if selections.is_empty() {
            selections.clone_from(&self.settings.groups);
        }
        if selections.is_empty() {
            return Err(NotArchived {
                kind: "NoGroups",
                message:
                    "neither the event nor LOG_GROUPS nor LOG_GROUP_PREFIXES names a log group"
                        .to_owned(),
            });
        }
        let request = context.request_id.clone();
        let observer = move |event: Event| observe(&request, &event);
        let asked = PlanRequest::new(selections).from(due.from).to(due.to);
        let plan = log_exporter::plan(
            &self.logs,
            &self.archive,
            &asked,
            &self.settings.options,
            &clock(),
            &self.limit,
            &observer,
        )
        .await
        .map_err(|error| failed(&error))?;
        for text in &plan.warnings {
            let request = &context.request_id;
            Line::Warning { request, text }.write();
        }
        Ok(plan.units)
    }

    async fn export(&self, units: Vec<Unit>, context: &Context) -> Report {
        let request = context.request_id.clone();
        let observer = move |event: Event| observe(&request, &event);
        let left = context
            .deadline()
            .duration_since(SystemTime::now())
            .unwrap_or(Duration::ZERO);
        let options = self
            .settings
            .options
            .clone()
            .deadline(Instant::now() + left, self.settings.reserve.min(left / 2));
        let report = log_exporter::export(
            &self.logs,
            &self.archive,
            units,
            &options,
            &clock(),
            &self.limit,
            &observer,
        )
        .await;
        let line = Line::Finished {
            request: &context.request_id,
            windows: report.windows.len(),
            remaining: report.remaining.len(),
            events: report.events,
            bytes: report.bytes,
        };
        line.write();
        report
    }

    /// Works off the messages and names those that the queue has to hand out again.
    async fn queue(&self, messages: Vec<Message>, context: &Context) -> Value {
        let mut failed = Vec::new();
        let mut units: Vec<(String, Unit)> = Vec::new();
        for message in messages {
            match message.unit {
                Ok(unit) => units.push((message.id, unit)),
                Err(reason) => {
                    let line = Line::Failed {
                        request: &context.request_id,
                        reason: &format!("{}: {reason}", message.id),
                        hint: Some("send what `log-exporter plan --emit sqs-batches` writes"),
                    };
                    line.write();
                    failed.push(message.id);
                }
            }
        }
        let all = units.iter().map(|(_, unit)| unit.clone()).collect();
        let report = self.export(all, context).await;
        if let Some(error) = &report.stopped {
            let hint = error.hint();
            let line = Line::Failed {
                request: &context.request_id,
                reason: &error.to_string(),
                hint: hint.as_deref(),
            };
            line.write();
        }
        let left = units
            .into_iter()
            .filter(|(_, unit)| report.remaining.contains(unit))
            .map(|(id, _)| id);
        failed.extend(left);
        let items: Vec<Value> = failed
            .iter()
            .map(|id| json!({"itemIdentifier": id}))
            .collect();
        json!({
            "batchItemFailures": items,
            "done": done(&report),
            "events": report.events,
        })
    }
}

fn done(report: &Report) -> usize {
    report
        .windows
        .iter()
        .filter(|window| window.is_done())
        .count()
}

/// The answer, unless something failed: what only did not fit is for the next invocation, and is no failure.
fn finished(report: &Report) -> Result<Value, NotArchived> {
    if let Some(error) = &report.stopped {
        return Err(failed(error));
    }
    let mut failures = report
        .windows
        .iter()
        .filter(|window| window.state == WindowState::Failed);
    if let Some(first) = failures.next() {
        return Err(NotArchived {
            kind: "NotArchived",
            message: format!(
                "{} of {} windows failed, the first of them {} {}: {}",
                failures.count() + 1,
                report.windows.len(),
                first.unit.place,
                first.unit.window,
                first.reason.as_deref().unwrap_or("no reason is known")
            ),
        });
    }
    let gone = report.count(WindowState::GroupGone);
    Ok(json!({
        "done": done(report),
        "gone": gone,
        "events": report.events,
        "bytes": report.bytes,
        "remaining": report.remaining,
    }))
}

fn failed(error: &Error) -> NotArchived {
    let first: &dyn std::error::Error = error;
    let chain: Vec<String> = std::iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect();
    let mut message = chain.join(": ");
    if let Some(hint) = error.hint() {
        message.push_str(&format!("; {hint}"));
    }
    NotArchived {
        kind: "NotArchived",
        message,
    }
}

fn clock() -> Clock {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    });
    Clock::new(Millis::from_epoch(now))
}
