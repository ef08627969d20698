//! What one look says of a deployment: a pure function of what ECS shows.

use std::collections::BTreeSet;

use crate::{
    Deployment, DeploymentId, MonitorStatus, RolloutState, ServiceDeployment,
    ServiceDeploymentStatus as Status, ServiceState, Strategy, TaskDefinitionArn,
};

/// What one look says of the deployment that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// It is under way.
    UnderWay,
    /// ECS calls it failed and has not said yet whether it goes back by itself.
    Turning(String),
    /// The wanted revision runs.
    Done,
    /// ECS has given it up and stays with it.
    Failed(String),
    /// Somebody ended it, and it is not gone back.
    Cancelled(String),
    /// It goes back, or has gone back.
    GoesBack(String),
    /// Another deployment took over.
    Superseded(DeploymentId),
}

/// What was known before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The deployments that were there before ours began.
    pub(super) earlier: BTreeSet<DeploymentId>,
    /// What ran before.
    pub(super) previous: Option<TaskDefinitionArn>,
    /// What ours brings.
    pub(super) brings: Option<TaskDefinitionArn>,
    /// Ours was complete before, and is given more tasks.
    pub(super) scales: bool,
    /// Ours was superseded, and somebody else's deployment is followed in its place.
    pub(super) is_theirs: bool,
    /// What succeeded before ours, newest first.
    pub(super) ways_back: Vec<TaskDefinitionArn>,
}

impl Known {
    /// Whether a deployment brings back what ran before, as against what ours brings.
    pub(super) fn is_way_back(&self, deployment: &Deployment) -> bool {
        let brings = Some(&deployment.task_definition);
        brings == self.previous.as_ref() && brings != self.brings.as_ref()
    }
}

/// Whether the list of deployments alone does not tell: the record has to be read.
pub(super) fn needs_record(state: &ServiceState, id: &DeploymentId) -> bool {
    let in_plain_sight = state
        .primary()
        .is_some_and(|primary| primary.id == *id && primary.rollout_state != RolloutState::Failed);
    !in_plain_sight || state.strategy != Strategy::Rolling || state.cleans_up_later
}

/// Judges the deployment by the service's list of deployments and its own record, as far as that could be read.
///
/// The deployment is told by its id alone, never by a clock or by how many deployments there are.
pub(super) fn judge(
    state: &ServiceState,
    id: &DeploymentId,
    record: Option<&ServiceDeployment>,
    known: &Known,
) -> Sight {
    match state.primary() {
        Some(ours) if known.scales && ours.id == *id => {
            if ours.running >= state.desired {
                Sight::Done
            } else {
                Sight::UnderWay
            }
        }
        Some(other) if known.scales => Sight::Superseded(other.id.clone()),
        Some(ours) if ours.id == *id => judge_primary(state, ours, record),
        Some(other) => judge_replaced(state, id, other, record, known),
        // Between two states of the service; the next look tells.
        None => Sight::UnderWay,
    }
}

fn judge_primary(
    state: &ServiceState,
    ours: &Deployment,
    record: Option<&ServiceDeployment>,
) -> Sight {
    let status = record.map(|record| record.status);
    if status.is_some_and(Status::is_rollback) {
        return Sight::GoesBack(why(record, Some(ours)));
    }
    if status == Some(Status::Successful) {
        return Sight::Done;
    }
    match ours.rollout_state {
        // ECS never takes that back. How many of its tasks run now is another matter: they may have crashed since, or the
        // service was scaled, and going back for that would undo a deployment that ended long ago.
        RolloutState::Completed if state.strategy == Strategy::Rolling || record.is_none() => {
            Sight::Done
        }
        // With shifted traffic the record is about to follow.
        RolloutState::Completed => Sight::UnderWay,
        RolloutState::Failed if status == Some(Status::Stopped) => ended(ours, record),
        RolloutState::Failed if goes_back_by_itself(state, ours) => {
            Sight::Turning(why(record, Some(ours)))
        }
        RolloutState::Failed => Sight::Failed(why(record, Some(ours))),
        RolloutState::InProgress if status == Some(Status::Stopped) => ended(ours, record),
        RolloutState::InProgress => Sight::UnderWay,
    }
}

/// Another deployment is primary: ECS went back, or somebody deployed. The record of ours tells for certain.
fn judge_replaced(
    state: &ServiceState,
    id: &DeploymentId,
    primary: &Deployment,
    record: Option<&ServiceDeployment>,
    known: &Known,
) -> Sight {
    let ours = state.deployment(id);
    if let Some(record) = record {
        match record.status {
            Status::Successful => return Sight::Done,
            status if status.is_rollback() => return Sight::GoesBack(why(Some(record), ours)),
            // Somebody went back by an update.
            Status::Stopped | Status::StopRequested if known.is_way_back(primary) => {
                return Sight::GoesBack(format!(
                    "the deployment {} brought the revision before back",
                    primary.id
                ));
            }
            Status::Stopped | Status::StopRequested => {
                return Sight::Superseded(primary.id.clone());
            }
            // With shifted traffic the new revision becomes primary late; otherwise the record is a moment behind.
            Status::Pending | Status::InProgress => return Sight::UnderWay,
            _ => {}
        }
    }
    let failed = ours.is_some_and(|ours| ours.rollout_state == RolloutState::Failed);
    if failed || known.earlier.contains(&primary.id) || known.is_way_back(primary) {
        Sight::GoesBack(why(record, ours))
    } else {
        Sight::Superseded(primary.id.clone())
    }
}

