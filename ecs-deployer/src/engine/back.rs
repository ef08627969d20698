//! Going back, and seeing that it is done.

use tokio::time::{Instant, timeout_at};

use super::begin::{check_kind, ids, last_completed, update_service};
use super::history;
use super::watch::{Reading, Watch};
use crate::{
    DeploymentId, DeploymentStatus, Error, Event, RollbackRequest, RolloutState,
    ServiceDeploymentStatus as Status, ServiceOutcome, ServiceState, ServiceUpdate, StopType,
    TaskDefinitionArn, Verdict, WayBack,
};

/// Who goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// ECS: our deployment's record tells when it is done.
    ByEcs,
    /// A deployment of the earlier revision that we began.
    ByDeployment(DeploymentId),
    /// Not any more: the deployment was complete before it could be stopped.
    TooLate,
}

/// Brings an earlier revision back because somebody asked for it.
pub(super) async fn rollback(
    mut watch: Watch<'_>,
    request: &RollbackRequest,
) -> Result<ServiceOutcome, Error> {
    let state = watch.first_look().await?;
    check_kind(&state)?;
    watch.skip_history(&state);
    watch.known.earlier = ids(&state);
    let primary = state.primary().cloned();
    let id = primary.as_ref().map(|primary| primary.id.clone());
    if let (Some(only), Some(id)) = (&request.only, &id)
        && only != id
    {
        watch.superseded_by = Some(id.clone());
        let reason = format!(
            "{}: the deployment {id} took over, nothing is taken back",
            request.service
        );
        return Ok(watch.end(Verdict::Superseded, Some(only.clone()), None, Some(reason)));
    }
    let before = earlier_revision(&watch, &state).await;
    let target = target(&watch, &state, request, before.as_ref()).await?;
    let to = target.task_definition;
    watch.image = target.image;
    let settled = primary
        .as_ref()
        .filter(|primary| primary.is_completed() && primary.task_definition == to);
    if let Some(there) = settled {
        let reason = format!("{}: {} runs already", request.service, to.short());
        return Ok(watch.end(
            Verdict::Unchanged,
            Some(there.id.clone()),
            Some(to),
            Some(reason),
        ));
    }
    // ECS itself goes back to the deployment before, wherever else it shall go.
    let under_way = primary
        .as_ref()
        .filter(|primary| !primary.is_completed() && before.as_ref() == Some(&to))
        .map(|primary| primary.id.clone());
    watch.known.previous = Some(to);
    let reason = format!("{}: asked to go back", request.service);
    let from = primary.map(|primary| primary.task_definition);
    go_back(watch, under_way.as_ref(), id, from, reason).await
}

/// Where a way back would lead, found out without a change.
pub(super) async fn way_back(
    watch: Watch<'_>,
    request: &RollbackRequest,
) -> Result<WayBack, Error> {
    let state = watch.first_look().await?;
    check_kind(&state)?;
    let before = match &request.to {
        Some(_) => None,
        None => earlier_revision(&watch, &state).await,
    };
    target(&watch, &state, request, before.as_ref()).await
}

async fn target(
    watch: &Watch<'_>,
    state: &ServiceState,
    request: &RollbackRequest,
    before: Option<&TaskDefinitionArn>,
) -> Result<WayBack, Error> {
    let Some(to) = request.to.as_ref().or(before) else {
        return Err(Error::NoEarlierRevision {
            service: request.service.clone(),
        });
    };
    let definition = watch.definition(to).await?;
    // `family:revision` was given, and the service's deployments have ARNs.
    let to = definition.arn().unwrap_or_else(|| to.clone());
    if request.to.is_some() && !is_its_own(watch, state, &to).await {
        return Err(Error::NotItsRevision {
            service: request.service.clone(),
            task_definition: to,
            family: state.task_definition.family().to_owned(),
        });
    }
    let image = definition
        .containers()
        .into_iter()
        .next()
        .map(|(_, image)| image);
    Ok(WayBack {
        task_definition: to,
        image,
    })
}

/// Whether a revision is of the family that the service runs, or was deployed to it before it was given that family.
async fn is_its_own(watch: &Watch<'_>, state: &ServiceState, to: &TaskDefinitionArn) -> bool {
    to.family() == state.task_definition.family()
        || state
            .deployments
            .iter()
            .any(|deployment| deployment.task_definition == *to)
        || history::successful(watch, |_| true).await.contains(to)
}

/// The last revision that was deployed with success, other than the one that runs.
async fn earlier_revision(watch: &Watch<'_>, state: &ServiceState) -> Option<TaskDefinitionArn> {
    let primary = state.primary();
    let successful = history::successful(watch, |record| {
        primary.is_none_or(|primary| primary.id != record.id)
    })
    .await;
    let under_way = primary.is_some_and(|primary| !primary.is_completed());
    for candidate in successful {
        // What is under way may bring the very revision that succeeded last: a forced deployment.
        let runs = primary.is_some_and(|primary| primary.task_definition == candidate);
        if (under_way || !runs) && is_active(watch, &candidate).await {
            return Some(candidate);
        }
    }
    last_completed(state)
        .filter(|completed| primary.is_none_or(|primary| primary.id != completed.id))
        .map(|completed| completed.task_definition.clone())
}

