//! What runs the tasks of the model.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use crate::{
    ClusterName, ContainerName, DeploymentId, ImageRef, ServiceName, StopCode, StoppedContainer,
    TaskDefinitionArn, TaskId,
};

/// Runs tasks for a simulated cluster.
///
/// # Contract
/// The scheduler calls [`start`](Self::start) once for each task, looks at it with [`observe`](Self::observe) in each of its
/// passes, and calls [`stop`](Self::stop) once when it wants it gone; after that it does not look again. None of the calls
/// may block. A task goes from Pending to Running to Stopped, may leave out Running, and never goes back.
pub trait TaskRuntime: Debug + Send + Sync {
    /// Begins to start a task and returns at once.
    fn start(&self, launch: &TaskLaunch);

    /// How the task is now.
    fn observe(&self, task: &TaskId) -> Observation;

    /// How the task is at this time of the model. A runtime whose tasks are real has nothing but the present, which is the
    /// default; one that plays them can say how they were when the scheduler catches up.
    fn observe_at(&self, task: &TaskId, at: Duration) -> Observation {
        let _ = at;
        self.observe(task)
    }

    /// The last lines that a task's container wrote, oldest first.
    fn log(&self, task: &TaskLaunch, container: &ContainerName) -> Vec<String> {
        let _ = (task, container);
        Vec::new()
    }

    /// Ends a task: SIGTERM, and SIGKILL in the end.
    fn stop(&self, task: &TaskId);
}

/// A task that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLaunch {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service; the family's name for a task that was run by itself.
    pub service: ServiceName,
    /// The task.
    pub task: TaskId,
    /// The deployment that it belongs to; `ecs-svc/0` for a task that was run by itself.
    pub deployment: DeploymentId,
    /// Its task definition.
    pub task_definition: TaskDefinitionArn,
    /// Its containers, all essential, with their images.
    pub images: Vec<(ContainerName, ImageRef)>,
    /// The digests of the images, by image.
    pub digests: BTreeMap<String, String>,
    /// When it is started, in the model's time.
    pub at: Duration,
}

/// How a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// It is being started.
    Pending,
    /// It runs.
    Running {
        /// What its health checks say.
        health: TaskHealth,
    },
    /// It ended by itself, or never ran.
    Stopped {
        /// Why, as a code.
        stop_code: StopCode,
        /// Why, in ECS's words.
        reason: String,
        /// What became of its containers.
        containers: Vec<StoppedContainer>,
    },
}

/// What a task's health checks say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskHealth {
    /// They have not said yet.
    Unknown,
    /// Healthy.
    Healthy,
    /// The load balancer finds it unhealthy.
    Unhealthy {
        /// Why, such as `Health checks failed with these codes: [503]`.
        reason: String,
    },
    /// A container's own health check fails.
    ContainerUnhealthy,
}
