//! The answer of a code quality gate.

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::names::{Commit, Environment};

/// What a code quality gate said about a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QualityGate {
    /// The project as the gate calls it.
    pub project: String,
    /// What the gate answered.
    pub status: GateStatus,
    /// The environment whose deployment asked, where one did.
    pub environment: Option<Environment>,
    /// The commit that was analysed.
    pub commit: Option<Commit>,
    /// The conditions worth naming, usually those that did not pass.
    #[serde(default)]
    pub conditions: Vec<GateCondition>,
    /// Where the analysis can be read; only `http` and `https` become links.
    pub url: Option<String>,
}

/// One condition of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GateCondition {
    /// The metric, such as `new_coverage`.
    pub metric: String,
    /// What the gate said about it.
    pub status: GateStatus,
    /// What was measured, with its unit.
    pub actual: Option<String>,
    /// What was asked for, with its unit.
    pub threshold: Option<String>,
}

/// What a gate answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GateStatus {
    /// The code is good enough.
    Passed,
    /// It is, with reservations.
    Warned,
    /// It is not.
    Failed,
    /// There is no answer: no analysis, or none in time.
    Unknown,
}

impl QualityGate {
    /// The answer of a gate about a project.
    pub fn new(project: impl Into<String>, status: GateStatus) -> Self {
        Self {
            project: project.into(),
            status,
            environment: None,
            commit: None,
            conditions: Vec::new(),
            url: None,
        }
    }

    /// Names the environment whose deployment asked.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Names the commit that was analysed.
    #[must_use]
    pub fn commit(mut self, commit: Commit) -> Self {
        self.commit = Some(commit);
        self
    }

    /// Adds a condition after those added before.
    #[must_use]
    pub fn condition(mut self, condition: GateCondition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Says where the analysis can be read.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }
}

impl GateCondition {
    /// A condition and what the gate said about it.
    pub fn new(metric: impl Into<String>, status: GateStatus) -> Self {
        Self {
            metric: metric.into(),
            status,
            actual: None,
            threshold: None,
        }
    }

    /// Says what was measured.
    #[must_use]
    pub fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    /// Says what was asked for.
    #[must_use]
    pub fn threshold(mut self, threshold: impl Into<String>) -> Self {
        self.threshold = Some(threshold.into());
        self
    }
}

impl GateStatus {
    /// How urgent the answer is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Passed => Severity::Good,
            Self::Warned | Self::Unknown => Severity::Warning,
            Self::Failed => Severity::Danger,
        }
    }

    /// The answer in words that fit into a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "passed with warnings",
            Self::Failed => "failed",
            Self::Unknown => "without an answer",
        }
    }
}
