//! The simulated cluster and what it holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::model::{Phase, Service, Task};
use super::rules::Rules;
use super::state::{CallFault, State};
use super::{Clock, Knobs, ServiceSpec, TaskHealth, TaskLaunch, TaskRuntime, Timings};
use crate::{
    ClusterName, DeploymentId, Error, ServiceName, StopCode, StopType, StoppedTask, TaskDefinition,
    TaskDefinitionArn, TaskId,
};

/// A simulated cluster. Clones are the same cluster.
#[derive(Debug, Clone)]
pub struct SimCluster {
    pub(super) name: ClusterName,
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) clock: Clock,
    pub(super) timings: Timings,
    pub(super) runtime: Arc<dyn TaskRuntime>,
    pub(super) rules: Rules,
    state: Mutex<State>,
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
    /// `PENDING`, `RUNNING`, `STOPPING`, `DEPROVISIONING` or `STOPPED`.
    pub status: &'static str,
    /// What its health checks say; `None` when it does not run.
    pub health: Option<TaskHealth>,
    /// The digests that its images were found to have, by image.
    pub digests: BTreeMap<String, String>,
}

impl SimCluster {
    /// An empty cluster.
    pub fn new(name: ClusterName, timings: Timings, runtime: Arc<dyn TaskRuntime>) -> Self {
        Self::with_clock(name, timings, runtime, Clock::tokio())
    }

    /// An empty cluster whose time is that of `clock`.
    pub fn with_clock(
        name: ClusterName,
        timings: Timings,
        runtime: Arc<dyn TaskRuntime>,
        clock: Clock,
    ) -> Self {
        let state = State::new(clock.now() + timings.scheduler_pass);
        Self::with_state(name, timings, runtime, clock, Rules::default(), state)
    }

    /// An empty cluster that breaks a rule, to see that a check finds it.
    #[cfg(any(test, feature = "testing"))]
    pub fn with_flaw(
        name: ClusterName,
        timings: Timings,
        runtime: Arc<dyn TaskRuntime>,
        flaw: super::Flaw,
    ) -> Self {
        let clock = Clock::tokio();
        let state = State::new(clock.now() + timings.scheduler_pass);
        let rules = Rules { flaw: Some(flaw) };
        Self::with_state(name, timings, runtime, clock, rules, state)
    }

    pub(super) fn with_state(
        name: ClusterName,
        timings: Timings,
        runtime: Arc<dyn TaskRuntime>,
        clock: Clock,
        rules: Rules,
        mut state: State,
    ) -> Self {
        state.clusters.entry(name.clone()).or_default();
        Self {
            name,
            inner: Arc::new(Inner {
                clock,
                timings,
                runtime,
                rules,
                state: Mutex::new(state),
            }),
        }
    }

    /// Another cluster of the same account: its task definitions, its time and its limits are the same. It is made if it is
    /// not there.
    #[must_use]
    pub fn another(&self, name: ClusterName) -> Self {
        self.lock().clusters.entry(name.clone()).or_default();
        Self {
            name,
            inner: Arc::clone(&self.inner),
        }
    }

    /// Its name.
    pub const fn name(&self) -> &ClusterName {
        &self.name
    }

    /// The model's time.
    pub fn now(&self) -> Duration {
        self.inner.clock.now()
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

    /// Puts the model's clock forward and lets the scheduler make the passes of that time.
    pub fn skip(&self, by: Duration) {
        self.inner.clock.skip(by);
        self.advance();
    }

    /// The names of all services.
    pub fn services(&self) -> Vec<ServiceName> {
        let state = self.lock();
        state
            .clusters
            .get(&self.name)
            .map(|content| content.services.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Registers a task definition, as the control plane does.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has no family.
    pub fn register(&self, definition: &TaskDefinition) -> Result<TaskDefinitionArn, Error> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let now = self.now();
        state.register(definition, now)
    }

    /// Makes a service and begins its first deployment.
    ///
    /// # Errors
    /// When its task definition does not exist, or the service does already.
    pub fn create_service(&self, spec: ServiceSpec) -> Result<DeploymentId, Error> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        if state
            .service(&self.name, &spec.name)
            .is_some_and(|service| !service.draining)
        {
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
        let now = self.now();
        let mut service = Service::new(spec, now);
        service.begin(id.clone(), now, &state.alarms);
        state
            .clusters
            .entry(self.name.clone())
            .or_default()
            .services
            .insert(name, service);
        Ok(id)
    }

    /// Removes a service with its tasks.
    pub fn delete_service(&self, name: &ServiceName) {
        let removed = self
            .lock()
            .clusters
            .get_mut(&self.name)
            .and_then(|content| content.services.remove(name));
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
        self.change(name, |_, service| {
            service.spec.desired_count = desired_count
        });
    }

    /// Sets how many tasks of a service there is room for; `None` for any number.
    pub fn capacity(&self, name: &ServiceName, places: Option<u32>) {
        self.change(name, |_, service| service.capacity = places);
    }

    /// Changes a service's bounds, circuit breaker or alarms, which begins no deployment.
    pub fn reconfigure(&self, name: &ServiceName, change: impl FnOnce(&mut ServiceSpec)) {
        self.change(name, |_, service| {
            let (task_definition, name) = (
                service.spec.task_definition.clone(),
                service.spec.name.clone(),
            );
            change(&mut service.spec);
            (service.spec.task_definition, service.spec.name) = (task_definition, name);
        });
    }

    fn change<T>(
        &self,
        name: &ServiceName,
        change: impl FnOnce(Duration, &mut Service) -> T,
    ) -> Option<T> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let now = self.now();
        state
            .service_mut(&self.name, name)
            .map(|service| change(now, service))
    }

    /// Turns an alarm on or off.
    pub fn alarm(&self, name: impl Into<String>, on: bool) {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        if on {
            state.alarms.insert(name.into());
        } else {
            state.alarms.remove(&name.into());
        }
    }

    /// Moves an image's tag to a digest, as a push does. Tasks of deployments that have resolved it keep what they found.
    pub fn push_image(&self, image: impl Into<String>, digest: impl Into<String>) {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        state.pushed.insert(image.into(), digest.into());
    }

    /// Begins a deployment as somebody else would: of another image, or of the same revision once more.
    ///
    /// # Errors
    /// [`Error::ServiceNotFound`].
    pub fn supersede(
        &self,
        name: &ServiceName,
        image: Option<&str>,
    ) -> Result<DeploymentId, Error> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let now = self.now();
        let id = state.supersede(&self.name, name, image, now)?;
        state.agenda.begun(&self.name, name, now);
        Ok(id)
    }

