//! A task of the model, from its start to its remains.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::TaskHealth;
use crate::{DeploymentId, ServiceName, StoppedTask, TaskDefinitionArn, TaskId};

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: TaskId,
    /// `None` for a task that was run by itself.
    pub(super) deployment: Option<DeploymentId>,
    pub(super) task_definition: TaskDefinitionArn,
    pub(super) phase: Phase,
    /// This unhealthy task has one that replaces it.
    pub(super) replaced_by: Option<TaskId>,
    pub(super) created: Duration,
    pub(super) started: Option<Duration>,
    /// When it was asked to stop, or stopped by itself.
    pub(super) stopping: Option<Duration>,
    pub(super) stopped: Option<Duration>,
    /// A container of it has a health check of its own.
    pub(super) container_check: bool,
    /// The digests of its containers' images, by image.
    pub(super) digests: BTreeMap<String, String>,
    /// Its service, or its family if it was run by itself.
    #[cfg_attr(
        not(feature = "server"),
        expect(dead_code, reason = "only the API's own documents name it")
    )]
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    pub(super) overrides: Option<Value>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Pending,
    Running {
        health: TaskHealth,
    },
    /// It was asked to stop; it holds its place until it has.
    Stopping {
        since: Duration,
        takes: Duration,
        stopped: StoppedTask,
    },
    /// It ended by itself. Its place is free at once; it is counted when its remains are gone.
    Ended {
        since: Duration,
        takes: Duration,
        counts: bool,
        stopped: StoppedTask,
    },
    Stopped(StoppedTask),
}

impl Task {
    pub(super) fn new(
        id: TaskId,
        deployment: Option<DeploymentId>,
        task_definition: TaskDefinitionArn,
        group: String,
        created: Duration,
    ) -> Self {
        Self {
            id,
            deployment,
            task_definition,
            phase: Phase::Pending,
            replaced_by: None,
            created,
            started: None,
            stopping: None,
            stopped: None,
            container_check: false,
            digests: BTreeMap::new(),
            group,
            started_by: None,
            overrides: None,
        }
    }

    pub(super) fn is_of(&self, deployment: &DeploymentId) -> bool {
        self.deployment.as_ref() == Some(deployment)
    }

    /// It was not asked to stop and has not ended.
    pub(super) const fn is_wanted(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Running { .. })
    }

    /// It holds a place: a task that is being stopped still does.
    pub(super) const fn is_alive(&self) -> bool {
        !matches!(self.phase, Phase::Stopped(_) | Phase::Ended { .. })
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    pub(super) const fn is_healthy(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Running {
                health: TaskHealth::Healthy,
                ..
            }
        )
    }

    pub(super) const fn is_unhealthy(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Running {
                health: TaskHealth::Unhealthy { .. } | TaskHealth::ContainerUnhealthy,
                ..
            }
        )
    }

    /// What became of it, from the moment it was asked to stop.
    pub(super) const fn stopped_task(&self) -> Option<&StoppedTask> {
        match &self.phase {
            Phase::Stopping { stopped, .. }
            | Phase::Ended { stopped, .. }
            | Phase::Stopped(stopped) => Some(stopped),
            Phase::Pending | Phase::Running { .. } => None,
        }
    }

    /// `lastStatus` of the API.
    pub(super) const fn status(&self) -> &'static str {
        match &self.phase {
            Phase::Pending => "PENDING",
            Phase::Running { .. } => "RUNNING",
            Phase::Stopping { .. } => "STOPPING",
            Phase::Ended { .. } => "DEPROVISIONING",
            Phase::Stopped(_) => "STOPPED",
        }
    }
}

/// The group of a service's tasks.
pub(super) fn group_of(service: &ServiceName) -> String {
    format!("service:{service}")
}
