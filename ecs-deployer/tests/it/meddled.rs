//! A control plane in whose way somebody stands.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ecs_deployer::sim::SimCluster;
use ecs_deployer::{
    ClusterName, ControlPlane, DeploymentId, Error, HookAction, ServiceDeployment, ServiceName,
    ServiceRevision, ServiceRevisionArn, ServiceState, ServiceUpdate, StopType, StoppedTask,
    TaskDefinition, TaskDefinitionArn,
};

/// The simulator, and what is done to its calls.
#[derive(Debug)]
pub(crate) struct Meddled<'a> {
    inner: &'a SimCluster,
    /// No call gets through.
    pub(crate) cut: AtomicBool,
    /// Nobody may stop a deployment.
    pub(crate) stop_denied: AtomicBool,
    /// Records and stopped tasks are never answered.
    pub(crate) stalled: AtomicBool,
    /// Task definitions that were deregistered.
    pub(crate) deregistered: Mutex<BTreeSet<String>>,
}

impl<'a> Meddled<'a> {
    pub(crate) fn new(inner: &'a SimCluster) -> Self {
        Self {
            inner,
            cut: AtomicBool::default(),
            stop_denied: AtomicBool::default(),
            stalled: AtomicBool::default(),
            deregistered: Mutex::default(),
        }
    }

    pub(crate) fn deregister(&self, arn: &TaskDefinitionArn) {
        self.deregistered
            .lock()
            .unwrap()
            .insert(arn.short().to_owned());
    }

    fn is_gone(&self, arn: &TaskDefinitionArn) -> bool {
        self.deregistered.lock().unwrap().contains(arn.short())
    }

    fn through(&self) -> Result<&'a SimCluster, Error> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(Error::Unreachable {
                operation: "do anything",
                source: "the line is cut".into(),
            });
        }
        Ok(self.inner)
    }

    async fn stall(&self) {
        if self.stalled.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl ControlPlane for Meddled<'_> {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        self.through()?.describe_services(cluster, services).await
    }

    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        let found = self.through()?.describe_task_definition(arn).await?;
        let mut document = found.document().clone();
        if self.is_gone(arn) {
            document["status"] = "INACTIVE".into();
        }
        Ok(TaskDefinition::new(document))
    }

    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        self.through()?.register_task_definition(definition).await
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        let inner = self.through()?;
        if update
            .task_definition
            .as_ref()
            .is_some_and(|arn| self.is_gone(arn))
        {
            return Err(Error::Refused {
                operation: "update the service",
                code: Some("ClientException".to_owned()),
                message: Some("TaskDefinition is inactive".to_owned()),
                request_id: None,
            });
        }
        inner.update_service(update).await
    }

    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        self.through()?.service_deployments(cluster, service).await
    }

    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        self.through()?.service_revisions(revisions).await
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        self.stall().await;
        self.through()?
            .service_deployment(cluster, service, id)
            .await
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
        let inner = self.through()?;
        if self.stop_denied.load(Ordering::Relaxed) {
            return Err(Error::Denied {
                operation: "stop the service deployment",
                action: "ecs:StopServiceDeployment",
                code: None,
                message: None,
                request_id: None,
            });
        }
        inner.stop_deployment(deployment, how).await
    }

    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        hook: &str,
        action: HookAction,
    ) -> Result<(), Error> {
        self.through()?
            .continue_deployment(deployment, hook, action)
            .await
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        self.stall().await;
        self.through()?
            .stopped_tasks(cluster, service, deployment)
            .await
    }
}
