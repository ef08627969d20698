//! What ECS is told to do with a service.

use serde::{Deserialize, Serialize};

use crate::{ServiceName, TaskDefinitionArn};

/// What a service is to be changed to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceUpdate {
    /// The cluster.
    pub cluster: crate::ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Another task definition.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Begin a deployment even when nothing differs.
    pub force_new_deployment: bool,
    /// Another desired count. `None` leaves it alone: it may be an autoscaler's.
    pub desired_count: Option<u32>,
}

impl ServiceUpdate {
    /// No change.
    pub const fn new(cluster: crate::ClusterName, service: ServiceName) -> Self {
        Self {
            cluster,
            service,
            task_definition: None,
            force_new_deployment: false,
            desired_count: None,
        }
    }

    /// Sets another task definition.
    #[must_use]
    pub fn task_definition(mut self, arn: TaskDefinitionArn) -> Self {
        self.task_definition = Some(arn);
        self
    }

    /// Sets another desired count.
    #[must_use]
    pub const fn desired_count(mut self, count: Option<u32>) -> Self {
        self.desired_count = count;
        self
    }

    /// Begins a deployment even when nothing differs.
    #[must_use]
    pub const fn force_new_deployment(mut self, force: bool) -> Self {
        self.force_new_deployment = force;
        self
    }
}

/// How a deployment is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum StopType {
    /// It ends where it is.
    Abort,
    /// It goes back to the revision before.
    Rollback,
}
