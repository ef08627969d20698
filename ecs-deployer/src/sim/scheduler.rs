//! The scheduler: one pass after another, each service by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cluster::{Inner, State};
use super::model::{Cause, Completed, Phase, Service, SimDeployment, Task, group_of};
use super::{Knobs, Observation, TaskHealth};
use crate::{
    ClusterName, DeploymentId, RolloutState, ServiceDeploymentStatus, ServiceName, StopCode,
    StopType, StoppedTask, TaskId,
};

/// So many failures in a row, and ECS says that it cannot start tasks consistently.
const INCONSISTENT: u32 = 3;

impl Inner {
    /// Makes all passes and happenings that are due, in their order.
    pub(super) fn advance(&self, state: &mut State) {
        let now = self.clock.now();
        loop {
            let at = state.next_pass.min(now);
            if let Some((due, planned)) = state.agenda.take_due(at) {
                state.happen(self, planned, due);
                continue;
            }
            if state.next_pass > now {
                return;
            }
            self.pass(state, at);
            state.next_pass += self.timings.scheduler_pass;
        }
    }

    fn pass(&self, state: &mut State, at: Duration) {
        let clusters: Vec<ClusterName> = state.clusters.keys().cloned().collect();
        for cluster in clusters {
            let names: Vec<ServiceName> = state
                .clusters
                .get(&cluster)
                .map(|content| content.services.keys().cloned().collect())
                .unwrap_or_default();
            for name in names {
                // Taken out for the pass, so that ids can be drawn meanwhile.
                let taken = state
                    .clusters
                    .get_mut(&cluster)
                    .and_then(|content| content.services.remove(&name));
                let Some(mut service) = taken else { continue };
                Pass {
                    inner: self,
                    cluster: &cluster,
                    state,
                    service: &mut service,
                    at,
                }
                .make();
                if let Some(content) = state.clusters.get_mut(&cluster) {
                    content.services.insert(name, service);
                }
            }
            if let Some(content) = state.clusters.get_mut(&cluster) {
                self.look_after(&mut content.alone, at);
            }
        }
    }

    /// Looks at tasks that were run by themselves.
    fn look_after(&self, tasks: &mut Vec<Task>, at: Duration) {
        for task in tasks.iter_mut() {
            if task.is_wanted() {
                match self.runtime.observe_at(&task.id, at) {
                    Observation::Pending => {}
                    Observation::Running { health } => task.run(health, at),
                    Observation::Stopped {
                        stop_code,
                        reason,
                        containers,
                    } => {
                        let stopped =
                            StoppedTask::new(task.id.clone(), stop_code, reason, containers);
                        task.end(stopped, false, self.timings.stop, at);
                    }
                }
            } else {
                task.settle(at);
            }
        }
        tasks.retain(|task| !task.is_forgotten(self.timings.memory, at));
    }
}

/// One pass over one service.
pub(super) struct Pass<'a> {
    pub(super) inner: &'a Inner,
    pub(super) cluster: &'a ClusterName,
    pub(super) state: &'a mut State,
    pub(super) service: &'a mut Service,
    pub(super) at: Duration,
}

