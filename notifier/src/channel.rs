//! The seam to the outside: where reports go.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use crate::error::Error;
use crate::report::Report;

/// A place where people or programs read reports.
///
/// The contract, which `testing` checks:
///
/// - `send` returns `Ok` only when the place acknowledged the report. It returns [`Error`] otherwise, and the error says
///   whether the report certainly did not arrive ([`Error::outcome_known`]) or may have.
/// - The channel retries by itself, within bounds, and only when nothing can have arrived: the place was not reached,
///   or answered that it took nothing (a rate limit). The caller must not retry around it; after an error whose
///   outcome is not known, sending again may show the report twice.
/// - Any report is accepted, however hostile its texts; a channel never refuses one for what it contains.
/// - Reports are independent. Two `send`s at once both arrive, in either order; nothing is merged or dropped.
/// - Dropping the future may leave the report delivered or not, and nothing else behind.
/// - Neither `name`, `Debug` nor an error holds a secret of the place, such as a webhook's URL.
#[async_trait]
pub trait Channel: Debug + Send + Sync {
    /// What people call the channel, such as `slack`: one line, the same on each call.
    fn name(&self) -> &str;

    /// Delivers one report.
    ///
    /// # Errors
    /// See [`Error`]: unreachable, rate limited, refused, or not known.
    async fn send(&self, report: &Report) -> Result<Delivery, Error>;
}

/// A report that arrived.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// How often it was tried; the last try arrived.
    pub attempts: u32,
    /// How long it took with the waits between tries, in seconds.
    pub seconds: f64,
}

impl Delivery {
    /// A delivery that took `attempts` tries and `seconds` seconds, for implementations of [`Channel`].
    pub fn new(attempts: u32, seconds: f64) -> Self {
        Self { attempts, seconds }
    }
}

#[async_trait]
impl<T: Channel + ?Sized> Channel for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        (**self).send(report).await
    }
}

#[async_trait]
impl<T: Channel + ?Sized> Channel for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        (**self).send(report).await
    }
}
