//! What a run returns: one JSON document, one line per service, one exit code.

use change_detect::{CommitInfo, ModuleName};
use ecs_deployer::ServiceOutcome;
use health_checker::TargetReport;
use image_tagger::Receipt;
use serde::Serialize;
use windlass_cli::Exit;

use crate::plan::{Plan, PlannedService};
use crate::verdict::{self, Verdict};

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunOutcome {
    pub(crate) schema: u32,
    pub(crate) environment: String,
    pub(crate) head: Commit,
    pub(crate) services: Vec<ServiceRun>,
    pub(crate) removed: Vec<ModuleName>,
    /// Why nothing was done, if so.
    pub(crate) nothing: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) exit_code: u8,
    #[serde(skip)]
    pub(crate) exit: Exit,
}

/// A commit, as people know it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) author: String,
}

impl From<&CommitInfo> for Commit {
    fn from(info: &CommitInfo) -> Self {
        Self {
            id: info.id.to_string(),
            title: info.title.clone(),
            author: info.author.clone(),
        }
    }
}

/// One service's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ServiceRun {
    #[serde(flatten)]
    pub(crate) plan: PlannedService,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
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
            verdict: Verdict::NotStarted,
            reason: Some(reason.into()),
            push: None,
            deployment: None,
            rollback: None,
            health: None,
            seconds: 0.0,
        }
    }
}

impl RunOutcome {
    /// Puts the services' parts together.
    pub(crate) fn new(
        environment: &str,
        head: &CommitInfo,
        services: Vec<ServiceRun>,
        plan: &Plan,
        seconds: f64,
    ) -> Self {
        let verdicts: Vec<Verdict> = services.iter().map(|service| service.verdict).collect();
        let exit = verdict::exit(&verdicts);
        Self {
            schema: 1,
            environment: environment.to_owned(),
            head: head.into(),
            services,
            removed: plan.removed.clone(),
            nothing: plan.nothing.clone(),
            seconds,
            exit_code: exit.code(),
            exit,
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
