//! What a run returns: one JSON document, one line per service, one exit code.

use std::path::PathBuf;

use change_detect::{CommitId, CommitInfo, Graph, ModuleName};
use ecs_deployer::{ImageRef, ServiceName, ServiceOutcome, TaskDefinitionArn};
use health_checker::TargetReport;
use health_checker::quality_gate::GateReport;
use image_tagger::Receipt;
use serde::Serialize;
use windlass_cli::{Exit, Failure};

use crate::choice::Ready;
use crate::plan::PlannedService;
use crate::timeline::Span;
use crate::verdict::{self, Verdict};

/// The result of a command that changes an environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunOutcome {
    pub(crate) schema: u32,
    /// `run`, `promote`, `dispatch`, `deploy` or `rollback`.
    pub(crate) command: &'static str,
    pub(crate) environment: String,
    /// Where the builds come from, when they are promoted.
    pub(crate) from: Option<String>,
    /// The commit that all of it is about, if it is about one.
    pub(crate) head: Option<Commit>,
    pub(crate) services: Vec<ServiceRun>,
    pub(crate) removed: Vec<ModuleName>,
    /// Why nothing was done, if so.
    pub(crate) nothing: Option<String>,
    /// What people should know and what stopped nothing.
    pub(crate) warnings: Vec<String>,
    /// What ended the run before its time.
    pub(crate) error: Option<String>,
    /// What led to that, the nearest first.
    pub(crate) causes: Vec<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// The signal that ended it.
    pub(crate) interrupted: Option<String>,
    /// What the quality gate said of each analysis.
    pub(crate) gates: Vec<GateReport>,
    /// Where the build's logs are, a file for each module.
    pub(crate) logs: Option<PathBuf>,
    pub(crate) timeline: Vec<Span>,
    pub(crate) notifications: Vec<Notification>,
    /// Where the run can be watched.
    pub(crate) run_url: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) exit_code: u8,
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// People were told that it begins.
    #[serde(skip)]
    pub(crate) announced: bool,
    /// For the drawn report.
    #[serde(skip)]
    pub(crate) graph: Option<Graph>,
    /// Modules that were rebuilt and are no services.
    #[serde(skip)]
    pub(crate) rebuilt: Vec<ModuleName>,
}

/// A message that was sent, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Notification {
    pub(crate) channel: String,
    pub(crate) error: Option<String>,
}

/// A commit, as people know it. For a pull request, title, author and URL are its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Commit {
    pub(crate) id: CommitId,
    pub(crate) title: String,
    pub(crate) author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

impl From<&CommitInfo> for Commit {
    fn from(info: &CommitInfo) -> Self {
        Self {
            id: info.id.clone(),
            title: info.title.clone(),
            author: info.author.clone(),
            url: None,
        }
    }
}

/// One service's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ServiceRun {
    #[serde(flatten)]
    pub(crate) plan: PlannedService,
    /// The commit that it was to run, when that is known.
    pub(crate) commit: Option<CommitId>,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    /// The image that it was to run, with its digest.
    pub(crate) image: Option<String>,
    pub(crate) push: Option<Receipt>,
    pub(crate) deployment: Option<ServiceOutcome>,
    pub(crate) rollback: Option<ServiceOutcome>,
    pub(crate) health: Option<TargetReport>,
    pub(crate) seconds: f64,
}

impl ServiceRun {
    /// A service whose turn did not come.
    pub(crate) fn not_started(plan: PlannedService, reason: impl Into<String>) -> Self {
        Self {
            plan,
            commit: None,
            verdict: Verdict::NotStarted,
            reason: Some(reason.into()),
            image: None,
            push: None,
            deployment: None,
            rollback: None,
            health: None,
            seconds: 0.0,
        }
    }

    /// What people compare: the digest of the image.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.image
            .as_deref()
            .and_then(|image| image.split_once('@'))
            .map(|(_, digest)| digest)
    }
}

/// Why a run ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Done,
    /// By a failure that is not one service's.
    Failed(Failure),
    /// By a signal.
    Interrupted(&'static str),
}

impl End {
    /// The exit code of a run that ended so.
    pub(crate) fn exit(&self, services: &[ServiceRun]) -> Exit {
        match self {
            Self::Done => {
                let verdicts: Vec<Verdict> =
                    services.iter().map(|service| service.verdict).collect();
                let touched = services.iter().any(|service| service.push.is_some());
                match verdict::exit(&verdicts) {
                    // That code says that nothing was changed; here images were pushed and tags moved.
                    Exit::Usage if touched => Exit::Negative,
                    exit => exit,
                }
            }
            Self::Failed(failure) => failure.exit(),
            Self::Interrupted(_) => Exit::Interrupted,
        }
    }
}

/// The result of `plan`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PlanOutcome {
    pub(crate) schema: u32,
    pub(crate) environment: String,
    pub(crate) head: Commit,
    pub(crate) nothing: Option<String>,
    pub(crate) services: Vec<PlannedPush>,
    pub(crate) removed: Vec<ModuleName>,
    /// Why `run` would refuse it, if it would.
    pub(crate) warnings: Vec<String>,
    pub(crate) detection: change_detect::Detection,
}

/// A planned service with what its push would move, as far as that can be known without building.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PlannedPush {
    #[serde(flatten)]
    pub(crate) service: PlannedService,
    /// `None` when the image has to be built first.
    pub(crate) push: Option<image_tagger::PushPlan>,
}

/// The result of a dry run of a command that takes images which stand in a registry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DryOutcome {
    pub(crate) schema: u32,
    pub(crate) command: &'static str,
    pub(crate) environment: String,
    pub(crate) from: Option<String>,
    pub(crate) head: Option<Commit>,
    pub(crate) nothing: Option<String>,
    pub(crate) services: Vec<Ready>,
}

/// The result of a dry run of `rollback`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BackOutcome {
    pub(crate) schema: u32,
    pub(crate) command: &'static str,
    pub(crate) environment: String,
    pub(crate) services: Vec<PlannedBack>,
    pub(crate) warnings: Vec<String>,
}

/// A service that would go back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PlannedBack {
    pub(crate) module: ModuleName,
    pub(crate) service: ServiceName,
    pub(crate) from: Option<ImageRef>,
    pub(crate) from_commit: Option<CommitId>,
    /// The revision.
    pub(crate) to: TaskDefinitionArn,
    pub(crate) image: Option<ImageRef>,
    pub(crate) commit: Option<CommitId>,
}
