//! The scheduler: one pass after another, each service by itself.

use tokio::time::Instant;

use super::cluster::{Inner, Phase, Service, SimDeployment, State, Task, observe};
use super::{Observation, TaskHealth};
use crate::service::bounds;
use crate::{
    DeploymentId, DeploymentStatus, RolloutState, ServiceDeploymentStatus, ServiceName, StopCode,
    StoppedTask, TaskId,
};

/// How long the same event is not repeated.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(6 * 3600);

/// How many stopped tasks a service remembers; ECS remembers them for about an hour.
const REMEMBERED: usize = 100;

impl Inner {
    /// Makes all passes that are due.
    pub(super) fn advance(&self, state: &mut State) {
        let now = Instant::now();
        while state.next_pass <= now {
            let at = state.next_pass;
            let names: Vec<ServiceName> = state.services.keys().cloned().collect();
            for name in names {
                // Taken out for the pass, so that ids can be drawn meanwhile.
                if let Some(mut service) = state.services.remove(&name) {
                    Pass {
                        inner: self,
                        state,
                        service: &mut service,
                        at,
                    }
                    .make();
                    state.services.insert(name, service);
                }
            }
            state.next_pass += self.timings.scheduler_pass;
        }
    }
}

/// One pass over one service.
struct Pass<'a> {
    inner: &'a Inner,
    state: &'a mut State,
    service: &'a mut Service,
    at: Instant,
}

