//! The simulated cluster and what it holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::{Observation, TaskHealth, TaskLaunch, TaskRuntime, Timings};
use crate::{
    ClusterName, DeploymentId, DeploymentStatus, Error, RolloutState, ServiceDeploymentStatus,
    ServiceEvent, ServiceName, StopCode, StoppedTask, TaskDefinition, TaskDefinitionArn, TaskId,
};

/// How many events a service keeps, as ECS does.
const EVENTS: usize = 100;

/// How many records of deployments a service keeps; ECS keeps them for 90 days.
const RECORDS: usize = 100;

/// A simulated cluster. Clones are the same cluster.
#[derive(Debug, Clone)]
pub struct SimCluster {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) name: ClusterName,
    pub(super) timings: Timings,
    pub(super) runtime: Arc<dyn TaskRuntime>,
    state: Mutex<State>,
}

/// All that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) next_pass: Instant,
    pub(super) definitions: BTreeMap<String, Vec<Value>>,
    pub(super) services: BTreeMap<ServiceName, Service>,
    pub(super) counter: u64,
    /// Calls that are to fail, by how they do.
    pub(super) faults: VecDeque<CallFault>,
    pub(super) calls: BTreeMap<&'static str, u64>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallFault {
    Throttled,
    Unreachable,
}

/// A service that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether health checks decide that a task is healthy, or its age alone.
    pub health_check: bool,
}

/// The deployment circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Breaker {
    /// Whether a failed deployment goes back to the last completed one.
    pub rollback: bool,
}

impl ServiceSpec {
    /// A service with the defaults of ECS.
    pub const fn new(
        name: ServiceName,
        task_definition: TaskDefinitionArn,
        desired_count: u32,
    ) -> Self {
        Self {
            name,
            task_definition,
            desired_count,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: None,
            health_check: false,
        }
    }

    /// Sets the bounds of a deployment in percent of the desired count.
    #[must_use]
    pub const fn percent(mut self, minimum_healthy: u32, maximum: u32) -> Self {
        self.minimum_healthy_percent = minimum_healthy;
        self.maximum_percent = maximum;
        self
    }

    /// Lets health checks decide.
    #[must_use]
    pub const fn health_check(mut self, on: bool) -> Self {
        self.health_check = on;
        self
    }

    /// Ends a failing deployment and leaves it at that.
    #[must_use]
    pub const fn circuit_breaker(mut self) -> Self {
        self.circuit_breaker = Some(Breaker { rollback: false });
        self
    }

    /// Ends a failing deployment and goes back.
    #[must_use]
    pub const fn circuit_breaker_rollback(mut self) -> Self {
        self.circuit_breaker = Some(Breaker { rollback: true });
        self
    }
}

/// A service with all that belongs to it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) spec: ServiceSpec,
    /// The newest first.
    pub(super) deployments: Vec<SimDeployment>,
    pub(super) records: Vec<Record>,
    pub(super) tasks: Vec<Task>,
    /// The newest first.
    pub(super) events: VecDeque<ServiceEvent>,
    /// Failures in a row.
    pub(super) streak: u32,
    pub(super) next_launch: Option<Instant>,
    pub(super) stuck_since: Option<Instant>,
    /// Since when the primary deployment has all it needs.
    pub(super) ready_since: Option<Instant>,
    /// The task definition of the last deployment that was completed.
    pub(super) last_completed: Option<TaskDefinitionArn>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SimDeployment {
    pub(super) id: DeploymentId,
    pub(super) status: DeploymentStatus,
    pub(super) task_definition: TaskDefinitionArn,
    pub(super) failed: u32,
    pub(super) rollout_state: RolloutState,
    pub(super) reason: Option<String>,
    /// The deployment that this one takes back, while it does.
    pub(super) rolls_back: Option<DeploymentId>,
}

/// A service deployment's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: DeploymentId,
    pub(super) status: ServiceDeploymentStatus,
    pub(super) reason: Option<String>,
    /// What the deployment brings.
    #[serde(default)]
    pub(super) task_definition: Option<TaskDefinitionArn>,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) deployment: DeploymentId,
    pub(super) task_definition: TaskDefinitionArn,
    pub(super) phase: Phase,
    /// This unhealthy task has one that replaces it.
    pub(super) replaced_by: Option<TaskId>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Pending,
    Running {
        since: Instant,
        health: TaskHealth,
    },
    Stopping {
        since: Instant,
        stopped: StoppedTask,
    },
    Stopped(StoppedTask),
}

/// A task of a simulated cluster, for whoever looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskView {
    /// The task.
    pub id: TaskId,
    /// Its deployment.
    pub deployment: DeploymentId,
    /// Its task definition.
    pub task_definition: TaskDefinitionArn,
    /// `PENDING`, `RUNNING`, `STOPPING` or `STOPPED`.
    pub status: &'static str,
    /// What its health checks say; `None` when it does not run.
    pub health: Option<TaskHealth>,
}

