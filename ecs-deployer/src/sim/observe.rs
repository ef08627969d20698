//! What a pass sees of the tasks, and what it makes of it.

use std::time::Duration;

use super::model::{Phase, Task};
use super::scheduler::Pass;
use super::{Observation, TaskHealth};
use crate::{DeploymentId, StoppedTask, TaskId};

/// So many failures in a row, and ECS says that it cannot start tasks consistently.
const INCONSISTENT: u32 = 3;

impl Pass<'_> {
    /// Looks at each task once.
    pub(super) fn observe(&mut self) {
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

    pub(super) fn take_in(&mut self, index: usize, observation: Observation) {
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
    pub(super) fn judge(&self, index: usize, seen: TaskHealth, since: Duration) -> TaskHealth {
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

    pub(super) fn target_group(&self) -> String {
        let known = self.service.spec.settings.get("loadBalancers");
        let arn = known.and_then(|balancers| balancers[0]["targetGroupArn"].as_str());
        arn.map_or_else(
            || format!("target-group {}", self.service.spec.name),
            |arn| format!("target-group {arn}"),
        )
    }

    pub(super) fn tell_unhealthy(&mut self, id: &TaskId, health: &TaskHealth) {
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

    pub(super) fn note_healthy(&mut self, deployment: Option<&DeploymentId>) {
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
    pub(super) fn back_off(&mut self) {
        self.service.streak += 1;
        self.service.next_launch = Some(self.at + self.inner.timings.backoff(self.service.streak));
        if self.service.streak >= INCONSISTENT {
            self.say_once("is unable to consistently start tasks successfully.");
        }
    }

    pub(super) fn count_failure(&mut self, deployment: Option<&DeploymentId>) {
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
