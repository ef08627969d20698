//! What the model holds of services: their deployments, records and tasks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ServiceSpec;
pub(super) use super::cause::Cause;
pub(super) use super::task::{Phase, Task, group_of};
use crate::{
    DeploymentId, DeploymentStatus, RolloutState, ServiceDeploymentStatus, ServiceEvent, StopType,
    TaskDefinitionArn,
};

/// How many events a service keeps, as ECS does.
const EVENTS: usize = 100;

/// How many records of deployments a service keeps; ECS keeps them for 90 days.
const RECORDS: usize = 100;

/// A service with all that belongs to it. Times are the model's.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) spec: ServiceSpec,
    pub(super) created: Duration,
    /// It was deleted: its tasks go, and nothing is started any more.
    pub(super) draining: bool,
    /// The newest first.
    pub(super) deployments: Vec<SimDeployment>,
    pub(super) records: Vec<Record>,
    pub(super) tasks: Vec<Task>,
    /// The newest first.
    pub(super) events: VecDeque<Said>,
    /// Texts that are not said again for a while, with when they were said.
    pub(super) quiet: BTreeMap<String, Duration>,
    /// Failures in a row.
    pub(super) streak: u32,
    pub(super) next_launch: Option<Duration>,
    /// Since when the primary deployment has all it needs.
    pub(super) ready_since: Option<Duration>,
    /// The last deployment that was completed.
    pub(super) last_completed: Option<Completed>,
    /// How many tasks there is room for on the hosts.
    pub(super) capacity: Option<u32>,
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) event: ServiceEvent,
    pub(super) at: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Completed {
    pub(super) id: DeploymentId,
    pub(super) task_definition: TaskDefinitionArn,
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
    pub(super) created: Duration,
    pub(super) updated: Duration,
    /// The digest that each image was found to have by the first task.
    pub(super) digests: BTreeMap<String, String>,
    /// Alarms that were on when it began: they say nothing about it.
    pub(super) ignored_alarms: BTreeSet<String>,
    /// When its failures reached the threshold.
    pub(super) broken: Option<Duration>,
}

/// A service deployment's record, with the service revision of the same number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: DeploymentId,
    pub(super) status: ServiceDeploymentStatus,
    pub(super) reason: Option<String>,
    pub(super) task_definition: TaskDefinitionArn,
    /// Fields of the service at that time which the model only keeps.
    pub(super) settings: Map<String, Value>,
    /// The deployments that had tasks when it began.
    pub(super) sources: Vec<DeploymentId>,
    pub(super) created: Duration,
    pub(super) started: Option<Duration>,
    pub(super) finished: Option<Duration>,
    pub(super) stopped: Option<Duration>,
    pub(super) updated: Duration,
    pub(super) rollback: Option<Rollback>,
    pub(super) superseded_by: Option<(DeploymentId, TaskDefinitionArn)>,
    /// A person wants it to end, from the next pass on.
    pub(super) requested: Option<StopType>,
    pub(super) failures: u32,
    /// The circuit breaker has ended it.
    pub(super) broken: bool,
    /// The digest that each image was found to have by the deployment's first task.
    pub(super) digests: BTreeMap<String, String>,
    pub(super) triggered_alarms: BTreeSet<String>,
    pub(super) shift: Option<Shift>,
}

/// A way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rollback {
    pub(super) to: DeploymentId,
    pub(super) task_definition: TaskDefinitionArn,
    pub(super) reason: String,
    pub(super) at: Duration,
}

/// How far a deployment with traffic shifts has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shift {
    /// The place in [`super::shift::STAGES`].
    pub(super) stage: usize,
    pub(super) since: Duration,
    /// The new revision's part of the traffic in percent.
    pub(super) weight: f64,
    pub(super) test_weight: f64,
    pub(super) hooks: Vec<HookRun>,
}

/// A hook that was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HookRun {
    pub(super) id: String,
    pub(super) stage: String,
    pub(super) pause: bool,
    pub(super) fails: bool,
    pub(super) state: HookState,
    pub(super) since: Duration,
    pub(super) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum HookState {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

impl HookState {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingAction => "AWAITING_ACTION",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
        }
    }
}

