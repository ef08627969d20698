//! How fast the local environment runs.

use std::time::Duration;

use ecs_deployer::sim::Timings;

/// How many times faster than Fargate the local environment runs if nobody says.
pub(crate) const DEFAULT_SPEED: f64 = 50.0;

/// Fargate's own times, divided by a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    speed: f64,
}

impl Pace {
    /// `speed` times faster than Fargate; the configuration has checked that it is at least 1.
    pub(super) const fn new(speed: f64) -> Self {
        Self { speed }
    }

    /// The scheduler's times.
    pub(super) fn timings(self) -> Timings {
        Timings::fargate().scaled(1.0 / self.speed)
    }

    /// From the task's creation to the start of the pull: an elastic network interface is attached. Measured on Fargate.
    pub(super) fn before_pull(self) -> Duration {
        self.scaled(11.3)
    }

    /// From the start of the pull to RUNNING.
    pub(super) fn pull_and_start(self) -> Duration {
        self.scaled(10.9)
    }

    /// Between two health checks of a target; a load balancer's shortest interval is 5 s.
    pub(super) fn check_interval(self) -> Duration {
        // Below this, checking costs more than the tasks themselves.
        self.scaled(5.0).max(Duration::from_millis(50))
    }

    /// A time of the cluster's as a time of the machine's.
    pub(super) fn scaled_duration(self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }

    /// Between two looks at the deployment; the deployer's own default is 5 s.
    pub(super) fn poll(self) -> Duration {
        self.scaled(5.0).max(Duration::from_millis(10))
    }

    /// The deployer's default of 15 minutes, and some seconds for what is real.
    pub(super) fn rollout_timeout(self) -> Duration {
        self.scaled(15.0 * 60.0) + Duration::from_secs(15)
    }

    /// How long restored tasks may take to answer: their start and their first health checks.
    pub(super) fn settle_timeout(self) -> Duration {
        self.scaled(60.0) + Duration::from_secs(2)
    }

    fn scaled(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / self.speed)
    }
}
