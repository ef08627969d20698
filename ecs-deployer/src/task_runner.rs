//! The trait for tasks by themselves.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ClusterName, Error, ServiceName, TaskId, TaskRequest, TaskState};

/// Tasks: those of a service that run, and those that are started by themselves.
///
/// # Contract
/// As for [`ControlPlane`](crate::ControlPlane): reads are snapshots, lists of any length are taken, retries are the
/// implementation's. A task that ECS has forgotten, about an hour after its end, is left out.
#[async_trait]
pub trait TaskRunner: Debug + Send + Sync {
    /// The tasks of a service that shall run.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn running_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<TaskState>, Error>;

    /// These tasks, in their order.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn describe_tasks(
        &self,
        cluster: &ClusterName,
        tasks: &[TaskId],
    ) -> Result<Vec<TaskState>, Error>;

    /// Starts a task and returns at once.
    ///
    /// # Errors
    /// [`Error::TaskNotStarted`] with ECS's reason when there is no place for it; [`Error::TaskDefinitionNotFound`].
    async fn run_task(&self, request: &TaskRequest) -> Result<TaskState, Error>;

    /// Asks a task to stop. One that has stopped is left alone.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn stop_task(
        &self,
        cluster: &ClusterName,
        task: &TaskId,
        reason: &str,
    ) -> Result<(), Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: TaskRunner + ?Sized> TaskRunner for $pointer<T> {
            async fn running_tasks(
                &self,
                cluster: &ClusterName,
                service: &ServiceName,
            ) -> Result<Vec<TaskState>, Error> {
                (**self).running_tasks(cluster, service).await
            }

            async fn describe_tasks(
                &self,
                cluster: &ClusterName,
                tasks: &[TaskId],
            ) -> Result<Vec<TaskState>, Error> {
                (**self).describe_tasks(cluster, tasks).await
            }

            async fn run_task(&self, request: &TaskRequest) -> Result<TaskState, Error> {
                (**self).run_task(request).await
            }

            async fn stop_task(
                &self,
                cluster: &ClusterName,
                task: &TaskId,
                reason: &str,
            ) -> Result<(), Error> {
                (**self).stop_task(cluster, task, reason).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