/// It ended and is still what the service is to come to: the breaker or an alarm ended it, or a person did.
fn ended(ours: &Deployment, record: Option<&ServiceDeployment>) -> Sight {
    let text = why(record, Some(ours));
    let details = record.and_then(|record| record.details.as_deref());
    let breaker = details
        .and_then(|details| details.breaker.as_ref())
        .is_some_and(|breaker| breaker.status == MonitorStatus::Triggered);
    let alarm = details
        .and_then(|details| details.alarms.as_ref())
        .is_some_and(|alarms| alarms.status == MonitorStatus::Triggered);
    // ECS's own words for both, where the details could not be read.
    let said = text.contains("circuit breaker") || text.contains("alarm");
    if breaker || alarm || said {
        Sight::Failed(text)
    } else {
        Sight::Cancelled(text)
    }
}

fn goes_back_by_itself(state: &ServiceState, ours: &Deployment) -> bool {
    let configured = state.breaker.is_some_and(|breaker| breaker.rollback)
        || state.alarms.as_ref().is_some_and(|alarms| alarms.rollback);
    let somewhere = state
        .deployments
        .iter()
        .any(|other| other.id != ours.id && other.is_completed());
    configured && somewhere
}

/// What ECS says about a deployment's end.
fn why(record: Option<&ServiceDeployment>, ours: Option<&Deployment>) -> String {
    let details = record.and_then(|record| record.details.as_deref());
    let alarms = details
        .and_then(|details| details.alarms.as_ref())
        .filter(|alarms| !alarms.triggered.is_empty())
        .map(|alarms| format!("alarm in state ALARM: {}", alarms.triggered.join(", ")));
    let rollback = details.and_then(|details| details.rollback.as_ref()?.reason.clone());
    let reason = alarms
        .or(rollback)
        .or_else(|| record.and_then(|record| record.reason.clone()))
        .or_else(|| {
            ours.filter(|ours| ours.rollout_state == RolloutState::Failed)?
                .rollout_state_reason
                .clone()
        })
        .unwrap_or_else(|| "ECS gave the deployment up".to_owned());
    reason.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BreakerSettings, DeploymentDetails, DeploymentStatus, ServiceName};

    fn id(number: u32) -> DeploymentId {
        format!("ecs-svc/{number}").parse().unwrap()
    }

    fn deployment(number: u32, status: DeploymentStatus, rollout: RolloutState) -> Deployment {
        let mut deployment =
            Deployment::new(id(number), status, format!("web:{number}").parse().unwrap());
        deployment.rollout_state = rollout;
        deployment.running = 2;
        deployment
    }

    fn state(deployments: Vec<Deployment>) -> ServiceState {
        let name: ServiceName = "web".parse().unwrap();
        let mut state = ServiceState::new(name, "web:2".parse().unwrap());
        state.desired = 2;
        state.deployments = deployments;
        state
    }

    fn record(status: Status) -> ServiceDeployment {
        let mut record = ServiceDeployment::new("arn", id(2), status, Some("because.".to_owned()));
        record.details = Some(Box::new(DeploymentDetails::default()));
        record
    }

    fn known() -> Known {
        Known {
            earlier: BTreeSet::from([id(1)]),
            previous: Some("web:1".parse().unwrap()),
            brings: Some("web:2".parse().unwrap()),
            ..Known::default()
        }
    }

    use DeploymentStatus::{Active, Primary};
    use RolloutState::{Completed, Failed, InProgress};

    #[test]
    fn an_old_deployment_that_is_complete_again_is_no_success() {
        let back = state(vec![
            deployment(1, Primary, Completed),
            deployment(2, Active, Failed),
        ]);
        for record in [Some(record(Status::RollbackSuccessful)), None] {
            let sight = judge(&back, &id(2), record.as_ref(), &known());
            assert!(matches!(sight, Sight::GoesBack(_)), "{sight:?}");
        }
        // Nor when ours has left the list.
        let back = state(vec![deployment(1, Primary, Completed)]);
        assert!(matches!(
            judge(&back, &id(2), None, &known()),
            Sight::GoesBack(_)
        ));
    }

    #[test]
    fn a_newer_deployment_supersedes_and_its_success_is_not_ours() {
        let newer = state(vec![deployment(3, Primary, Completed)]);
        assert_eq!(
            judge(&newer, &id(2), Some(&record(Status::Stopped)), &known()),
            Sight::Superseded(id(3))
        );
        assert_eq!(
            judge(&newer, &id(2), None, &known()),
            Sight::Superseded(id(3))
        );
        assert_eq!(
            judge(&newer, &id(2), Some(&record(Status::Successful)), &known()),
            Sight::Done,
            "it had succeeded before the newer one began"
        );
    }

    #[test]
    fn an_update_to_what_ran_before_is_a_way_back() {
        let mut newer = deployment(3, Primary, InProgress);
        newer.task_definition = "web:1".parse().unwrap();
        let updated = state(vec![newer]);
        for record in [Some(record(Status::Stopped)), None] {
            let sight = judge(&updated, &id(2), record.as_ref(), &known());
            assert!(matches!(sight, Sight::GoesBack(_)), "{sight:?}");
        }
        // Unless ours brings the very same: then it is one more forced deployment.
        let mut same = known();
        same.brings = same.previous.clone();
        assert_eq!(
            judge(&updated, &id(2), Some(&record(Status::Stopped)), &same),
            Sight::Superseded(id(3))
        );
    }

    #[test]
    fn two_deployments_are_success_when_the_old_tasks_are_cleaned_up_later() {
        let mut deferred = state(vec![
            deployment(2, Primary, Completed),
            deployment(1, Active, Completed),
        ]);
        deferred.cleans_up_later = true;
        assert!(needs_record(&deferred, &id(2)));
        assert_eq!(
            judge(
                &deferred,
                &id(2),
                Some(&record(Status::Successful)),
                &known()
            ),
            Sight::Done
        );
    }

    #[test]
    fn what_is_complete_stays_done_whatever_became_of_its_tasks() {
        let mut short = state(vec![deployment(2, Primary, Completed)]);
        short.deployments[0].running = 0;
        assert_eq!(judge(&short, &id(2), None, &known()), Sight::Done);
        // The record may be ahead of the list.
        short.deployments[0].rollout_state = InProgress;
        let successful = record(Status::Successful);
        assert_eq!(
            judge(&short, &id(2), Some(&successful), &known()),
            Sight::Done
        );
    }

    #[test]
    fn a_deployment_that_is_scaled_is_done_when_its_tasks_run() {
        let mut scaled = state(vec![deployment(2, Primary, Completed)]);
        let mut known = known();
        known.scales = true;
        scaled.deployments[0].running = 1;
        assert_eq!(judge(&scaled, &id(2), None, &known), Sight::UnderWay);
        scaled.deployments[0].running = 2;
        assert_eq!(judge(&scaled, &id(2), None, &known), Sight::Done);
        let newer = state(vec![deployment(3, Primary, InProgress)]);
        let record = record(Status::Successful);
        assert_eq!(
            judge(&newer, &id(2), Some(&record), &known),
            Sight::Superseded(id(3))
        );
    }

    #[test]
    fn the_breaker_is_told_from_a_person() {
        let failed = state(vec![deployment(2, Primary, Failed)]);
        assert_eq!(
            judge(&failed, &id(2), Some(&record(Status::Stopped)), &known()),
            Sight::Cancelled("because".to_owned())
        );
        let mut broken = record(Status::Stopped);
        broken.details.as_mut().unwrap().breaker =
            Some(crate::BreakerState::new(MonitorStatus::Triggered, 3, 3));
        assert_eq!(
            judge(&failed, &id(2), Some(&broken), &known()),
            Sight::Failed("because".to_owned())
        );
    }

    #[test]
    fn a_failure_that_ecs_takes_back_itself_is_awaited() {
        let mut failed = state(vec![
            deployment(2, Primary, Failed),
            deployment(1, Active, Completed),
        ]);
        failed.breaker = Some(BreakerSettings::new(true));
        let sight = judge(&failed, &id(2), Some(&record(Status::InProgress)), &known());
        assert!(matches!(sight, Sight::Turning(_)), "{sight:?}");
        failed.breaker = Some(BreakerSettings::new(false));
        let sight = judge(&failed, &id(2), Some(&record(Status::InProgress)), &known());
        assert!(matches!(sight, Sight::Failed(_)), "{sight:?}");
    }

    #[test]
    fn shifted_traffic_is_judged_by_the_record_alone() {
        let mut canary = state(vec![
            deployment(1, Primary, Completed),
            deployment(2, Active, InProgress),
        ]);
        canary.strategy = Strategy::Canary;
        assert!(needs_record(&canary, &id(2)));
        assert_eq!(
            judge(&canary, &id(2), Some(&record(Status::InProgress)), &known()),
            Sight::UnderWay
        );
        assert_eq!(
            judge(&canary, &id(2), Some(&record(Status::Successful)), &known()),
            Sight::Done
        );
    }

    #[test]
    fn the_alarm_that_went_off_is_named() {
        let mut alarmed = record(Status::RollbackInProgress);
        alarmed.details.as_mut().unwrap().alarms = Some(crate::AlarmsState::new(
            MonitorStatus::Triggered,
            vec!["5xx".to_owned()],
            vec!["5xx".to_owned()],
        ));
        let state = state(vec![deployment(2, Primary, Failed)]);
        assert_eq!(
            judge(&state, &id(2), Some(&alarmed), &known()),
            Sight::GoesBack("alarm in state ALARM: 5xx".to_owned())
        );
    }
}
