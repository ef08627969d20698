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
    /// From a task's creation to giving up the pull of an image that is not there, for runtimes that play tasks.
    pub pull_failure: Duration,
    /// From RUNNING to the first good answer of the health checks, for runtimes that play tasks.
    pub checks: Duration,
    /// From the request to stop to STOPPED.
    pub stop: Duration,
    /// Before that, how long a target's connections are drained.
    pub drain: Duration,
    /// From the end of a task that never ran to STOPPED, which is when it is counted: its network interface is given back.
    pub deprovision: Duration,
    /// How long a task must run to count as healthy when nothing checks it.
    pub healthy_without_check: Duration,
    /// After all tasks are healthy, before the deployment is complete.
    pub bake: Duration,
    /// The same when alarms are watched and the service has no bake time of its own.
    pub alarm_bake: Duration,
    /// Before a task is started again after the first failure; each further one in a row takes six times as long.
    pub first_backoff: Duration,
    /// The longest wait before a task is started again.
    pub longest_backoff: Duration,
    /// From the failure that reaches the circuit breaker's threshold to what it does about it.
    pub breaker: Duration,
    /// How long a stopped task is remembered.
    pub memory: Duration,
    /// How long the same event is not repeated.
    pub silence: Duration,
}

impl Timings {
    /// The times of Fargate: measured ones where known, else those of the documentation.
    ///
    /// The times of failures are fitted to one fleet's record of a missing image with a desired count of 1: the event at
    /// 92 s, failures counted at 2 min 34, 4 min 46 and 11 min 00, the rollback at 11 min 44.
    pub const fn fargate() -> Self {
        let seconds = Duration::from_secs;
        Self {
            scheduler_pass: seconds(10),
            start: Duration::from_millis(22_200),
            pull_failure: seconds(80),
            checks: seconds(50),
            stop: seconds(26),
            drain: seconds(36),
            deprovision: seconds(60),
            healthy_without_check: seconds(40),
            bake: Duration::ZERO,
            alarm_bake: seconds(280),
            first_backoff: seconds(50),
            longest_backoff: seconds(27 * 60),
            breaker: seconds(40),
            memory: seconds(3600),
            silence: seconds(6 * 3600),
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
            pull_failure: scale(self.pull_failure),
            checks: scale(self.checks),
            stop: scale(self.stop),
            drain: scale(self.drain),
            deprovision: scale(self.deprovision),
            healthy_without_check: scale(self.healthy_without_check),
            bake: scale(self.bake),
            alarm_bake: scale(self.alarm_bake),
            first_backoff: scale(self.first_backoff),
            longest_backoff: scale(self.longest_backoff),
            breaker: scale(self.breaker),
            memory: scale(self.memory),
            silence: scale(self.silence),
        }
    }

    /// The wait after this many failures in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let factor = 6_u32.saturating_pow(failures.saturating_sub(1).min(10));
        self.first_backoff
            .saturating_mul(factor)
            .min(self.longest_backoff)
    }
}
