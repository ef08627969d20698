//! Following a deployment to its verdict.

use tokio::time::Instant;

use super::rollback::{follow_back, go_back};
use super::watch::Watch;
use crate::{
    Deployment, DeploymentId, Error, OnFailure, RolloutState, ServiceOutcome, ServiceState, Verdict,
};

/// What one look at the service says of our deployment.
enum Sight {
    /// It is under way.
    UnderWay,
    /// The wanted revision runs, all of it and alone.
    Done,
    /// ECS has given it up and stays with it.
    Failed(String),
    /// ECS has given it up and goes back, or has gone back.
    GoesBack(String),
    /// Another deployment took over.
    Superseded(DeploymentId),
}

pub(super) async fn follow(
    mut watch: Watch<'_>,
    ours: &Deployment,
) -> Result<ServiceOutcome, Error> {
    let (id, task_definition) = (ours.id.clone(), ours.task_definition.clone());
    watch.observer.observe(crate::Event::DeploymentStarted {
        service: watch.service.clone(),
        deployment: id.clone(),
        task_definition: task_definition.clone(),
    });
    let deadline = Instant::now() + watch.options.timeout;
    let limit = watch.options.permanent_failures.max(1);
    loop {
        let Some(state) = watch.look_again(deadline).await? else {
            let reason = watch.reason(&format!(
                "no verdict within {} s",
                watch.options.timeout.as_secs()
            ));
            return Ok(watch.end(
                Verdict::TimedOut,
                Some(id),
                Some(task_definition),
                Some(reason),
            ));
        };
        watch.tell_progress(&state, &id);
        let sight = see(&watch, &state, &id).await?;
        if let Sight::Done = sight {
            return Ok(watch.end(Verdict::Deployed, Some(id), Some(task_definition), None));
        }
        let failures = watch.count_failures(&id).await?;
        match sight {
            Sight::Done => {}
            Sight::UnderWay if failures < limit => {}
            Sight::UnderWay => {
                let reason = watch.reason("its tasks fail");
                return give_up(watch, id, task_definition, reason).await;
            }
            Sight::Failed(why) => {
                let reason = watch.reason(&why);
                return give_up(watch, id, task_definition, reason).await;
            }
            Sight::GoesBack(why) => {
                let reason = watch.reason(&why);
                return follow_back(watch, Some(id), Some(task_definition), reason).await;
            }
            Sight::Superseded(by) => {
                let reason = format!("{}: the deployment {by} took over", watch.service);
                return Ok(watch.end(
                    Verdict::Superseded,
                    Some(id),
                    Some(task_definition),
                    Some(reason),
                ));
            }
        }
    }
}

/// Goes back, or leaves it, as the options say.
async fn give_up(
    watch: Watch<'_>,
    id: DeploymentId,
    task_definition: crate::TaskDefinitionArn,
    reason: String,
) -> Result<ServiceOutcome, Error> {
    match watch.options.on_failure {
        OnFailure::Keep => {
            let reason = format!("{reason}; it is left as it is");
            Ok(watch.end(
                Verdict::Failed,
                Some(id),
                Some(task_definition),
                Some(reason),
            ))
        }
        OnFailure::Rollback if watch.previous.is_none() => {
            let reason = format!("{reason}; there is no earlier revision to go back to");
            Ok(watch.end(
                Verdict::Failed,
                Some(id),
                Some(task_definition),
                Some(reason),
            ))
        }
        OnFailure::Rollback => {
            let under_way = id.clone();
            go_back(
                watch,
                Some(&under_way),
                Some(id),
                Some(task_definition),
                reason,
            )
            .await
        }
    }
}

async fn see(watch: &Watch<'_>, state: &ServiceState, id: &DeploymentId) -> Result<Sight, Error> {
    let primary = state.primary();
    if let Some(ours) = primary.filter(|primary| primary.id == *id) {
        let text = || {
            ours.rollout_state_reason
                .clone()
                .unwrap_or_else(|| "ECS calls the deployment failed".to_owned())
        };
        return Ok(match ours.rollout_state {
            RolloutState::Completed if ours.running >= state.desired => Sight::Done,
            RolloutState::Failed => Sight::Failed(text()),
            RolloutState::Completed | RolloutState::InProgress => Sight::UnderWay,
        });
    }
    // Another deployment is primary: ECS went back, or somebody deployed. Its own record tells for certain.
    let record = match watch
        .plane
        .service_deployment(watch.cluster, watch.service, id)
        .await
    {
        Ok(record) => record,
        Err(error) if error.is_passing() => {
            watch.tell_failed_poll(&error);
            return Ok(Sight::UnderWay);
        }
        // Without the permission to read records, what the service lists has to do.
        Err(Error::Denied { .. } | Error::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    let failed = state
        .deployment(id)
        .filter(|ours| ours.rollout_state == RolloutState::Failed);
    let why = record
        .as_ref()
        .and_then(|record| record.reason.clone())
        .or_else(|| failed.and_then(|ours| ours.rollout_state_reason.clone()))
        .unwrap_or_else(|| "ECS gave the deployment up".to_owned());
    if let Some(record) = &record {
        if record.status.is_rollback() {
            return Ok(Sight::GoesBack(why));
        }
        if record.status == crate::ServiceDeploymentStatus::Successful && primary.is_none() {
            return Ok(Sight::UnderWay);
        }
    } else if failed.is_some()
        || primary.is_some_and(|primary| Some(&primary.task_definition) == watch.previous.as_ref())
    {
        return Ok(Sight::GoesBack(why));
    }
    Ok(primary.map_or(Sight::UnderWay, |primary| {
        Sight::Superseded(primary.id.clone())
    }))
}