impl SimCluster {
    /// An empty cluster.
    pub fn new(name: ClusterName, timings: Timings, runtime: Arc<dyn TaskRuntime>) -> Self {
        let state = State {
            next_pass: Instant::now() + timings.scheduler_pass,
            definitions: BTreeMap::new(),
            services: BTreeMap::new(),
            counter: 0,
            faults: VecDeque::new(),
            calls: BTreeMap::new(),
        };
        Self::with_state(name, timings, runtime, state)
    }

    pub(super) fn with_state(
        name: ClusterName,
        timings: Timings,
        runtime: Arc<dyn TaskRuntime>,
        state: State,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                timings,
                runtime,
                state: Mutex::new(state),
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the scheduler make all passes that are due. Every call to the cluster does this first; a program whose tasks are
    /// real calls it now and then.
    pub fn advance(&self) {
        self.inner.advance(&mut self.lock());
    }

    /// The names of all services.
    pub fn services(&self) -> Vec<ServiceName> {
        self.lock().services.keys().cloned().collect()
    }

    /// Registers a task definition, as the control plane does.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has no family.
    pub fn register(&self, definition: &TaskDefinition) -> Result<TaskDefinitionArn, Error> {
        self.inner.register(&mut self.lock(), definition)
    }

    /// Makes a service and begins its first deployment.
    ///
    /// # Errors
    /// When its task definition does not exist, or the service does already.
    pub fn create_service(&self, spec: ServiceSpec) -> Result<DeploymentId, Error> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        if state.services.contains_key(&spec.name) {
            let message = Some("Creation of service was not idempotent.".to_owned());
            let code = Some("InvalidParameterException".to_owned());
            return Err(Error::Refused {
                operation: "create the service",
                code,
                message,
                request_id: None,
            });
        }
        state.definition(&spec.task_definition)?;
        let id = state.next_deployment();
        let name = spec.name.clone();
        let mut service = Service {
            spec,
            deployments: Vec::new(),
            records: Vec::new(),
            tasks: Vec::new(),
            events: VecDeque::new(),
            streak: 0,
            next_launch: None,
            stuck_since: None,
            ready_since: None,
            last_completed: None,
        };
        service.begin(id.clone());
        state.services.insert(name, service);
        Ok(id)
    }

    /// Removes a service with its tasks.
    pub fn delete_service(&self, name: &ServiceName) {
        let removed = self.lock().services.remove(name);
        for task in removed
            .iter()
            .flat_map(|service| &service.tasks)
            .filter(|task| task.is_alive())
        {
            self.inner.runtime.stop(&task.id);
        }
    }

    /// Changes how many tasks a service shall run, as an autoscaler does.
    pub fn scale(&self, name: &ServiceName, desired_count: u32) {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        if let Some(service) = state.services.get_mut(name) {
            service.spec.desired_count = desired_count;
        }
    }

    /// Stops a task, as a person does: it counts as no failure. A task that is not there or does not run is left alone.
    pub fn stop_task(&self, name: &ServiceName, task: &TaskId, reason: impl Into<String>) {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let task = state
            .services
            .get_mut(name)
            .and_then(|service| service.tasks.iter_mut().find(|known| known.id == *task))
            .filter(|task| task.is_wanted());
        if let Some(task) = task {
            self.inner.runtime.stop(&task.id);
            let code = StopCode::UserInitiated;
            task.phase = Phase::Stopping {
                since: Instant::now(),
                stopped: StoppedTask::new(task.id.clone(), code, reason, Vec::new()),
            };
        }
    }

    /// All tasks of a service that it remembers, oldest first.
    pub fn tasks(&self, name: &ServiceName) -> Vec<TaskView> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        state
            .services
            .get(name)
            .map(|service| service.tasks.iter().map(Task::view).collect())
            .unwrap_or_default()
    }

    /// Makes the next calls of the control plane fail as throttled.
    pub fn throttle_next(&self, calls: usize) {
        self.lock()
            .faults
            .extend(std::iter::repeat_n(CallFault::Throttled, calls));
    }

    /// Makes the next calls of the control plane fail as out of reach.
    pub fn lose_next(&self, calls: usize) {
        self.lock()
            .faults
            .extend(std::iter::repeat_n(CallFault::Unreachable, calls));
    }

    /// How often the control plane was called, by operation.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.lock().calls.clone()
    }
}

impl State {
    pub(super) fn definition(&self, arn: &TaskDefinitionArn) -> Result<&Value, Error> {
        let revision = arn.revision() as usize;
        self.definitions
            .get(arn.family())
            .and_then(|revisions| revisions.get(revision.checked_sub(1)?))
            .ok_or_else(|| Error::TaskDefinitionNotFound {
                task_definition: arn.to_string(),
            })
    }

