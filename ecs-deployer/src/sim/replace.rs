//! Which tasks a pass starts, and which it stops.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::TaskHealth;
use super::model::{Phase, Task, group_of};
use super::scheduler::Pass;
use crate::{DeploymentId, RolloutState, StopCode, TaskDefinition, TaskId};

impl Pass<'_> {
    /// Each unhealthy task: a new one of its own revision first, if there is room; then it goes.
    pub(super) fn replace_unhealthy(&mut self) -> bool {
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
    pub(super) fn stop_old(&mut self) -> bool {
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
        // An unhealthy task and the one that replaces it are two for a while, which is not too many.
        let is_steady =
            |task: &Task| task.is_wanted() && !task.is_unhealthy() && task.is_of(&primary);
        let mut steady = self.service.count(is_steady);
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
            let counts = is_steady(task);
            let too_many = counts && steady > desired;
            if never_came_up
                || ((is_old || too_many) && surplus && (spare || self.service.draining))
            {
                leaving.push(index);
                steady -= u32::from(counts);
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
    pub(super) fn launch(&mut self) -> bool {
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

    pub(super) fn has_capacity(&self) -> bool {
        self.service
            .capacity
            .is_none_or(|places| self.service.count(Task::is_alive) < places)
    }

    pub(super) fn may_launch(&self) -> bool {
        self.service.next_launch.is_none_or(|next| self.at >= next)
    }

    pub(super) fn start(&mut self, deployment: &DeploymentId) -> Option<TaskId> {
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
    pub(super) fn resolve(
        &mut self,
        deployment: &DeploymentId,
        definition: &Value,
    ) -> BTreeMap<String, String> {
        let images = TaskDefinition::new(definition.clone()).containers();
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
    pub(super) fn stop(&mut self, indices: &[usize], reason: &str) {
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
    pub(super) fn explain_standstill(&mut self, acted: bool) {
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
}

/// Whether a container of a task definition has a health check of its own.
pub(super) fn has_health_check(definition: &Value) -> bool {
    let containers = definition["containerDefinitions"].as_array();
    containers
        .into_iter()
        .flatten()
        .any(|container| container["healthCheck"].is_object())
}
