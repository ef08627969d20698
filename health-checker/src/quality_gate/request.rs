//! What is asked for, how strictly and for how long.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::report_task::ReportTask;
use super::rule::{Preset, Rule};
use crate::revision::Revision;

/// One analysis to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateRequest {
    pub(super) report: ReportTask,
    pub(super) now: Option<Timestamp>,
}

impl GateRequest {
    /// Asks for the analysis that a report names.
    pub fn new(report: ReportTask) -> Self {
        Self { report, now: None }
    }

    /// Says what time it is, against which [`Policy::max_age`] is measured; without it no age is.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }
}

/// What an analysis must be to pass.
///
/// ```
/// use health_checker::quality_gate::{Policy, Preset};
///
/// let policy = Policy::default().strict(true).preset(Preset::SkillTracker);
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) is_strict: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) revision: Option<Revision>,
    pub(super) max_age: Option<Duration>,
}

impl Default for Policy {
    /// The server's gate alone, not strictly, of an analysis that is at most [`Policy::MAX_AGE`] old.
    fn default() -> Self {
        Self {
            is_strict: false,
            rules: Vec::new(),
            revision: None,
            max_age: Some(Self::MAX_AGE),
        }
    }
}

impl Policy {
    /// How old an analysis may be unless it is said: 1 hour.
    pub const MAX_AGE: Duration = Duration::from_secs(3600);

    /// Whether a gate fails that the server passed without having looked: a missing measure, ignored conditions, no
    /// conditions, no gate, a warning, a condition that its measure breaks. Otherwise these are told as warnings, but for
    /// no gate and the broken condition, of which nothing is known then.
    #[must_use]
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// Adds a rule that is judged here.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds the rules of a preset.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.rules.extend(preset.rules());
        self
    }

    /// The commit that must have been analysed.
    #[must_use]
    pub fn expect_revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    /// How long ago the analysis may have been handed in; `None` for any time.
    #[must_use]
    pub fn max_age(mut self, age: Option<Duration>) -> Self {
        self.max_age = age;
        self
    }
}

/// How long the server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateOptions {
    pub(super) timeout: Duration,
    pub(super) since: Option<Instant>,
    pub(super) poll: Duration,
    pub(super) retry_budget: Duration,
}

impl Default for GateOptions {
    /// At most 5 minutes; the task first after 1 s, then more seldom, up to every 10 s; trouble is borne for 60 s.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5 * 60),
            since: None,
            poll: Duration::from_secs(1),
            retry_budget: Duration::from_secs(60),
        }
    }
}

impl GateOptions {
    /// When a verdict is given, however far the server has come.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// From when on the time counts. Without it, it is from the start of each check; with it, checks one after another share
    /// the time.
    #[must_use]
    pub fn since(mut self, since: Instant) -> Self {
        self.since = Some(since);
        self
    }

    /// The time between the first and the second look at the task; it grows from there to ten times as much. Below
    /// 1 ms counts as 1 ms.
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll.max(Duration::from_millis(1));
        self
    }

    /// How long the same question is asked again while the server or the network is in trouble.
    #[must_use]
    pub fn retry_budget(mut self, budget: Duration) -> Self {
        self.retry_budget = budget;
        self
    }
}
