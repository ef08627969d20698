//! What a deployment tells as it goes.

use serde::Serialize;

use crate::{
    DeploymentId, LifecycleHook, LifecycleStage, ServiceName, StoppedTask, TaskDefinitionArn,
    Verdict,
};

/// Something that happened during a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Event {
    /// A new revision of the task definition exists.
    TaskDefinitionRegistered {
        /// The service.
        service: ServiceName,
        /// The revision.
        task_definition: TaskDefinitionArn,
    },
    /// The service is about to be updated: from here on a deployment may have begun, whatever becomes of the answer.
    Updating {
        /// The service.
        service: ServiceName,
        /// What it is to run.
        task_definition: TaskDefinitionArn,
    },
    /// ECS has begun the deployment, or it is followed from here on.
    DeploymentStarted {
        /// The service.
        service: ServiceName,
        /// The deployment.
        deployment: DeploymentId,
        /// What it brings.
        task_definition: TaskDefinitionArn,
    },
    /// The numbers have changed.
    Progress {
        /// The service.
        service: ServiceName,
        /// Tasks of the deployment that shall run.
        desired: u32,
        /// Tasks of it that run.
        running: u32,
        /// Tasks of it that are being started.
        pending: u32,
        /// Tasks of it that failed, as ECS counts them.
        failed: u32,
        /// Tasks of other deployments that still run.
        old_running: u32,
    },
    /// A task of the deployment failed.
    TaskStopped {
        /// The service.
        service: ServiceName,
        /// The task.
        task: StoppedTask,
        /// Why, in a few words.
        cause: String,
    },
    /// ECS has added an event to the service's history.
    ServiceEvent {
        /// The service.
        service: ServiceName,
        /// The text.
        message: String,
    },
    /// A deployment that shifts traffic has come to another stage.
    Stage {
        /// The service.
        service: ServiceName,
        /// The stage.
        stage: LifecycleStage,
        /// How much of the production traffic the new revision gets, in percent, if ECS says so.
        production_traffic: Option<f64>,
    },
    /// The deployment waits at a hook until somebody lets it go on.
    HookWaiting {
        /// The service.
        service: ServiceName,
        /// The deployment.
        deployment: DeploymentId,
        /// The hook.
        hook: LifecycleHook,
    },
    /// A newer deployment took over, and is followed from here on.
    FollowsNewer {
        /// The service.
        service: ServiceName,
        /// The newer deployment.
        deployment: DeploymentId,
    },
    /// Something cannot be seen, and the deployment is followed without it. Said once.
    Blind {
        /// The service.
        service: ServiceName,
        /// What cannot be seen, and why.
        problem: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A wave of several services begins.
    WaveStarted {
        /// Which one, from 1.
        wave: usize,
        /// How many there are.
        of: usize,
        /// Its services.
        services: Vec<ServiceName>,
    },
    /// ECS could not be asked; it is asked again.
    PollFailed {
        /// The service.
        service: ServiceName,
        /// What went wrong.
        error: String,
    },
    /// The revision before is brought back.
    RollbackStarted {
        /// The service.
        service: ServiceName,
        /// Why.
        reason: String,
        /// Where to.
        task_definition: Option<TaskDefinitionArn>,
    },
    /// The revision before is brought back by a deployment of its own, which we began, as against by ECS.
    RollbackDeployment {
        /// The service.
        service: ServiceName,
        /// The deployment that brings it back.
        deployment: DeploymentId,
        /// What it brings back.
        task_definition: TaskDefinitionArn,
    },
    /// It has ended.
    Finished {
        /// The service.
        service: ServiceName,
        /// How.
        verdict: Verdict,
        /// Why.
        reason: Option<String>,
    },
}

/// Hears the events of a deployment.
pub trait Observer: Send + Sync {
    /// Takes note of an event. Must not block.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}
