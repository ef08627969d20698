//! Scenarios: a cluster with its services at rest, and what will go wrong with them.

mod built_in;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::clock::seconds;
use super::{
    AlarmRule, Breaker, Clock, FaultPlan, Hook, ScriptedRuntime, ServiceSpec, SimCluster, Strategy,
    Threshold, Timings,
};
use crate::{ClusterName, Controller, RolloutState, ServiceName, TaskDefinition};

/// The role of tasks that write a log, as the console calls it.
const EXECUTION_ROLE: &str = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole";

/// How long the services of a scenario have to come to rest, in the model's time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A cluster with its services at rest, and what will go wrong with them. In a file names are in kebab case, durations are
/// seconds, and keys that are not known are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    /// The cluster; `dev` if the file does not say.
    #[serde(default = "dev")]
    pub cluster: ClusterName,
    /// Its services.
    #[serde(default)]
    pub services: Vec<ScenarioService>,
    /// What goes wrong, from when all services are at rest.
    #[serde(default)]
    pub faults: FaultPlan,
}

fn dev() -> ClusterName {
    "dev".parse().expect("letters make a name")
}

/// A service of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct ScenarioService {
    /// The name.
    pub name: ServiceName,
    /// The image of its only container, which is called `app`.
    #[serde(default)]
    pub image: Option<String>,
    /// Its task definition as `RegisterTaskDefinition` takes it, in place of an image.
    #[serde(default)]
    pub task_definition: Option<Value>,
    /// Where its container writes its log; nowhere if the file does not say.
    #[serde(default)]
    pub log_group: Option<String>,
    /// How many tasks of it run.
    #[serde(default = "two")]
    pub desired: u32,
    /// Of these, how many must stay healthy during a deployment, in percent.
    #[serde(default = "hundred")]
    pub minimum_healthy_percent: u32,
    /// Of these, how many may run at the most during a deployment, in percent.
    #[serde(default = "two_hundred")]
    pub maximum_percent: u32,
    /// The deployment circuit breaker.
    #[serde(default)]
    pub circuit_breaker: ScenarioBreaker,
    /// How many failures break the circuit.
    #[serde(default)]
    pub threshold: Threshold,
    /// Whether a load balancer's health checks decide that a task is healthy.
    #[serde(default)]
    pub load_balancer: bool,
    /// How long after RUNNING an unhealthy task is left alone.
    #[serde(default, with = "seconds")]
    pub grace: Duration,
    /// The alarms that end a deployment and take it back.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// How tasks and traffic go over.
    #[serde(default)]
    pub strategy: Strategy,
    /// How long a deployment is watched after its tasks are healthy, in seconds.
    #[serde(default)]
    pub bake: Option<f64>,
    /// The stages at which a deployment waits for a person.
    #[serde(default)]
    pub pauses: Vec<String>,
    /// Who deploys: `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    #[serde(default = "ecs")]
    pub controller: Controller,
    /// Further fields of the service, by their names in the API, such as `networkConfiguration`.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

const fn two() -> u32 {
    2
}

const fn hundred() -> u32 {
    100
}

const fn two_hundred() -> u32 {
    200
}

const fn ecs() -> Controller {
    Controller::Ecs
}

/// The circuit breaker of a scenario's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScenarioBreaker {
    /// None.
    #[default]
    Off,
    /// A failed deployment stays where it is.
    On,
    /// A failed deployment goes back.
    Rollback,
}

/// A scenario that cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidScenario {
    /// Two services have one name.
    #[error("the service `{service}` is there twice")]
    Twice {
        /// The name.
        service: ServiceName,
    },
    /// A service has neither an image nor a task definition, or both.
    #[error("the service `{service}` takes either `image` or `task-definition`")]
    NothingToRun {
        /// The service.
        service: ServiceName,
    },
    /// The task definition cannot be registered.
    #[error("the task definition of `{service}` cannot be registered: {problem}")]
    TaskDefinition {
        /// The service.
        service: ServiceName,
        /// Why.
        problem: String,
    },
    /// The faults name a service that is not there.
    #[error("a happening concerns the service `{service}`, which the scenario does not have")]
    NoSuchService {
        /// The service.
        service: ServiceName,
    },
    /// A number is out of range.
    #[error("`{key}` of `{service}` is {value}: {rule}")]
    OutOfRange {
        /// The service.
        service: ServiceName,
        /// The key.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        rule: &'static str,
    },
    /// A service does not come to rest.
    #[error("the service `{service}` does not come to rest within an hour of the model's time")]
    Restless {
        /// The service.
        service: ServiceName,
    },
}

