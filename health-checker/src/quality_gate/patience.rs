//! The one place that retries, and that keeps the deadline.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::error::SonarError;
use super::event::{GateEvent, GateObserver};
use crate::text;

/// The first wait after trouble; it doubles from there.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait between two tries, unless the server asks for more.
const LONGEST: Duration = Duration::from_secs(10);
/// A deadline that is beyond what a clock can count.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How long a server's trouble is borne.
pub(super) struct Patience<'a> {
    about: &'a str,
    deadline: Instant,
    budget: Duration,
    observer: &'a dyn GateObserver,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Impatience {
    /// The time was up.
    Deadline,
    /// The server did not tell.
    Told(SonarError),
}

impl<'a> Patience<'a> {
    pub(super) fn new(
        about: &'a str,
        timeout: Duration,
        since: Option<std::time::Instant>,
        budget: Duration,
        observer: &'a dyn GateObserver,
    ) -> Self {
        let since = since.map_or_else(Instant::now, Instant::from_std);
        Self {
            about,
            deadline: since.checked_add(timeout.min(FOR_EVER)).unwrap_or(since),
            budget,
            observer,
        }
    }

    /// Asks until there is an answer, the trouble has lasted for the budget, or the time is up.
    pub(super) async fn ask<T, F>(&self, question: impl Fn() -> F + Send) -> Result<T, Impatience>
    where
        F: Future<Output = Result<T, SonarError>> + Send,
    {
        let start = Instant::now();
        let mut tries = 0;
        loop {
            match timeout_at(self.deadline, question()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Err(_) => return Err(Impatience::Deadline),
                Ok(Err(error)) => self.bear(error, start, tries).await?,
            }
            tries += 1;
        }
    }

    /// Waits after a transient error that began at `start`, or gives up.
    pub(super) async fn bear(
        &self,
        error: SonarError,
        start: Instant,
        tries: u32,
    ) -> Result<(), Impatience> {
        let SonarError::Transient { retry_after, .. } = &error else {
            return Err(Impatience::Told(error));
        };
        let backoff = FIRST.saturating_mul(1 << tries.min(8)).min(LONGEST);
        let wait = retry_after.unwrap_or(backoff).max(FIRST) + jitter();
        if start.elapsed().saturating_add(wait) > self.budget {
            return Err(Impatience::Told(error));
        }
        self.observer.observe(GateEvent::Retrying {
            about: self.about.to_owned(),
            reason: text::chain(&error),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        });
        self.rest(wait).await
    }

    /// Waits, but not beyond the deadline.
    pub(super) async fn rest(&self, wait: Duration) -> Result<(), Impatience> {
        match timeout_at(self.deadline, sleep(wait)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Impatience::Deadline),
        }
    }
}

/// Up to 100 ms, so that the checks of many services that were told to wait do not all come back at once.
fn jitter() -> Duration {
    // The standard library seeds each hasher state at random, which is all the randomness that is needed here.
    Duration::from_millis(RandomState::new().hash_one(()) % 100)
}
