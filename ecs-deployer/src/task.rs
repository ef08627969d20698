//! Tasks: how they are started, how they are, why they stopped.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::open::open_enum;
use crate::{ClusterName, ContainerName, DeploymentId, ImageRef, TaskDefinitionArn, TaskId};

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
    /// The last lines of its log, oldest first, where they could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl StoppedContainer {
    /// A container of a stopped task.
    pub const fn new(name: ContainerName, exit_code: Option<i64>, reason: Option<String>) -> Self {
        Self {
            name,
            exit_code,
            reason,
            log: Vec::new(),
        }
    }
}

open_enum! {
    /// Why a task stopped (`TaskStopCode` of the API).
    StopCode {
        /// It never ran: no image, no secret, no network interface.
        TaskFailedToStart = "TaskFailedToStart",
        /// A container that the task cannot do without has exited.
        EssentialContainerExited = "EssentialContainerExited",
        /// Somebody stopped it.
        UserInitiated = "UserInitiated",
        /// The scheduler stopped it, to scale or because it was unhealthy.
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        /// Its Spot capacity was taken away.
        SpotInterruption = "SpotInterruption",
        /// Fargate asked it to end, for maintenance.
        TerminationNotice = "TerminationNotice",
        /// Its host was unhealthy.
        InfrastructureHealth = "InfrastructureHealth",
    }
}

/// A task as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaskState {
    /// The task.
    pub task: TaskId,
    /// What it runs.
    pub task_definition: TaskDefinitionArn,
    /// The deployment that it belongs to; `None` for one that was started by itself.
    pub deployment: Option<DeploymentId>,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `STOPPED` and what lies between (`lastStatus` of the API).
    pub status: String,
    /// Why it stopped, as a code.
    pub stop_code: Option<StopCode>,
    /// Why it stopped, in ECS's words.
    pub reason: Option<String>,
    /// Its containers.
    pub containers: Vec<ContainerState>,
}

impl TaskState {
    /// A task without containers, for implementations; further fields are set by name.
    pub fn new(
        task: TaskId,
        task_definition: TaskDefinitionArn,
        status: impl Into<String>,
    ) -> Self {
        Self {
            task,
            task_definition,
            deployment: None,
            status: status.into(),
            stop_code: None,
            reason: None,
            containers: Vec::new(),
        }
    }

    /// Whether it has come to its end.
    pub fn is_stopped(&self) -> bool {
        self.status == "STOPPED"
    }
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ContainerState {
    /// The container.
    pub name: ContainerName,
    /// The image that it was started from, as its task definition names it.
    pub image: Option<ImageRef>,
    /// What that image was when it was pulled, such as `sha256:…`; `None` before.
    pub image_digest: Option<String>,
    /// Its exit code; `None` when it has not exited or never ran.
    pub exit_code: Option<i64>,
    /// What ECS says about it.
    pub reason: Option<String>,
}

impl ContainerState {
    /// A container that was not pulled yet; further fields are set by name.
    pub const fn new(name: ContainerName, image: Option<ImageRef>) -> Self {
        Self {
            name,
            image,
            image_digest: None,
            exit_code: None,
            reason: None,
        }
    }
}

/// Where and how tasks are started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LaunchSettings {
    /// `FARGATE`, `EC2` or `EXTERNAL`; `None` where capacity providers decide.
    pub launch_type: Option<String>,
    /// The capacity providers.
    pub capacity_providers: Vec<CapacityProvider>,
    /// The version of the Fargate platform.
    pub platform_version: Option<String>,
    /// The network, for tasks that have an interface of their own.
    pub network: Option<NetworkSettings>,
}

/// A capacity provider's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// Its share of the tasks.
    pub weight: i32,
    /// How many tasks it has before shares count.
    pub base: i32,
}

impl CapacityProvider {
    /// A capacity provider with its share.
    pub fn new(name: impl Into<String>, weight: i32, base: i32) -> Self {
        Self {
            name: name.into(),
            weight,
            base,
        }
    }
}

/// The network of tasks that have an interface of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NetworkSettings {
    /// The subnets.
    pub subnets: Vec<String>,
    /// The security groups.
    pub security_groups: Vec<String>,
    /// Whether the interface gets a public address.
    pub public_ip: bool,
}

impl NetworkSettings {
    /// A network of these subnets and security groups.
    pub const fn new(subnets: Vec<String>, security_groups: Vec<String>, public_ip: bool) -> Self {
        Self {
            subnets,
            security_groups,
            public_ip,
        }
    }
}

/// A task that is to run once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// What it runs.
    pub task_definition: TaskDefinitionArn,
    /// Where and how it is started.
    pub launch: LaunchSettings,
    /// What differs from the task definition, by container.
    pub overrides: BTreeMap<ContainerName, ContainerOverride>,
    /// Who started it, for `startedBy`; up to 128 characters.
    pub started_by: Option<String>,
    /// Makes the request safe to repeat: the same token starts no second task.
    pub token: Option<String>,
}

impl TaskRequest {
    /// A task of this task definition; further fields are set by name.
    pub const fn new(
        cluster: ClusterName,
        task_definition: TaskDefinitionArn,
        launch: LaunchSettings,
    ) -> Self {
        Self {
            cluster,
            task_definition,
            launch,
            overrides: BTreeMap::new(),
            started_by: None,
            token: None,
        }
    }
}

/// What differs from the task definition for one container.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerOverride {
    /// Another command.
    pub command: Option<Vec<String>>,
    /// Further or other environment variables. Their values are not shown by Debug.
    pub environment: BTreeMap<String, String>,
}

impl ContainerOverride {
    /// Another command, further or other environment variables.
    pub const fn new(command: Option<Vec<String>>, environment: BTreeMap<String, String>) -> Self {
        Self {
            command,
            environment,
        }
    }
}

impl fmt::Debug for ContainerOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.environment.keys().collect();
        f.debug_struct("ContainerOverride")
            .field("command", &self.command)
            .field("environment", &names)
            .finish()
    }
}
