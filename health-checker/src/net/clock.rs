//! The time that a probe has.

use std::time::Duration;

use tokio::time::Instant;

/// When a probe began and when it must end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) began: Instant,
    pub(crate) limit: Duration,
    pub(crate) deadline: Instant,
}

impl Clock {
    pub(crate) fn start(limit: Duration) -> Self {
        let began = Instant::now();
        let day = Duration::from_secs(24 * 3600);
        Self {
            began,
            limit,
            deadline: began.checked_add(limit.min(day)).unwrap_or(began),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
