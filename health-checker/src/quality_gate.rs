//! The SonarQube quality gate, which cannot be passed by accident.
//!
//! A scanner leaves a `report-task.txt` behind. [`check_gate`] follows its task on the server to the end, asks what the
//! gate says of the analysis that came of it, and judges rules of its own besides: a server knows no "more than", passes
//! a condition that has no measure, and ignores conditions on few new lines. What cannot be told is
//! [`GateVerdict::Unknown`], never a pass.
//!
//! [`ensure_gate`] makes the gate on the server what the rules ask for, and [`plan_gate`] says what it lacks.
//!
//! ```
//! use health_checker::quality_gate::sim::SimSonar;
//! use health_checker::quality_gate::{
//!     Analysis, Comparator, Condition, GateEvent, GateOptions, GateRequest, GateStatus, GateVerdict, Level, Policy,
//!     Preset, ReportTask, check_gate,
//! };
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let report: ReportTask = "projectKey=user-service\nserverUrl=https://sonar.example.com\nceTaskId=AY0\n".parse()?;
//! // A server that passes a coverage of exactly 80 %.
//! let sonar = SimSonar::new();
//! let coverage = Condition::new(Level::Ok, "coverage".parse()?, Comparator::Less, "80").actual("80.0");
//! let analysis = Analysis::new("AY1".parse()?, None);
//! sonar.add_success(&report.project, &report.task, analysis, GateStatus::new(Level::Ok, vec![coverage]));
//!
//! let policy = Policy::default().strict(true).rule("coverage > 80".parse()?);
//! let request = GateRequest::new(report);
//! let report = check_gate(&sonar, &request, &policy, &GateOptions::default(), &|_: GateEvent| {}).await;
//!
//! assert_eq!(report.verdict, GateVerdict::Failed);
//! assert_eq!(report.findings[0].message, "coverage is 80.0, must be > 80");
//! # Ok(())
//! # }
//! ```

mod answer;
mod engine;
mod ensure;
mod error;
mod event;
mod gate;
#[cfg(feature = "http")]
mod http;
mod judge;
mod name;
mod number;
mod patience;
mod report;
mod report_task;
mod request;
mod rule;
mod server;
pub mod sim;
mod sonar;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod words;

pub use answer::{
    Analysis, Comparator, Condition, GateStatus, Level, Line, Measure, Mode, Task, TaskStatus,
};
pub use engine::check_gate;
pub use ensure::{Change, EnsureError, EnsureReport, EnsureRequest, ensure_gate, plan_gate};
pub use error::SonarError;
pub use event::{GateEvent, GateObserver};
pub use gate::{GateConditions, ServerCondition};
#[cfg(feature = "http")]
pub use http::SonarHttp;
pub use name::{AnalysisId, ConditionId, GateName, InvalidName, MetricKey, ProjectKey, TaskId};
pub use number::{InvalidNumber, Number};
pub use report::{
    ConditionRow, ConditionState, Finding, FindingKind, GateReport, GateVerdict, Gravity, Judge,
    MeasureSource,
};
pub use report_task::{InvalidReportTask, REPORT_PLACES, ReportTask};
pub use request::{GateOptions, GateRequest, Policy};
pub use rule::{InvalidRule, Preset, Rule};
pub use server::{
    InvalidServerUrl, InvalidServerVersion, InvalidToken, ServerUrl, ServerVersion, Token,
};
pub use sonar::{GateAdmin, Sonar};