/// Whether a service can be updated to a task definition: one that was deregistered is refused.
async fn is_active(watch: &Watch<'_>, arn: &TaskDefinitionArn) -> bool {
    match watch.definition(arn).await {
        Ok(definition) => definition.document()["status"].as_str() != Some("INACTIVE"),
        Err(_) => false,
    }
}

/// Goes back to the previous revision: lets ECS do it by stopping `under_way` where that is possible, else updates the
/// service. `id` and `brings` are what is gone back from.
pub(super) async fn go_back(
    watch: Watch<'_>,
    under_way: Option<&DeploymentId>,
    id: Option<DeploymentId>,
    brings: Option<TaskDefinitionArn>,
    reason: String,
) -> Result<ServiceOutcome, Error> {
    watch.observer.observe(Event::RollbackStarted {
        service: watch.service.clone(),
        reason: reason.clone(),
        task_definition: watch.known.previous.clone(),
    });
    let mut watch = watch;
    match turn(&mut watch, under_way, brings.as_ref()).await {
        Ok(Turn::TooLate) => {
            watch.note(format!(
                "{reason}; and yet ECS completed it before it could be stopped"
            ));
            Ok(watch.end(Verdict::Deployed, id, brings, None))
        }
        Ok(turn) => follow_back(watch, turn, id, brings, reason).await,
        // Nobody refused: the way back may be begun again, or may have begun.
        Err(
            error @ (Error::Unreachable { .. }
            | Error::Throttled { .. }
            | Error::NoCredentials { .. }),
        ) => Err(error),
        Err(error) if under_way.is_some() && ecs_goes_back(&watch).await => {
            watch.note(format!(
                "going back could not be started ({error}): ECS itself was left to do it"
            ));
            follow_back(watch, Turn::ByEcs, id, brings, reason).await
        }
        Err(error) => {
            let reason = format!("{reason}; going back could not be started: {error}");
            Ok(watch.end(Verdict::RollbackFailed, id, brings, Some(reason)))
        }
    }
}

/// Whether ECS's breaker or alarms go back by themselves once they see what we saw.
async fn ecs_goes_back(watch: &Watch<'_>) -> bool {
    let state = watch.first_look().await;
    state.is_ok_and(|state| {
        state.breaker.is_some_and(|breaker| breaker.rollback)
            || state.alarms.is_some_and(|alarms| alarms.rollback)
    })
}

async fn turn(
    watch: &mut Watch<'_>,
    under_way: Option<&DeploymentId>,
    from: Option<&TaskDefinitionArn>,
) -> Result<Turn, Error> {
    let Some(to) = watch.known.previous.clone() else {
        return Err(Error::NoEarlierRevision {
            service: watch.service.clone(),
        });
    };
    if let Some(id) = under_way
        && let Some(turn) = stop(watch, id).await
    {
        return Ok(turn);
    }
    let to = usable(watch, to).await;
    watch.known.previous = Some(to.clone());
    let state = watch.first_look().await?;
    watch.known.earlier = ids(&state);
    // From a revision to itself, after a forced deployment, ECS would see nothing to do.
    let force = from == Some(&to);
    let update = ServiceUpdate::new(watch.cluster.clone(), watch.service.clone())
        .task_definition(to.clone())
        .force_new_deployment(force);
    let updated = update_service(watch, &update).await?;
    let Some(primary) = updated.primary() else {
        return Ok(Turn::ByEcs);
    };
    watch.observer.observe(Event::RollbackDeployment {
        service: watch.service.clone(),
        deployment: primary.id.clone(),
        task_definition: to,
    });
    Ok(Turn::ByDeployment(primary.id.clone()))
}

/// The newest revision with success that an update can bring back: ECS refuses one that was deregistered.
async fn usable(watch: &Watch<'_>, last: TaskDefinitionArn) -> TaskDefinitionArn {
    for candidate in &watch.known.ways_back {
        if is_active(watch, candidate).await {
            return candidate.clone();
        }
    }
    last
}

/// Lets ECS go back by stopping the deployment. `None` where that is not possible, and an update has to do the same.
async fn stop(watch: &mut Watch<'_>, id: &DeploymentId) -> Option<Turn> {
    let record = watch
        .insist(|| {
            watch
                .plane()
                .service_deployment(watch.cluster, watch.service, id)
        })
        .await;
    let record = match record {
        Ok(record) => record?,
        Err(error) => {
            watch.tell_blind("the deployment's record", &error);
            return None;
        }
    };
    if record.status.is_rollback() {
        return Some(Turn::ByEcs);
    }
    if !record.status.is_terminal() {
        let stopped = watch
            .insist(|| watch.plane().stop_deployment(&record, StopType::Rollback))
            .await;
        match stopped {
            Ok(()) => return Some(Turn::ByEcs),
            Err(error @ Error::Denied { .. }) => {
                watch.tell_blind("the deployment's end by ECS", &error)
            }
            // It has ended meanwhile, or has nothing to go back to by itself.
            Err(_) => {}
        }
    }
    let state = watch.first_look().await.ok()?;
    let primary = state.primary()?;
    let complete = primary.id == *id && primary.is_completed();
    complete.then_some(Turn::TooLate)
}

