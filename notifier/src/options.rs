//! How hard a channel tries.

use std::time::Duration;

/// How hard a channel tries to deliver one report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryOptions {
    /// How long one try may take until its answer is complete.
    pub timeout: Duration,
    /// How much time may have gone by, from the first try on, when another try begins. Zero means one try.
    pub retry_budget: Duration,
    /// How many tries may fail without a word at most, at least one. A rate limit says when it ends, so it does not
    /// count: only the budget bounds it.
    pub max_attempts: u32,
}

impl Default for DeliveryOptions {
    /// Ten seconds for a try, a minute for all waits, five tries that fail.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retry_budget: Duration::from_secs(60),
            max_attempts: 5,
        }
    }
}

impl DeliveryOptions {
    /// Sets how long one try may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how much time may have gone by when another try begins.
    #[must_use]
    pub fn retry_budget(mut self, budget: Duration) -> Self {
        self.retry_budget = budget;
        self
    }

    /// Sets how many tries may fail at most, rate limits aside; zero counts as one.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }
}