impl ScenarioService {
    /// A service of two tasks of this image, as ECS has them by default.
    pub fn new(name: ServiceName, image: impl Into<String>) -> Self {
        Self {
            name,
            image: Some(image.into()),
            task_definition: None,
            log_group: None,
            desired: two(),
            minimum_healthy_percent: hundred(),
            maximum_percent: two_hundred(),
            circuit_breaker: ScenarioBreaker::Off,
            threshold: Threshold::default(),
            load_balancer: false,
            grace: Duration::ZERO,
            alarms: Vec::new(),
            strategy: Strategy::Rolling,
            bake: None,
            pauses: Vec::new(),
            controller: Controller::Ecs,
            settings: Map::new(),
        }
    }

    fn definition(&self) -> Result<TaskDefinition, InvalidScenario> {
        match (&self.image, &self.task_definition) {
            (None, Some(document)) => {
                let mut document = document.clone();
                if let Some(fields) = document.as_object_mut() {
                    fields
                        .entry("family")
                        .or_insert_with(|| self.name.as_str().into());
                }
                Ok(TaskDefinition::new(document))
            }
            (Some(image), None) => Ok(TaskDefinition::new(self.plain(image))),
            _ => Err(InvalidScenario::NothingToRun {
                service: self.name.clone(),
            }),
        }
    }

    fn plain(&self, image: &str) -> Value {
        let mut container = json!({
            "name": "app",
            "image": image,
            "essential": true,
            "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        });
        if let Some(group) = &self.log_group {
            container["logConfiguration"] = json!({
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": group,
                    "awslogs-region": "us-east-1",
                    "awslogs-stream-prefix": self.name,
                },
            });
        }
        let mut definition = json!({
            "family": self.name,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [container],
        });
        if self.log_group.is_some() {
            // Who writes a log has a role to write it with; a preflight looks for it.
            definition["executionRoleArn"] = EXECUTION_ROLE.into();
        }
        definition
    }

    fn spec(&self, cluster: &SimCluster) -> Result<ServiceSpec, InvalidScenario> {
        let service = || self.name.clone();
        let out_of_range = |key, value: String, rule| InvalidScenario::OutOfRange {
            service: service(),
            key,
            value,
            rule,
        };
        if self.maximum_percent < self.minimum_healthy_percent || self.maximum_percent == 0 {
            return Err(out_of_range(
                "maximum-percent",
                self.maximum_percent.to_string(),
                "it takes more than 0 and no less than `minimum-healthy-percent`",
            ));
        }
        let bake = self
            .bake
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| out_of_range("bake", seconds.to_string(), "it takes 0 or more"))
            })
            .transpose()?;
        let arn = cluster.register(&self.definition()?).map_err(|error| {
            InvalidScenario::TaskDefinition {
                service: service(),
                problem: error.to_string(),
            }
        })?;
        let mut spec = ServiceSpec::new(service(), arn, self.desired)
            .percent(self.minimum_healthy_percent, self.maximum_percent)
            .health_check(self.load_balancer)
            .grace(self.grace)
            .strategy(self.strategy)
            .controller(self.controller.clone());
        spec.circuit_breaker = match self.circuit_breaker {
            ScenarioBreaker::Off => None,
            ScenarioBreaker::On => Some(Breaker::new(false).threshold(self.threshold)),
            ScenarioBreaker::Rollback => Some(Breaker::new(true).threshold(self.threshold)),
        };
        spec.bake = bake;
        spec.hooks = self.pauses.iter().map(Hook::pause).collect();
        spec.alarms =
            (!self.alarms.is_empty()).then(|| AlarmRule::new(self.alarms.iter().cloned(), true));
        spec.settings = self.settings.clone();
        if self.load_balancer && !spec.settings.contains_key("loadBalancers") {
            let arn = format!(
                "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{}/0123456789abcdef",
                self.name
            );
            spec.settings.insert(
                "loadBalancers".to_owned(),
                json!([{"targetGroupArn": arn, "containerName": "app", "containerPort": 8080}]),
            );
        }
        Ok(spec)
    }
}

impl Scenario {
    /// A scenario without services.
    pub fn new(cluster: ClusterName) -> Self {
        Self {
            cluster,
            services: Vec::new(),
            faults: FaultPlan::default(),
        }
    }

    /// Adds a service.
    #[must_use]
    pub fn service(mut self, service: ScenarioService) -> Self {
        self.services.push(service);
        self
    }

    /// Sets what goes wrong.
    #[must_use]
    pub fn faults(mut self, faults: FaultPlan) -> Self {
        self.faults = faults;
        self
    }

