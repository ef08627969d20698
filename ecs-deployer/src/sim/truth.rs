//! What became of a deployment, as the model itself knows it.

use serde::Serialize;

use super::SimCluster;
use super::model::Record;
use crate::{DeploymentId, ServiceDeploymentStatus, ServiceName, TaskDefinitionArn};

/// What became of a deployment: taken from the model's inside, not from what its API says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[non_exhaustive]
pub enum Truth {
    /// Nothing is decided yet.
    UnderWay,
    /// All of its tasks were running and healthy, and all others gone.
    Completed,
    /// It ended, and nothing goes back: the circuit breaker, an alarm or a person stopped it.
    Failed {
        /// Why.
        reason: String,
    },
    /// It has failed or was stopped, and the revision before is on its way back.
    RollingBack {
        /// The deployment that comes back.
        to: DeploymentId,
        /// What it runs.
        task_definition: TaskDefinitionArn,
        /// Why.
        reason: String,
    },
    /// It has failed or was stopped, and the revision before serves again.
    RolledBack {
        /// The deployment that serves.
        to: DeploymentId,
        /// What it runs.
        task_definition: TaskDefinitionArn,
        /// Why.
        reason: String,
    },
    /// It has failed, and so has the way back.
    RollbackFailed {
        /// Why.
        reason: String,
    },
    /// Another deployment took its place before it was decided, or while it went back.
    Superseded {
        /// The other one.
        by: DeploymentId,
        /// What that one runs.
        task_definition: TaskDefinitionArn,
    },
}

impl Truth {
    /// Whether it stays so.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::UnderWay | Self::RollingBack { .. })
    }
}

impl SimCluster {
    /// What became of a deployment; `None` when the service never had it. A deployment that was decided stays so, whatever
    /// happens to its service later.
    pub fn truth(&self, service: &ServiceName, id: &DeploymentId) -> Option<Truth> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let service = state.service(&self.name, service)?;
        let record = service.records.iter().find(|record| record.id == *id)?;
        Some(record.truth())
    }

    /// The deployment whose revision was the last to be completed, with its task definition.
    pub fn last_completed(
        &self,
        service: &ServiceName,
    ) -> Option<(DeploymentId, TaskDefinitionArn)> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let completed = state.service(&self.name, service)?.last_completed.clone()?;
        Some((completed.id, completed.task_definition))
    }

    /// All deployments that a service had, oldest first.
    pub fn history(&self, service: &ServiceName) -> Vec<DeploymentId> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        state
            .service(&self.name, service)
            .map(|service| {
                service
                    .records
                    .iter()
                    .map(|record| record.id.clone())
                    .collect()
            })
            .unwrap_or_default()
    }
}

impl Record {
    pub(super) fn truth(&self) -> Truth {
        let reason = || self.reason.clone().unwrap_or_default();
        if let Some((by, task_definition)) = &self.superseded_by {
            return Truth::Superseded {
                by: by.clone(),
                task_definition: task_definition.clone(),
            };
        }
        let back = self.rollback.as_ref();
        match self.status {
            ServiceDeploymentStatus::Successful => Truth::Completed,
            ServiceDeploymentStatus::Stopped | ServiceDeploymentStatus::StopRequested => {
                Truth::Failed { reason: reason() }
            }
            ServiceDeploymentStatus::RollbackFailed => Truth::RollbackFailed { reason: reason() },
            ServiceDeploymentStatus::RollbackInProgress => {
                back.map_or(Truth::UnderWay, |back| Truth::RollingBack {
                    to: back.to.clone(),
                    task_definition: back.task_definition.clone(),
                    reason: reason(),
                })
            }
            ServiceDeploymentStatus::RollbackSuccessful => {
                back.map_or(Truth::UnderWay, |back| Truth::RolledBack {
                    to: back.to.clone(),
                    task_definition: back.task_definition.clone(),
                    reason: reason(),
                })
            }
            ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::Unknown => Truth::UnderWay,
        }
    }
}