impl Pass<'_> {
    fn make(&mut self) {
        self.settle_records();
        self.observe();
        self.heed_alarms();
        self.break_circuit();
        let acted = self.replace_unhealthy() | self.stop_old() | self.shift() | self.launch();
        self.explain_standstill(acted);
        self.complete();
        self.heed_requests();
        let (memory, at) = (self.inner.timings.memory, self.at);
        self.service
            .tasks
            .retain(|task| !task.is_forgotten(memory, at));
    }

    pub(super) fn say(&mut self, message: impl AsRef<str>) {
        let number = self.state.next();
        self.service.say(number, self.at, message);
    }

    /// Says what is not said again until it is resolved, or for some hours.
    fn say_once(&mut self, message: &str) {
        let silence = self.inner.timings.silence;
        let said = self.service.quiet.get(message);
        if said.is_none_or(|said| self.at >= *said + silence) {
            self.service.quiet.insert(message.to_owned(), self.at);
            self.say(message);
        }
    }

    fn resolved(&mut self, beginning: &str) {
        self.service
            .quiet
            .retain(|message, _| !message.starts_with(beginning));
    }

    pub(super) fn deployment(&mut self, id: &DeploymentId) -> Option<&mut SimDeployment> {
        self.service
            .deployments
            .iter_mut()
            .find(|deployment| deployment.id == *id)
    }

    fn live(&self) -> u32 {
        self.service
            .count(|task| self.inner.rules.holds_place(task))
    }

    fn bounds(&self) -> (u32, u32) {
        let spec = &self.service.spec;
        let (minimum, maximum) = self.inner.rules.bounds(
            spec.desired_count,
            spec.minimum_healthy_percent,
            spec.maximum_percent,
        );
        if spec.strategy.shifts_traffic() {
            // Both revisions run in full; the percentages do not count.
            return (minimum, maximum.max(spec.desired_count.saturating_mul(2)));
        }
        (minimum, maximum)
    }

    /// What was begun or asked to end since the last pass is under way, or has ended.
    fn settle_records(&mut self) {
        let at = self.at;
        let aborted = self
            .service
            .records
            .iter()
            .find(|record| record.requested == Some(StopType::Abort))
            .map(|record| record.id.clone());
        if let Some(id) = aborted {
            self.fail(&id, &Service::cause_of_request(), false);
        }
        for record in &mut self.service.records {
            match record.status {
                ServiceDeploymentStatus::Pending => {
                    record.status = ServiceDeploymentStatus::InProgress;
                    record.started = Some(at);
                    record.updated = at;
                }
                ServiceDeploymentStatus::StopRequested => {
                    record.status = ServiceDeploymentStatus::Stopped;
                    record.stopped = Some(at);
                    record.finished = Some(at);
                    record.updated = at;
                }
                _ => {}
            }
        }
    }

    /// Looks at each task once.
    fn observe(&mut self) {
        let at = self.at;
        for index in 0..self.service.tasks.len() {
            let task = &mut self.service.tasks[index];
            if task.is_wanted() {
                let observation = self.inner.runtime.observe_at(&task.id, at);
                self.take_in(index, observation);
            } else if task.settle(at) {
                let deployment = task.deployment.clone();
                self.count_failure(deployment.as_ref());
            }
        }
    }

    fn take_in(&mut self, index: usize, observation: Observation) {
        let task = &self.service.tasks[index];
        let (id, deployment) = (task.id.clone(), task.deployment.clone());
        let (was_healthy, was_unhealthy) = (task.is_healthy(), task.is_unhealthy());
        let ran = task.started.is_some();
        match observation {
            Observation::Pending => {}
            Observation::Running { health } => {
                let since = task.started.unwrap_or(self.at);
                let health = self.judge(index, health, since);
                if !was_unhealthy {
                    self.tell_unhealthy(&id, &health);
                }
                if health == TaskHealth::Healthy && !was_healthy {
                    self.note_healthy(deployment.as_ref());
                }
                if !ran && self.service.spec.health_check {
                    let target_group = self.target_group();
                    self.say(format!("registered 1 targets in ({target_group})."));
                }
                self.service.tasks[index].run(health, self.at);
            }
            Observation::Stopped {
                stop_code,
                reason,
                containers,
            } => {
                let stopped = StoppedTask::new(id, stop_code, reason, containers);
                // A task that ran and then exited counts for nothing here: ECS's breaker does not see crash loops.
                let counts = !ran || self.state.knobs.exits_count;
                let takes = if ran {
                    self.inner.timings.stop
                } else {
                    self.inner.timings.deprovision
                };
                self.service.tasks[index].end(stopped, counts, takes, self.at);
                if counts {
                    self.back_off();
                }
            }
        }
    }

    /// What the checks that the service has say of a task.
    fn judge(&self, index: usize, seen: TaskHealth, since: Duration) -> TaskHealth {
        let spec = &self.service.spec;
        let age = self.at.saturating_sub(since);
        let container_check = self.service.tasks[index].container_check;
        if !spec.health_check && !container_check {
            return if age >= self.inner.timings.healthy_without_check {
                TaskHealth::Healthy
            } else {
                TaskHealth::Unknown
            };
        }
        match seen {
            TaskHealth::Unhealthy { .. } if !spec.health_check => TaskHealth::Healthy,
            TaskHealth::ContainerUnhealthy if !container_check => TaskHealth::Healthy,
            TaskHealth::Unhealthy { .. } | TaskHealth::ContainerUnhealthy if age < spec.grace => {
                TaskHealth::Unknown
            }
            seen => seen,
        }
    }

    fn target_group(&self) -> String {
        let known = self.service.spec.settings.get("loadBalancers");
        let arn = known.and_then(|balancers| balancers[0]["targetGroupArn"].as_str());
        arn.map_or_else(
            || format!("target-group {}", self.service.spec.name),
            |arn| format!("target-group {arn}"),
        )
    }

    fn tell_unhealthy(&mut self, id: &TaskId, health: &TaskHealth) {
        match health {
            TaskHealth::Unhealthy { reason } => {
                let target_group = self.target_group();
                self.say(format!(
                    "(task {id}) (port 8080) is unhealthy in ({target_group}) due to (reason {reason})."
                ));
            }
            TaskHealth::ContainerUnhealthy => {
                self.say(format!("(task {id}) failed container health checks."));
            }
            TaskHealth::Unknown | TaskHealth::Healthy => {}
        }
    }

    fn note_healthy(&mut self, deployment: Option<&DeploymentId>) {
        self.service.streak = 0;
        self.resolved("is unable to consistently start");
        let resets = self
            .service
            .spec
            .circuit_breaker
            .is_none_or(|breaker| breaker.reset_on_healthy_task);
        let at = self.at;
        if let Some(deployment) = deployment.and_then(|id| self.deployment(id))
            && resets
        {
            deployment.failed = 0;
            deployment.broken = None;
            deployment.updated = at;
        }
    }

    /// One more failure in a row: the next launch waits longer.
    fn back_off(&mut self) {
        self.service.streak += 1;
        self.service.next_launch = Some(self.at + self.inner.timings.backoff(self.service.streak));
        if self.service.streak >= INCONSISTENT {
            self.say_once("is unable to consistently start tasks successfully.");
        }
    }

    fn count_failure(&mut self, deployment: Option<&DeploymentId>) {
        let at = self.at;
        if let Some(deployment) = deployment.and_then(|id| self.deployment(id)) {
            deployment.failed += 1;
            deployment.updated = at;
            let (id, failures) = (deployment.id.clone(), deployment.failed);
            if let Some(record) = self.service.record(&id) {
                record.failures = failures;
            }
        }
    }

    /// Ends a deployment while which an alarm came on.
    fn heed_alarms(&mut self) {
        let Some(rule) = self.service.spec.alarms.clone() else {
            return;
        };
        let Some(primary) = self.service.primary() else {
            return;
        };
        let triggered: BTreeSet<String> = rule
            .names
            .difference(&primary.ignored_alarms)
            .cloned()
            .collect();
        let id = primary.id.clone();
        let is_under_way = primary.rollout_state == RolloutState::InProgress;
        let triggered: BTreeSet<String> = triggered
            .intersection(&self.state.alarms)
            .cloned()
            .collect();
        if triggered.is_empty() || !is_under_way {
            return;
        }
        self.say(format!(
            "(deployment {id}) deployment failed: alarm detected."
        ));
        if let Some(record) = self.service.record(&id) {
            record.triggered_alarms.clone_from(&triggered);
        }
        self.fail(&id, &Cause::Alarms(triggered), rule.rollback);
    }

    /// Ends a deployment that fails too often.
    fn break_circuit(&mut self) {
        let Some(breaker) = self.service.spec.circuit_breaker else {
            return;
        };
        let threshold = breaker.threshold.failures(self.service.spec.desired_count);
        let (at, hesitates) = (self.at, self.inner.timings.breaker);
        let Some(primary) = self.service.primary() else {
            return;
        };
        if primary.rollout_state != RolloutState::InProgress || primary.failed < threshold {
            return;
        }
        let since = *primary.broken.get_or_insert(at);
        if at < since + hesitates {
            return;
        }
        let id = primary.id.clone();
        self.say(format!(
            "(deployment {id}) deployment failed: tasks failed to start."
        ));
        self.fail(&id, &Cause::Breaker, breaker.rollback);
    }

    pub(super) fn fail(&mut self, id: &DeploymentId, cause: &Cause, rollback: bool) {
        let new_id = self.state.next_deployment();
        let Knobs {
            rollback_takes_new_id: renew,
            ..
        } = self.state.knobs;
        let back = self
            .service
            .fail(id, cause, rollback, new_id, renew, self.at);
        if let Some(back) = back {
            self.say(format!("rolling back to deployment {back}."));
        }
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
            let Some(deployment) = self.service.tasks[index].deployment.clone() else {
                continue;
            };
            let is_failed = self
                .deployment(&deployment)
                .is_none_or(|deployment| deployment.rollout_state == RolloutState::Failed);
            let replacement = self.service.tasks[index].replaced_by.clone();
            let has_room = self.live() < maximum;
            match replacement {
                None if has_room && !is_failed && self.may_launch() && self.has_capacity() => {
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
            let by_container = matches!(
                self.service.tasks[index].phase,
                Phase::Running {
                    health: TaskHealth::ContainerUnhealthy,
                    ..
                }
            );
            let reason = if by_container {
                "Task failed container health checks".to_owned()
            } else {
                format!("Task failed ELB health checks in ({})", self.target_group())
            };
            self.stop(&[index], &reason);
            self.back_off();
            self.count_failure(Some(&deployment));
            return true;
        }
        false
    }

    /// Tasks of deployments that are being replaced go when enough healthy ones stay.
    fn stop_old(&mut self) -> bool {
        let (minimum, maximum) = self.bounds();
        let desired = if self.service.draining {
            0
        } else {
            self.service.spec.desired_count
        };
        let Some((primary, primary_failed, goes_back)) = self.service.primary().map(|primary| {
            (
                primary.id.clone(),
                primary.rollout_state == RolloutState::Failed,
                primary.rolls_back.is_some(),
            )
        }) else {
            return false;
        };
        if primary_failed && !self.service.draining {
            return false;
        }
        let waits = !goes_back && self.source_still_serves(&primary);
        let rules = self.inner.rules;
        let mut healthy = self.service.count(Task::is_healthy);
        let mut wanted = self.service.count(Task::is_wanted);
        let mut leaving = Vec::new();
        for index in 0..self.service.tasks.len() {
            let task = &self.service.tasks[index];
            if !task.is_wanted() {
                continue;
            }
            let is_old = !task.is_of(&primary);
            if is_old && waits {
                continue;
            }
            let is_healthy = task.is_healthy();
            let never_came_up = is_old
                && !is_healthy
                && self.service.deployments.iter().any(|deployment| {
                    task.is_of(&deployment.id) && deployment.rollout_state == RolloutState::Failed
                });
            // After scaling in, tasks of the primary are too many as well.
            let surplus = wanted > desired || self.live() >= maximum || desired == 0;
            let spare = if is_healthy {
                rules.spares(healthy, minimum)
            } else {
                healthy >= minimum
            };
            // An unhealthy task and the one that replaces it are two for a while, which is not too many.
            let steady =
                |task: &Task| task.is_wanted() && !task.is_unhealthy() && task.is_of(&primary);
            let gone: Vec<usize> = leaving.clone();
            let steady_now = self
                .service
                .tasks
                .iter()
                .enumerate()
                .filter(|(index, task)| !gone.contains(index) && steady(task))
                .count();
            let too_many = !is_old
                && !task.is_unhealthy()
                && u32::try_from(steady_now).unwrap_or(u32::MAX) > desired;
            if never_came_up
                || ((is_old || too_many) && surplus && (spare || self.service.draining))
            {
                leaving.push(index);
                healthy = healthy.saturating_sub(u32::from(is_healthy));
                wanted -= 1;
            }
        }
        if leaving.is_empty() {
            return false;
        }
        let reason = format!("Scaling activity initiated by (deployment {primary})");
        self.stop(&leaving, &reason);
        true
    }

    /// Starts what the primary deployment lacks, as far as there is room.
    fn launch(&mut self) -> bool {
        let (_, maximum) = self.bounds();
        let desired = self.service.spec.desired_count;
        let draining = self.service.draining;
        let Some(primary) = self.service.primary() else {
            return false;
        };
        if primary.rollout_state == RolloutState::Failed || draining {
            return false;
        }
        let id = primary.id.clone();
        if !self.may_scale_up(&id) {
            return false;
        }
        let mut started = Vec::new();
        while self.may_launch()
            && self
                .service
                .count(|task| task.is_wanted() && task.is_of(&id))
                < desired
            && self.live() < maximum
        {
            if !self.has_capacity() {
                self.say_once(
                    "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a \
                     different availability zone.",
                );
                break;
            }
            match self.start(&id) {
                Some(task) => started.push(format!("(task {task})")),
                None => break,
            }
        }
        if started.is_empty() {
            return false;
        }
        self.resolved("was unable to place");
        self.say(format!(
            "has started {} tasks: {}.",
            started.len(),
            started.join(" ")
        ));
        true
    }

    fn has_capacity(&self) -> bool {
        self.service
            .capacity
            .is_none_or(|places| self.service.count(Task::is_alive) < places)
    }

    fn may_launch(&self) -> bool {
        self.service.next_launch.is_none_or(|next| self.at >= next)
    }

    fn start(&mut self, deployment: &DeploymentId) -> Option<TaskId> {
        let task_definition = self.deployment(deployment)?.task_definition.clone();
        let definition = self
            .state
            .definition(&task_definition)
            .ok()?
            .document
            .clone();
        let id = self.state.next_task();
        let group = group_of(&self.service.spec.name);
        let mut task = Task::new(
            id.clone(),
            Some(deployment.clone()),
            task_definition,
            group,
            self.at,
        );
        task.started_by = Some(deployment.to_string());
        task.container_check = self.service.spec.container_check || has_health_check(&definition);
        task.digests = self.resolve(deployment, &definition);
        self.inner
            .launch(self.cluster, &self.service.spec.name, &task, &definition);
        self.service.tasks.push(task);
        Some(id)
    }

    /// The digests of the images: those that the deployment's first task found.
    fn resolve(
        &mut self,
        deployment: &DeploymentId,
        definition: &serde_json::Value,
    ) -> std::collections::BTreeMap<String, String> {
        let images = crate::TaskDefinition::new(definition.clone()).containers();
        let found: Vec<(String, String)> = images
            .iter()
            .map(|(_, image)| (image.to_string(), self.state.digest(image)))
            .collect();
        let Some(deployment) = self.deployment(deployment) else {
            return found.into_iter().collect();
        };
        for (image, digest) in found {
            deployment.digests.entry(image).or_insert(digest);
        }
        let (id, digests) = (deployment.id.clone(), deployment.digests.clone());
        if let Some(record) = self.service.record(&id) {
            record.digests.clone_from(&digests);
        }
        digests
    }

    /// Asks tasks to stop, and says so.
    fn stop(&mut self, indices: &[usize], reason: &str) {
        let balanced = self.service.spec.health_check;
        let mut names = Vec::new();
        let mut draining = 0;
        for index in indices {
            let task = &mut self.service.tasks[*index];
            self.inner.runtime.stop(&task.id);
            let drains = balanced && task.is_running();
            let takes = self.inner.timings.stop
                + if drains {
                    self.inner.timings.drain
                } else {
                    Duration::ZERO
                };
            draining += u32::from(drains);
            names.push(format!("(task {})", task.id));
            task.ask_to_stop(StopCode::ServiceSchedulerInitiated, reason, takes, self.at);
        }
        if draining > 0 {
            let target_group = self.target_group();
            self.say(format!(
                "deregistered {draining} targets in ({target_group})"
            ));
            self.say(format!(
                "has begun draining connections on {draining} tasks."
            ));
        }
        self.say(format!(
            "has stopped {} running tasks: {}.",
            names.len(),
            names.join(" ")
        ));
    }

    /// Says that nothing can be done, and why, but not again and again.
    fn explain_standstill(&mut self, acted: bool) {
        let (_, maximum) = self.bounds();
        let desired = self.service.spec.desired_count;
        let Some(primary) = self.service.primary_id() else {
            return;
        };
        let short = self
            .service
            .count(|task| task.is_wanted() && task.is_of(&primary))
            < desired;
        let settled = self
            .service
            .tasks
            .iter()
            .filter(|task| task.is_alive())
            .all(Task::is_healthy);
        if acted || !short || self.live() < maximum || !settled {
            return;
        }
        self.say_once(
            "was unable to stop or start tasks during a deployment because of the service deployment configuration. \
             Update the minimumHealthyPercent or maximumPercent value and try again.",
        );
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
        let (id, goes_back) = (primary.id.clone(), primary.rolls_back.is_some());
        let wanted = self
            .service
            .count(|task| task.is_wanted() && task.is_of(&id));
        let healthy = self
            .service
            .count(|task| task.is_healthy() && task.is_of(&id));
        let others = self
            .service
            .count(|task| task.is_alive() && !task.is_of(&id));
        if wanted != desired || healthy != desired || others > 0 || self.shift_goes_on(&id) {
            self.service.ready_since = None;
            return;
        }
        let since = *self.service.ready_since.get_or_insert(self.at);
        if !goes_back && self.at < since + self.bake() {
            return;
        }
        self.make_complete(&id);
    }

    /// How long a deployment is watched once it has all it needs.
    fn bake(&self) -> Duration {
        let (spec, timings) = (&self.service.spec, &self.inner.timings);
        if spec.strategy.shifts_traffic() {
            // Its stages have seen to it.
            return Duration::ZERO;
        }
        let default = if spec.alarms.is_some() {
            timings.alarm_bake
        } else {
            timings.bake
        };
        spec.bake.unwrap_or(default)
    }

    fn make_complete(&mut self, id: &DeploymentId) {
        let at = self.at;
        let Some(primary) = self.service.primary() else {
            return;
        };
        primary.rollout_state = RolloutState::Completed;
        primary.reason = Some(format!("ECS deployment {id} completed."));
        primary.updated = at;
        let (task_definition, taken_back) =
            (primary.task_definition.clone(), primary.rolls_back.take());
        let (recorded, status) = taken_back
            .as_ref()
            .map_or((id, ServiceDeploymentStatus::Successful), |failed| {
                (failed, ServiceDeploymentStatus::RollbackSuccessful)
            });
        if let Some(record) = self
            .service
            .record(recorded)
            .filter(|record| !record.status.is_terminal())
        {
            record.status = status;
            record.requested = None;
            record.finished = Some(at);
            record.updated = at;
        }
        self.service.last_completed = Some(Completed {
            id: id.clone(),
            task_definition,
        });
        self.service
            .deployments
            .retain(|deployment| deployment.id == *id);
        self.resolved("was unable to stop or start");
        self.say(format!("(deployment {id}) deployment completed."));
        self.say("has reached a steady state.");
    }

    /// A person wants a deployment to go back. One that was completed meanwhile stays so.
    fn heed_requests(&mut self) {
        let asked = self
            .service
            .records
            .iter()
            .find(|record| {
                record.status == ServiceDeploymentStatus::RollbackRequested
                    && record.requested == Some(StopType::Rollback)
            })
            .map(|record| record.id.clone());
        if let Some(id) = asked {
            self.fail(&id, &Service::cause_of_request(), true);
        }
    }
}

