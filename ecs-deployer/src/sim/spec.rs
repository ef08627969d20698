//! What a simulated service is to be.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock::seconds;
use crate::{Controller, ServiceName, TaskDefinitionArn};

/// A service that is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// The name.
    pub name: ServiceName,
    /// What it runs.
    pub task_definition: TaskDefinitionArn,
    /// How many tasks of it.
    pub desired_count: u32,
    /// Of these, how many must stay healthy during a deployment, in percent; 100 by default.
    pub minimum_healthy_percent: u32,
    /// Of these, how many may run at the most during a deployment, in percent; 200 by default.
    pub maximum_percent: u32,
    /// Whether failing tasks end a deployment, and whether it then goes back. Off by default, as in ECS.
    pub circuit_breaker: Option<Breaker>,
    /// Whether a load balancer's health checks decide that a task is healthy.
    pub health_check: bool,
    /// Whether a container's own health check does. With neither of them its age alone decides; with both, both must agree.
    #[serde(default)]
    pub container_check: bool,
    /// How long after RUNNING an unhealthy task is left alone.
    #[serde(default, with = "seconds")]
    pub grace: Duration,
    /// The alarms that end a deployment.
    #[serde(default)]
    pub alarms: Option<AlarmRule>,
    /// How tasks and traffic go over to the new revision.
    #[serde(default)]
    pub strategy: Strategy,
    /// How long a deployment is watched after all of its tasks are healthy; the model's default if `None`.
    #[serde(default)]
    pub bake: Option<Duration>,
    /// What a deployment with traffic shifts waits for.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// Who deploys.
    #[serde(default = "ecs")]
    pub controller: Controller,
    /// Fields of the API that the model only keeps, such as `networkConfiguration`, by their names there.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

const fn ecs() -> Controller {
    Controller::Ecs
}

/// The deployment circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Breaker {
    /// Whether a failed deployment goes back to the last completed one.
    pub rollback: bool,
    /// Whether a healthy task sets the count back to zero.
    #[serde(default = "yes")]
    pub reset_on_healthy_task: bool,
    /// How many failures it takes.
    #[serde(default)]
    pub threshold: Threshold,
}

const fn yes() -> bool {
    true
}

impl Breaker {
    /// A breaker with the defaults of ECS.
    pub const fn new(rollback: bool) -> Self {
        Self {
            rollback,
            reset_on_healthy_task: true,
            threshold: Threshold::BoundedPercent(50),
        }
    }

    /// Sets how many failures it takes.
    #[must_use]
    pub const fn threshold(mut self, threshold: Threshold) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets whether a healthy task sets the count back to zero.
    #[must_use]
    pub const fn reset_on_healthy_task(mut self, reset: bool) -> Self {
        self.reset_on_healthy_task = reset;
        self
    }
}

/// How many failures break the circuit (`thresholdConfiguration` of the API).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "type", content = "value")]
#[non_exhaustive]
pub enum Threshold {
    /// So many.
    Count(u32),
    /// Of the desired count so many percent, at least 3 and at most 200.
    BoundedPercent(u32),
    /// Of the desired count so many percent.
    UnboundedPercent(u32),
}

impl Default for Threshold {
    fn default() -> Self {
        Self::BoundedPercent(50)
    }
}

impl Threshold {
    /// How many failures it takes with this desired count.
    pub fn failures(self, desired: u32) -> u32 {
        let share = |percent: u32| {
            let failures = (u64::from(desired) * u64::from(percent)).div_ceil(100);
            u32::try_from(failures).unwrap_or(u32::MAX)
        };
        match self {
            Self::Count(count) => count.max(1),
            Self::BoundedPercent(percent) => share(percent).clamp(3, 200),
            Self::UnboundedPercent(percent) => share(percent).max(1),
        }
    }
}

/// The alarms that end a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlarmRule {
    /// Their names.
    pub names: BTreeSet<String>,
    /// Whether the deployment then goes back.
    pub rollback: bool,
}

impl AlarmRule {
    /// A rule over these alarms.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>, rollback: bool) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            rollback,
        }
    }
}

/// How tasks and traffic go over to the new revision.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "kebab-case"
)]
#[non_exhaustive]
pub enum Strategy {
    /// Task by task, within the bounds.
    #[default]
    Rolling,
    /// All new tasks first, then all traffic.
    BlueGreen,
    /// All new tasks first, then traffic in steps.
    Linear {
        /// The size of a step in percent.
        step_percent: f64,
        /// How long each step is watched.
        #[serde(with = "seconds")]
        step_bake: Duration,
    },
    /// All new tasks first, then some traffic, then the rest.
    Canary {
        /// The first part in percent.
        percent: f64,
        /// How long it is watched.
        #[serde(with = "seconds")]
        bake: Duration,
    },
}

