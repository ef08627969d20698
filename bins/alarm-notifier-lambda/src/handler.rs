//! One event: every message of it to every channel, and an honest answer to Lambda.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use deploy_notifier::{Channel, Delivery, SnsOrigin, SnsRecord, sns_records, within};
use futures_util::future::join_all;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::journal::Line;
use crate::memory::Memory;

/// What is left of the function's time for answering: a function that runs out of it is killed without a word.
const LAST_WORD: Duration = Duration::from_millis(500);

/// How Lambda hears of messages from a queue that were not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueFailures {
    /// The invocation fails, and the queue takes back all messages of the event.
    Fail,
    /// The answer names them. Only an event source with `ReportBatchItemFailures` reads it; others would lose them.
    Report,
}

/// Shows what events say in its channels.
#[derive(Debug)]
pub(crate) struct Handler {
    channels: Vec<Box<dyn Channel>>,
    queue: QueueFailures,
    memory: Mutex<Memory>,
}

/// The invocation failed; Lambda shows this beside the function, and retries or hands the event to its dead-letter queue.
#[derive(Debug)]
pub(crate) struct NotDelivered {
    kind: &'static str,
    message: String,
}

impl From<NotDelivered> for Diagnostic {
    fn from(error: NotDelivered) -> Self {
        Self {
            error_type: error.kind.to_owned(),
            error_message: error.message,
        }
    }
}

/// What became of one message in one channel.
#[derive(Debug)]
enum Told {
    Delivered,
    /// It was shown there when the event was handed over before.
    Known,
    /// The channel does not have it, for this reason.
    Missing(String),
}

/// Why a channel does not have a message.
#[derive(Debug)]
struct Trouble {
    reasons: Vec<String>,
    outcome_known: bool,
    hint: Option<String>,
}

impl Handler {
    pub(crate) fn new(channels: Vec<Box<dyn Channel>>, queue: QueueFailures) -> Self {
        Self {
            channels,
            queue,
            memory: Mutex::default(),
        }
    }

    pub(crate) async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, NotDelivered> {
        let request = event.context.request_id.as_str();
        let records = sns_records(&event.payload).map_err(|error| {
            let line = Line::NotUnderstood {
                request,
                reason: error.to_string(),
                hint: error.hint(),
            };
            line.write();
            NotDelivered {
                kind: "EventNotUnderstood",
                message: error.to_string(),
            }
        })?;
        let mut delivered = 0;
        let mut failed = Vec::new();
        for record in &records {
            let mut missing = Vec::new();
            for told in self.tell(record, &event.context).await {
                match told {
                    Told::Delivered => delivered += 1,
                    Told::Known => {}
                    Told::Missing(reason) => missing.push(reason),
                }
            }
            if !missing.is_empty() {
                failed.push((record, missing.join("; ")));
            }
        }
        self.answer(&records, &failed, delivered)
    }

    /// Shows one message in all channels at once, so that a slow one takes no time from the others. The messages of an
    /// event come one after the other: Slack takes one a second.
    async fn tell(&self, record: &SnsRecord, context: &Context) -> Vec<Told> {
        let tells = self
            .channels
            .iter()
            .map(|channel| self.tell_channel(channel.as_ref(), record, context));
        join_all(tells).await
    }

    /// Shows a message in a channel that does not have it yet.
    async fn tell_channel(
        &self,
        channel: &dyn Channel,
        record: &SnsRecord,
        context: &Context,
    ) -> Told {
        let request = context.request_id.as_str();
        let (message, name) = (record.id.as_deref(), channel.name());
        if message.is_some_and(|id| self.memory().knows(id, name)) {
            let line = Line::AlreadyDelivered {
                request,
                message,
                channel: name,
            };
            line.write();
            return Told::Known;
        }
        match send(channel, record, time_left(context)).await {
            Ok(delivery) => {
                if let Some(id) = message {
                    self.memory().remember(id, name);
                }
                let line = Line::Delivered {
                    request,
                    message,
                    channel: name,
                    attempts: delivery.attempts,
                    seconds: delivery.seconds,
                };
                line.write();
                Told::Delivered
            }
            Err(trouble) => {
                let line = Line::NotDelivered {
                    request,
                    message,
                    channel: name,
                    reasons: &trouble.reasons,
                    outcome_known: trouble.outcome_known,
                    hint: trouble.hint,
                };
                line.write();
                Told::Missing(trouble.reasons.into_iter().next().unwrap_or_default())
            }
        }
    }

    /// Success only when every channel has every message.
    fn answer(
        &self,
        records: &[SnsRecord],
        failed: &[(&SnsRecord, String)],
        delivered: usize,
    ) -> Result<Value, NotDelivered> {
        let identifiers: Option<Vec<Value>> = failed
            .iter()
            .map(|(record, _)| {
                let id = record
                    .id
                    .as_ref()
                    .filter(|_| record.origin == SnsOrigin::Queue)?;
                Some(json!({"itemIdentifier": id}))
            })
            .collect();
        match identifiers {
            Some(items) if items.is_empty() || self.queue == QueueFailures::Report => {
                let mut answer = json!({"messages": records.len(), "delivered": delivered});
                if records
                    .iter()
                    .any(|record| record.origin == SnsOrigin::Queue)
                {
                    answer["batchItemFailures"] = items.into();
                }
                Ok(answer)
            }
            _ => {
                let reasons: Vec<String> = failed
                    .iter()
                    .map(|(record, reason)| {
                        format!(
                            "{}: {reason}",
                            record.id.as_deref().unwrap_or("a message without an id")
                        )
                    })
                    .collect();
                Err(NotDelivered {
                    kind: "NotDelivered",
                    message: format!(
                        "{} of {} messages were not shown: {}",
                        failed.len(),
                        records.len(),
                        reasons.join("; ")
                    ),
                })
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends within the time that is left. What cannot be begun or waited out in it certainly was not sent.
async fn send(
    channel: &dyn Channel,
    record: &SnsRecord,
    time: Duration,
) -> Result<Delivery, Trouble> {
    let late = |reason: String, outcome_known| Trouble {
        reasons: vec![reason],
        outcome_known,
        hint: Some("give the function a longer timeout than its RETRY_BUDGET".to_owned()),
    };
    let name = channel.name();
    // A timeout of no time would still begin to send.
    if time.is_zero() {
        let reason = format!("channel `{name}` was not tried: the function has no time left");
        return Err(late(reason, true));
    }
    match timeout(time, within(time, channel.send(&record.report))).await {
        Ok(Ok(delivery)) => Ok(delivery),
        Ok(Err(error)) => Err(Trouble {
            reasons: chain(&error),
            outcome_known: error.outcome_known(),
            hint: error.hint(),
        }),
        Err(_) => {
            let reason = format!("channel `{name}` did not have the time that it needs");
            Err(late(reason, false))
        }
    }
}

fn time_left(context: &Context) -> Duration {
    let left = context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    left.saturating_sub(LAST_WORD)
}

fn chain(error: &deploy_notifier::Error) -> Vec<String> {
    let first: &dyn std::error::Error = error;
    std::iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect()
}
