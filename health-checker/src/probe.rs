//! One question to one target, and what it showed.

use std::fmt::Debug;
use std::net::SocketAddr;
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
/// - One call is one fresh connection to each address of the name, resolved afresh; nothing is kept from one call to the
///   next. Behind a balancer that spreads connections, consecutive calls therefore meet different tasks.
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

    /// The addresses that the target has just now, resolved afresh, in a fixed order; none where the implementation knows
    /// no addresses and is to be asked as a whole.
    ///
    /// # Errors
    /// What stands in the way of asking, as an observation.
    async fn addresses(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, Observation> {
        let _ = (target, limit);
        Ok(Vec::new())
    }

    /// Asks once at one of the target's [`addresses`](Self::addresses), over one fresh connection, and answers within
    /// `limit`.
    async fn probe_at(&self, target: &Target, address: SocketAddr, limit: Duration) -> Observation {
        let _ = address;
        self.probe_within(target, limit).await
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

    async fn addresses(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, Observation> {
        (**self).addresses(target, limit).await
    }

    async fn probe_at(&self, target: &Target, address: SocketAddr, limit: Duration) -> Observation {
        (**self).probe_at(target, address, limit).await
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

    async fn addresses(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, Observation> {
        (**self).addresses(target, limit).await
    }

    async fn probe_at(&self, target: &Target, address: SocketAddr, limit: Duration) -> Observation {
        (**self).probe_at(target, address, limit).await
    }
}

/// What one probe showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Observation {
    /// Whether the target serves.
    #[serde(flatten)]
    pub state: State,
    /// Whether a connection came about.
    pub reached: bool,
    /// Which of the target's addresses was asked, if that is known.
    pub address: Option<SocketAddr>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The status that the answer named, such as `UP`.
    pub body_status: Option<String>,
    /// From the start of the connection to the end of the health answer, in milliseconds.
    pub latency_ms: u64,
    /// The technical error, if the network or the protocol failed.
    pub error: Option<String>,
    /// The build that answered, if it said so.
    pub revision: Option<Revision>,
    /// What people should know although it changes nothing, such as a component that is not up.
    pub note: Option<String>,
    /// Whether it is this machine that has no way to addresses of that kind.
    #[serde(skip)]
    pub(crate) is_wayless: bool,
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
            reached: !matches!(state, State::Unknown { .. }),
            state,
            address: None,
            status: None,
            body_status: None,
            latency_ms: 0,
            error: None,
            revision: None,
            note: None,
            is_wayless: false,
        }
    }

    /// Says that a connection came about, though it could not be told more.
    #[must_use]
    pub fn reached(mut self) -> Self {
        self.reached = true;
        self
    }

    /// Sets which of the target's addresses was asked.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Sets the HTTP status. Who has answered was reached.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self.reached = true;
        self
    }

    /// Sets the status that the answer named.
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

    /// Sets what people should know although it changes nothing.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Sets the build that answered.
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }
}
