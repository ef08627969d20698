//! Beginning a deployment.

use std::collections::BTreeSet;

use super::watch::Watch;
use crate::{
    Controller, DeployRequest, Deployment, DeploymentId, Error, Event, ImageChange, ImageRef,
    Reveal, ServiceOutcome, ServiceState, ServiceUpdate, TaskDefinition, TaskDefinitionArn,
    Verdict,
};

/// What came of beginning.
pub(super) enum Begun {
    /// A deployment to follow.
    Deployment(Deployment),
    /// There is nothing to follow.
    Ended(Box<ServiceOutcome>),
}

pub(super) async fn begin(watch: &mut Watch<'_>, request: &DeployRequest) -> Result<Begun, Error> {
    let state = watch.first_look().await?;
    check_kind(&state)?;
    watch.skip_history(&state);
    let current = watch.definition(&state.task_definition).await?;
    let wanted = request
        .base
        .as_ref()
        .unwrap_or(&current)
        .with_images(&request.images)?;
    let runs_them = runs_already(&current, &wanted, request)?;
    watch.image = image(&wanted, &request.images);
    watch.moving = request.moving.then(|| request.clone());
    watch.log_source = Some(wanted.clone());
    watch.known.earlier = ids(&state);
    watch.known.previous =
        last_completed(&state).map(|deployment| deployment.task_definition.clone());

    let desired = request.desired_count.unwrap_or(state.desired);
    let settled = is_settled(&state);
    if runs_them && !must_redeploy(request) && settled {
        if desired != state.desired
            && let Some(scaled) = scale(watch, &state, desired).await?
        {
            return Ok(Begun::Deployment(scaled));
        }
        let id = state.primary().map(|primary| primary.id.clone());
        let outcome = watch.end(Verdict::Unchanged, id, Some(state.task_definition), None);
        return Ok(Begun::Ended(Box::new(outcome)));
    }
    check_bounds(&state, desired)?;
    if !request.moving {
        note_unpinned(watch, request, runs_them && settled);
    }
    if desired == 0 {
        watch.note(
            "its desired count is 0: no task has shown that the new revision runs".to_owned(),
        );
    }
    let task_definition = if runs_them {
        state.task_definition.clone()
    } else {
        register(watch, &wanted).await?
    };
    watch.known.brings = Some(task_definition.clone());
    let update = ServiceUpdate::new(request.cluster.clone(), request.service.clone())
        .task_definition(task_definition.clone())
        .desired_count(request.desired_count)
        .force_new_deployment(runs_them || request.force_new_deployment);
    let updated = update_service(watch, &update).await?;
    let ours = updated.primary().filter(|primary| {
        primary.task_definition == task_definition && !watch.known.earlier.contains(&primary.id)
    });
    Ok(match ours {
        Some(ours) => Begun::Deployment(ours.clone()),
        // Somebody else's update came right after ours.
        None => {
            watch.superseded_by = updated.primary().map(|primary| primary.id.clone());
            let reason = format!("{}: another deployment took over at once", request.service);
            let outcome = watch.end(
                Verdict::Superseded,
                None,
                Some(task_definition),
                Some(reason),
            );
            Begun::Ended(Box::new(outcome))
        }
    })
}

/// Whether even what runs already is deployed once more.
pub(crate) fn must_redeploy(request: &DeployRequest) -> bool {
    request.force_new_deployment || !request.images.without_digest().is_empty()
}

/// Whoever reads the outcome must know that a tag decided.
fn note_unpinned(watch: &Watch<'_>, request: &DeployRequest, runs_already: bool) {
    for image in request.images.without_digest() {
        let why = if runs_already && !request.force_new_deployment {
            "the service has it already, but the tag may have moved: it is deployed once more"
        } else {
            "it is deployed by its tag, which may move"
        };
        watch.note(format!("`{image}` is not pinned to a digest: {why}"));
    }
}

/// Judges a described service: whether a deployment of it can be begun at all, and be done with the tasks that it is to have.
///
/// [`deploy`](crate::deploy) refuses the same by itself. Who has more to do before, such as pushing an image, can ask first, and
/// needs no further call for it.
///
/// # Errors
/// [`Error::NotDeployable`] if ECS does not deploy it, or not any more; [`Error::Deadlock`] if none of its tasks can be replaced.
pub fn check_deployable(state: &ServiceState) -> Result<(), Error> {
    check_kind(state)?;
    check_bounds(state, state.desired)
}

/// Refuses a count with which no task could ever be replaced.
fn check_bounds(state: &ServiceState, desired: u32) -> Result<(), Error> {
    let mut resized = state.clone();
    resized.desired = desired;
    if resized.is_deadlocked() {
        return Err(Error::Deadlock {
            service: state.name.clone(),
            desired,
        });
    }
    Ok(())
}