impl Strategy {
    /// Whether ECS starts all new tasks before any traffic goes over.
    pub const fn shifts_traffic(self) -> bool {
        !matches!(self, Self::Rolling)
    }
}

/// What a deployment with traffic shifts waits for at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hook {
    /// The stage, such as `POST_TEST_TRAFFIC_SHIFT`.
    pub stage: String,
    /// Whether a person must let it go on (`PAUSE`); else it is a function (`AWS_LAMBDA`).
    pub pause: bool,
    /// Whether a function refuses, which fails the deployment.
    #[serde(default)]
    pub fails: bool,
    /// How long a person has, before the deployment goes back; 24 h by default.
    #[serde(default = "day", with = "seconds")]
    pub timeout: Duration,
}

const fn day() -> Duration {
    Duration::from_secs(1440 * 60)
}

impl Hook {
    /// Waits at a stage until a person lets the deployment go on.
    pub fn pause(stage: impl Into<String>) -> Self {
        Self {
            stage: stage.into(),
            pause: true,
            fails: false,
            timeout: day(),
        }
    }

    /// Asks a function at a stage, which lets the deployment go on or refuses.
    pub fn function(stage: impl Into<String>, fails: bool) -> Self {
        Self {
            stage: stage.into(),
            pause: false,
            fails,
            timeout: day(),
        }
    }
}

impl ServiceSpec {
    /// A service with the defaults of ECS.
    pub fn new(name: ServiceName, task_definition: TaskDefinitionArn, desired_count: u32) -> Self {
        Self {
            name,
            task_definition,
            desired_count,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: None,
            health_check: false,
            container_check: false,
            grace: Duration::ZERO,
            alarms: None,
            strategy: Strategy::Rolling,
            bake: None,
            hooks: Vec::new(),
            controller: Controller::Ecs,
            settings: Map::new(),
        }
    }

    /// Sets the bounds of a deployment in percent of the desired count.
    #[must_use]
    pub const fn percent(mut self, minimum_healthy: u32, maximum: u32) -> Self {
        self.minimum_healthy_percent = minimum_healthy;
        self.maximum_percent = maximum;
        self
    }

    /// Lets a load balancer's health checks decide.
    #[must_use]
    pub const fn health_check(mut self, on: bool) -> Self {
        self.health_check = on;
        self
    }

    /// Lets a container's own health check decide.
    #[must_use]
    pub const fn container_check(mut self, on: bool) -> Self {
        self.container_check = on;
        self
    }

    /// Leaves unhealthy tasks alone so long after RUNNING.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Ends a failing deployment and leaves it at that.
    #[must_use]
    pub const fn circuit_breaker(mut self) -> Self {
        self.circuit_breaker = Some(Breaker::new(false));
        self
    }

    /// Ends a failing deployment and goes back.
    #[must_use]
    pub const fn circuit_breaker_rollback(mut self) -> Self {
        self.circuit_breaker = Some(Breaker::new(true));
        self
    }

    /// Sets the circuit breaker.
    #[must_use]
    pub const fn breaker(mut self, breaker: Option<Breaker>) -> Self {
        self.circuit_breaker = breaker;
        self
    }

    /// Lets alarms end a deployment.
    #[must_use]
    pub fn alarms(mut self, rule: AlarmRule) -> Self {
        self.alarms = Some(rule);
        self
    }

    /// Sets how tasks and traffic go over.
    #[must_use]
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets how long a deployment is watched after its tasks are healthy.
    #[must_use]
    pub const fn bake(mut self, bake: Duration) -> Self {
        self.bake = Some(bake);
        self
    }

    /// Adds what a deployment with traffic shifts waits for.
    #[must_use]
    pub fn hook(mut self, hook: Hook) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Sets who deploys.
    #[must_use]
    pub fn controller(mut self, controller: Controller) -> Self {
        self.controller = controller;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_rounded_up_and_kept_within_its_bounds() {
        for (threshold, desired, failures) in [
            (Threshold::default(), 1, 3),
            (Threshold::default(), 6, 3),
            (Threshold::default(), 7, 4),
            (Threshold::default(), 400, 200),
            (Threshold::default(), 1000, 200),
            (Threshold::UnboundedPercent(50), 1, 1),
            (Threshold::UnboundedPercent(50), 1000, 500),
            (Threshold::UnboundedPercent(0), 10, 1),
            (Threshold::Count(2), 1000, 2),
        ] {
            assert_eq!(
                threshold.failures(desired),
                failures,
                "{threshold:?} of {desired}"
            );
        }
    }
}
