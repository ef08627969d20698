//! What the engine works with, and its three ways in.

use super::follow::follow;
use super::watch::Watch;
use super::{back, begin, history};
use crate::{
    ClusterName, ControlPlane, DeployRequest, Deployment, DeploymentId, DeploymentStatus, Error,
    Event, Observer, Options, RollbackRequest, ServiceDeploymentStatus, ServiceName,
    ServiceOutcome, ServiceState, TaskLogs, TaskRunner, Verdict, WayBack,
};

/// Deploys, follows and goes back.
///
/// It needs a [`ControlPlane`]. With [`TaskLogs`] it shows what failed containers wrote at last; with a [`TaskRunner`] it
/// compares the digests that tasks pulled with the one that was pushed, for tags that move.
#[derive(Debug, Clone, Copy)]
pub struct Deployer<'a> {
    pub(super) plane: &'a dyn ControlPlane,
    pub(super) logs: Option<&'a dyn TaskLogs>,
    pub(super) tasks: Option<&'a dyn TaskRunner>,
}

impl<'a> Deployer<'a> {
    /// A deployer on this control plane.
    pub const fn new(plane: &'a dyn ControlPlane) -> Self {
        Self {
            plane,
            logs: None,
            tasks: None,
        }
    }

    /// The control plane.
    pub(crate) const fn plane(&self) -> &'a dyn ControlPlane {
        self.plane
    }

    /// The same on another control plane.
    pub(crate) const fn on<'b>(&self, plane: &'b dyn ControlPlane) -> Deployer<'b>
    where
        'a: 'b,
    {
        Deployer {
            plane,
            logs: self.logs,
            tasks: self.tasks,
        }
    }

    /// Reads the last lines of failed containers.
    #[must_use]
    pub const fn logs(mut self, logs: &'a dyn TaskLogs) -> Self {
        self.logs = Some(logs);
        self
    }

    /// Looks at running tasks.
    #[must_use]
    pub const fn tasks(mut self, tasks: &'a dyn TaskRunner) -> Self {
        self.tasks = Some(tasks);
        self
    }

    /// Deploys images to a service and follows the deployment to its end.
    ///
    /// A service that runs these very images already, completed and in full, is left alone: [`Verdict::Unchanged`]. One
    /// whose deployment of them was begun and not completed gets a new deployment of the same revision.
    ///
    /// Dropping the future stops the watching, not the deployment: ECS goes on with it. [`wait`](Self::wait) takes it up
    /// again.
    ///
    /// # Errors
    /// When nothing was begun: the service is missing, cannot be deployed to, or ECS refused. Afterwards only for an error
    /// that waiting does not mend; what ECS does is an outcome.
    pub async fn deploy(
        &self,
        request: &DeployRequest,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<ServiceOutcome, Error> {
        let mut watch = Watch::new(*self, &request.cluster, &request.service, options, observer);
        match begin::begin(&mut watch, request).await? {
            begin::Begun::Deployment(ours) => follow(watch, ours, None).await,
            begin::Begun::Ended(outcome) => Ok(*outcome),
        }
    }

    /// Follows a deployment that is under way, or the one of this id, to its end, with the same verdict as if it had been
    /// followed from the beginning.
    ///
    /// # Errors
    /// As [`deploy`](Self::deploy).
    pub async fn wait(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: Option<&DeploymentId>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<ServiceOutcome, Error> {
        let mut watch = Watch::new(*self, cluster, service, options, observer);
        let state = watch.first_look().await?;
        begin::check_kind(&state)?;
        watch.skip_history(&state);
        let Some(ours) = self.find(&mut watch, &state, deployment).await? else {
            let reason = format!("{service}: it has no deployment");
            return Ok(watch.end(Verdict::Failed, None, None, Some(reason)));
        };
        watch.take_up(&ours.task_definition).await;
        let successful = history::successful_before(&watch, &ours.id).await;
        let listed = state
            .deployments
            .iter()
            .find(|other| other.id != ours.id && other.is_completed());
        watch.known.previous = successful
            .into_iter()
            .next()
            .or_else(|| listed.map(|other| other.task_definition.clone()));
        watch.known.earlier = listed.map(|other| other.id.clone()).into_iter().collect();
        if let Some(outcome) = replaced_since(&mut watch, &state, &ours).await {
            return Ok(outcome);
        }
        follow(watch, ours, Some(state)).await
    }

    /// The deployment of this id, or the one under way.
    async fn find(
        &self,
        watch: &mut Watch<'_>,
        state: &ServiceState,
        wanted: Option<&DeploymentId>,
    ) -> Result<Option<Deployment>, Error> {
        let Some(id) = wanted else {
            return Ok(state.primary().cloned());
        };
        if let Some(listed) = state.deployment(id) {
            return Ok(Some(listed.clone()));
        }
        // ECS does not list it any more: its record tells what became of it.
        let record = watch.record(id).await.into_known();
        let target = record.and_then(|record| record.target);
        let brings = match target {
            Some(target) => history::revision(watch, &target).await,
            None => None,
        };
        let Some(brings) = brings else {
            return Err(Error::DeploymentNotFound {
                service: watch.service.clone(),
                deployment: id.clone(),
            });
        };
        Ok(Some(Deployment::new(
            id.clone(),
            DeploymentStatus::Inactive,
            brings,
        )))
    }

    /// Brings an earlier revision of a service back and follows it to its end.
    ///
    /// Without a revision in the request it is the last one that was deployed with success, by ECS's records, other than the
    /// one that runs; where the records cannot be read, that of the completed deployment that is being replaced.
    ///
    /// # Errors
    /// [`Error::NoEarlierRevision`] when none is named and none is known, [`Error::NotItsRevision`] when the one that is named is
    /// of another family and was never deployed to the service; else as [`deploy`](Self::deploy).
    pub async fn rollback(
        &self,
        request: &RollbackRequest,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<ServiceOutcome, Error> {
        let watch = Watch::new(*self, &request.cluster, &request.service, options, observer);
        back::rollback(watch, request).await
    }

    /// Finds out where [`rollback`](Self::rollback) would lead. Nothing is changed.
    ///
    /// # Errors
    /// As there.
    pub async fn way_back(&self, request: &RollbackRequest) -> Result<WayBack, Error> {
        let (options, observer) = (Options::default(), |_: Event| {});
        let watch = Watch::new(
            *self,
            &request.cluster,
            &request.service,
            &options,
            &observer,
        );
        back::way_back(watch, request).await
    }
}

/// The outcome of a deployment that succeeded once and no longer serves: saying that it is deployed would be wrong today.
async fn replaced_since(
    watch: &mut Watch<'_>,
    state: &ServiceState,
    ours: &Deployment,
) -> Option<ServiceOutcome> {
    let primary = state.primary().filter(|primary| primary.id != ours.id)?;
    let record = watch.record(&ours.id).await.into_known()?;
    if record.status != ServiceDeploymentStatus::Successful {
        return None;
    }
    let by = primary.id.clone();
    watch.note(format!("{} had succeeded before that", ours.id));
    let (verdict, done) = if watch.known.is_way_back(primary) {
        (
            Verdict::RolledBack,
            "brought the revision before back since",
        )
    } else {
        (Verdict::Superseded, "took over since")
    };
    let reason = format!("{}: the deployment {by} {done}", watch.service);
    watch.superseded_by = Some(by);
    let brings = Some(ours.task_definition.clone());
    Some(watch.end(verdict, Some(ours.id.clone()), brings, Some(reason)))
}

/// [`Deployer::deploy`] on a control plane alone.
///
/// # Errors
/// As there.
pub async fn deploy(
    plane: &dyn ControlPlane,
    request: &DeployRequest,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ServiceOutcome, Error> {
    Deployer::new(plane)
        .deploy(request, options, observer)
        .await
}

/// [`Deployer::wait`] on a control plane alone.
///
/// # Errors
/// As there.
pub async fn wait(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
    deployment: Option<&DeploymentId>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ServiceOutcome, Error> {
    let deployer = Deployer::new(plane);
    deployer
        .wait(cluster, service, deployment, options, observer)
        .await
}

/// [`Deployer::rollback`] on a control plane alone.
///
/// # Errors
/// As there.
pub async fn rollback(
    plane: &dyn ControlPlane,
    request: &RollbackRequest,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ServiceOutcome, Error> {
    Deployer::new(plane)
        .rollback(request, options, observer)
        .await
}

/// [`Deployer::way_back`] on a control plane alone.
///
/// # Errors
/// As there.
pub async fn way_back(
    plane: &dyn ControlPlane,
    request: &RollbackRequest,
) -> Result<WayBack, Error> {
    Deployer::new(plane).way_back(request).await
}
