//! What became of a gate, and why.

use std::fmt;

use serde::Serialize;
use url::Url;

use super::answer::{Line, Mode};
use super::name::{AnalysisId, MetricKey, ProjectKey, TaskId};
use super::server::ServerUrl;

/// What became of one analysis.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GateReport {
    /// The project.
    pub project: ProjectKey,
    /// The server.
    pub server: ServerUrl,
    /// The task in which the server worked the analysis up.
    pub task: TaskId,
    /// The analysis, once the server had it.
    pub analysis: Option<AnalysisId>,
    /// Which line of development was analysed, once it is known.
    pub line: Option<Line>,
    /// The commit that was analysed, if it was asked for and the server knows.
    pub revision: Option<String>,
    /// The page for people.
    pub dashboard: Option<Url>,
    /// What the server's own gate says: `OK`, `ERROR`.
    pub server_status: Option<String>,
    /// Which metrics the server counts by, if it was asked.
    pub mode: Option<Mode>,
    /// What became of it.
    pub verdict: GateVerdict,
    /// Everything that speaks against it or is worth a look, the gravest first.
    pub findings: Vec<Finding>,
    /// Each condition of the server's gate, then each rule.
    pub conditions: Vec<ConditionRow>,
    /// How long the check took.
    pub seconds: f64,
}

impl GateReport {
    /// The first finding that stands in the way, unless it passed.
    pub fn reason(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|finding| finding.gravity != Gravity::Warning)
    }

    /// Whether nothing but time is missing for a verdict.
    pub fn is_undecided(&self) -> bool {
        self.verdict == GateVerdict::Unknown
            && self
                .findings
                .iter()
                .filter(|finding| finding.gravity == Gravity::Unknown)
                .all(|finding| finding.kind == FindingKind::TimedOut)
    }
}

/// What became of a gate. The order is from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GateVerdict {
    /// The server's gate and every rule passed, and it is known that they were judged.
    Passed,
    /// It could not be told.
    Unknown,
    /// The gate, a rule or the policy failed it.
    Failed,
}

impl GateVerdict {
    /// The word that JSON has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for GateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that speaks against an analysis, or is worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How much it weighs.
    pub gravity: Gravity,
    /// What it is, for programs.
    pub kind: FindingKind,
    /// What it is, for people: a sentence without full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    pub(super) fn new(gravity: Gravity, kind: FindingKind, message: impl Into<String>) -> Self {
        Self {
            gravity,
            kind,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// How much a finding weighs. The order is from grave to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Gravity {
    /// The gate fails.
    Failure,
    /// The verdict is not known.
    Unknown,
    /// It passes all the same.
    Warning,
}

/// What a finding is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The server's gate is red.
    GateRed,
    /// A condition of the server's gate failed.
    ConditionFailed,
    /// A rule that is judged here is broken.
    RuleBroken,
    /// The server could not work the analysis up.
    TaskFailed,
    /// Somebody called the analysis off.
    TaskCanceled,
    /// There is no measure, so nothing was judged.
    MissingMeasure,
    /// The server passed over conditions on new code.
    IgnoredConditions,
    /// The gate has no conditions.
    NoConditions,
    /// The server has no gate for it, or only warns.
    NoClearStatus,
    /// The server passed a condition that its measure breaks.
    Contradiction,
    /// A measure is no number.
    UnreadableMeasure,
    /// A later analysis came in between, so the project's measures are not this analysis's.
    Overtaken,
    /// The task is of another project than the report.
    WrongProject,
    /// Another commit was analysed.
    WrongRevision,
    /// The server does not know which commit was analysed.
    RevisionUnknown,
    /// The analysis was handed in too long ago.
    TooOld,
    /// The time was up.
    TimedOut,
    /// The server did not tell.
    NotTold,
    /// The server warns of something.
    ServerWarning,
}

/// One condition and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConditionRow {
    /// The rule's name, or the metric.
    pub name: String,
    /// What is measured.
    pub metric: MetricKey,
    /// Who judged.
    pub judge: Judge,
    /// What is required, such as `> 80`.
    pub required: String,
    /// The measure.
    pub actual: Option<String>,
    /// Where the measure is from.
    pub source: Option<MeasureSource>,
    /// What became of it.
    pub state: ConditionState,
}

/// Who judged a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Judge {
    /// The server, by its gate.
    Server,
    /// This crate, by a rule.
    Client,
}

/// Where a measure is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MeasureSource {
    /// The analysis's own gate status.
    Gate,
    /// The project's present measures, while this analysis was the latest.
    Project,
}

/// What became of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConditionState {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// There is no measure, so nobody knows.
    Missing,
    /// The measure breaks it, and the server passed it over.
    Ignored,
    /// It could not be judged.
    Unknown,
}

impl ConditionState {
    /// The word that JSON has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Ignored => "ignored",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ConditionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
