//! What a look at a service shows.

use std::net::IpAddr;

use serde::Serialize;

/// A service's deployments, its running tasks, and the target groups that send requests to it, as they were at about one
/// time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// All deployments that the cluster still knows; one of them is PRIMARY.
    pub deployments: Vec<Deployment>,
    /// The tasks that run, of whichever deployment.
    pub tasks: Vec<Task>,
    /// The target groups of the service.
    pub target_groups: Vec<TargetGroup>,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Deployment {
    /// Its id, `ecs-svc/…`.
    pub id: String,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// Its place among the deployments of the service.
    pub role: Role,
    /// How far it is; `None` where the cluster's scheduler does not roll it out.
    pub rollout: Option<Rollout>,
    /// Why it is there.
    pub rollout_reason: Option<String>,
    /// How many tasks it is to have.
    pub desired: u32,
    /// How many of them run.
    pub running: u32,
}

impl Deployment {
    /// A deployment that is complete and has no tasks.
    pub fn new(id: &str, task_definition: &str, role: Role) -> Self {
        Self {
            id: id.to_owned(),
            task_definition: task_definition.to_owned(),
            role,
            rollout: Some(Rollout::Completed),
            rollout_reason: None,
            desired: 0,
            running: 0,
        }
    }

    /// Sets how far it is, and why.
    #[must_use]
    pub fn rollout(mut self, rollout: Option<Rollout>, reason: Option<&str>) -> Self {
        self.rollout = rollout;
        self.rollout_reason = reason.map(str::to_owned);
        self
    }

    /// Sets how many tasks it is to have, and how many run.
    #[must_use]
    pub const fn tasks(mut self, desired: u32, running: u32) -> Self {
        self.desired = desired;
        self.running = running;
        self
    }
}

/// The place of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// The latest one: what the service is to be.
    Primary,
    /// An earlier one that still has tasks.
    Active,
    /// One that is over.
    Inactive,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rollout {
    /// Tasks are being started, checked or replaced.
    InProgress,
    /// The service is as it is to be.
    Completed,
    /// The scheduler gave up.
    Failed,
}

/// A running task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Task {
    /// Its id, the end of its ARN.
    pub id: String,
    /// The deployment that started it.
    pub deployment: Option<String>,
    /// Its own addresses; none where it shares those of its host.
    pub addresses: Vec<IpAddr>,
    /// Whether the health checks of its own containers fail.
    pub is_unhealthy: bool,
}

impl Task {
    /// A task of a deployment at an address.
    pub fn new(id: &str, deployment: Option<&str>, addresses: Vec<IpAddr>) -> Self {
        Self {
            id: id.to_owned(),
            deployment: deployment.map(str::to_owned),
            addresses,
            is_unhealthy: false,
        }
    }

    /// Sets whether the health checks of its own containers fail.
    #[must_use]
    pub const fn unhealthy(mut self, is_unhealthy: bool) -> Self {
        self.is_unhealthy = is_unhealthy;
        self
    }
}

/// A target group that sends requests to the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// The port of the tasks that it sends to, if that is known.
    pub port: Option<u16>,
    /// What is registered with it.
    pub targets: Vec<GroupTarget>,
}

impl TargetGroup {
    /// A target group with its targets.
    pub fn new(name: &str, port: Option<u16>, targets: Vec<GroupTarget>) -> Self {
        Self {
            name: name.to_owned(),
            port,
            targets,
        }
    }
}

/// A target of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GroupTarget {
    /// What it is registered as: an address, or an instance's id.
    pub id: String,
    /// The port that requests go to.
    pub port: Option<u16>,
    /// What its health checks say.
    pub health: TargetHealth,
    /// Why, such as `Target.ResponseCodeMismatch`.
    pub reason: Option<String>,
}

impl GroupTarget {
    /// A target in some health.
    pub fn new(id: &str, port: Option<u16>, health: TargetHealth, reason: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            port,
            health,
            reason: reason.map(str::to_owned),
        }
    }

    /// Its address, if it is registered by one.
    pub fn address(&self) -> Option<IpAddr> {
        self.id.parse().ok()
    }
}

/// What a target group knows of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TargetHealth {
    /// Its checks pass.
    Healthy,
    /// Its checks fail.
    Unhealthy,
    /// It has not been checked often enough.
    Initial,
    /// It is being taken out and gets no new connections.
    Draining,
    /// No load balancer sends to it.
    Unused,
    /// It is not checked.
    Unavailable,
}

impl TargetHealth {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Initial => "initial",
            Self::Draining => "draining",
            Self::Unused => "unused",
            Self::Unavailable => "unavailable",
        }
    }
}