impl Pass<'_> {
    fn make(&mut self) {
        self.observe();
        self.break_circuit();
        let acted = self.replace_unhealthy() | self.stop_old() | self.launch();
        self.explain_standstill(acted);
        self.complete();
        self.forget();
    }

    fn say(&mut self, message: impl AsRef<str>) {
        let number = self.state.next();
        self.service.say(number, message);
    }

    fn deployment(&mut self, id: &DeploymentId) -> Option<&mut SimDeployment> {
        self.service
            .deployments
            .iter_mut()
            .find(|deployment| deployment.id == *id)
    }

    fn count(&self, which: impl Fn(&Task) -> bool) -> u32 {
        u32::try_from(self.service.tasks.iter().filter(|task| which(task)).count())
            .unwrap_or(u32::MAX)
    }

    fn bounds(&self) -> (u32, u32) {
        let spec = &self.service.spec;
        bounds(
            spec.desired_count,
            spec.minimum_healthy_percent,
            spec.maximum_percent,
        )
    }

    /// Looks at each task once.
    fn observe(&mut self) {
        for index in 0..self.service.tasks.len() {
            let task = &self.service.tasks[index];
            match &task.phase {
                Phase::Stopped(_) => {}
                Phase::Stopping { since, stopped } => {
                    if self.at >= *since + self.inner.timings.stop {
                        let stopped = stopped.clone();
                        self.service.tasks[index].phase = Phase::Stopped(stopped);
                    }
                }
                Phase::Pending | Phase::Running { .. } => {
                    let observation = observe(self.inner, task);
                    self.take_in(index, observation);
                }
            }
        }
    }

    fn take_in(&mut self, index: usize, observation: Observation) {
        let task = &self.service.tasks[index];
        let (id, deployment) = (task.id.clone(), task.deployment.clone());
        let ran_since = match &task.phase {
            Phase::Running { since, .. } => Some(*since),
            _ => None,
        };
        let (was_healthy, was_unhealthy) = (task.is_healthy(), task.is_unhealthy());
        match observation {
            Observation::Pending => {}
            Observation::Running { health } => {
                let since = ran_since.unwrap_or(self.at);
                let health = if self.service.spec.health_check {
                    health
                } else if self.at >= since + self.inner.timings.healthy_without_check {
                    TaskHealth::Healthy
                } else {
                    TaskHealth::Unknown
                };
                if let TaskHealth::Unhealthy { reason } = &health
                    && !was_unhealthy
                {
                    let message = format!(
                        "(port 8080) is unhealthy in (target-group {}) due to (reason {reason}).",
                        self.service.spec.name
                    );
                    self.say(format!("(task {id}) {message}"));
                }
                if health == TaskHealth::Healthy && !was_healthy {
                    self.service.streak = 0;
                    if let Some(deployment) = self.deployment(&deployment) {
                        deployment.failed = 0;
                    }
                }
                self.service.tasks[index].phase = Phase::Running { since, health };
            }
            Observation::Stopped {
                stop_code,
                reason,
                containers,
            } => {
                let stopped = StoppedTask::new(id, stop_code, reason, containers);
                self.service.tasks[index].phase = Phase::Stopped(stopped);
                // A task that ran and then exited counts for nothing here: ECS's breaker does not see crash loops.
                if ran_since.is_none() {
                    self.failed(&deployment);
                }
            }
        }
    }

    fn failed(&mut self, deployment: &DeploymentId) {
        self.service.streak += 1;
        self.service.next_launch = Some(self.at + self.inner.timings.backoff(self.service.streak));
        if let Some(deployment) = self.deployment(deployment) {
            deployment.failed += 1;
        }
    }

    /// Ends a deployment that fails too often.
    fn break_circuit(&mut self) {
        let Some(breaker) = self.service.spec.circuit_breaker else {
            return;
        };
        // BOUNDED_PERCENT, the default: half of the desired count, at least 3 and at most 200.
        let threshold = self.service.spec.desired_count.div_ceil(2).clamp(3, 200);
        let Some(primary) = self.service.primary() else {
            return;
        };
        if primary.rollout_state != RolloutState::InProgress || primary.failed < threshold {
            return;
        }
        let id = primary.id.clone();
        self.say(format!(
            "(deployment {id}) deployment failed: tasks failed to start."
        ));
        let number = self.state.next();
        self.service.fail(
            &id,
            "ECS deployment circuit breaker: tasks failed to start.",
            breaker.rollback,
            number,
        );
    }

    /// Each unhealthy task: a new one of its own revision first, if there is room; then it goes.
    fn replace_unhealthy(&mut self) -> bool {
        let (_, maximum) = self.bounds();
        let unhealthy: Vec<TaskId> = self
            .service
            .tasks
            .iter()
            .filter(|task| task.is_unhealthy())
            .map(|task| task.id.clone())
            .collect();
        for id in unhealthy {
            let Some(index) = self.service.tasks.iter().position(|task| task.id == id) else {
                continue;
            };
            let deployment = self.service.tasks[index].deployment.clone();
            let is_failed = self
                .deployment(&deployment)
                .is_none_or(|deployment| deployment.rollout_state == RolloutState::Failed);
            let replacement = self.service.tasks[index].replaced_by.clone();
            let has_room = self.count(Task::is_alive) < maximum;
            match replacement {
                None if has_room && !is_failed && self.may_launch() => {
                    let replacement = self.start(&deployment);
                    self.service.tasks[index].replaced_by = replacement;
                    return true;
                }
                Some(replacement) if has_room && !is_failed => {
                    let replacement = self
                        .service
                        .tasks
                        .iter()
                        .find(|task| task.id == replacement);
                    if replacement.is_some_and(|task| task.is_wanted() && !task.is_healthy()) {
                        continue;
                    }
                }
                _ => {}
            }
            self.say(format!(
                "(task {id}) failed load balancer health checks and is replaced."
            ));
            let target_group = format!(
                "Task failed ELB health checks in (target-group {})",
                self.service.spec.name
            );
            self.stop(index, target_group);
            self.failed(&deployment);
            return true;
        }
        false
    }

    /// Tasks of deployments that are being replaced go when enough healthy ones stay.
    fn stop_old(&mut self) -> bool {
        let (minimum, maximum) = self.bounds();
        let desired = self.service.spec.desired_count;
        let mut acted = false;
        let Some((primary, primary_failed)) = self.service.primary().map(|primary| {
            (
                primary.id.clone(),
                primary.rollout_state == RolloutState::Failed,
            )
        }) else {
            return false;
        };
        if primary_failed {
            return false;
        }
        let mut healthy = self.count(Task::is_healthy);
        let mut wanted = self.count(Task::is_wanted);
        for index in 0..self.service.tasks.len() {
            let task = &self.service.tasks[index];
            if !task.is_wanted() {
                continue;
            }
            let is_old = task.deployment != primary;
            let is_healthy = task.is_healthy();
            let never_came_up = is_old
                && !is_healthy
                && self.service.deployments.iter().any(|deployment| {
                    deployment.id == task.deployment
                        && deployment.rollout_state == RolloutState::Failed
                });
            // After scaling in, tasks of the primary are too many as well.
            let surplus = wanted > desired || self.count(Task::is_alive) >= maximum || desired == 0;
            let spare = if is_healthy {
                healthy > minimum
            } else {
                healthy >= minimum
            };
            // An unhealthy task and the one that replaces it are two for a while, which is not too many.
            let steady = |task: &Task| {
                task.is_wanted() && !task.is_unhealthy() && task.deployment == primary
            };
            let too_many = !is_old && !task.is_unhealthy() && self.count(steady) > desired;
            if never_came_up || ((is_old || too_many) && surplus && spare) {
                let by = self
                    .service
                    .primary()
                    .map(|primary| primary.id.clone())
                    .unwrap_or_else(|| primary.clone());
                self.stop(
                    index,
                    format!("Scaling activity initiated by (deployment {by})"),
                );
                healthy -= u32::from(is_healthy);
                wanted -= 1;
                acted = true;
            }
        }
        acted
    }

    /// Starts what the primary deployment lacks, as far as there is room.
    fn launch(&mut self) -> bool {
        let (_, maximum) = self.bounds();
        let desired = self.service.spec.desired_count;
        let Some(primary) = self.service.primary() else {
            return false;
        };
        if primary.rollout_state == RolloutState::Failed {
            return false;
        }
        let id = primary.id.clone();
        let mut started = Vec::new();
        while self.may_launch()
            && self.count(|task| task.is_wanted() && task.deployment == id) < desired
            && self.count(Task::is_alive) < maximum
        {
            match self.start(&id) {
                Some(task) => started.push(format!("(task {task})")),
                None => break,
            }
        }
        if started.is_empty() {
            return false;
        }
        self.say(format!(
            "has started {} tasks: {}.",
            started.len(),
            started.join(" ")
        ));
        true
    }

    fn may_launch(&self) -> bool {
        self.service.next_launch.is_none_or(|next| self.at >= next)
    }

    fn start(&mut self, deployment: &DeploymentId) -> Option<TaskId> {
        let task_definition = self.deployment(deployment)?.task_definition.clone();
        let definition = self.state.definition(&task_definition).ok()?.clone();
        let number = self.state.next();
        let id: TaskId = format!("{number:032x}").parse().ok()?;
        let task = Task {
            id: id.clone(),
            deployment: deployment.clone(),
            task_definition,
            phase: Phase::Pending,
            replaced_by: None,
        };
        self.inner.launch(self.service, &task, &definition);
        self.service.tasks.push(task);
        Some(id)
    }

    fn stop(&mut self, index: usize, reason: String) {
        let task = &mut self.service.tasks[index];
        self.inner.runtime.stop(&task.id);
        let stopped = StoppedTask::new(
            task.id.clone(),
            StopCode::ServiceSchedulerInitiated,
            reason,
            Vec::new(),
        );
        task.phase = Phase::Stopping {
            since: self.at,
            stopped,
        };
    }

    /// Says that nothing can be done, and why, but not again and again.
    fn explain_standstill(&mut self, acted: bool) {
        let (_, maximum) = self.bounds();
        let desired = self.service.spec.desired_count;
        let Some(primary) = self.service.primary().map(|primary| primary.id.clone()) else {
            return;
        };
        let short = self.count(|task| task.is_wanted() && task.deployment == primary) < desired;
        let settled = self
            .service
            .tasks
            .iter()
            .filter(|task| task.is_alive())
            .all(Task::is_healthy);
        if acted || !short || self.count(Task::is_alive) < maximum || !settled {
            return;
        }
        if self
            .service
            .stuck_since
            .is_none_or(|since| self.at >= since + SILENCE)
        {
            self.service.stuck_since = Some(self.at);
            self.say(
                "was unable to stop or start tasks during a deployment because of the service deployment configuration. \
                 Update the minimumHealthyPercent or maximumPercent value and try again.",
            );
        }
    }

    /// Calls the primary deployment complete when all of its tasks are healthy and all others gone.
    fn complete(&mut self) {
        let desired = self.service.spec.desired_count;
        let Some(primary) = self.service.primary() else {
            return;
        };
        if primary.rollout_state != RolloutState::InProgress {
            return;
        }
        let id = primary.id.clone();
        let wanted = self.count(|task| task.is_wanted() && task.deployment == id);
        let healthy = self.count(|task| task.is_healthy() && task.deployment == id);
        let others = self.count(|task| task.is_alive() && task.deployment != id);
        if wanted != desired || healthy != desired || others > 0 {
            self.service.ready_since = None;
            return;
        }
        let since = *self.service.ready_since.get_or_insert(self.at);
        if self.at < since + self.inner.timings.bake {
            return;
        }
        let Some(primary) = self.service.primary() else {
            return;
        };
        primary.rollout_state = RolloutState::Completed;
        primary.reason = Some(format!("ECS deployment {id} completed."));
        let (task_definition, taken_back) =
            (primary.task_definition.clone(), primary.rolls_back.take());
        match taken_back {
            Some(failed) => {
                if let Some(record) = self.service.record(&failed) {
                    record.status = ServiceDeploymentStatus::RollbackSuccessful;
                }
            }
            None => {
                if let Some(record) = self
                    .service
                    .record(&id)
                    .filter(|record| !record.status.is_terminal())
                {
                    record.status = ServiceDeploymentStatus::Successful;
                }
            }
        }
        self.service.last_completed = Some(task_definition);
        self.service
            .deployments
            .retain(|deployment| deployment.id == id);
        self.service.stuck_since = None;
        self.say(format!("(deployment {id}) deployment completed."));
        self.say("has reached a steady state.");
    }

    fn forget(&mut self) {
        let stopped = self
            .service
            .tasks
            .iter()
            .filter(|task| !task.is_alive())
            .count();
        let mut surplus = stopped.saturating_sub(REMEMBERED);
        self.service.tasks.retain(|task| {
            let forgotten = surplus > 0 && !task.is_alive();
            surplus -= usize::from(forgotten);
            !forgotten
        });
    }
}

