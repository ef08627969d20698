//! Following a deployment to its verdict.

use tokio::time::{Instant, timeout_at};

use super::back::{Turn, follow_back, go_back};
use super::begin::ids;
use super::history;
use super::judgement::{Sight, judge, needs_record};
use super::watch::{Reading, Watch};
use crate::{
    Deployment, DeploymentId, Error, Event, OnFailure, OnSuperseded, ServiceOutcome, ServiceState,
    TaskDefinitionArn, Verdict,
};

/// A record is read at every so many looks even when the list of deployments tells enough: an abort shows there first.
const LOOKS_PER_RECORD: u32 = 6;

/// At so many looks in a row ECS may take to go back by itself, before we do it.
const LOOKS_TO_TURN: u32 = 6;

pub(super) async fn follow(
    mut watch: Watch<'_>,
    mut ours: Deployment,
    mut first: Option<ServiceState>,
) -> Result<ServiceOutcome, Error> {
    watch.known.brings = Some(ours.task_definition.clone());
    tell_started(&watch, &ours);
    let deadline = Instant::now() + watch.options.timeout;
    let (mut looks, mut turning) = (0_u32, 0_u32);
    loop {
        let state = match first.take() {
            Some(state) => Some(state),
            None => watch.look_again(deadline).await?,
        };
        let (id, brings) = (ours.id.clone(), ours.task_definition.clone());
        let end = |watch: &Watch<'_>, verdict, reason| {
            Ok(watch.end(verdict, Some(id.clone()), Some(brings.clone()), reason))
        };
        let Some(state) = state else {
            let limit = watch.options.timeout.as_secs();
            let reason = watch.reason(&format!("no verdict within {limit} s"));
            return end(&watch, Verdict::TimedOut, Some(reason));
        };
        watch.tell_progress(&state, &id);
        let reading =
            if needs_record(&state, &id) || looks % LOOKS_PER_RECORD == LOOKS_PER_RECORD - 1 {
                timeout_at(deadline, watch.record(&id))
                    .await
                    .unwrap_or(Reading::NotNow)
            } else {
                Reading::Known(None)
            };
        looks = looks.wrapping_add(1);
        let sight = match &reading {
            Reading::Known(record) => judge(&state, &id, record.as_deref(), &watch.known),
            // It may be over: without the record nothing may be held against it.
            Reading::NotNow if needs_record(&state, &id) => continue,
            Reading::NotNow => judge(&state, &id, None, &watch.known),
        };
        if sight == Sight::Done {
            tell_short(&watch, &state, &id);
            if watch.known.scales {
                return end(&watch, Verdict::Unchanged, None);
            }
            return match watch.compare_digests(&id).await {
                Ok(()) => end(&watch, Verdict::Deployed, None),
                Err(difference) => {
                    let reason = format!(
                        "{}: {difference}; the tag was moved, and a rollback would bring the same",
                        watch.service
                    );
                    end(&watch, Verdict::Failed, Some(reason))
                }
            };
        }
        // At the deadline the next look ends it.
        let counted = watch.count_failures(&id, state.deployment(&id));
        if timeout_at(deadline, counted).await.is_err() {
            continue;
        }
        turning = if matches!(sight, Sight::Turning(_)) {
            turning + 1
        } else {
            0
        };
        match sight {
            Sight::Done => {}
            Sight::UnderWay if watch.failures.are_enough(watch.options) => {
                return give_up(watch, id, brings, "its tasks fail").await;
            }
            Sight::Failed(why) => return give_up(watch, id, brings, &why).await,
            Sight::Turning(why) if turning > LOOKS_TO_TURN => {
                return give_up(watch, id, brings, &why).await;
            }
            Sight::UnderWay | Sight::Turning(_) => {}
            Sight::GoesBack(why) => {
                watch.read_logs().await;
                let reason = watch.reason(&why);
                return follow_back(watch, Turn::ByEcs, Some(id), Some(brings), reason).await;
            }
            Sight::Cancelled(why) => {
                let reason = watch.reason(&format!("it was stopped and left as it is: {why}"));
                return end(&watch, Verdict::Cancelled, Some(reason));
            }
            Sight::Superseded(by) => {
                watch.superseded_by = Some(by.clone());
                let newer = state.deployment(&by).cloned();
                match (watch.options.on_superseded, newer) {
                    (OnSuperseded::Follow, Some(newer)) => {
                        ours = take_over(&mut watch, &state, newer).await;
                        (looks, turning) = (0, 0);
                    }
                    _ => {
                        let reason = format!("{}: the deployment {by} took over", watch.service);
                        return end(&watch, Verdict::Superseded, Some(reason));
                    }
                }
            }
        }
    }
}

/// What is complete may have lost tasks since.
fn tell_short(watch: &Watch<'_>, state: &ServiceState, id: &DeploymentId) {
    let running = match state.deployment(id) {
        Some(ours) if ours.running < state.desired => ours.running,
        _ => return,
    };
    watch.note(format!(
        "ECS has completed the deployment; of its {} tasks {running} run now",
        state.desired
    ));
}

fn tell_started(watch: &Watch<'_>, ours: &Deployment) {
    watch.observer.observe(Event::DeploymentStarted {
        service: watch.service.clone(),
        deployment: ours.id.clone(),
        task_definition: ours.task_definition.clone(),
    });
}

/// From here on the newer deployment is the one that is followed; what failed before is not its failure.
async fn take_over(watch: &mut Watch<'_>, state: &ServiceState, newer: Deployment) -> Deployment {
    watch.observer.observe(Event::FollowsNewer {
        service: watch.service.clone(),
        deployment: newer.id.clone(),
    });
    watch.known.earlier = ids(state);
    watch.known.earlier.remove(&newer.id);
    watch.known.is_theirs = true;
    watch.failures = super::failures::Failures::default();
    // A tag that moves was compared for our deployment, not for theirs.
    watch.moving = None;
    watch.take_up(&newer.task_definition).await;
    tell_started(watch, &newer);
    newer
}

/// Goes back, or leaves it, as the options say.
async fn give_up(
    mut watch: Watch<'_>,
    id: DeploymentId,
    brings: TaskDefinitionArn,
    why: &str,
) -> Result<ServiceOutcome, Error> {
    watch.read_logs().await;
    let reason = watch.reason(why);
    let kept = |watch: &Watch<'_>, reason| {
        Ok(watch.end(
            Verdict::Failed,
            Some(id.clone()),
            Some(brings.clone()),
            Some(reason),
        ))
    };
    if watch.known.is_theirs {
        let reason = format!("{reason}; it is somebody else's deployment and left as it is");
        return kept(&watch, reason);
    }
    if watch.known.scales {
        let reason = format!("{reason}; the revision and the desired count are left as they are");
        return kept(&watch, reason);
    }
    if watch.options.on_failure == OnFailure::Keep {
        return kept(&watch, format!("{reason}; it is left as it is"));
    }
    // The records know what succeeded last, even when the service has forgotten it.
    watch.known.ways_back = history::successful_before(&watch, &id).await;
    if let Some(last) = watch.known.ways_back.first() {
        watch.known.previous = Some(last.clone());
    }
    if watch.known.previous.is_none() {
        return kept(
            &watch,
            format!("{reason}; there is no earlier revision to go back to"),
        );
    }
    go_back(watch, Some(&id.clone()), Some(id), Some(brings), reason).await
}
