//! How a deployment ended.

use std::fmt;

use serde::Serialize;

use crate::{DeploymentId, ImageRef, ServiceName, StoppedTask, TaskDefinitionArn};

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The wanted revision runs, all of it and alone.
    Deployed,
    /// It ran already.
    Unchanged,
    /// It failed and was left as it is.
    Failed,
    /// It failed, and the revision before runs again.
    RolledBack,
    /// It failed, and so did going back.
    RollbackFailed,
    /// A newer deployment took over.
    Superseded,
    /// Neither success nor failure could be seen in time.
    TimedOut,
    /// Somebody stopped it, or it was not begun.
    Cancelled,
}

impl Verdict {
    /// The verdict as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceOutcome {
    /// The service.
    pub service: ServiceName,
    /// How it ended.
    pub verdict: Verdict,
    /// The deployment that was followed.
    pub deployment: Option<DeploymentId>,
    /// What it brought.
    pub task_definition: Option<TaskDefinitionArn>,
    /// What ran before.
    pub previous_task_definition: Option<TaskDefinitionArn>,
    /// The image that it brought; of several containers, the first that was changed.
    pub image: Option<ImageRef>,
    /// Why it did not succeed, in one sentence for people.
    pub reason: Option<String>,
    /// Its tasks that failed, oldest first.
    pub stopped_tasks: Vec<StoppedTask>,
    /// The newer deployment that took over.
    pub superseded_by: Option<DeploymentId>,
    /// What could not be seen, and what else is worth knowing.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl ServiceOutcome {
    /// An outcome of a deployment that was not begun.
    pub(crate) fn not_begun(service: ServiceName, reason: String) -> Self {
        Self {
            service,
            verdict: Verdict::Cancelled,
            deployment: None,
            task_definition: None,
            previous_task_definition: None,
            image: None,
            reason: Some(reason),
            stopped_tasks: Vec::new(),
            superseded_by: None,
            notes: Vec::new(),
            seconds: 0.0,
        }
    }
}
