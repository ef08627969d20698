//! The scheduler: one pass after another, each service by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cluster::Inner;
use super::model::{Cause, Completed, Service, SimDeployment, Task};
use super::state::State;
use super::{Knobs, Observation};
use crate::{
    ClusterName, DeploymentId, RolloutState, ServiceDeploymentStatus, ServiceName, StopType,
    StoppedTask,
};

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
    pub(super) fn say_once(&mut self, message: &str) {
        let silence = self.inner.timings.silence;
        let said = self.service.quiet.get(message);
        if said.is_none_or(|said| self.at >= *said + silence) {
            self.service.quiet.insert(message.to_owned(), self.at);
            self.say(message);
        }
    }

    pub(super) fn resolved(&mut self, beginning: &str) {
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

    pub(super) fn live(&self) -> u32 {
        self.service
            .count(|task| self.inner.rules.holds_place(task))
    }

    pub(super) fn bounds(&self) -> (u32, u32) {
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
    pub(super) fn settle_records(&mut self) {
        let at = self.at;
        let aborted = self
            .service
            .records
            .iter()
            .find(|record| record.requested == Some(StopType::Abort))
            .map(|record| record.id.clone());
        if let Some(id) = aborted {
            self.fail(&id, &Cause::User, false);
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

    /// Ends a deployment while which an alarm came on.
    pub(super) fn heed_alarms(&mut self) {
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
    pub(super) fn break_circuit(&mut self) {
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

    /// Calls the primary deployment complete when all of its tasks are healthy and all others gone.
    pub(super) fn complete(&mut self) {
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
    pub(super) fn bake(&self) -> Duration {
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

    pub(super) fn make_complete(&mut self, id: &DeploymentId) {
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
    pub(super) fn heed_requests(&mut self) {
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
            self.fail(&id, &Cause::User, true);
        }
    }
}
