//! One question to one target, and what it showed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::revision::Revision;
use crate::target::Target;
use crate::text;

/// Asks a target once whether it serves.
///
/// The contract, which `testing::probe_contract` checks:
/// - One call is one fresh connection with fresh name resolution; nothing is kept from one call to the next. Behind a
///   balancer that spreads connections, consecutive calls therefore meet different tasks.
/// - It never retries, follows no redirect and has no memory: whoever calls decides what an answer means for the next.
/// - It does not fail. What the target answered badly, or left unanswered once it had accepted the connection, is
///   [`State::Down`]; what could not be asked at all (no such name, connection refused, certificate not trusted, not
///   allowed to ask) is [`State::Unknown`].
/// - If a revision is expected and the target serves without saying which build it is, the state is
///   [`State::Unknown`], never [`State::Up`].
/// - No text in the observation holds a secret of the URL.
/// - Dropping the future closes the connection and leaves nothing behind.
#[async_trait]
pub trait Probe: Debug + Send + Sync {
    /// Asks once. It may take as long as the implementation allows.
    async fn probe(&self, target: &Target) -> Observation;

    /// Asks once and answers within `limit`.
    ///
    /// This default cuts [`probe`](Self::probe) off and says that it could not tell. An implementation that knows how
    /// far it came says more: a target that accepted the connection and kept silent is down.
    async fn probe_within(&self, target: &Target, limit: Duration) -> Observation {
        match tokio::time::timeout(limit, self.probe(target)).await {
            Ok(observation) => observation,
            Err(_) => {
                Observation::unknown(format!("gave no answer within {}", text::duration(limit)))
                    .latency(limit)
            }
        }
    }
}

#[async_trait]
impl<P: Probe + ?Sized> Probe for Arc<P> {
    async fn probe(&self, target: &Target) -> Observation {
        (**self).probe(target).await
    }

    async fn probe_within(&self, target: &Target, limit: Duration) -> Observation {
        (**self).probe_within(target, limit).await
    }
}

#[async_trait]
impl<P: Probe + ?Sized> Probe for Box<P> {
    async fn probe(&self, target: &Target) -> Observation {
        (**self).probe(target).await
    }

    async fn probe_within(&self, target: &Target, limit: Duration) -> Observation {
        (**self).probe_within(target, limit).await
    }
}

/// What one probe showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Observation {
    /// Whether the target serves.
    #[serde(flatten)]
    pub state: State,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The status that the body named, such as `UP`.
    pub body_status: Option<String>,
    /// From the start of the connection to the end of the health answer, in milliseconds.
    pub latency_ms: u64,
    /// The technical error, if the network or the protocol failed.
    pub error: Option<String>,
    /// The build that answered, if it said so.
    pub revision: Option<Revision>,
}

/// Whether a target serves. Reasons are fragments that complete a sentence about the target: `answers 503 DOWN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// It serves.
    Up,
    /// It was reached and does not serve.
    Down {
        /// What it did.
        reason: String,
    },
    /// It could not be told.
    Unknown {
        /// Why not, and what to do about it where that is known.
        reason: String,
    },
}

impl Observation {
    /// The target serves.
    pub fn up() -> Self {
        Self::new(State::Up)
    }

    /// The target was reached and does not serve.
    pub fn down(reason: impl Into<String>) -> Self {
        Self::new(State::Down {
            reason: reason.into(),
        })
    }

    /// It could not be told.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::new(State::Unknown {
            reason: reason.into(),
        })
    }

    fn new(state: State) -> Self {
        Self {
            state,
            status: None,
            body_status: None,
            latency_ms: 0,
            error: None,
            revision: None,
        }
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the status that the body named.
    #[must_use]
    pub fn body_status(mut self, status: impl Into<String>) -> Self {
        self.body_status = Some(status.into());
        self
    }

    /// Sets how long the health answer took.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sets the technical error.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// Sets the build that answered.
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }
}
