//! What ran with success before, by ECS's records.

use std::sync::atomic::{AtomicBool, Ordering};

use super::watch::Watch;
use crate::{
    DeploymentId, Error, ServiceDeployment, ServiceDeploymentStatus, ServiceRevisionArn,
    TaskDefinitionArn,
};

/// How many successful records are looked at for a revision to go back to.
const CANDIDATES: usize = 20;

/// What succeeded before this deployment began, newest first; empty when nothing did, or the records cannot be read.
pub(super) async fn successful_before(
    watch: &Watch<'_>,
    id: &DeploymentId,
) -> Vec<TaskDefinitionArn> {
    // The records come newest first.
    let met = AtomicBool::new(false);
    let older = successful(watch, |record| {
        met.swap(
            met.load(Ordering::Relaxed) || record.id == *id,
            Ordering::Relaxed,
        )
    })
    .await;
    if met.into_inner() {
        return older;
    }
    // Its own record is gone, or not there yet.
    successful(watch, |record| record.id != *id).await
}

/// The last deployments that succeeded, newest first, among those wanted.
pub(super) async fn successful(
    watch: &Watch<'_>,
    wanted: impl Fn(&ServiceDeployment) -> bool + Send + Sync,
) -> Vec<TaskDefinitionArn> {
    let records = match watch
        .insist(|| {
            watch
                .plane()
                .service_deployments(watch.cluster, watch.service)
        })
        .await
    {
        Ok(records) => records,
        Err(error) => {
            watch.tell_blind("the records of earlier deployments", &error);
            return Vec::new();
        }
    };
    let targets: Vec<ServiceRevisionArn> = records
        .into_iter()
        .filter(|record| wanted(record) && record.status == ServiceDeploymentStatus::Successful)
        .filter_map(|record| record.target)
        .take(CANDIDATES)
        .collect();
    if targets.is_empty() {
        return Vec::new();
    }
    match revisions(watch, &targets).await {
        Ok(found) => found,
        Err(error) => {
            watch.tell_blind("what earlier deployments brought", &error);
            Vec::new()
        }
    }
}

/// What a service revision runs; `None` when that cannot be found out.
pub(super) async fn revision(
    watch: &Watch<'_>,
    target: &ServiceRevisionArn,
) -> Option<TaskDefinitionArn> {
    match revisions(watch, std::slice::from_ref(target)).await {
        Ok(found) => found.into_iter().next(),
        Err(error) => {
            watch.tell_blind("what the deployment brings", &error);
            None
        }
    }
}

async fn revisions(
    watch: &Watch<'_>,
    targets: &[ServiceRevisionArn],
) -> Result<Vec<TaskDefinitionArn>, Error> {
    let found = watch
        .insist(|| watch.plane().service_revisions(targets))
        .await?;
    Ok(found
        .into_iter()
        .map(|revision| revision.task_definition)
        .collect())
}
