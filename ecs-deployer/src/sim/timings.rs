//! How long things take.

use std::time::Duration;

/// The times of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// Between two passes of the scheduler.
    pub scheduler_pass: Duration,
    /// From a task's creation to RUNNING, for runtimes that play tasks.
    pub start: Duration,
    /// From the request to stop to STOPPED.
    pub stop: Duration,
    /// How long a task must run to count as healthy when nothing checks it.
    pub healthy_without_check: Duration,
    /// After all tasks are healthy, before the deployment is complete.
    pub bake: Duration,
    /// Before a task is started again after the first failure; each further one in a row takes four times as long.
    pub first_backoff: Duration,
    /// The longest wait before a task is started again.
    pub longest_backoff: Duration,
}

impl Timings {
    /// The times of Fargate: measured ones where known, else those of the documentation.
    pub const fn fargate() -> Self {
        Self {
            scheduler_pass: Duration::from_secs(10),
            start: Duration::from_millis(22_200),
            stop: Duration::from_secs(26),
            healthy_without_check: Duration::from_secs(40),
            bake: Duration::ZERO,
            first_backoff: Duration::from_secs(15),
            longest_backoff: Duration::from_secs(27 * 60),
        }
    }

    /// All times by a factor: 0.02 is fifty times faster.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |duration: Duration| {
            Duration::from_secs_f64((duration.as_secs_f64() * factor).max(0.0))
        };
        Self {
            // A pass takes some time, or time would never pass.
            scheduler_pass: scale(self.scheduler_pass).max(Duration::from_millis(1)),
            start: scale(self.start),
            stop: scale(self.stop),
            healthy_without_check: scale(self.healthy_without_check),
            bake: scale(self.bake),
            first_backoff: scale(self.first_backoff),
            longest_backoff: scale(self.longest_backoff),
        }
    }

    /// The wait after this many failures in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let factor = 4_u32.saturating_pow(failures.saturating_sub(1).min(12));
        self.first_backoff
            .saturating_mul(factor)
            .min(self.longest_backoff)
    }
}
