//! The records that ECS keeps of deployments, and the revisions that they bring.

use serde::{Deserialize, Serialize};

use crate::open::open_enum;
use crate::{ContainerName, DeploymentId, ImageRef, ServiceRevisionArn, TaskDefinitionArn};

/// A moment: milliseconds since 1970. For people; nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

/// The record that ECS keeps of a deployment for 90 days, longer than a service lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceDeployment {
    /// Its ARN, which stopping it takes.
    pub arn: String,
    /// The deployment that it is about.
    pub id: DeploymentId,
    /// How far it has come.
    pub status: ServiceDeploymentStatus,
    /// What ECS says about that.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Option<UnixMillis>,
    /// When it began.
    pub started_at: Option<UnixMillis>,
    /// When it came to its end.
    pub finished_at: Option<UnixMillis>,
    /// The revision that it brings.
    pub target: Option<ServiceRevisionArn>,
    /// What a list leaves out.
    pub details: Option<Box<DeploymentDetails>>,
}

impl ServiceDeployment {
    /// A record of this deployment; further fields are set by name.
    pub fn new(
        arn: impl Into<String>,
        id: DeploymentId,
        status: ServiceDeploymentStatus,
        reason: Option<String>,
    ) -> Self {
        Self {
            arn: arn.into(),
            id,
            status,
            reason,
            created_at: None,
            started_at: None,
            finished_at: None,
            target: None,
            details: None,
        }
    }
}

/// What is known of a deployment when it is asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeploymentDetails {
    /// The revisions that it replaces.
    pub sources: Vec<ServiceRevisionArn>,
    /// Its tasks: asked for, running, pending.
    pub tasks: TaskCounts,
    /// How much of the production traffic its revision gets, in percent, where traffic is shifted.
    pub production_traffic: Option<f64>,
    /// How much of the test traffic its revision gets, in percent, where traffic is shifted.
    pub test_traffic: Option<f64>,
    /// Where it is on its way; `None` for rolling deployments.
    pub stage: Option<LifecycleStage>,
    /// The hooks that were reached.
    pub hooks: Vec<LifecycleHook>,
    /// The circuit breaker, if it is on.
    pub breaker: Option<BreakerState>,
    /// The alarms, if there are some.
    pub alarms: Option<AlarmsState>,
    /// The way back, once it was begun.
    pub rollback: Option<RollbackState>,
}

impl DeploymentDetails {
    /// The hooks that wait for somebody to let the deployment go on.
    pub fn waiting_hooks(&self) -> impl Iterator<Item = &LifecycleHook> {
        self.hooks
            .iter()
            .filter(|hook| hook.status == HookStatus::AwaitingAction)
    }
}

/// Tasks of a revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskCounts {
    /// Tasks that shall run.
    pub requested: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that are being started.
    pub pending: u32,
}

impl TaskCounts {
    /// These numbers.
    pub const fn new(requested: u32, running: u32, pending: u32) -> Self {
        Self {
            requested,
            running,
            pending,
        }
    }
}

open_enum! {
    /// Where a deployment that shifts traffic is on its way.
    LifecycleStage {
        /// Earlier deployments are tidied up.
        ReconcileService = "RECONCILE_SERVICE",
        /// Before the new tasks are started.
        PreScaleUp = "PRE_SCALE_UP",
        /// The new tasks are started.
        ScaleUp = "SCALE_UP",
        /// The new tasks run.
        PostScaleUp = "POST_SCALE_UP",
        /// The test traffic goes to the new tasks.
        TestTrafficShift = "TEST_TRAFFIC_SHIFT",
        /// The test traffic has gone over.
        PostTestTrafficShift = "POST_TEST_TRAFFIC_SHIFT",
        /// Before the production traffic goes over.
        PreProductionTrafficShift = "PRE_PRODUCTION_TRAFFIC_SHIFT",
        /// The production traffic goes to the new tasks.
        ProductionTrafficShift = "PRODUCTION_TRAFFIC_SHIFT",
        /// The production traffic has gone over.
        PostProductionTrafficShift = "POST_PRODUCTION_TRAFFIC_SHIFT",
        /// Both revisions run for a while, in case something turns out.
        BakeTime = "BAKE_TIME",
        /// The old tasks are stopped.
        CleanUp = "CLEAN_UP",
    }
}

/// A hook of a deployment that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LifecycleHook {
    /// What identifies it.
    pub id: String,
    /// Who decides.
    pub kind: HookKind,
    /// The function that decides.
    pub target: Option<String>,
    /// What has come of it.
    pub status: HookStatus,
    /// When ECS stops waiting.
    pub expires_at: Option<UnixMillis>,
    /// What ECS does then.
    pub on_timeout: Option<HookAction>,
}