impl Service {
    pub(super) fn new(spec: ServiceSpec, created: Duration) -> Self {
        Self {
            spec,
            created,
            draining: false,
            deployments: Vec::new(),
            records: Vec::new(),
            tasks: Vec::new(),
            events: VecDeque::new(),
            quiet: BTreeMap::new(),
            streak: 0,
            next_launch: None,
            ready_since: None,
            last_completed: None,
            capacity: None,
        }
    }

    /// Begins a deployment of what the spec names: the old primary gives way, a deployment under way is stopped.
    pub(super) fn begin(&mut self, id: DeploymentId, at: Duration, alarms: &BTreeSet<String>) {
        for deployment in &mut self.deployments {
            deployment.status = DeploymentStatus::Active;
            deployment.rolls_back = None;
        }
        let task_definition = self.spec.task_definition.clone();
        for record in self
            .records
            .iter_mut()
            .filter(|record| !record.status.is_terminal())
        {
            // Stopped by the circuit breaker or a person already, it stays so.
            if record.status != ServiceDeploymentStatus::StopRequested {
                record.superseded_by = Some((id.clone(), task_definition.clone()));
                record.reason = Some(
                    "Service deployment stopped because a newer deployment was started.".to_owned(),
                );
            }
            record.requested = None;
            record.updated = at;
            record.status = if record.status == ServiceDeploymentStatus::RollbackInProgress {
                record.finished = Some(at);
                ServiceDeploymentStatus::RollbackFailed
            } else {
                ServiceDeploymentStatus::StopRequested
            };
        }
        let has_tasks = |deployment: &&SimDeployment| {
            self.tasks
                .iter()
                .any(|task| task.is_of(&deployment.id) && task.is_wanted())
        };
        let sources = self
            .deployments
            .iter()
            .filter(has_tasks)
            .map(|deployment| deployment.id.clone())
            .collect();
        self.records.push(Record {
            id: id.clone(),
            status: ServiceDeploymentStatus::Pending,
            reason: None,
            task_definition: task_definition.clone(),
            settings: self.spec.settings.clone(),
            sources,
            created: at,
            started: None,
            finished: None,
            stopped: None,
            updated: at,
            rollback: None,
            superseded_by: None,
            requested: None,
            failures: 0,
            broken: false,
            digests: BTreeMap::new(),
            triggered_alarms: BTreeSet::new(),
            shift: self.spec.strategy.shifts_traffic().then(|| Shift {
                stage: 0,
                since: at,
                weight: 0.0,
                test_weight: 0.0,
                hooks: Vec::new(),
            }),
        });
        let surplus = self.records.len().saturating_sub(RECORDS);
        self.records.drain(..surplus);
        let deployment = self.deployment_of(id, task_definition, at, alarms);
        self.deployments.insert(0, deployment);
        self.afresh();
    }

    fn deployment_of(
        &self,
        id: DeploymentId,
        task_definition: TaskDefinitionArn,
        at: Duration,
        alarms: &BTreeSet<String>,
    ) -> SimDeployment {
        let watched = self.spec.alarms.as_ref();
        SimDeployment {
            status: DeploymentStatus::Primary,
            task_definition,
            failed: 0,
            rollout_state: RolloutState::InProgress,
            reason: Some(format!("ECS deployment {id} in progress.")),
            rolls_back: None,
            created: at,
            updated: at,
            digests: BTreeMap::new(),
            ignored_alarms: watched
                .map(|rule| rule.names.intersection(alarms).cloned().collect())
                .unwrap_or_default(),
            broken: None,
            id,
        }
    }

    fn afresh(&mut self) {
        self.streak = 0;
        self.next_launch = None;
        self.ready_since = None;
    }

