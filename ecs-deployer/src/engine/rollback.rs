//! Going back, and seeing that it is done.

use tokio::time::Instant;

use super::deploy::{check_kind, last_completed};
use super::watch::Watch;
use crate::{
    ControlPlane, DeploymentId, DeploymentStatus, Error, Event, Observer, Options, RollbackRequest,
    RolloutState, ServiceOutcome, ServiceState, ServiceUpdate, StopType, TaskDefinitionArn,
    Verdict,
};

/// Brings an earlier revision of a service back and follows it to its end.
///
/// Without a revision in the request it is that of the completed deployment that the primary one is replacing, while ECS
/// still lists it.
///
/// # Errors
/// [`Error::NoEarlierRevision`] when none is named and none is listed; else as [`crate::deploy`].
pub async fn rollback(
    plane: &dyn ControlPlane,
    request: &RollbackRequest,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ServiceOutcome, Error> {
    let mut watch = Watch::new(plane, &request.cluster, &request.service, options, observer);
    let state = watch.look().await?;
    check_kind(&state)?;
    watch.skip_history(&state);
    let primary = state.primary().cloned();
    let before = last_completed(&state)
        .filter(|completed| Some(&completed.id) != primary.as_ref().map(|primary| &primary.id))
        .map(|completed| completed.task_definition.clone());
    let Some(to) = request.to.clone().or_else(|| before.clone()) else {
        return Err(Error::NoEarlierRevision {
            service: request.service.clone(),
        });
    };
    let definition = plane.describe_task_definition(&to).await?;
    // `family:revision` was given, and the service's deployments have ARNs.
    let to = definition.arn().unwrap_or(to);
    watch.image = definition
        .containers()
        .into_iter()
        .next()
        .map(|(_, image)| image);
    if let Some(there) = primary
        .as_ref()
        .filter(|primary| primary.is_completed() && primary.task_definition == to)
    {
        let (id, reason) = (
            there.id.clone(),
            format!("{}: {} runs already", request.service, to.short()),
        );
        return Ok(watch.end(Verdict::Unchanged, Some(id), Some(to), Some(reason)));
    }
    // ECS itself goes back to the deployment before, wherever else it shall go.
    let under_way = primary
        .as_ref()
        .filter(|_| before.as_ref() == Some(&to))
        .map(|primary| primary.id.clone());
    watch.previous = Some(to);
    let reason = format!("{}: asked to go back", request.service);
    let (id, from) = (
        primary.as_ref().map(|p| p.id.clone()),
        primary.map(|p| p.task_definition),
    );
    go_back(watch, under_way.as_ref(), id, from, reason).await
}

/// Goes back to the previous revision: lets ECS do it by stopping `under_way` where that is possible, else updates the
/// service. `id` and `task_definition` are what is gone back from.
pub(super) async fn go_back(
    watch: Watch<'_>,
    under_way: Option<&DeploymentId>,
    id: Option<DeploymentId>,
    task_definition: Option<TaskDefinitionArn>,
    reason: String,
) -> Result<ServiceOutcome, Error> {
    watch.observer.observe(Event::RollbackStarted {
        service: watch.service.clone(),
        reason: reason.clone(),
        task_definition: watch.previous.clone(),
    });
    let begun = begin(&watch, under_way, task_definition.as_ref()).await;
    if let Err(error) = begun {
        let reason = format!("{reason}; going back could not be started: {error}");
        return Ok(watch.end(Verdict::RollbackFailed, id, task_definition, Some(reason)));
    }
    follow_back(watch, id, task_definition, reason).await
}

async fn begin(
    watch: &Watch<'_>,
    under_way: Option<&DeploymentId>,
    from: Option<&TaskDefinitionArn>,
) -> Result<(), Error> {
    let Some(to) = watch.previous.clone() else {
        return Err(Error::NoEarlierRevision {
            service: watch.service.clone(),
        });
    };
    if let Some(id) = under_way {
        // Where the record cannot be read or the deployment not be stopped, an update does the same.
        let record = watch
            .plane
            .service_deployment(watch.cluster, watch.service, id)
            .await
            .ok()
            .flatten();
        if let Some(record) = record.filter(|record| !record.status.is_terminal())
            && (record.status.is_rollback()
                || watch
                    .plane
                    .stop_deployment(&record, StopType::Rollback)
                    .await
                    .is_ok())
        {
            return Ok(());
        }
    }
    // From a revision to itself, after a forced deployment, ECS would see nothing to do.
    let force = from == Some(&to);
    let update = ServiceUpdate::new(watch.cluster.clone(), watch.service.clone())
        .task_definition(to)
        .force_new_deployment(force);
    watch.plane.update_service(&update).await.map(drop)
}

/// Follows a way back that has begun. It is done when the previous revision is the primary one, complete and alone.
pub(super) async fn follow_back(
    mut watch: Watch<'_>,
    id: Option<DeploymentId>,
    task_definition: Option<TaskDefinitionArn>,
    reason: String,
) -> Result<ServiceOutcome, Error> {
    let deadline = Instant::now() + watch.options.timeout;
    loop {
        let Some(state) = watch.look_again(deadline).await? else {
            let reason = format!(
                "{reason}; going back was not done within {} s",
                watch.options.timeout.as_secs()
            );
            return Ok(watch.end(Verdict::RollbackFailed, id, task_definition, Some(reason)));
        };
        if let Some(primary) = state.primary() {
            let primary = primary.id.clone();
            watch.tell_progress(&state, &primary);
        }
        match see(&watch, &state, id.as_ref()) {
            Sight::UnderWay => {}
            Sight::Back => {
                return Ok(watch.end(Verdict::RolledBack, id, task_definition, Some(reason)));
            }
            Sight::Failed => {
                let reason = format!("{reason}; and the revision before fails as well");
                return Ok(watch.end(Verdict::RollbackFailed, id, task_definition, Some(reason)));
            }
            Sight::Superseded => {
                let reason = format!("{reason}; while going back another deployment took over");
                return Ok(watch.end(Verdict::Superseded, id, task_definition, Some(reason)));
            }
        }
    }
}

enum Sight {
    UnderWay,
    Back,
    Failed,
    Superseded,
}

fn see(watch: &Watch<'_>, state: &ServiceState, ours: Option<&DeploymentId>) -> Sight {
    let Some(primary) = state.primary() else {
        return Sight::UnderWay;
    };
    if ours == Some(&primary.id) {
        // ECS has not turned round yet.
        return Sight::UnderWay;
    }
    if watch
        .previous
        .as_ref()
        .is_some_and(|previous| *previous != primary.task_definition)
    {
        return Sight::Superseded;
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