    /// Stops a deployment that is under way, as `StopServiceDeployment` does.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has ended, or cannot go back.
    pub fn stop(&self, name: &ServiceName, id: &DeploymentId, how: StopType) -> Result<(), Error> {
        self.change(name, |now, service| service.request_stop(id, how, now))
            .unwrap_or_else(|| {
                Err(Error::ServiceNotFound {
                    cluster: self.name.clone(),
                    service: name.clone(),
                })
            })
    }

    /// Stops a task, as a person does: it counts as no failure. A task that is not there or does not run is left alone.
    pub fn stop_task(&self, name: &ServiceName, task: &TaskId, reason: impl Into<String>) {
        let (runtime, takes) = (&self.inner.runtime, self.inner.timings.stop);
        self.change(name, |now, service| {
            let task = service.tasks.iter_mut().find(|known| known.id == *task);
            if let Some(task) = task.filter(|task| task.is_wanted()) {
                runtime.stop(&task.id);
                task.ask_to_stop(StopCode::UserInitiated, reason.into(), takes, now);
            }
        });
    }

    /// All tasks of a service that it remembers, oldest first.
    pub fn tasks(&self, name: &ServiceName) -> Vec<TaskView> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        state
            .service(&self.name, name)
            .map(|service| service.tasks.iter().filter_map(Task::view).collect())
            .unwrap_or_default()
    }

    /// Makes the next calls of the control plane fail as throttled.
    pub fn throttle_next(&self, calls: usize) {
        self.fault_next(CallFault::Throttled, calls);
    }

    /// Makes the next calls of the control plane fail as out of reach.
    pub fn lose_next(&self, calls: usize) {
        self.fault_next(CallFault::Unreachable, calls);
    }

    /// Lets the next calls of the control plane be carried out, and their answers be lost.
    pub fn lose_next_answers(&self, calls: usize) {
        self.fault_next(CallFault::AnswerLost, calls);
    }

    fn fault_next(&self, fault: CallFault, calls: usize) {
        self.lock().faults.extend(std::iter::repeat_n(fault, calls));
    }

    /// How often the control plane was called, by operation.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.lock().calls.clone()
    }

    /// How often the operations of ECS's API were called, by their names; calls of the trait count as those that they take.
    pub fn api_calls(&self) -> BTreeMap<String, u64> {
        self.lock().rates.calls().clone()
    }

    /// How many calls of the API were throttled.
    pub fn throttled(&self) -> u64 {
        self.lock().rates.throttled()
    }

    /// Throttles calls as the published rates have it, in tokio's time; off at first.
    pub fn limit_rates(&self, on: bool) {
        self.lock().rates.enforce(on);
    }

    /// Sets where ECS is known to behave in more than one way.
    pub fn knobs(&self, knobs: Knobs) {
        self.lock().knobs = knobs;
    }
}

impl Inner {
    pub(super) fn launch(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        task: &Task,
        definition: &Value,
    ) {
        self.runtime
            .start(&task.as_launch(cluster, service, definition));
    }
}

impl Task {
    pub(super) fn ask_to_stop(
        &mut self,
        code: StopCode,
        reason: impl Into<String>,
        takes: Duration,
        at: Duration,
    ) {
        self.stopping = Some(at);
        self.phase = Phase::Stopping {
            since: at,
            takes,
            stopped: StoppedTask::new(self.id.clone(), code, reason, Vec::new()),
        };
    }

    /// What a runtime is told of it.
    pub(super) fn as_launch(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        definition: &Value,
    ) -> TaskLaunch {
        let nobody = || "ecs-svc/0".parse().expect("digits follow the prefix");
        TaskLaunch {
            cluster: cluster.clone(),
            service: service.clone(),
            task: self.id.clone(),
            deployment: self.deployment.clone().unwrap_or_else(nobody),
            task_definition: self.task_definition.clone(),
            images: TaskDefinition::new(definition.clone()).containers(),
            digests: self.digests.clone(),
            at: self.created,
        }
    }

    fn view(&self) -> Option<TaskView> {
        let health = match &self.phase {
            Phase::Running { health, .. } => Some(health.clone()),
            _ => None,
        };
        Some(TaskView {
            id: self.id.clone(),
            deployment: self.deployment.clone()?,
            task_definition: self.task_definition.clone(),
            status: self.status(),
            health,
            digests: self.digests.clone(),
        })
    }
}