    /// Makes the cluster, lets its services come to rest, and lets the faults take their course from then on.
    ///
    /// # Errors
    /// When the scenario does not hold together, or a service does not come to rest.
    pub fn stage(
        &self,
        timings: Timings,
        clock: Clock,
    ) -> Result<(SimCluster, Arc<ScriptedRuntime>), InvalidScenario> {
        let runtime = Arc::new(ScriptedRuntime::new(timings));
        let tasks = Arc::clone(&runtime);
        let cluster = SimCluster::with_clock(self.cluster.clone(), timings, tasks, clock);
        let mut names = BTreeMap::new();
        for service in &self.services {
            if names.insert(&service.name, service).is_some() {
                return Err(InvalidScenario::Twice {
                    service: service.name.clone(),
                });
            }
            let spec = service.spec(&cluster)?;
            cluster
                .create_service(spec)
                .map_err(|error| InvalidScenario::TaskDefinition {
                    service: service.name.clone(),
                    problem: error.to_string(),
                })?;
        }
        for happening in &self.faults.happenings {
            if !names.contains_key(&happening.service) {
                return Err(InvalidScenario::NoSuchService {
                    service: happening.service.clone(),
                });
            }
        }
        settle(&cluster, timings)?;
        cluster.apply(&self.faults, &runtime);
        Ok((cluster, runtime))
    }
}

fn settle(cluster: &SimCluster, timings: Timings) -> Result<(), InvalidScenario> {
    let until = cluster.now() + PATIENCE;
    while let Some(service) = cluster.restless() {
        if cluster.now() > until {
            return Err(InvalidScenario::Restless { service });
        }
        cluster.skip(timings.scheduler_pass);
    }
    Ok(())
}

impl SimCluster {
    /// A service whose deployment is not completed, if there is one. Pauses of a first deployment are nobody's to decide.
    fn restless(&self) -> Option<ServiceName> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let now = self.now();
        let content = state.clusters.get_mut(&self.name)?;
        for service in content.services.values_mut() {
            service.go_on(now);
        }
        content
            .services
            .values()
            .find(|service| {
                service
                    .deployments
                    .iter()
                    .any(|deployment| deployment.rollout_state != RolloutState::Completed)
            })
            .map(|service| service.spec.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_built_in_scenario_comes_to_rest() {
        for (name, about) in Scenario::BUILT_IN {
            let scenario = Scenario::built_in(name).unwrap();
            let (cluster, _) = scenario.stage(Timings::fargate(), Clock::tokio()).unwrap();
            assert_eq!(cluster.services().len(), scenario.services.len(), "{name}");
            assert!(!about.is_empty());
            let text = serde_json::to_string(&scenario).unwrap();
            assert_eq!(serde_json::from_str::<Scenario>(&text).unwrap(), scenario);
        }
        assert_eq!(Scenario::built_in("no-such"), None);
    }

    #[test]
    fn a_service_that_writes_a_log_has_a_role_to_write_it_with() {
        let mut web = ScenarioService::new("web".parse().unwrap(), "h/web:1");
        assert!(web.plain("h/web:1").get("executionRoleArn").is_none());
        web.log_group = Some("/ecs/web".to_owned());
        assert_eq!(web.plain("h/web:1")["executionRoleArn"], EXECUTION_ROLE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_hold_together_is_named() {
        let web = || ScenarioService::new("web".parse().unwrap(), "h/web:1");
        let refused = |scenario: Scenario| {
            scenario
                .stage(Timings::fargate(), Clock::tokio())
                .unwrap_err()
                .to_string()
        };
        let twice = Scenario::new(dev()).service(web()).service(web());
        assert_eq!(refused(twice), "the service `web` is there twice");
        let mut nothing = web();
        nothing.image = None;
        assert!(refused(Scenario::new(dev()).service(nothing)).contains("either `image`"));
        let mut low = web();
        low.maximum_percent = 50;
        assert!(
            refused(Scenario::new(dev()).service(low)).contains("`maximum-percent` of `web` is 50")
        );
        let broken = FaultPlan::default().image("h/web:1", super::super::Behaviour::MissingImage);
        // The parts of images count from when all is at rest.
        Scenario::new(dev())
            .service(web())
            .faults(broken)
            .stage(Timings::fargate(), Clock::tokio())
            .unwrap();
        let elsewhere = FaultPlan::default().then(
            Duration::ZERO,
            "other".parse().unwrap(),
            super::super::What::Stop,
        );
        let scenario = Scenario::new(dev()).service(web()).faults(elsewhere);
        assert!(refused(scenario).contains("`other`"));
    }
}
