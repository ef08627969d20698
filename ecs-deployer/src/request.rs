//! What is asked of the engine.

use std::time::Duration;

use crate::{ClusterName, ImageChange, ServiceName, TaskDefinitionArn};

/// A deployment that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// The images that it is to run.
    pub images: ImageChange,
    /// Begin a deployment even when the images run already, as `:latest` needs it.
    pub force_new_deployment: bool,
}

impl DeployRequest {
    /// A deployment of these images.
    pub const fn new(cluster: ClusterName, service: ServiceName, images: ImageChange) -> Self {
        Self {
            cluster,
            service,
            images,
            force_new_deployment: false,
        }
    }

    /// Begins a deployment even when the images run already.
    #[must_use]
    pub const fn force_new_deployment(mut self, force: bool) -> Self {
        self.force_new_deployment = force;
        self
    }
}

/// A way back that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RollbackRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Where to; `None` takes the deployment before, while ECS still lists it.
    pub to: Option<TaskDefinitionArn>,
}

impl RollbackRequest {
    /// A way back to the revision before.
    pub const fn new(cluster: ClusterName, service: ServiceName) -> Self {
        Self {
            cluster,
            service,
            to: None,
        }
    }

    /// A way back to this revision.
    #[must_use]
    pub fn to(mut self, task_definition: TaskDefinitionArn) -> Self {
        self.to = Some(task_definition);
        self
    }
}

/// How to follow a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long one way, there or back, may take.
    pub timeout: Duration,
    /// Between two looks at the service.
    pub poll: Duration,
    /// What to do with a failed deployment.
    pub on_failure: OnFailure,
    /// After how many failed tasks the verdict is negative, whatever ECS still hopes for.
    pub permanent_failures: u32,
}

impl Default for Options {
    /// 15 minutes, a look every 5 seconds, back after 2 failed tasks.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15 * 60),
            poll: Duration::from_secs(5),
            on_failure: OnFailure::Rollback,
            permanent_failures: 2,
        }
    }
}

impl Options {
    /// Sets how long one way may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time between two looks.
    #[must_use]
    pub const fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets what to do with a failed deployment.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets after how many failed tasks the verdict is negative; 0 counts as 1.
    #[must_use]
    pub const fn permanent_failures(mut self, tasks: u32) -> Self {
        self.permanent_failures = tasks;
        self
    }
}

/// What to do with a failed deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// Bring the revision before back.
    #[default]
    Rollback,
    /// Leave it as it is.
    Keep,
}
