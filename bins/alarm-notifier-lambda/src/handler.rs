//! One event: every message of it to every channel, and an honest answer to Lambda.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use deploy_notifier::{Channel, SnsOrigin, SnsRecord, sns_records};
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

/// What became of one message.
#[derive(Debug)]
struct Told {
    delivered: usize,
    /// Each channel's reason why it does not have the message.
    missing: Vec<String>,
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
            let told = self.tell(record, &event.context).await;
            delivered += told.delivered;
            if !told.missing.is_empty() {
                failed.push((record, told.missing.join("; ")));
            }
        }
        self.answer(&records, &failed, delivered)
    }

    /// Shows one message in each channel that does not have it yet. One after the other: Slack takes one a second.
    async fn tell(&self, record: &SnsRecord, context: &Context) -> Told {
        let request = context.request_id.as_str();
        let message = record.id.as_deref();
        let mut told = Told {
            delivered: 0,
            missing: Vec::new(),
        };
        for channel in &self.channels {
            let name = channel.name();
            if message.is_some_and(|id| self.memory().knows(id, name)) {
                let channel = name;
                Line::AlreadyDelivered {
                    request,
                    message,
                    channel,
                }
                .write();
                continue;
            }
            let (reasons, outcome_known, hint) =
                match timeout(time_left(context), channel.send(&record.report)).await {
                    Ok(Ok(delivery)) => {
                        if let Some(id) = message {
                            self.memory().remember(id, name);
                        }
                        told.delivered += 1;
                        let line = Line::Delivered {
                            request,
                            message,
                            channel: name,
                            attempts: delivery.attempts,
                            seconds: delivery.seconds,
                        };
                        line.write();
                        continue;
                    }
                    Ok(Err(error)) => (chain(&error), error.outcome_known(), error.hint()),
                    Err(_) => {
                        let reason =
                            format!("channel `{name}` did not have the time that it needs");
                        let hint = "give the function a longer timeout than its RETRY_BUDGET";
                        (vec![reason], false, Some(hint.to_owned()))
                    }
                };
            let line = Line::NotDelivered {
                request,
                message,
                channel: name,
                reasons: &reasons,
                outcome_known,
                hint,
            };
            line.write();
            told.missing
                .push(reasons.first().cloned().unwrap_or_default());
        }
        told
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
