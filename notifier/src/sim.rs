//! A simulated channel: a place that keeps what it got and fails as webhooks do.
//!
//! It stands behind the same retries as the real channels, so that code embedding this library sees the outcomes that
//! production shows.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use deploy_notifier::sim::{Fault, SimChannel};
//! use deploy_notifier::{Channel, Deployment, Report};
//!
//! let channel = SimChannel::new("slack");
//! channel.fault(Fault::RateLimited { retry_after: Some(Duration::from_secs(2)) });
//!
//! let delivery = channel.send(&Report::DeploymentStarted(Deployment::new("dev".parse()?))).await?;
//! assert_eq!(delivery.attempts, 2);
//! assert_eq!(channel.received().len(), 1);
//! # Ok(()) }
//! ```

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use crate::channel::{Channel, Delivery};
use crate::error::{Answer, Error};
use crate::options::DeliveryOptions;
use crate::report::Report;
use crate::retry::{Attempt, deliver};

/// A place that keeps the reports it got, in order.
#[derive(Debug)]
pub struct SimChannel {
    name: String,
    options: DeliveryOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Report>,
    attempts: u32,
    faults: VecDeque<Fault>,
    dead: Option<Answer>,
}

/// How one try goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The place answers 429 and keeps nothing.
    RateLimited {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The place answers 500. Whether it kept the report, the sender cannot tell.
    ServerError {
        /// Whether it did.
        kept: bool,
    },
    /// The connection breaks before the answer. Whether the place kept the report, the sender cannot tell.
    Cut {
        /// Whether it did.
        kept: bool,
    },
    /// The place cannot be reached.
    Unreachable,
    /// The place keeps the report at once and answers after so long; past the sender's timeout that is no answer.
    Slow(Duration),
}

impl SimChannel {
    /// A channel with a name, that has got nothing yet and works.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with_options(name, DeliveryOptions::default())
    }

    /// The same, trying as hard as the options say.
    pub fn with_options(name: impl Into<String>, options: DeliveryOptions) -> Self {
        Self {
            name: name.into(),
            options,
            state: Mutex::default(),
        }
    }

    /// Lets the next try go wrong; called several times, the faults are met one after the other.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Lets every try be refused from now on with an HTTP status and a code such as `no_service`.
    pub fn die(&self, status: u16, code: &str) {
        self.state().dead = Some(Answer::new(status, code));
    }

    /// The reports it got, in order.
    pub fn received(&self) -> Vec<Report> {
        self.state().received.clone()
    }

    /// How many tries were made, whatever came of them.
    pub fn attempts(&self) -> u32 {
        self.state().attempts
    }

    async fn attempt(&self, report: &Report) -> Attempt {
        let slow = match self.answer(report) {
            Ok(slow) => slow,
            Err(attempt) => return attempt,
        };
        if slow > self.options.timeout {
            sleep(self.options.timeout).await;
            return Attempt::Failed(self.ambiguous(None, Some("the answer took too long")));
        }
        sleep(slow).await;
        Attempt::Delivered(())
    }

    /// Meets the next fault and keeps the report or not; says how slow the answer is, or what else came of it.
    fn answer(&self, report: &Report) -> Result<Duration, Attempt> {
        let mut state = self.state();
        state.attempts += 1;
        if let Some(answer) = state.dead.clone() {
            return Err(Attempt::Failed(Error::Refused {
                channel: self.name.clone(),
                answer,
            }));
        }
        let fault = state.faults.pop_front();
        let kept = match fault {
            None | Some(Fault::Slow(_)) => true,
            Some(Fault::ServerError { kept } | Fault::Cut { kept }) => kept,
            Some(Fault::RateLimited { .. } | Fault::Unreachable) => false,
        };
        if kept {
            state.received.push(report.clone());
        }
        match fault {
            None => Ok(Duration::ZERO),
            Some(Fault::Slow(slow)) => Ok(slow),
            Some(Fault::RateLimited { retry_after }) => Err(Attempt::RateLimited { retry_after }),
            Some(Fault::Unreachable) => Err(Attempt::NotSent("connection refused".into())),
            Some(Fault::ServerError { .. }) => Err(Attempt::Failed(
                self.ambiguous(Some(Answer::new(500, "rollup_error")), None),
            )),
            Some(Fault::Cut { .. }) => Err(Attempt::Failed(
                self.ambiguous(None, Some("connection reset")),
            )),
        }
    }

    fn ambiguous(&self, answer: Option<Answer>, source: Option<&str>) -> Error {
        Error::Ambiguous {
            channel: self.name.clone(),
            answer,
            source: source.map(Into::into),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Channel for SimChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        let (delivery, ()) = deliver(&self.name, &self.options, || self.attempt(report)).await?;
        Ok(delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn report() -> Report {
        testing::reports().remove(0)
    }

    #[tokio::test(start_paused = true)]
    async fn it_obeys_the_contract() {
        let channel = SimChannel::new("slack");
        testing::delivers_every_report(&channel, &|| channel.received().len()).await;
        channel.die(404, "no_service");
        testing::fails_honestly(&channel, "not-a-secret").await;
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_shown_twice_when_the_outcome_is_unclear() {
        for fault in [
            Fault::ServerError { kept: true },
            Fault::Cut { kept: true },
            Fault::Slow(Duration::from_secs(11)),
        ] {
            let channel = SimChannel::new("slack");
            channel.fault(fault.clone());
            let error = channel.send(&report()).await.unwrap_err();
            assert!(matches!(error, Error::Ambiguous { .. }), "{fault:?}");
            assert_eq!(
                (channel.received().len(), channel.attempts()),
                (1, 1),
                "{fault:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_certainly_did_not_arrive_is_sent_again() {
        let channel = SimChannel::new("slack");
        channel.fault(Fault::Unreachable);
        channel.fault(Fault::RateLimited { retry_after: None });
        channel.fault(Fault::Slow(Duration::from_secs(9)));
        assert_eq!(channel.send(&report()).await.unwrap().attempts, 3);
        assert_eq!(channel.received(), [report()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_webhook_is_asked_once() {
        let channel = SimChannel::new("slack");
        channel.die(410, "channel_is_archived");
        let error = channel.send(&report()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "channel `slack` refused the message: status 410, `channel_is_archived`"
        );
        assert_eq!((channel.attempts(), channel.received().len()), (1, 0));
    }
}