impl Service {
    /// A deployment has failed: it goes back to the last completed one, or stays as it is.
    pub(super) fn fail(&mut self, id: &DeploymentId, reason: &str, rollback: bool, number: u64) {
        // A rollback that fails is not rolled back in its turn.
        let taken_back = self
            .deployments
            .iter()
            .find(|d| d.id == *id)
            .and_then(|d| d.rolls_back.clone());
        let target = self
            .deployments
            .iter()
            .position(|d| d.id != *id && d.rollout_state == RolloutState::Completed)
            .filter(|_| rollback && taken_back.is_none());
        if let Some(failed) = self.deployments.iter_mut().find(|d| d.id == *id) {
            failed.rollout_state = RolloutState::Failed;
            failed.reason = Some(reason.to_owned());
        }
        if let Some(original) = taken_back {
            if let Some(record) = self.record(&original) {
                record.status = ServiceDeploymentStatus::RollbackFailed;
            }
            return;
        }
        let Some(target) = target else {
            if let Some(record) = self.record(id) {
                record.status = ServiceDeploymentStatus::Stopped;
                record.reason = Some(reason.to_owned());
            }
            return;
        };
        let back = self.deployments[target].id.clone();
        for deployment in &mut self.deployments {
            deployment.status = DeploymentStatus::Active;
        }
        let deployment = &mut self.deployments[target];
        deployment.status = DeploymentStatus::Primary;
        deployment.rollout_state = RolloutState::InProgress;
        deployment.failed = 0;
        deployment.reason = Some(format!(
            "ECS deployment circuit breaker: rolling back to deploymentId {back}."
        ));
        deployment.rolls_back = Some(id.clone());
        self.spec.task_definition = deployment.task_definition.clone();
        if let Some(record) = self.record(id) {
            record.status = ServiceDeploymentStatus::RollbackInProgress;
            record.reason = Some(reason.to_owned());
        }
        self.streak = 0;
        self.next_launch = None;
        self.ready_since = None;
        self.say(number, format!("rolling back to deployment {back}."));
    }
}
