//! One event of a schedule: one refresh, within the function's time.

use std::time::{Duration, SystemTime};

use cost_exporter::aws::{AccountId, AwsBudgets, CloudWatchSink, CostExplorer, S3Ledger};
use cost_exporter::{BudgetSource, Error, Event, Options, Outcome, Parts, RunId, abandon, refresh};
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::journal;

/// What is left of the function's time for answering: a function that runs out of it is killed without a word.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Refreshes when it is called, whatever the event says: what is due is told by the ledger, so that an event which is
/// delivered twice puts nothing twice.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) source: CostExplorer,
    /// The account of the configuration.
    pub(crate) account: Option<AccountId>,
    pub(crate) budgets: Option<AwsBudgets>,
    pub(crate) ledger: S3Ledger,
    pub(crate) sink: CloudWatchSink,
    pub(crate) options: Options,
}

/// The invocation failed; Lambda shows this beside the function, and retries or hands the event to its dead-letter queue.
#[derive(Debug)]
pub(crate) struct NotExported {
    kind: &'static str,
    message: String,
}

impl From<NotExported> for Diagnostic {
    fn from(error: NotExported) -> Self {
        Self {
            error_type: error.kind.to_owned(),
            error_message: error.message,
        }
    }
}

impl Handler {
    pub(crate) async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, NotExported> {
        let request = event.context.request_id.as_str();
        let failed = |kind, message: String, error: Option<&Error>| {
            journal::failed(request, &message, error);
            NotExported { kind, message }
        };
        let account = self.account.clone();
        let account = account.or_else(|| own_account(&event.context.invoked_function_arn));
        let source = self.source.clone().account(account);
        let parts = Parts {
            source: &source,
            budgets: self
                .budgets
                .as_ref()
                .map(|budgets| budgets as &dyn BudgetSource),
            ledger: &self.ledger,
            sinks: &[&self.sink],
        };
        let observer = |event: Event| journal::event(request, &event);
        let time = time_left(&event.context);
        let run = RunId::random();
        // Whoever comes after this invocation need not wait for longer than it can last.
        let options = self
            .options
            .clone()
            .run(run.clone())
            .ends_after(time + LAST_WORD)
            .within(time);
        let refreshed = timeout(time, refresh(&parts, &options, Timestamp::now(), &observer));
        let outcome = match refreshed.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => return Err(failed(kind(&error), chain(&error), Some(&error))),
            Err(_) => {
                // Else a retry would have to wait; if there is no time for it, that is all that happens.
                let _ = timeout(LAST_WORD / 2, abandon(&self.ledger, &run)).await;
                let message = "the function did not have the time that it needs; what it was putting is settled in the next run";
                return Err(failed("OutOfTime", message.to_owned(), None));
            }
        };
        match outcome.complete() {
            true => Ok(answer(&outcome)),
            false => Err(failed("NotComplete", incomplete(&outcome), None)),
        }
    }
}

/// What went well.
fn answer(outcome: &Outcome) -> Value {
    json!({
        "period": outcome.period,
        "requests": outcome.spending.requests,
        "dollars": outcome.spending.dollars,
        "month_dollars": outcome.spending.month_dollars,
        "month": outcome.month,
        "projected": outcome.projected,
        "corrected": outcome.corrected,
        "samples": outcome.sinks.iter().map(|sink| sink.samples).sum::<usize>(),
        "too_old": outcome.sinks.iter().map(|sink| sink.too_old).sum::<usize>(),
        "days": outcome.sinks.iter().map(|sink| sink.days).sum::<usize>(),
        "alerts": outcome.budgets.iter().filter(|budget| budget.alerting()).map(|budget| budget.name.as_str()).collect::<Vec<_>>(),
    })
}

fn incomplete(outcome: &Outcome) -> String {
    let reasons = outcome.sinks.iter().filter_map(|sink| {
        let rejected = sink
            .published
            .iter()
            .flat_map(|published| &published.rejected);
        let mut rejected: Vec<String> = rejected
            .map(|rejected| format!("{}: {}", rejected.series, rejected.reason))
            .collect();
        let more = rejected.len().saturating_sub(3);
        rejected.truncate(3);
        if more > 0 {
            rejected.push(format!("and {more} more"));
        }
        let reason = sink
            .error
            .clone()
            .or_else(|| (!rejected.is_empty()).then(|| rejected.join("; ")))
            .or_else(|| (sink.lost > 0).then(|| lost(sink.lost)))?;
        Some(format!("{}: {reason}", sink.sink))
    });
    reasons.collect::<Vec<_>>().join("; ")
}

fn lost(series: usize) -> String {
    format!("corrections of {series} series of days came too late for it")
}

/// The account that the function, and so its role, belongs to.
fn own_account(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

const fn kind(error: &Error) -> &'static str {
    match error {
        Error::Denied { .. } => "Denied",
        Error::Throttled { .. } => "Throttled",
        Error::DataUnavailable { .. } => "DataUnavailable",
        Error::RequestBudget { .. } => "RequestBudget",
        Error::LedgerConflict => "LedgerConflict",
        Error::AnotherRun { .. } => "AnotherRun",
        Error::OutOfTime => "OutOfTime",
        Error::ForeignLedger { .. } => "ForeignLedger",
        _ => "NotExported",
    }
}

fn time_left(context: &Context) -> Duration {
    let left = context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    left.saturating_sub(LAST_WORD)
}

fn chain(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let texts: Vec<String> = std::iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect();
    texts.join(": ")
}