/// Follows a way back that has begun to its own end.
pub(super) async fn follow_back(
    mut watch: Watch<'_>,
    turn: Turn,
    id: Option<DeploymentId>,
    brings: Option<TaskDefinitionArn>,
    reason: String,
) -> Result<ServiceOutcome, Error> {
    let deadline = Instant::now() + watch.options.timeout;
    let mut first = true;
    loop {
        let looked = if std::mem::take(&mut first) && turn == Turn::ByEcs {
            // It may be over already.
            watch.first_look().await.map(Some)
        } else {
            watch.look_again(deadline).await
        };
        let Some(state) = looked? else {
            let limit = watch.options.timeout.as_secs();
            let reason = format!("{reason}; going back was not done within {limit} s");
            return Ok(watch.end(Verdict::TimedOut, id, brings, Some(reason)));
        };
        if let Some(primary) = state.primary() {
            let primary = primary.id.clone();
            watch.tell_progress(&state, &primary);
        }
        let seen = timeout_at(deadline, see(&mut watch, &state, &turn, id.as_ref())).await;
        let (verdict, reason) = match seen.unwrap_or(Sight::UnderWay) {
            Sight::UnderWay => continue,
            Sight::Back => (Verdict::RolledBack, reason),
            Sight::Deployed => (
                Verdict::Deployed,
                format!("{reason}; and yet ECS completed it"),
            ),
            Sight::Failed => (
                Verdict::RollbackFailed,
                format!("{reason}; and the revision before fails as well"),
            ),
            Sight::Superseded(by) => {
                let reason = format!("{reason}; while going back the deployment {by} took over");
                watch.superseded_by = Some(by);
                (Verdict::Superseded, reason)
            }
        };
        return Ok(watch.end(verdict, id, brings, Some(reason)));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Sight {
    UnderWay,
    Back,
    Deployed,
    Failed,
    Superseded(DeploymentId),
}

async fn see(
    watch: &mut Watch<'_>,
    state: &ServiceState,
    turn: &Turn,
    ours: Option<&DeploymentId>,
) -> Sight {
    // The record that tells: that of the deployment that is taken back, or of the one that brings the earlier revision.
    let told_by = match turn {
        Turn::ByDeployment(back) => {
            if state.primary().is_some_and(|primary| primary.id == *back) {
                return see_list(watch, state, ours);
            }
            Some(back)
        }
        Turn::ByEcs | Turn::TooLate => ours,
    };
    let Some(told_by) = told_by else {
        return see_list(watch, state, ours);
    };
    let record = match watch.record(told_by).await {
        Reading::NotNow => return Sight::UnderWay,
        Reading::Known(record) => record,
    };
    let Some(record) = record else {
        return see_list(watch, state, ours);
    };
    let primary = state.primary();
    let by_deployment = matches!(turn, Turn::ByDeployment(_));
    match record.status {
        Status::RollbackSuccessful if !by_deployment => Sight::Back,
        Status::RollbackFailed => Sight::Failed,
        _ if by_deployment && record.status.is_rollback() => Sight::Failed,
        Status::Successful if by_deployment => Sight::Back,
        Status::Successful if primary.is_some_and(|primary| primary.id == *told_by) => {
            Sight::Deployed
        }
        Status::Stopped => match primary {
            Some(primary) if primary.id != *told_by => see_list(watch, state, ours),
            _ => Sight::Failed,
        },
        _ => Sight::UnderWay,
    }
}

/// Judges by the service's list of deployments alone: the earlier revision is primary, complete and alone.
fn see_list(watch: &Watch<'_>, state: &ServiceState, ours: Option<&DeploymentId>) -> Sight {
    let Some(primary) = state.primary() else {
        return Sight::UnderWay;
    };
    if ours == Some(&primary.id) {
        // ECS has not turned round yet.
        return Sight::UnderWay;
    }
    if watch
        .known
        .previous
        .as_ref()
        .is_some_and(|previous| *previous != primary.task_definition)
    {
        return Sight::Superseded(primary.id.clone());
    }
    let others = state.deployments.iter().any(|other| {
        other.id != primary.id && other.running > 0 && other.status != DeploymentStatus::Draining
    });
    match primary.rollout_state {
        RolloutState::Failed => Sight::Failed,
        RolloutState::Completed if primary.running >= state.desired && !others => Sight::Back,
        RolloutState::Completed | RolloutState::InProgress => Sight::UnderWay,
    }
}