/// Whether a container of a task definition has a health check of its own.
pub(super) fn has_health_check(definition: &serde_json::Value) -> bool {
    let containers = definition["containerDefinitions"].as_array();
    containers
        .into_iter()
        .flatten()
        .any(|container| container["healthCheck"].is_object())
}

impl Task {
    pub(super) fn run(&mut self, health: TaskHealth, at: Duration) {
        self.started.get_or_insert(at);
        self.phase = Phase::Running { health };
    }

    pub(super) fn end(
        &mut self,
        stopped: StoppedTask,
        counts: bool,
        takes: Duration,
        at: Duration,
    ) {
        self.stopping = Some(at);
        self.phase = Phase::Ended {
            since: at,
            takes,
            counts,
            stopped,
        };
    }

    /// Lets a task that was stopping be stopped when it is time; says whether it counts as a failure now.
    pub(super) fn settle(&mut self, at: Duration) -> bool {
        let (since, takes, failed, stopped) = match &self.phase {
            Phase::Stopping {
                since,
                takes,
                stopped,
            } => (*since, *takes, false, stopped.clone()),
            Phase::Ended {
                since,
                takes,
                counts,
                stopped,
            } => (*since, *takes, *counts, stopped.clone()),
            Phase::Pending | Phase::Running { .. } | Phase::Stopped(_) => return false,
        };
        if at < since + takes {
            return false;
        }
        self.stopped = Some(at);
        self.phase = Phase::Stopped(stopped);
        failed
    }

    /// Whether it stopped so long ago that nobody remembers it.
    pub(super) fn is_forgotten(&self, memory: Duration, at: Duration) -> bool {
        self.stopped.is_some_and(|stopped| at >= stopped + memory)
    }
}