    /// A deployment has failed: it goes back to the last completed one, or stays as it is. `new_id` is the id that the way
    /// back takes if the last completed one is not listed any more, or always if `renew`.
    pub(super) fn fail(
        &mut self,
        id: &DeploymentId,
        cause: &Cause,
        rollback: bool,
        new_id: DeploymentId,
        renew: bool,
        at: Duration,
    ) -> Option<DeploymentId> {
        if matches!(cause, Cause::Breaker)
            && let Some(record) = self.record(id)
        {
            record.broken = true;
        }
        // A rollback that fails is not rolled back in its turn.
        let taken_back = self
            .deployments
            .iter()
            .find(|d| d.id == *id)
            .and_then(|d| d.rolls_back.clone());
        if let Some(failed) = self.deployments.iter_mut().find(|d| d.id == *id) {
            failed.rollout_state = RolloutState::Failed;
            failed.reason = Some(cause.failed());
            failed.updated = at;
        }
        if let Some(original) = taken_back {
            if let Some(record) = self.record(&original) {
                record.status = ServiceDeploymentStatus::RollbackFailed;
                record.finished = Some(at);
                record.updated = at;
                record.reason = Some(format!("{} The rollback failed too.", cause.failed()));
            }
            return None;
        }
        let target = self
            .last_completed
            .clone()
            .filter(|completed| rollback && completed.id != *id);
        let recorded = cause.recorded(target.is_some());
        let Some(target) = target else {
            if let Some(record) = self.record(id) {
                record.status = ServiceDeploymentStatus::StopRequested;
                record.reason = Some(recorded);
                record.updated = at;
                record.requested = None;
            }
            return None;
        };
        let back = self.come_back(&target, id, cause, new_id, renew, at);
        if let Some(record) = self.record(id) {
            record.status = ServiceDeploymentStatus::RollbackInProgress;
            record.reason = Some(recorded.clone());
            record.updated = at;
            record.requested = None;
            record.rollback = Some(Rollback {
                to: back.clone(),
                task_definition: target.task_definition,
                reason: recorded,
                at,
            });
            if let Some(shift) = &mut record.shift {
                (shift.weight, shift.test_weight) = (0.0, 0.0);
            }
        }
        self.afresh();
        Some(back)
    }

    fn come_back(
        &mut self,
        target: &Completed,
        from: &DeploymentId,
        cause: &Cause,
        new_id: DeploymentId,
        renew: bool,
        at: Duration,
    ) -> DeploymentId {
        for deployment in &mut self.deployments {
            deployment.status = DeploymentStatus::Active;
        }
        let listed = self
            .deployments
            .iter()
            .position(|d| d.id == target.id)
            .filter(|_| !renew);
        let index = listed.unwrap_or_else(|| {
            let none = BTreeSet::new();
            let again = self.deployment_of(new_id, target.task_definition.clone(), at, &none);
            self.deployments.insert(0, again);
            0
        });
        let watched: BTreeSet<String> = self
            .spec
            .alarms
            .as_ref()
            .map(|rule| rule.names.clone())
            .unwrap_or_default();
        let deployment = &mut self.deployments[index];
        let back = deployment.id.clone();
        deployment.status = DeploymentStatus::Primary;
        deployment.rollout_state = RolloutState::InProgress;
        deployment.failed = 0;
        deployment.broken = None;
        deployment.updated = at;
        deployment.reason = Some(cause.back(&back));
        deployment.rolls_back = Some(from.clone());
        // What ended the other one must not end this one too.
        deployment.ignored_alarms = watched;
        self.spec.task_definition = deployment.task_definition.clone();
        back
    }

    /// Says something at this time.
    pub(super) fn say(&mut self, number: u64, at: Duration, message: impl AsRef<str>) {
        let message = format!("(service {}) {}", self.spec.name, message.as_ref());
        let event = ServiceEvent::new(format!("event-{number}"), message);
        self.events.push_front(Said { event, at });
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

    pub(super) fn primary_id(&self) -> Option<DeploymentId> {
        self.deployments
            .iter()
            .find(|deployment| deployment.status == DeploymentStatus::Primary)
            .map(|deployment| deployment.id.clone())
    }

    pub(super) fn count(&self, which: impl Fn(&Task) -> bool) -> u32 {
        u32::try_from(self.tasks.iter().filter(|task| which(task)).count()).unwrap_or(u32::MAX)
    }
}
