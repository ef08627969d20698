//! The model's time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Tells the model's time: tokio's, by a factor, plus what was skipped. It begins at zero.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    base: Duration,
    factor: f64,
    skipped: Mutex<Duration>,
}

impl Clock {
    /// Tokio's time as it is.
    pub fn tokio() -> Self {
        Self::scaled(1.0)
    }

    /// So many seconds of the model in one of tokio's. A factor that is no positive number counts as 1.
    pub fn scaled(factor: f64) -> Self {
        let sane = factor.is_finite() && factor > 0.0;
        Self {
            origin: Instant::now(),
            base: Duration::ZERO,
            factor: if sane { factor } else { 1.0 },
            skipped: Mutex::default(),
        }
    }

    /// A clock that goes on from an earlier time.
    #[must_use]
    pub(super) const fn from(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The time since the model began.
    pub fn now(&self) -> Duration {
        let elapsed = self.origin.elapsed();
        // Multiplying would round, and tests count on whole passes.
        #[expect(
            clippy::float_cmp,
            reason = "exactly 1 is the clock that is not scaled"
        )]
        let elapsed = if self.factor == 1.0 {
            elapsed
        } else {
            elapsed.mul_f64(self.factor)
        };
        self.base + elapsed + *self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds of the model in one of tokio's.
    pub const fn factor(&self) -> f64 {
        self.factor
    }

    /// Puts the clock forward.
    pub(super) fn skip(&self, by: Duration) {
        *self.skipped.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

/// Durations as seconds, for serde.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::sim) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(in crate::sim) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(|_| {
            serde::de::Error::custom(format_args!(
                "`{seconds}` is not a number of seconds: it takes 0 or more"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_runs_ahead_and_can_be_put_forward() {
        let (plain, fast) = (Clock::tokio(), Clock::scaled(60.0));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(plain.now(), Duration::from_secs(2));
        assert_eq!(fast.now(), Duration::from_secs(120));
        fast.skip(Duration::from_secs(5));
        assert_eq!(fast.now(), Duration::from_secs(125));
    }
}