    pub(super) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn next_deployment(&mut self) -> DeploymentId {
        // 19 digits, as ECS has them.
        let number = 1_000_000_000_000_000_000 + self.next();
        format!("ecs-svc/{number}")
            .parse()
            .expect("digits follow the prefix")
    }
}

impl Inner {
    pub(super) fn register(
        &self,
        state: &mut State,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        let document = definition.for_registration();
        let family = definition.family();
        let revisions = state.definitions.get(family).map_or(0, Vec::len) + 1;
        let arn = format!("{family}:{revisions}")
            .parse()
            .map_err(|_| Error::Refused {
                operation: "register the task definition",
                code: Some("ClientException".to_owned()),
                message: Some("Family contains invalid characters.".to_owned()),
                request_id: None,
            })?;
        state
            .definitions
            .entry(family.to_owned())
            .or_default()
            .push(document);
        Ok(arn)
    }

    pub(super) fn launch(&self, service: &Service, task: &Task, definition: &Value) {
        let images = TaskDefinition::new(definition.clone()).containers();
        self.runtime.start(&TaskLaunch {
            cluster: self.name.clone(),
            service: service.spec.name.clone(),
            task: task.id.clone(),
            deployment: task.deployment.clone(),
            task_definition: task.task_definition.clone(),
            images,
        });
    }
}

impl Service {
    /// Begins a deployment of what the spec names: the old primary gives way, a deployment under way is stopped.
    pub(super) fn begin(&mut self, id: DeploymentId) {
        for deployment in &mut self.deployments {
            deployment.status = DeploymentStatus::Active;
            deployment.rolls_back = None;
        }
        for record in self
            .records
            .iter_mut()
            .filter(|record| !record.status.is_terminal())
        {
            record.status = ServiceDeploymentStatus::Stopped;
            record.reason = Some(
                "Service deployment stopped because a newer deployment was started.".to_owned(),
            );
        }
        self.records.push(Record {
            id: id.clone(),
            status: ServiceDeploymentStatus::InProgress,
            reason: None,
            task_definition: Some(self.spec.task_definition.clone()),
        });
        let surplus = self.records.len().saturating_sub(RECORDS);
        self.records.drain(..surplus);
        let reason = format!("ECS deployment {id} in progress.");
        let task_definition = self.spec.task_definition.clone();
        self.deployments.insert(
            0,
            SimDeployment {
                id,
                status: DeploymentStatus::Primary,
                task_definition,
                failed: 0,
                rollout_state: RolloutState::InProgress,
                reason: Some(reason),
                rolls_back: None,
            },
        );
        self.streak = 0;
        self.next_launch = None;
        self.ready_since = None;
    }

    pub(super) fn say(&mut self, number: u64, message: impl AsRef<str>) {
        let message = format!("(service {}) {}", self.spec.name, message.as_ref());
        self.events
            .push_front(ServiceEvent::new(format!("event-{number}"), message));
        self.events.truncate(EVENTS);
    }

    pub(super) fn record(&mut self, id: &DeploymentId) -> Option<&mut Record> {
        self.records.iter_mut().find(|record| record.id == *id)
    }

    pub(super) fn primary(&mut self) -> Option<&mut SimDeployment> {
        self.deployments
            .iter_mut()
            .find(|deployment| deployment.status == DeploymentStatus::Primary)
    }
}

impl Task {
    /// It was not asked to stop and has not ended.
    pub(super) const fn is_wanted(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Running { .. })
    }

    /// It holds a place: a task that is being stopped still does.
    pub(super) const fn is_alive(&self) -> bool {
        !matches!(self.phase, Phase::Stopped(_))
    }

    pub(super) fn is_healthy(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Running {
                health: TaskHealth::Healthy,
                ..
            }
        )
    }

    pub(super) fn is_unhealthy(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Running {
                health: TaskHealth::Unhealthy { .. },
                ..
            }
        )
    }

    fn view(&self) -> TaskView {
        let (status, health) = match &self.phase {
            Phase::Pending => ("PENDING", None),
            Phase::Running { health, .. } => ("RUNNING", Some(health.clone())),
            Phase::Stopping { .. } => ("STOPPING", None),
            Phase::Stopped(_) => ("STOPPED", None),
        };
        let (id, deployment, task_definition) = (
            self.id.clone(),
            self.deployment.clone(),
            self.task_definition.clone(),
        );
        TaskView {
            id,
            deployment,
            task_definition,
            status,
            health,
        }
    }
}

/// What a runtime says of a task, for the scheduler.
pub(super) fn observe(inner: &Inner, task: &Task) -> Observation {
    inner.runtime.observe(&task.id)
}
