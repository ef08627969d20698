//! One service under watch: polling, counting, telling.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::diagnosis::{cause, is_failure, sentence};
use crate::{
    ClusterName, ControlPlane, DeploymentId, Error, Event, ImageRef, Observer, Options,
    ServiceEvent, ServiceName, ServiceOutcome, ServiceState, StoppedTask, TaskDefinitionArn,
    TaskId, Verdict,
};

/// What is known about a service while it is followed.
pub(super) struct Watch<'a> {
    pub(super) plane: &'a dyn ControlPlane,
    pub(super) cluster: &'a ClusterName,
    pub(super) service: &'a ServiceName,
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    pub(super) previous: Option<TaskDefinitionArn>,
    pub(super) image: Option<ImageRef>,
    started: Instant,
    events: Vec<ServiceEvent>,
    seen_events: BTreeSet<String>,
    failed: BTreeMap<TaskId, StoppedTask>,
    order: Vec<TaskId>,
    numbers: Option<[u32; 5]>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        plane: &'a dyn ControlPlane,
        cluster: &'a ClusterName,
        service: &'a ServiceName,
        options: &'a Options,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            plane,
            cluster,
            service,
            options,
            observer,
            previous: None,
            image: None,
            started: Instant::now(),
            events: Vec::new(),
            seen_events: BTreeSet::new(),
            failed: BTreeMap::new(),
            order: Vec::new(),
            numbers: None,
        }
    }

    /// The service as it is now.
    pub(super) async fn look(&self) -> Result<ServiceState, Error> {
        let states = self
            .plane
            .describe_services(self.cluster, std::slice::from_ref(self.service))
            .await?;
        states
            .into_iter()
            .next()
            .ok_or_else(|| Error::ServiceNotFound {
                cluster: self.cluster.clone(),
                service: self.service.clone(),
            })
    }

    /// The service's history so far is not news.
    pub(super) fn skip_history(&mut self, state: &ServiceState) {
        self.seen_events
            .extend(state.events.iter().map(|event| event.id.clone()));
    }

    /// Looks until the deadline; a look that fails for a passing reason is told and repeated. `None` at the deadline.
    pub(super) async fn look_again(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<ServiceState>, Error> {
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(
                self.options
                    .poll
                    .max(Duration::from_millis(1))
                    .min(deadline - now),
            )
            .await;
            match tokio::time::timeout_at(deadline, self.look()).await {
                Err(_) => return Ok(None),
                Ok(Ok(state)) => {
                    self.tell_events(&state);
                    return Ok(Some(state));
                }
                Ok(Err(error)) if error.is_passing() => self.tell_failed_poll(&error),
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    pub(super) fn tell_failed_poll(&self, error: &Error) {
        self.observer.observe(Event::PollFailed {
            service: self.service.clone(),
            error: error.to_string(),
        });
    }

    fn tell_events(&mut self, state: &ServiceState) {
        for event in state.events.iter().rev() {
            if self.seen_events.insert(event.id.clone()) {
                self.events.push(event.clone());
                let (service, message) = (self.service.clone(), event.message.clone());
                self.observer
                    .observe(Event::ServiceEvent { service, message });
            }
        }
    }

    pub(super) fn tell_progress(&mut self, state: &ServiceState, id: &DeploymentId) {
        let ours = state.deployment(id);
        let running = ours.map_or(0, |deployment| deployment.running);
        let numbers = [
            state.desired,
            running,
            ours.map_or(0, |deployment| deployment.pending),
            ours.map_or(0, |deployment| deployment.failed_tasks),
            state.running.saturating_sub(running),
        ];
        if self.numbers.replace(numbers) != Some(numbers) {
            let [desired, running, pending, failed, old_running] = numbers;
            let service = self.service.clone();
            self.observer.observe(Event::Progress {
                service,
                desired,
                running,
                pending,
                failed,
                old_running,
            });
        }
    }

    /// Takes note of the deployment's failed tasks and returns how many there are by now.
    pub(super) async fn count_failures(&mut self, id: &DeploymentId) -> Result<u32, Error> {
        match self
            .plane
            .stopped_tasks(self.cluster, self.service, id)
            .await
        {
            Ok(tasks) => {
                for task in tasks.into_iter().filter(is_failure) {
                    if !self.failed.contains_key(&task.task) {
                        let cause = cause(&task, &self.events);
                        self.observer.observe(Event::TaskStopped {
                            service: self.service.clone(),
                            task: task.clone(),
                            cause,
                        });
                        self.order.push(task.task.clone());
                        self.failed.insert(task.task.clone(), task);
                    }
                }
            }
            Err(error) if error.is_passing() => self.tell_failed_poll(&error),
            Err(error) => return Err(error),
        }
        Ok(u32::try_from(self.failed.len()).unwrap_or(u32::MAX))
    }

    /// The failed tasks so far, oldest first.
    pub(super) fn failed_tasks(&self) -> Vec<StoppedTask> {
        self.order
            .iter()
            .filter_map(|id| self.failed.get(id))
            .cloned()
            .collect()
    }

    /// Why it fails: the tasks' causes, else what ECS says.
    pub(super) fn reason(&self, otherwise: &str) -> String {
        sentence(self.service, &self.failed_tasks(), &self.events)
            .unwrap_or_else(|| format!("{}: {otherwise}", self.service))
    }

    /// Puts the outcome together and tells it.
    pub(super) fn end(
        &self,
        verdict: Verdict,
        deployment: Option<DeploymentId>,
        task_definition: Option<TaskDefinitionArn>,
        reason: Option<String>,
    ) -> ServiceOutcome {
        self.observer.observe(Event::Finished {
            service: self.service.clone(),
            verdict,
            reason: reason.clone(),
        });
        ServiceOutcome {
            service: self.service.clone(),
            verdict,
            deployment,
            task_definition,
            previous_task_definition: self.previous.clone(),
            image: self.image.clone(),
            reason,
            stopped_tasks: self.failed_tasks(),
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }
}