impl LifecycleHook {
    /// A hook; further fields are set by name.
    pub const fn new(id: String, kind: HookKind, status: HookStatus) -> Self {
        Self {
            id,
            kind,
            target: None,
            status,
            expires_at: None,
            on_timeout: None,
        }
    }
}

open_enum! {
    /// Who decides about a hook.
    HookKind {
        /// A Lambda function.
        Lambda = "AWS_LAMBDA",
        /// A person, or a program in place of one.
        Pause = "PAUSE",
    }
}

open_enum! {
    /// What has come of a hook.
    HookStatus {
        /// Somebody has to decide.
        AwaitingAction = "AWAITING_ACTION",
        /// Its function runs.
        InProgress = "IN_PROGRESS",
        /// The deployment may go on.
        Succeeded = "SUCCEEDED",
        /// The deployment may not go on.
        Failed = "FAILED",
        /// Nobody decided in time.
        TimedOut = "TIMED_OUT",
    }
}

/// What to do with a deployment that waits at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum HookAction {
    /// It goes on.
    Continue,
    /// It goes back.
    Rollback,
}

open_enum! {
    /// How far a circuit breaker or the alarms of a deployment are.
    MonitorStatus {
        /// Nothing has happened.
        Monitoring = "MONITORING",
        /// It has ended the deployment.
        Triggered = "TRIGGERED",
        /// The deployment was over before.
        MonitoringComplete = "MONITORING_COMPLETE",
        /// It is off.
        Disabled = "DISABLED",
    }
}

/// A deployment's circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BreakerState {
    /// How far it is.
    pub status: MonitorStatus,
    /// Failed tasks, as it counts them.
    pub failures: u32,
    /// At how many it ends the deployment.
    pub threshold: u32,
}

impl BreakerState {
    /// A breaker with these numbers.
    pub const fn new(status: MonitorStatus, failures: u32, threshold: u32) -> Self {
        Self {
            status,
            failures,
            threshold,
        }
    }
}

/// A deployment's alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlarmsState {
    /// How far they are.
    pub status: MonitorStatus,
    /// Those that are watched.
    pub names: Vec<String>,
    /// Those that went off.
    pub triggered: Vec<String>,
}

impl AlarmsState {
    /// These alarms.
    pub const fn new(status: MonitorStatus, names: Vec<String>, triggered: Vec<String>) -> Self {
        Self {
            status,
            names,
            triggered,
        }
    }
}

/// A deployment's way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RollbackState {
    /// Why.
    pub reason: Option<String>,
    /// When it was begun.
    pub started_at: Option<UnixMillis>,
    /// Where to.
    pub revision: Option<ServiceRevisionArn>,
}

impl RollbackState {
    /// A way back to this revision; further fields are set by name.
    pub const fn new(reason: Option<String>, revision: Option<ServiceRevisionArn>) -> Self {
        Self {
            reason,
            started_at: None,
            revision,
        }
    }
}

/// What a service was, or is to be, at one time: its task definition, and its images as they were resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceRevision {
    /// Its ARN.
    pub arn: ServiceRevisionArn,
    /// The task definition.
    pub task_definition: TaskDefinitionArn,
    /// The containers' images.
    pub images: Vec<RevisionImage>,
}

impl ServiceRevision {
    /// A revision of this task definition, its images not resolved.
    pub const fn new(arn: ServiceRevisionArn, task_definition: TaskDefinitionArn) -> Self {
        Self {
            arn,
            task_definition,
            images: Vec::new(),
        }
    }
}

/// A container's image in a service revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RevisionImage {
    /// The container.
    pub container: ContainerName,
    /// The image, as the task definition names it.
    pub image: Option<ImageRef>,
    /// What ECS resolved it to; `None` when it could not, or has not yet.
    pub digest: Option<String>,
}

impl RevisionImage {
    /// An image with what it was resolved to.
    pub const fn new(
        container: ContainerName,
        image: Option<ImageRef>,
        digest: Option<String>,
    ) -> Self {
        Self {
            container,
            image,
            digest,
        }
    }
}

/// How far a service deployment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ServiceDeploymentStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// The target revision serves.
    Successful,
    /// It is about to end without a rollback.
    StopRequested,
    /// It ended without a rollback.
    Stopped,
    /// It is about to go back.
    RollbackRequested,
    /// It goes back.
    RollbackInProgress,
    /// The revision before serves again.
    RollbackSuccessful,
    /// Going back failed.
    RollbackFailed,
    /// A status that this program does not know.
    Unknown,
}

impl ServiceDeploymentStatus {
    /// Whether nothing more will happen.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed
        )
    }

    /// Whether it goes back to the revision before, or did.
    pub const fn is_rollback(self) -> bool {
        matches!(
            self,
            Self::RollbackRequested
                | Self::RollbackInProgress
                | Self::RollbackSuccessful
                | Self::RollbackFailed
        )
    }
}
