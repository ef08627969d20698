//! What a SonarQube server tells.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::name::{AnalysisId, MetricKey, ProjectKey};

/// A task of the compute engine as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// How far it is.
    pub status: TaskStatus,
    /// The analysis that came of it.
    pub analysis: Option<AnalysisId>,
    /// The project it works for.
    pub project: Option<ProjectKey>,
    /// Which line of the project's development was analysed.
    pub line: Line,
    /// Why it failed.
    pub error: Option<String>,
    /// What the server warns of.
    pub warnings: Vec<String>,
    /// When the scanner handed the analysis in.
    pub submitted: Option<Timestamp>,
}

impl Task {
    /// A task of which nothing more is known.
    pub fn new(status: TaskStatus) -> Self {
        Self {
            status,
            analysis: None,
            project: None,
            line: Line::Main,
            error: None,
            warnings: Vec::new(),
            submitted: None,
        }
    }

    /// Sets the analysis that came of it.
    #[must_use]
    pub fn analysis(mut self, analysis: AnalysisId) -> Self {
        self.analysis = Some(analysis);
        self
    }

    /// Sets the project it works for.
    #[must_use]
    pub fn project(mut self, project: ProjectKey) -> Self {
        self.project = Some(project);
        self
    }

    /// Sets which line of development was analysed.
    #[must_use]
    pub fn line(mut self, line: Line) -> Self {
        self.line = line;
        self
    }

    /// Sets why it failed.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// Adds what the server warns of.
    #[must_use]
    pub fn warning(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Sets when it was handed in.
    #[must_use]
    pub fn submitted(mut self, at: Timestamp) -> Self {
        self.submitted = Some(at);
        self
    }

    /// How long ago it was handed in; no time, where the server's clock runs ahead.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.duration_since(self.submitted?);
        Some(age.try_into().unwrap_or(Duration::ZERO))
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum TaskStatus {
    /// It waits for its turn.
    Pending,
    /// It is worked on.
    InProgress,
    /// It is done.
    Success,
    /// It went wrong on the server.
    Failed,
    /// Somebody called it off.
    Canceled,
    /// A word that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Other(word) => word,
        })
    }
}

/// Which line of a project's development an analysis is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
#[non_exhaustive]
pub enum Line {
    /// The main branch.
    #[default]
    Main,
    /// Another branch.
    Branch(String),
    /// A pull request.
    PullRequest(String),
}

/// One analysis of a project, as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Analysis {
    /// Which one.
    pub id: AnalysisId,
    /// The commit that was analysed, if the scanner knew.
    pub revision: Option<String>,
}

impl Analysis {
    /// An analysis of this commit.
    pub fn new(id: AnalysisId, revision: Option<String>) -> Self {
        Self { id, revision }
    }
}

/// What the server's quality gate says of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateStatus {
    /// The whole.
    pub level: Level,
    /// Each condition.
    pub conditions: Vec<Condition>,
    /// Whether conditions on new code were passed over, because fewer than 20 lines are new.
    pub has_ignored_conditions: bool,
}

impl GateStatus {
    /// A gate with these conditions, none of them passed over.
    pub fn new(level: Level, conditions: Vec<Condition>) -> Self {
        Self {
            level,
            conditions,
            has_ignored_conditions: false,
        }
    }

    /// Says that conditions on new code were passed over.
    #[must_use]
    pub fn with_ignored_conditions(mut self) -> Self {
        self.has_ignored_conditions = true;
        self
    }

    pub(super) fn condition(&self, metric: &MetricKey) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.metric == *metric)
    }
}

/// What the server says of a gate or a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Level {
    /// Passed.
    Ok,
    /// Passed with a warning; servers before 7.6 only.
    Warn,
    /// Failed.
    Error,
    /// There is no gate.
    None,
    /// A word that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::None => "NONE",
            Self::Other(word) => word,
        })
    }
}

/// One condition of a gate, judged by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Condition {
    /// What is measured.
    pub metric: MetricKey,
    /// On which side of the limit it fails.
    pub comparator: Comparator,
    /// The limit.
    pub limit: String,
    /// The measure; none if there is none, which the server takes as passed.
    pub actual: Option<String>,
    /// What the server says.
    pub level: Level,
}

impl Condition {
    /// A condition without a measure.
    pub fn new(
        level: Level,
        metric: MetricKey,
        comparator: Comparator,
        limit: impl Into<String>,
    ) -> Self {
        Self {
            metric,
            comparator,
            limit: limit.into(),
            actual: None,
            level,
        }
    }

    /// Sets the measure.
    #[must_use]
    pub fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }
}

/// On which side of its limit a condition fails; the server knows no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum Comparator {
    /// Fails if the measure is less than the limit.
    #[serde(rename = "LT")]
    Less,
    /// Fails if the measure is greater than the limit.
    #[serde(rename = "GT")]
    Greater,
}

impl Comparator {
    /// The server's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "LT",
            Self::Greater => "GT",
        }
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The measure of a project as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// What is measured.
    pub metric: MetricKey,
    /// What it comes to.
    pub value: String,
}

impl Measure {
    /// A measure.
    pub fn new(metric: MetricKey, value: impl Into<String>) -> Self {
        Self {
            metric,
            value: value.into(),
        }
    }
}

/// Which of the twin metrics a server counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mode {
    /// Bugs, vulnerabilities and code smells: `reliability_rating`.
    Classic,
    /// Issues by software quality: `software_quality_reliability_rating`. From 10.8 on the default.
    MultiQualityRule,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic => "classic",
            Self::MultiQualityRule => "multi-quality-rule",
        })
    }
}
