//! What ECS says of a service.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ContainerName, DeploymentId, ServiceName, TaskDefinitionArn, TaskId};

/// A service, as `DescribeServices` has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServiceState {
    /// The name.
    pub name: ServiceName,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Tasks that shall run.
    pub desired: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that are being started.
    pub pending: u32,
    /// The task definition that the service is to run.
    pub task_definition: TaskDefinitionArn,
    /// Its deployments, the newest first.
    pub deployments: Vec<Deployment>,
    /// Its last events, the newest first.
    pub events: Vec<ServiceEvent>,
    /// Of `desired`, how many must stay healthy during a deployment, in percent.
    pub minimum_healthy_percent: u32,
    /// Of `desired`, how many may run at the most during a deployment, in percent.
    pub maximum_percent: u32,
    /// Who deploys.
    pub controller: Controller,
}

impl ServiceState {
    /// A service without deployments, for implementations of the control plane; further fields are set by name.
    pub fn new(name: ServiceName, task_definition: TaskDefinitionArn) -> Self {
        Self {
            name,
            status: "ACTIVE".to_owned(),
            desired: 0,
            running: 0,
            pending: 0,
            task_definition,
            deployments: Vec::new(),
            events: Vec::new(),
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            controller: Controller::Ecs,
        }
    }

    /// The deployment that the service is to come to.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.status == DeploymentStatus::Primary)
    }

    /// The deployment of this id, while ECS still lists it.
    pub fn deployment(&self, id: &DeploymentId) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.id == *id)
    }

    /// Whether no task can ever be replaced: all must stay, and no further one may be started.
    ///
    /// ECS rounds the minimum up and the maximum down
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>).
    pub fn is_deadlocked(&self) -> bool {
        let (minimum, maximum) = bounds(
            self.desired,
            self.minimum_healthy_percent,
            self.maximum_percent,
        );
        self.desired > 0 && maximum <= self.desired && minimum >= self.desired
    }
}

/// The least number of healthy tasks and the greatest number of tasks during a deployment.
pub(crate) fn bounds(desired: u32, minimum_percent: u32, maximum_percent: u32) -> (u32, u32) {
    let product = |percent: u32| u64::from(desired) * u64::from(percent);
    let minimum = product(minimum_percent).div_ceil(100);
    let maximum = product(maximum_percent) / 100;
    (
        u32::try_from(minimum).unwrap_or(u32::MAX),
        u32::try_from(maximum).unwrap_or(u32::MAX),
    )
}

/// Who deploys a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Controller {
    /// ECS itself.
    Ecs,
    /// AWS CodeDeploy.
    CodeDeploy,
    /// Somebody else, through task sets.
    External,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its place in the service.
    pub status: DeploymentStatus,
    /// The task definition that it brings.
    pub task_definition: TaskDefinitionArn,
    /// Tasks of it that shall run.
    pub desired: u32,
    /// Tasks of it that run.
    pub running: u32,
    /// Tasks of it that are being started.
    pub pending: u32,
    /// Tasks of it that failed in a row, as the circuit breaker counts them.
    pub failed_tasks: u32,
    /// How far it has come.
    pub rollout_state: RolloutState,
    /// What ECS says about that.
    pub rollout_state_reason: Option<String>,
}

impl Deployment {
    /// A deployment that has begun, for implementations of the control plane; further fields are set by name.
    pub const fn new(
        id: DeploymentId,
        status: DeploymentStatus,
        task_definition: TaskDefinitionArn,
    ) -> Self {
        Self {
            id,
            status,
            task_definition,
            desired: 0,
            running: 0,
            pending: 0,
            failed_tasks: 0,
            rollout_state: RolloutState::InProgress,
            rollout_state_reason: None,
        }
    }

    /// Whether ECS has called it complete.
    pub fn is_completed(&self) -> bool {
        self.rollout_state == RolloutState::Completed
    }
}

/// A deployment's place in its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum DeploymentStatus {
    /// The one that the service is to come to.
    Primary,
    /// It still has tasks, and is being replaced.
    Active,
    /// It was replaced.
    Inactive,
    /// Its last tasks are being drained.
    Draining,
}

/// How far a deployment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RolloutState {
    /// Under way.
    InProgress,
    /// All of its tasks run and are healthy, all others are gone.
    Completed,
    /// The circuit breaker or an alarm ended it.
    Failed,
}

/// A line of a service's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceEvent {
    /// What identifies it.
    pub id: String,
    /// The text.
    pub message: String,
}

impl ServiceEvent {
    /// An event of this text.
    pub fn new(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            message: message.into(),
        }
    }
}

/// The record that ECS keeps of a deployment for 90 days, longer than a service lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl ServiceDeployment {
    /// A record of this deployment.
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

/// A task that has stopped, or is about to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoppedTask {
    /// The task.
    pub task: TaskId,
    /// Why, as a code.
    pub stop_code: StopCode,
    /// Why, in ECS's words.
    pub reason: String,
    /// What became of its containers.
    pub containers: Vec<StoppedContainer>,
}

impl StoppedTask {
    /// A stopped task.
    pub fn new(
        task: TaskId,
        stop_code: StopCode,
        reason: impl Into<String>,
        containers: Vec<StoppedContainer>,
    ) -> Self {
        Self {
            task,
            stop_code,
            reason: reason.into(),
            containers,
        }
    }
}

/// A container of a stopped task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoppedContainer {
    /// The container.
    pub name: ContainerName,
    /// Its exit code; `None` when it never ran.
    pub exit_code: Option<i64>,
    /// What ECS says about it.
    pub reason: Option<String>,
}

impl StoppedContainer {
    /// A container of a stopped task.
    pub const fn new(name: ContainerName, exit_code: Option<i64>, reason: Option<String>) -> Self {
        Self {
            name,
            exit_code,
            reason,
        }
    }
}

/// Why a task stopped (`TaskStopCode` of the API).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StopCode {
    /// It never ran: no image, no secret, no network interface.
    TaskFailedToStart,
    /// A container that the task cannot do without has exited.
    EssentialContainerExited,
    /// Somebody stopped it.
    UserInitiated,
    /// The scheduler stopped it, to scale or because it was unhealthy.
    ServiceSchedulerInitiated,
    /// Its Spot capacity was taken away.
    SpotInterruption,
    /// Fargate asked it to end, for maintenance.
    TerminationNotice,
    /// Its host was unhealthy.
    InfrastructureHealth,
    /// A code that this program does not know, or none.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for StopCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
            Self::TerminationNotice => "TerminationNotice",
            Self::InfrastructureHealth => "InfrastructureHealth",
            Self::Other(code) => code,
        })
    }
}

impl From<&str> for StopCode {
    fn from(code: &str) -> Self {
        [
            Self::TaskFailedToStart,
            Self::EssentialContainerExited,
            Self::UserInitiated,
            Self::ServiceSchedulerInitiated,
            Self::SpotInterruption,
            Self::TerminationNotice,
            Self::InfrastructureHealth,
        ]
        .into_iter()
        .find(|known| known.to_string() == code)
        .unwrap_or_else(|| Self::Other(code.to_owned()))
    }
}

/// What a service is to be changed to. The desired count is not among it: it may be an autoscaler's.
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
}

impl ServiceUpdate {
    /// No change.
    pub const fn new(cluster: crate::ClusterName, service: ServiceName) -> Self {
        Self {
            cluster,
            service,
            task_definition: None,
            force_new_deployment: false,
        }
    }

    /// Sets another task definition.
    #[must_use]
    pub fn task_definition(mut self, arn: TaskDefinitionArn) -> Self {
        self.task_definition = Some(arn);
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
