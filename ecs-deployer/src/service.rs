//! What ECS says of a service.

use serde::{Deserialize, Serialize};

use crate::open::open_enum;
use crate::{DeploymentId, LaunchSettings, ServiceName, TaskDefinitionArn};

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
    /// How ECS deploys.
    pub strategy: Strategy,
    /// The deployment circuit breaker, if it is on.
    pub breaker: Option<BreakerSettings>,
    /// The alarms that end a deployment, if there are some.
    pub alarms: Option<AlarmSettings>,
    /// Whether every container instance runs one task: then there is no desired count to speak of.
    pub is_daemon: bool,
    /// Whether ECS moves tasks between availability zones by itself.
    pub zone_rebalancing: bool,
    /// Whether a deployment succeeds while the tasks before it still run (`earlySuccessCriteria` with `DEFERRED`).
    pub cleans_up_later: bool,
    /// Where and how its tasks are started.
    pub launch: LaunchSettings,
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
            strategy: Strategy::Rolling,
            breaker: None,
            alarms: None,
            is_daemon: false,
            zone_rebalancing: false,
            cleans_up_later: false,
            launch: LaunchSettings::default(),
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

    /// Whether no task can ever be replaced: all must stay, and no further one may be started. Where traffic is shifted, the
    /// new tasks are started beside the old ones, whatever the bounds are.
    ///
    /// ECS rounds the minimum up and the maximum down
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>).
    pub fn is_deadlocked(&self) -> bool {
        let (minimum, maximum) = bounds(
            self.desired,
            self.minimum_healthy_percent,
            self.maximum_percent,
        );
        self.strategy == Strategy::Rolling
            && self.desired > 0
            && maximum <= self.desired
            && minimum >= self.desired
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

open_enum! {
    /// How ECS brings a new revision.
    Strategy {
        /// Task by task.
        Rolling = "ROLLING",
        /// All new tasks beside the old ones, then the traffic at once.
        BlueGreen = "BLUE_GREEN",
        /// All new tasks beside the old ones, then the traffic in equal steps.
        Linear = "LINEAR",
        /// All new tasks beside the old ones, then a little of the traffic, then the rest.
        Canary = "CANARY",
    }
}

/// What the deployment circuit breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// Whether a failed deployment goes back to the last completed one.
    pub rollback: bool,
}

impl BreakerSettings {
    /// A breaker that goes back, or leaves it.
    pub const fn new(rollback: bool) -> Self {
        Self { rollback }
    }
}

/// The CloudWatch alarms that end a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlarmSettings {
    /// Their names.
    pub names: Vec<String>,
    /// Whether a deployment that they end goes back.
    pub rollback: bool,
}

impl AlarmSettings {
    /// These alarms.
    pub const fn new(names: Vec<String>, rollback: bool) -> Self {
        Self { names, rollback }
    }
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
