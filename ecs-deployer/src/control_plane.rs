//! The trait for ECS.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    ClusterName, DeploymentId, Error, HookAction, ServiceDeployment, ServiceName, ServiceRevision,
    ServiceRevisionArn, ServiceState, ServiceUpdate, StopType, StoppedTask, TaskDefinition,
    TaskDefinitionArn,
};

/// The control plane of ECS, as far as deployments need it.
///
/// # Contract
///
/// - **Reads are snapshots.** Each call says how things are at its moment; two calls may see different moments.
/// - **Not found** is an error where the thing was named by the caller (cluster, service, task definition), and `None` or an
///   empty list where ECS forgets things by itself (service deployments, stopped tasks).
/// - **Batching and paging** are the implementation's: lists of any length are taken, in the limits of the API.
/// - **Throttling and lost connections** are retried by the implementation within its budget, but for [`update_service`],
///   which is tried once: a second attempt might begin a second deployment. What is left is [`Error::Throttled`], after which
///   nothing has happened, or [`Error::Unreachable`], after which a write may have.
/// - **Writes** return when ECS has taken note, not when the change is made. [`register_task_definition`] makes a new revision
///   each time. [`update_service`] begins a deployment only if something differs or one is forced, and its answer has that
///   deployment as PRIMARY. [`stop_deployment`] of one that has ended is an error.
/// - **The desired count** is changed only by an update that names one.
///
/// [`register_task_definition`]: Self::register_task_definition
/// [`update_service`]: Self::update_service
/// [`stop_deployment`]: Self::stop_deployment
#[async_trait]
pub trait ControlPlane: Debug + Send + Sync {
    /// The services of these names, in their order.
    ///
    /// # Errors
    /// [`Error::ServiceNotFound`] names the first that is missing.
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error>;

    /// A task definition with its tags.
    ///
    /// # Errors
    /// [`Error::TaskDefinitionNotFound`].
    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error>;

    /// Makes a new revision of a task definition.
    ///
    /// # Errors
    /// When ECS refuses the document.
    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error>;

    /// Changes a service.
    ///
    /// # Errors
    /// When the service or the task definition does not exist.
    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error>;

    /// The last records of a service's deployments, newest first, without their details: at least the last hundred, while
    /// ECS keeps them.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error>;

    /// Service revisions, in their order; those that ECS does not have are left out.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error>;

    /// The record of a deployment with its details; `None` when ECS does not have it, or not yet.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error>;

    /// Stops a deployment that is under way.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has ended, or cannot go back.
    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error>;

    /// Lets a deployment that waits at a hook go on, or go back.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not wait at this hook.
    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        hook: &str,
        action: HookAction,
    ) -> Result<(), Error>;

    /// The tasks of a deployment that have stopped, as long as ECS remembers them (about an hour), oldest first.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: ControlPlane + ?Sized> ControlPlane for $pointer<T> {
            async fn describe_services(
                &self,
                cluster: &ClusterName,
                services: &[ServiceName],
            ) -> Result<Vec<ServiceState>, Error> {
                (**self).describe_services(cluster, services).await
            }

            async fn describe_task_definition(
                &self,
                arn: &TaskDefinitionArn,
            ) -> Result<TaskDefinition, Error> {
                (**self).describe_task_definition(arn).await
            }

            async fn register_task_definition(
                &self,
                definition: &TaskDefinition,
            ) -> Result<TaskDefinitionArn, Error> {
                (**self).register_task_definition(definition).await
            }

            async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
                (**self).update_service(update).await
            }

            async fn service_deployments(
                &self,
                cluster: &ClusterName,
                service: &ServiceName,
            ) -> Result<Vec<ServiceDeployment>, Error> {
                (**self).service_deployments(cluster, service).await
            }

            async fn service_revisions(
                &self,
                revisions: &[ServiceRevisionArn],
            ) -> Result<Vec<ServiceRevision>, Error> {
                (**self).service_revisions(revisions).await
            }

            async fn continue_deployment(
                &self,
                deployment: &ServiceDeployment,
                hook: &str,
                action: HookAction,
            ) -> Result<(), Error> {
                (**self).continue_deployment(deployment, hook, action).await
            }

            async fn service_deployment(
                &self,
                cluster: &ClusterName,
                service: &ServiceName,
                id: &DeploymentId,
            ) -> Result<Option<ServiceDeployment>, Error> {
                (**self).service_deployment(cluster, service, id).await
            }

            async fn stop_deployment(
                &self,
                deployment: &ServiceDeployment,
                how: StopType,
            ) -> Result<(), Error> {
                (**self).stop_deployment(deployment, how).await
            }

            async fn stopped_tasks(
                &self,
                cluster: &ClusterName,
                service: &ServiceName,
                deployment: &DeploymentId,
            ) -> Result<Vec<StoppedTask>, Error> {
                (**self).stopped_tasks(cluster, service, deployment).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
