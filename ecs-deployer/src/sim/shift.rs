//! The stages of deployments that shift traffic: BLUE_GREEN, LINEAR, CANARY.

use std::time::Duration;

use super::Strategy;
use super::model::{Cause, HookRun, HookState, Shift, Task};
use super::scheduler::Pass;
use crate::{DeploymentId, ServiceDeploymentStatus};

/// The stages, in their order.
pub(super) const STAGES: [&str; 10] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

const SCALE_UP: usize = 2;
const TEST_TRAFFIC_SHIFT: usize = 4;
const PRODUCTION_TRAFFIC_SHIFT: usize = 6;
const BAKE_TIME: usize = 8;
const CLEAN_UP: usize = 9;

/// Where hooks may stand of which no stage has the name.
const BEFORE_PRODUCTION: &str = "PRE_PRODUCTION_TRAFFIC_SHIFT";

impl Pass<'_> {
    fn shift_of(&mut self, id: &DeploymentId) -> Option<&mut Shift> {
        let record = self.service.record(id)?;
        if record.status == ServiceDeploymentStatus::RollbackInProgress {
            return None;
        }
        record.shift.as_mut()
    }

    fn stage(&self, id: &DeploymentId) -> Option<usize> {
        let record = self.service.records.iter().find(|r| r.id == *id)?;
        if record.status == ServiceDeploymentStatus::RollbackInProgress {
            return None;
        }
        // A deployment that comes back, or came back, has its stages behind it.
        let goes_back = self
            .service
            .deployments
            .iter()
            .any(|d| d.id == *id && d.rolls_back.is_some());
        if goes_back || record.status.is_terminal() {
            return None;
        }
        record.shift.as_ref().map(|shift| shift.stage)
    }

    /// Whether the primary's source must not be touched yet: it has traffic.
    pub(super) fn source_still_serves(&self, primary: &DeploymentId) -> bool {
        self.stage(primary).is_some_and(|stage| stage < CLEAN_UP)
    }

    /// Whether the stages allow new tasks.
    pub(super) fn may_scale_up(&self, primary: &DeploymentId) -> bool {
        self.stage(primary).is_none_or(|stage| stage >= SCALE_UP)
    }

    /// Whether there are stages before the last one to go through.
    pub(super) fn shift_goes_on(&self, primary: &DeploymentId) -> bool {
        self.stage(primary).is_some_and(|stage| stage < CLEAN_UP)
    }

    /// Goes one stage on if this one is done.
    pub(super) fn shift(&mut self) -> bool {
        let Some(primary) = self.service.primary_id() else {
            return false;
        };
        let Some(stage) = self.stage(&primary) else {
            return false;
        };
        if stage >= CLEAN_UP || self.primary_failed() || !self.hooks_are_done(&primary, stage) {
            return false;
        }
        if !self.stage_is_done(&primary, stage) {
            return false;
        }
        let at = self.at;
        if let Some(shift) = self.shift_of(&primary) {
            shift.stage += 1;
            shift.since = at;
            if shift.stage == TEST_TRAFFIC_SHIFT {
                shift.test_weight = 100.0;
            }
        }
        true
    }

    fn primary_failed(&mut self) -> bool {
        self.service
            .primary()
            .is_none_or(|primary| primary.rollout_state == crate::RolloutState::Failed)
    }

    fn stage_is_done(&mut self, primary: &DeploymentId, stage: usize) -> bool {
        let (at, strategy) = (self.at, self.service.spec.strategy);
        let bake = self.service.spec.bake.unwrap_or(self.inner.timings.bake);
        let desired = self.service.spec.desired_count;
        let healthy = self
            .service
            .count(|task: &Task| task.is_healthy() && task.is_of(primary));
        let Some(shift) = self.shift_of(primary) else {
            return false;
        };
        match stage {
            SCALE_UP => healthy >= desired,
            PRODUCTION_TRAFFIC_SHIFT => shift.production(strategy, at),
            BAKE_TIME => at >= shift.since + bake,
            _ => true,
        }
    }

    /// Whether no hook of this stage is under way; begins those that were not begun.
    fn hooks_are_done(&mut self, primary: &DeploymentId, stage: usize) -> bool {
        let at = self.at;
        let names: &[&str] = if stage == PRODUCTION_TRAFFIC_SHIFT {
            &[BEFORE_PRODUCTION, STAGES[stage]]
        } else {
            &STAGES[stage..=stage]
        };
        let wanted = self.service.spec.hooks.clone();
        for (number, hook) in wanted.iter().enumerate() {
            if !names.contains(&hook.stage.as_str()) {
                continue;
            }
            let id = format!("hook-{}-{number}", primary.number());
            let Some(shift) = self.shift_of(primary) else {
                return true;
            };
            let Some(run) = shift.hooks.iter_mut().find(|run| run.id == id) else {
                shift.hooks.push(HookRun {
                    id,
                    stage: hook.stage.clone(),
                    pause: hook.pause,
                    fails: hook.fails,
                    state: if hook.pause {
                        HookState::AwaitingAction
                    } else {
                        HookState::InProgress
                    },
                    since: at,
                    timeout: hook.timeout,
                });
                return false;
            };
            match run.state {
                HookState::Succeeded => continue,
                HookState::InProgress if !run.fails => run.state = HookState::Succeeded,
                HookState::InProgress => run.state = HookState::Failed,
                HookState::AwaitingAction if at >= run.since + run.timeout => {
                    run.state = HookState::TimedOut;
                }
                HookState::AwaitingAction => return false,
                HookState::Failed | HookState::TimedOut => {}
            }
            let timed_out = run.state == HookState::TimedOut;
            if run.state != HookState::Succeeded {
                let stage = hook.stage.clone();
                self.say(format!(
                    "(deployment {primary}) deployment failed: lifecycle hook at {stage}."
                ));
                self.fail(primary, &Cause::Hook { stage, timed_out }, true);
                return false;
            }
        }
        true
    }
}

impl Shift {
    /// Moves production traffic as far as it is time; says whether all of it is over.
    fn production(&mut self, strategy: Strategy, at: Duration) -> bool {
        match strategy {
            Strategy::Rolling | Strategy::BlueGreen => self.weight = 100.0,
            Strategy::Linear {
                step_percent,
                step_bake,
            } => {
                if self.weight <= 0.0 || at >= self.since + step_bake {
                    self.weight = (self.weight + step_percent.max(1.0)).min(100.0);
                    self.since = at;
                }
            }
            Strategy::Canary { percent, bake } => {
                if self.weight <= 0.0 {
                    self.weight = percent;
                    self.since = at;
                } else if at >= self.since + bake {
                    self.weight = 100.0;
                }
            }
        }
        self.weight >= 100.0
    }
}
