//! Repeating calls that failed in a way that may pass: the one place where that is done.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::sleep;

use crate::{Error, Event, Observer, RateLimit};

const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(20);

/// How often calls are made, and who hears of it.
#[derive(Clone, Copy)]
pub(crate) struct Retry<'a> {
    pub(crate) attempts: u32,
    /// Whether the last attempt's failure is worth a wait is up to the caller's deadline.
    pub(crate) observer: &'a dyn Observer,
    pub(crate) limit: &'a RateLimit,
}

impl Retry<'_> {
    /// Asks CloudWatch Logs, each attempt at its turn.
    pub(crate) async fn ask<T, F>(&self, mut call: impl FnMut() -> F + Send) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
        T: Send,
    {
        let mut attempt = 1;
        loop {
            self.limit.turn().await;
            match call().await {
                Ok(answer) => {
                    self.limit.answered();
                    return Ok(answer);
                }
                Err(error) => {
                    if let Error::Throttled { operation, .. } = &error {
                        let rate = self.limit.throttled();
                        self.observer.observe(Event::Throttled { operation, rate });
                    }
                    self.again(error, &mut attempt).await?;
                }
            }
        }
    }

    /// Speaks with the archive.
    pub(crate) async fn call<T, F>(&self, mut call: impl FnMut() -> F + Send) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
        T: Send,
    {
        let mut attempt = 1;
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.again(error, &mut attempt).await?,
            }
        }
    }

    async fn again(&self, error: Error, attempt: &mut u32) -> Result<(), Error> {
        if !error.is_passing() || *attempt >= self.attempts {
            return Err(error);
        }
        self.observer.observe(Event::Retried {
            reason: error.to_string(),
            attempt: *attempt,
        });
        sleep(pause(*attempt)).await;
        *attempt += 1;
        Ok(())
    }
}

/// Doubles with each attempt, of which between half and all is waited.
fn pause(attempt: u32) -> Duration {
    let whole = FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(MOST);
    let chance = RandomState::new().hash_one(attempt) % 512;
    whole / 2 + whole / 1024 * u32::try_from(chance).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for attempt in 1..40 {
            let pause = pause(attempt);
            assert!(pause >= FIRST / 2 && pause <= MOST, "{attempt}: {pause:?}");
        }
        assert!(pause(10) > pause(1));
    }
}
