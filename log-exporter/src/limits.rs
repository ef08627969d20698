//! How fast CloudWatch Logs may be asked, shared by all workers of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::Region;

/// The quota of FilterLogEvents of a region, in requests a second. It cannot be raised. Regions that are not known to have more
/// get 5.
pub fn published_rate(region: &Region) -> f64 {
    match region.as_str() {
        "us-east-1" => 25.0,
        _ => 5.0,
    }
}

/// A bucket of tokens that refills at a rate. It slows down when a request was throttled and recovers when none is. Clones share
/// the bucket.
#[derive(Debug, Clone)]
pub struct RateLimit {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    most: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
    parallel: f64,
    most_parallel: usize,
}

impl RateLimit {
    /// At most so many requests a second; what is not above zero means one in ten seconds.
    pub fn new(rate: f64) -> Self {
        let rate = if rate.is_finite() { rate.max(0.1) } else { 1e9 };
        let state = State {
            most: rate,
            rate,
            tokens: 1.0,
            at: Instant::now(),
            parallel: 2.0,
            most_parallel: 1,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The published quota of a region, divided among so many workers.
    pub fn published(region: &Region, workers: u32) -> Self {
        Self::new(published_rate(region) / f64::from(workers.max(1)))
    }

    /// Waits for a request's turn.
    pub async fn turn(&self) {
        let until = {
            let mut state = self.lock();
            let now = Instant::now();
            let gained = now.duration_since(state.at).as_secs_f64() * state.rate;
            // A second's worth may be saved up: quotas are counted by the second.
            state.tokens = (state.tokens + gained).min(state.rate.max(1.0));
            state.at = now;
            state.tokens -= 1.0;
            if state.tokens >= 0.0 {
                return;
            }
            now + Duration::from_secs_f64(-state.tokens / state.rate)
        };
        sleep_until(until).await;
    }

    /// A request was throttled. Returns the rate from now on.
    pub fn throttled(&self) -> f64 {
        let mut state = self.lock();
        state.rate = (state.rate * 0.7).max(state.most / 16.0);
        state.parallel = (state.parallel / 2.0).max(1.0);
        state.rate
    }

    /// A request was answered.
    pub fn answered(&self) {
        let mut state = self.lock();
        state.rate = (state.rate + state.most / 200.0).min(state.most);
        state.parallel = (state.parallel + 0.25).min(state.most_parallel as f64);
    }

    /// Requests a second, as of now.
    pub fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// How many windows should be read at a time: more as long as nothing is throttled.
    pub(crate) fn parallel(&self, most: usize) -> usize {
        let mut state = self.lock();
        state.most_parallel = most.max(1);
        (state.parallel as usize).clamp(1, most.max(1))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_keep_to_the_rate_together() {
        let limit = RateLimit::new(5.0);
        let start = Instant::now();
        let worker = |limit: RateLimit| async move {
            for _ in 0..50 {
                limit.turn().await;
            }
        };
        tokio::join!(worker(limit.clone()), worker(limit.clone()));
        let took = start.elapsed().as_secs_f64();
        assert!((18.5..20.5).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_slows_down_and_answers_recover() {
        let limit = RateLimit::new(10.0);
        assert_eq!(limit.parallel(8), 2);
        for _ in 0..40 {
            limit.answered();
        }
        assert_eq!(limit.parallel(8), 8);
        assert!(limit.throttled() < 7.1);
        assert_eq!(limit.parallel(8), 4);
        for _ in 0..1000 {
            limit.throttled();
        }
        assert!(limit.rate() > 0.5);
        for _ in 0..1000 {
            limit.answered();
        }
        assert_eq!(limit.rate(), 10.0);
    }

    #[test]
    fn quotas_are_those_that_are_published() {
        assert_eq!(published_rate(&"us-east-1".parse().unwrap()), 25.0);
        assert_eq!(published_rate(&"eu-west-1".parse().unwrap()), 5.0);
    }
}
