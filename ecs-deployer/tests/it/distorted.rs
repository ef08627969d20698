//! A control plane that makes the engine behave as if it had a bug.

use std::sync::Mutex;

use async_trait::async_trait;
use ecs_deployer::sim::SimCluster;
use ecs_deployer::{
    ClusterName, ControlPlane, DeploymentId, DeploymentStatus, Error, HookAction,
    ServiceDeployment, ServiceDeploymentStatus, ServiceName, ServiceRevision, ServiceRevisionArn,
    ServiceState, ServiceUpdate, StopType, StoppedTask, TaskDefinition, TaskDefinitionArn,
};

/// What the engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Nothing.
    None,
    /// It takes any deployment that is PRIMARY and COMPLETED for its own.
    AnyCompletionIsSuccess,
    /// It does not see that another deployment took over.
    IgnoresSuperseding,
    /// It counts tasks that were stopped for scaling as failed.
    ScalingIsFailure,
    /// It goes back to the next lower revision of the one that it deployed.
    GoesBackToTheNextLower,
}

#[derive(Debug)]
pub(crate) struct Distorted<'a> {
    inner: &'a SimCluster,
    bug: Bug,
    /// The deployment that the engine began.
    ours: Mutex<Option<(DeploymentId, TaskDefinitionArn)>>,
}

impl<'a> Distorted<'a> {
    pub(crate) fn new(inner: &'a SimCluster, bug: Bug) -> Self {
        Self {
            inner,
            bug,
            ours: Mutex::default(),
        }
    }

    fn ours(&self) -> Option<(DeploymentId, TaskDefinitionArn)> {
        self.ours.lock().unwrap().clone()
    }
}

#[async_trait]
impl ControlPlane for Distorted<'_> {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        let mut states = self.inner.describe_services(cluster, services).await?;
        if let (Bug::AnyCompletionIsSuccess, Some((ours, _))) = (self.bug, self.ours()) {
            for deployment in states.iter_mut().flat_map(|state| &mut state.deployments) {
                if deployment.status == DeploymentStatus::Primary && deployment.is_completed() {
                    deployment.id = ours.clone();
                }
            }
        }
        Ok(states)
    }

    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        self.inner.describe_task_definition(arn).await
    }

    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        if self.bug == Bug::GoesBackToTheNextLower {
            // A revision that nobody ever deployed comes between.
            self.inner.register_task_definition(definition).await?;
        }
        self.inner.register_task_definition(definition).await
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        let mut update = update.clone();
        if let (Bug::GoesBackToTheNextLower, Some((_, brings))) = (self.bug, self.ours()) {
            let lower = format!("{}:{}", brings.family(), brings.revision() - 1);
            update.task_definition = Some(lower.parse().unwrap());
        }
        let state = self.inner.update_service(&update).await?;
        let mut ours = self.ours.lock().unwrap();
        if ours.is_none() {
            *ours = state
                .primary()
                .map(|primary| (primary.id.clone(), primary.task_definition.clone()));
        }
        Ok(state)
    }

    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        self.inner.service_deployments(cluster, service).await
    }

    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        self.inner.service_revisions(revisions).await
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        let mut record = self.inner.service_deployment(cluster, service, id).await?;
        if let (Bug::IgnoresSuperseding, Some(record)) = (self.bug, &mut record)
            && record.status == ServiceDeploymentStatus::Stopped
        {
            record.status = ServiceDeploymentStatus::InProgress;
        }
        Ok(record)
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
        if self.bug == Bug::GoesBackToTheNextLower {
            return Err(Error::Refused {
                operation: "stop the deployment",
                code: None,
                message: None,
                request_id: None,
            });
        }
        self.inner.stop_deployment(deployment, how).await
    }

    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        hook: &str,
        action: HookAction,
    ) -> Result<(), Error> {
        self.inner
            .continue_deployment(deployment, hook, action)
            .await
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        let mut tasks = self
            .inner
            .stopped_tasks(cluster, service, deployment)
            .await?;
        if self.bug == Bug::ScalingIsFailure {
            for task in &mut tasks {
                if task.reason.starts_with("Scaling activity") {
                    task.reason = "Task was stopped".to_owned();
                }
            }
        }
        Ok(tasks)
    }
}
