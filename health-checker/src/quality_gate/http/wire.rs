//! The server's answers as they are written.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::quality_gate::answer::{
    Analysis, Comparator, Condition, GateStatus, Level, Line, Measure, Mode, Task, TaskStatus,
};
use crate::quality_gate::error::SonarError;
use crate::quality_gate::gate::{GateConditions, ServerCondition};
use crate::quality_gate::name::GateName;
use crate::text;

/// The longest text of a server that is kept, in characters.
const LONGEST: usize = 500;

/// `api/ce/task`.
#[derive(Debug, Deserialize)]
pub(super) struct TaskAnswer {
    task: WireTask,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTask {
    status: String,
    analysis_id: Option<String>,
    component_key: Option<String>,
    branch: Option<String>,
    branch_type: Option<String>,
    pull_request: Option<String>,
    error_message: Option<String>,
    submitted_at: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

impl From<TaskAnswer> for Task {
    fn from(answer: TaskAnswer) -> Self {
        let task = answer.task;
        let line = match (task.pull_request, task.branch) {
            (Some(key), _) => Line::PullRequest(key),
            // The cloud names a pull request in this way.
            (None, Some(name)) if task.branch_type.as_deref() == Some("PULL_REQUEST") => {
                Line::PullRequest(name)
            }
            (None, Some(name)) => Line::Branch(name),
            (None, None) => Line::Main,
        };
        let status = match task.status.as_str() {
            "PENDING" => TaskStatus::Pending,
            "IN_PROGRESS" => TaskStatus::InProgress,
            "SUCCESS" => TaskStatus::Success,
            "FAILED" => TaskStatus::Failed,
            "CANCELED" => TaskStatus::Canceled,
            other => TaskStatus::Other(text::clean(other, 40)),
        };
        Self {
            analysis: task.analysis_id.and_then(|id| id.parse().ok()),
            project: task.component_key.and_then(|key| key.parse().ok()),
            line,
            error: task.error_message.map(|text| text::clean(&text, LONGEST)),
            warnings: task
                .warnings
                .iter()
                .map(|text| text::clean(text, LONGEST))
                .collect(),
            submitted: task.submitted_at.as_deref().and_then(timestamp),
            ..Self::new(status)
        }
    }
}

/// `2024-05-17T09:30:00+0200`, as the server writes it, or the same in RFC 3339.
fn timestamp(text: &str) -> Option<Timestamp> {
    let own = strtime::parse("%Y-%m-%dT%H:%M:%S%z", text).and_then(|time| time.to_timestamp());
    own.or_else(|_| text.parse()).ok()
}

/// `api/qualitygates/project_status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusAnswer {
    #[serde(deserialize_with = "object")]
    project_status: WireStatus,
}

/// A derived reader takes a list for a struct, field by field; this one does not.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<T, D::Error> {
    let map = serde_json::Map::deserialize(from)?;
    serde_json::from_value(map.into()).map_err(D::Error::custom)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStatus {
    status: String,
    #[serde(default)]
    ignored_conditions: bool,
    conditions: Option<Vec<WireCondition>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCondition {
    status: String,
    metric_key: String,
    comparator: String,
    error_threshold: Option<String>,
    warning_threshold: Option<String>,
    actual_value: Option<String>,
}

impl StatusAnswer {
    pub(super) fn gate_status(self, doing: &str) -> Result<GateStatus, SonarError> {
        let status = self.project_status;
        // A server names them always, be they none.
        let conditions = status.conditions.ok_or_else(|| SonarError::Unreadable {
            doing: doing.to_owned(),
            reason: "the answer has no `conditions`, not even an empty list".to_owned(),
            source: None,
        })?;
        let conditions = conditions
            .into_iter()
            .map(|wire| {
                let limit = wire
                    .error_threshold
                    .or(wire.warning_threshold)
                    .unwrap_or_default();
                let metric = wire.metric_key.parse().map_err(|error| odd(doing, error))?;
                Ok(Condition {
                    actual: wire
                        .actual_value
                        .filter(|value| !value.is_empty())
                        .map(|value| text::clean(&value, 100)),
                    ..Condition::new(
                        level(&wire.status),
                        metric,
                        comparator(doing, &wire.comparator)?,
                        text::clean(&limit, 100),
                    )
                })
            })
            .collect::<Result<_, SonarError>>()?;
        let gate = GateStatus::new(level(&status.status), conditions);
        Ok(match status.ignored_conditions {
            true => gate.with_ignored_conditions(),
            false => gate,
        })
    }
}

fn level(word: &str) -> Level {
    match word {
        "OK" => Level::Ok,
        "WARN" => Level::Warn,
        "ERROR" => Level::Error,
        "NONE" => Level::None,
        other => Level::Other(text::clean(other, 40)),
    }
}

fn comparator(doing: &str, word: &str) -> Result<Comparator, SonarError> {
    match word {
        "LT" => Ok(Comparator::Less),
        "GT" => Ok(Comparator::Greater),
        other => Err(SonarError::Unreadable {
            doing: doing.to_owned(),
            reason: format!(
                "a condition compares with `{}`, neither LT nor GT",
                text::clean(other, 40)
            ),
            source: None,
        }),
    }
}

fn odd(doing: &str, error: crate::quality_gate::name::InvalidName) -> SonarError {
    SonarError::Unreadable {
        doing: doing.to_owned(),
        reason: "the answer holds a name that cannot be used".to_owned(),
        source: Some(error.into()),
    }
}

/// `api/project_analyses/search`.
#[derive(Debug, Deserialize)]
pub(super) struct AnalysesAnswer {
    analyses: Vec<WireAnalysis>,
}

#[derive(Debug, Deserialize)]
struct WireAnalysis {
    key: String,
    revision: Option<String>,
}

impl AnalysesAnswer {
    pub(super) fn analyses(self) -> Vec<Analysis> {
        let read = |wire: WireAnalysis| {
            let revision = wire.revision.map(|revision| text::clean(&revision, 100));
            Some(Analysis::new(wire.key.parse().ok()?, revision))
        };
        self.analyses.into_iter().filter_map(read).collect()
    }
}

/// `api/measures/component`.
#[derive(Debug, Deserialize)]
pub(super) struct MeasuresAnswer {
    component: WireComponent,
}

#[derive(Debug, Deserialize)]
struct WireComponent {
    #[serde(default)]
    measures: Vec<WireMeasure>,
}

#[derive(Debug, Deserialize)]
struct WireMeasure {
    metric: String,
    value: Option<String>,
    period: Option<WirePeriod>,
    #[serde(default)]
    periods: Vec<WirePeriod>,
}

#[derive(Debug, Deserialize)]
struct WirePeriod {
    value: Option<String>,
}

impl MeasuresAnswer {
    pub(super) fn measures(self) -> Vec<Measure> {
        let read = |wire: WireMeasure| {
            // What is measured on new code stands under its period; before 8.1 under several.
            let in_period = wire.period.or(wire.periods.into_iter().next());
            let value = wire.value.or(in_period.and_then(|period| period.value))?;
            let value = text::clean(&value, 100);
            Some(Measure::new(wire.metric.parse().ok()?, value))
        };
        self.component
            .measures
            .into_iter()
            .filter_map(read)
            .collect()
    }
}

/// `api/v2/clean-code-policy/mode`.
#[derive(Debug, Deserialize)]
pub(super) struct ModeAnswer {
    mode: WireMode,
}

#[derive(Debug, Deserialize)]
enum WireMode {
    #[serde(rename = "MQR")]
    MultiQualityRule,
    #[serde(rename = "STANDARD_EXPERIENCE", alias = "STANDARD")]
    Classic,
}

impl ModeAnswer {
    pub(super) fn mode(&self) -> Mode {
        match self.mode {
            WireMode::MultiQualityRule => Mode::MultiQualityRule,
            WireMode::Classic => Mode::Classic,
        }
    }
}

/// `api/qualitygates/show`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GateAnswer {
    #[serde(default)]
    is_built_in: bool,
    #[serde(default)]
    conditions: Vec<WireGateCondition>,
}

#[derive(Debug, Deserialize)]
struct WireGateCondition {
    id: Id,
    metric: String,
    op: String,
    error: String,
}

/// Servers before 8.4 write ids as numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

impl GateAnswer {
    pub(super) fn gate(self, doing: &str) -> Result<GateConditions, SonarError> {
        let conditions = self
            .conditions
            .into_iter()
            .map(|wire| {
                let id = match wire.id {
                    Id::Text(text) => text,
                    Id::Number(number) => number.to_string(),
                };
                let id = id.parse().map_err(|error| odd(doing, error))?;
                let metric = wire.metric.parse().map_err(|error| odd(doing, error))?;
                let comparator = comparator(doing, &wire.op)?;
                let limit = text::clean(&wire.error, 100);
                Ok((id, ServerCondition::new(metric, comparator, limit)))
            })
            .collect::<Result<_, SonarError>>()?;
        let gate = GateConditions::new(conditions);
        Ok(match self.is_built_in {
            true => gate.built_in(),
            false => gate,
        })
    }
}

/// `api/qualitygates/get_by_project`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectGateAnswer {
    quality_gate: WireGate,
}

