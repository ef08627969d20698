//! How a check behaves.

use std::time::Duration;

/// How often, how long and how strictly targets are asked.
///
/// ```
/// use std::time::Duration;
///
/// let options = health_checker::Options::default().successes(5).timeout(Duration::from_secs(120));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) successes: u32,
    pub(crate) interval: Duration,
    pub(crate) jitter: Duration,
    pub(crate) timeout: Duration,
    pub(crate) latency_ceiling: Duration,
    pub(crate) max_parallel: usize,
    pub(crate) try_timeout: Duration,
    pub(crate) dwell: Duration,
}

impl Default for Options {
    /// 3 successes, 1 s apart, within 5 minutes; each answer within 1 s, given up after 5 s; 50 probes at a time.
    fn default() -> Self {
        Self {
            successes: 3,
            interval: Duration::from_secs(1),
            jitter: Duration::ZERO,
            timeout: Duration::from_secs(5 * 60),
            latency_ceiling: Duration::from_secs(1),
            max_parallel: 50,
            try_timeout: Duration::from_secs(5),
            dwell: Duration::ZERO,
        }
    }
}

impl Options {
    /// How many successes in a row make a target healthy; 0 counts as 1.
    #[must_use]
    pub fn successes(mut self, successes: u32) -> Self {
        self.successes = successes.max(1);
        self
    }

    /// The time from the start of one probe of a target to the start of its next; below 1 ms counts as 1 ms. A probe
    /// that takes longer is followed at once.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// By how much the interval is lengthened at most; zero by default. It differs from target to target and from probe to
    /// probe, so that many targets behind one balancer are not asked in the same instant, and is the same in each run.
    #[must_use]
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// When a verdict is given, however far things have come; counted from the start of the check, for all targets.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest that a good answer may take; a slower one is a failure.
    #[must_use]
    pub fn latency_ceiling(mut self, ceiling: Duration) -> Self {
        self.latency_ceiling = ceiling;
        self
    }

    /// How many probes are under way at a time, over all targets; 0 counts as 1.
    #[must_use]
    pub fn max_parallel(mut self, probes: usize) -> Self {
        self.max_parallel = probes.max(1);
        self
    }

    /// When a single probe is given up.
    #[must_use]
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// How long the successes in a row must have lasted, besides their number; zero by default. It catches what comes
    /// up once and falls over.
    #[must_use]
    pub fn dwell(mut self, dwell: Duration) -> Self {
        self.dwell = dwell;
        self
    }
}