/// Changes the desired count alone. Gives what is to be followed until the further tasks run, if there are some.
async fn scale(
    watch: &mut Watch<'_>,
    state: &ServiceState,
    desired: u32,
) -> Result<Option<Deployment>, Error> {
    check_bounds(state, desired)?;
    let primary = state.primary().cloned();
    if let Some(primary) = &primary {
        watch.skip_failures(&primary.id).await;
    }
    let update = ServiceUpdate::new(watch.cluster.clone(), watch.service.clone())
        .desired_count(Some(desired));
    // To say the same number twice does no harm.
    watch
        .insist(|| watch.plane().update_service(&update))
        .await?;
    watch.note(format!(
        "the desired count was changed from {} to {desired}",
        state.desired
    ));
    watch.known.scales = true;
    Ok(primary.filter(|primary| primary.running < desired))
}

async fn register(
    watch: &Watch<'_>,
    definition: &TaskDefinition,
) -> Result<TaskDefinitionArn, Error> {
    // An answer that was lost leaves a revision that nobody uses behind, and nothing worse.
    let arn = watch
        .insist(|| watch.plane().register_task_definition(definition))
        .await?;
    watch.observer.observe(Event::TaskDefinitionRegistered {
        service: watch.service.clone(),
        task_definition: arn.clone(),
    });
    Ok(arn)
}

/// Updates the service once: when the answer was lost, a look tells whether the update has happened.
pub(super) async fn update_service(
    watch: &Watch<'_>,
    update: &ServiceUpdate,
) -> Result<ServiceState, Error> {
    if let Some(task_definition) = update.task_definition.clone() {
        watch.observer.observe(Event::Updating {
            service: watch.service.clone(),
            task_definition,
        });
    }
    let mut lost = 0;
    loop {
        match watch
            .insist_unless_lost(|| watch.plane().update_service(update))
            .await
        {
            Err(error @ Error::Unreachable { .. }) => {
                watch.tell_failed_poll(&error);
                lost += 1;
                let state = watch.first_look().await?;
                let happened = state.primary().is_some_and(|primary| {
                    !watch.known.earlier.contains(&primary.id)
                        && update
                            .task_definition
                            .as_ref()
                            .is_none_or(|wanted| *wanted == primary.task_definition)
                });
                if happened {
                    return Ok(state);
                }
                if lost >= Watch::TRIES {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

/// Whether what is wanted is what the service's task definition is.
pub(crate) fn runs_already(
    current: &TaskDefinition,
    wanted: &TaskDefinition,
    request: &DeployRequest,
) -> Result<bool, Error> {
    match &request.base {
        None => current.has_images(&request.images),
        Some(_) => Ok(current.differences(wanted, Reveal::Nothing).is_empty()),
    }
}

/// Refuses a service that ECS does not deploy, or not any more.
pub(crate) fn check_kind(state: &ServiceState) -> Result<(), Error> {
    let not = |reason: String| {
        Err(Error::NotDeployable {
            service: state.name.clone(),
            reason,
        })
    };
    match state.controller {
        Controller::Ecs => {}
        Controller::CodeDeploy => {
            return not("its deployment controller is CODE_DEPLOY: CodeDeploy alone may give it another task definition".to_owned());
        }
        Controller::External => {
            return not("its deployment controller is EXTERNAL: it is deployed through task sets, by another program".to_owned());
        }
    }
    if state.status != "ACTIVE" {
        return not(format!("its status is {}", state.status));
    }
    Ok(())
}

/// The deployment that serves: the primary if it is completed, else the completed one that it replaces.
pub(super) fn last_completed(state: &ServiceState) -> Option<&Deployment> {
    state
        .primary()
        .filter(|primary| primary.is_completed())
        .or_else(|| {
            state
                .deployments
                .iter()
                .find(|deployment| deployment.is_completed())
        })
}

pub(super) fn ids(state: &ServiceState) -> BTreeSet<DeploymentId> {
    state
        .deployments
        .iter()
        .map(|deployment| deployment.id.clone())
        .collect()
}

fn is_settled(state: &ServiceState) -> bool {
    state.primary().is_some_and(|primary| {
        primary.is_completed() && primary.running == state.desired && primary.pending == 0
    })
}

fn image(definition: &TaskDefinition, change: &ImageChange) -> Option<ImageRef> {
    match change {
        ImageChange::All(image) => Some(image.clone()),
        ImageChange::Containers(images) => definition
            .containers()
            .into_iter()
            .find(|(name, _)| images.contains_key(name))
            .map(|(_, image)| image),
    }
}
