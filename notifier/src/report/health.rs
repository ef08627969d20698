//! The outcome of health checks.

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::names::Environment;

/// What probing the services of one environment showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthResults {
    /// Where the targets run.
    pub environment: Environment,
    /// The targets, in the order they should be named.
    #[serde(default)]
    pub targets: Vec<HealthResult>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// Where the run can be watched; only `http` and `https` become links.
    pub run_url: Option<String>,
}

/// What probing one target showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthResult {
    /// The target as people call it.
    pub name: String,
    /// What the probes came to.
    pub verdict: HealthVerdict,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

/// What probing a target came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HealthVerdict {
    /// It answers as it should.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It answers, but another build than the wanted one does.
    Stale,
    /// It cannot be told.
    Inconclusive,
}

impl HealthResults {
    /// Results for an environment, of no target yet.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            targets: Vec::new(),
            seconds: None,
            run_url: None,
        }
    }

    /// Adds a target after those added before.
    #[must_use]
    pub fn target(mut self, target: HealthResult) -> Self {
        self.targets.push(target);
        self
    }

    /// Says how long it took, in seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Says where the run can be watched.
    #[must_use]
    pub fn run_url(mut self, url: impl Into<String>) -> Self {
        self.run_url = Some(url.into());
        self
    }

    /// The severity of the target that is worst off. Without a target nothing was shown to be well.
    pub(crate) fn worst(&self) -> Severity {
        self.targets
            .iter()
            .map(|target| target.verdict.severity())
            .max()
            .unwrap_or(Severity::Warning)
    }
}

impl HealthResult {
    /// A target and what probing it came to.
    pub fn new(name: impl Into<String>, verdict: HealthVerdict) -> Self {
        Self {
            name: name.into(),
            verdict,
            reason: None,
        }
    }

    /// Says why; any text will do.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl HealthVerdict {
    /// How urgent a target with this verdict is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Healthy => Severity::Good,
            Self::Inconclusive => Severity::Warning,
            Self::Unhealthy | Self::Stale => Severity::Danger,
        }
    }

    /// The verdict in words that fit into a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Stale => "stale",
            Self::Inconclusive => "inconclusive",
        }
    }
}
