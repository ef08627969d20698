//! One event of Secrets Manager: one step, within the function's time.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use secrets_rotator_lambda::aws::SecretsManager;
use secrets_rotator_lambda::{Request, Services, rotate};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::journal::Line;

/// What is left of the function's time for answering: a function that runs out of it is killed without a word.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Does the step that it is called for.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) store: SecretsManager,
    pub(crate) services: Services,
}

/// The invocation failed; Secrets Manager tries the rotation again, and tells of it in CloudTrail.
#[derive(Debug)]
pub(crate) struct NotDone {
    kind: &'static str,
    message: String,
}

impl From<NotDone> for Diagnostic {
    fn from(error: NotDone) -> Self {
        Self {
            error_type: error.kind.to_owned(),
            error_message: error.message,
        }
    }
}

impl Handler {
    pub(crate) async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, NotDone> {
        let invocation = event.context.request_id.as_str();
        let asked = match Request::from_event(&event.payload) {
            Ok(asked) => asked,
            Err(error) => {
                let failed = Failed {
                    kind: "EventNotUnderstood",
                    message: chain(&error),
                    hint: Some("set the function as the rotation of a secret".to_owned()),
                };
                return Err(failed.written(invocation, None));
            }
        };
        let step = rotate(&self.store, &self.services, &asked);
        let failed = match timeout(time_left(&event.context), step).await {
            Ok(Ok((service, outcome))) => {
                let line = Line::Done {
                    request: invocation,
                    asked: (&asked).into(),
                    service,
                    outcome,
                };
                line.write();
                return Ok(
                    json!({"step": asked.step.as_str(), "service": service, "outcome": outcome}),
                );
            }
            Ok(Err(error)) => Failed {
                kind: error.kind(),
                message: chain(&error),
                hint: error.hint(),
            },
            Err(_) => Failed {
                kind: "OutOfTime",
                message:
                    "the function did not have the time that it needs; the step can be done again"
                        .to_owned(),
                hint: Some("give the function a minute or more".to_owned()),
            },
        };
        Err(failed.written(invocation, Some(&asked)))
    }
}

/// What an invocation failed with.
struct Failed {
    kind: &'static str,
    message: String,
    hint: Option<String>,
}

impl Failed {
    fn written(self, invocation: &str, asked: Option<&Request>) -> NotDone {
        let line = Line::Failed {
            request: invocation,
            asked: asked.map(Into::into),
            kind: self.kind,
            reason: &self.message,
            hint: self.hint.as_deref(),
        };
        line.write();
        NotDone {
            kind: self.kind,
            message: self.message,
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

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    texts.join(": ")
}