#[derive(Debug, Deserialize)]
struct WireGate {
    name: String,
}

impl ProjectGateAnswer {
    pub(super) fn gate(self, doing: &str) -> Result<GateName, SonarError> {
        let name = self.quality_gate.name;
        name.parse().map_err(|error| odd(doing, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_times_are_read() {
        let read = timestamp("2024-05-17T09:30:00+0200").unwrap();
        assert_eq!(read, "2024-05-17T07:30:00Z".parse().unwrap());
        for same in [
            "2024-05-17T09:30:00+02:00",
            "2024-05-17T07:30:00Z",
            "2024-05-17T07:30:00.000Z",
        ] {
            assert_eq!(timestamp(same), Some(read), "{same}");
        }
        assert_eq!(timestamp("yesterday"), None);
    }

    #[test]
    fn a_list_is_no_status() {
        let list = r#"{"projectStatus":["OK",false,[]]}"#;
        assert!(serde_json::from_str::<StatusAnswer>(list).is_err());
    }

    #[test]
    fn a_status_without_conditions_is_no_answer() {
        let read = |json: &str| {
            let answer: StatusAnswer = serde_json::from_str(json).unwrap();
            answer.gate_status("ask")
        };
        assert!(read(r#"{"projectStatus":{"status":"OK"}}"#).is_err());
        assert!(read(r#"{"projectStatus":{"status":"OK","conditions":null}}"#).is_err());
        assert!(read(r#"{"projectStatus":{"status":"OK","conditions":[]}}"#).is_ok());
    }

    #[test]
    fn a_task_tells_which_line_it_is_of() {
        let line = |more: &str| {
            let json = format!(r#"{{"task":{{"status":"SUCCESS"{more}}}}}"#);
            Task::from(serde_json::from_str::<TaskAnswer>(&json).unwrap()).line
        };
        assert_eq!(line(""), Line::Main);
        assert_eq!(
            line(r#","branch":"dev","branchType":"LONG""#),
            Line::Branch("dev".to_owned())
        );
        assert_eq!(
            line(r#","pullRequest":"7""#),
            Line::PullRequest("7".to_owned())
        );
        assert_eq!(
            line(r#","branch":"7","branchType":"PULL_REQUEST""#),
            Line::PullRequest("7".to_owned())
        );
    }
}
