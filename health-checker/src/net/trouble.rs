//! Why no whole answer came.

use super::Clock;
use crate::probe::Observation;
use crate::text;

/// Why no whole answer came.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No connection came about.
    Unreachable {
        reason: String,
        error: Option<String>,
        /// Whether it is this machine that has no way to addresses of that kind.
        is_wayless: bool,
    },
    /// The time was up before there was a connection.
    NotConnected { host: String },
    /// There is a connection that must not be used: its certificate is not trusted.
    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "without TLS there is no certificate")
    )]
    Untrusted { reason: String, error: String },
    /// It accepted the connection and then did not answer in time, or not to the end.
    Silent { status: Option<u16> },
    /// It accepted the connection and closed it without a whole answer.
    Closed { status: Option<u16>, error: String },
    /// What it answered is not what the protocol has, or it broke off.
    Broken {
        reason: String,
        status: Option<u16>,
        error: String,
    },
}

impl Trouble {
    pub(crate) fn unreachable(reason: impl Into<String>) -> Self {
        Self::Unreachable {
            reason: reason.into(),
            error: None,
            is_wayless: false,
        }
    }

    pub(crate) fn broken(reason: impl Into<String>, error: impl Into<String>) -> Self {
        Self::Broken {
            reason: reason.into(),
            status: None,
            error: error.into(),
        }
    }

    /// What happened, as what the target did.
    pub(crate) fn words(&self, clock: &Clock) -> String {
        let limit = text::duration(clock.limit);
        match self {
            Self::Unreachable { reason, .. }
            | Self::Untrusted { reason, .. }
            | Self::Broken { reason, .. } => reason.clone(),
            Self::NotConnected { host } => {
                format!("cannot be reached: `{host}` accepted no connection within {limit}")
            }
            Self::Silent { status: None } => {
                format!("accepts the connection, but gives no answer within {limit}")
            }
            Self::Silent {
                status: Some(status),
            } => format!("begins to answer {status}, but does not end within {limit}"),
            Self::Closed { status: None, .. } => {
                "closes the connection without an answer".to_owned()
            }
            Self::Closed {
                status: Some(status),
                ..
            } => {
                format!("closes the connection in the midst of its answer {status}")
            }
        }
    }

    pub(crate) fn observation(self, clock: &Clock) -> Observation {
        let words = self.words(clock);
        let is_wayless = matches!(
            &self,
            Self::Unreachable {
                is_wayless: true,
                ..
            }
        );
        let late = || Some("timed out".to_owned());
        let (observation, status, error) = match self {
            Self::Unreachable { error, .. } => (Observation::unknown(words), None, error),
            Self::NotConnected { .. } => (Observation::unknown(words), None, late()),
            Self::Untrusted { error, .. } => {
                (Observation::unknown(words).reached(), None, Some(error))
            }
            Self::Silent { status } => (Observation::down(words), status, late()),
            Self::Closed { status, error } | Self::Broken { status, error, .. } => {
                (Observation::down(words), status, Some(error))
            }
        };
        let mut observation = observation.latency(clock.elapsed());
        observation.status = status;
        observation.error = error;
        observation.is_wayless = is_wayless;
        observation
    }
}
