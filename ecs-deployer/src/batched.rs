//! Asking for the services that are followed at the same time together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ClusterName, ControlPlane, DeploymentId, Error, HookAction, ServiceDeployment, ServiceName,
    ServiceRevision, ServiceRevisionArn, ServiceState, ServiceUpdate, StopType, StoppedTask,
    TaskDefinition, TaskDefinitionArn,
};

/// How long a look waits for others that come with it.
const GATHERING: Duration = Duration::from_millis(5);

/// A control plane that puts looks at single services, made at the same moment, into one call.
#[derive(Debug)]
pub(crate) struct Batched<'a> {
    inner: &'a dyn ControlPlane,
    waiting: Mutex<Vec<Arc<Look>>>,
    /// Whoever holds it makes the call for all who wait.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Look {
    cluster: ClusterName,
    service: ServiceName,
    answer: Mutex<Option<Answer>>,
}

type Answer = Result<ServiceState, Error>;

impl<'a> Batched<'a> {
    pub(crate) fn new(inner: &'a dyn ControlPlane) -> Self {
        Self {
            inner,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Look>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one call for everybody who waits with `own` for a service of the same cluster.
    async fn look_for_all(&self, own: &Look) {
        tokio::time::sleep(GATHERING).await;
        let together: Vec<Arc<Look>> = {
            let mut waiting = self.waiting();
            let (together, others) = std::mem::take(&mut *waiting)
                .into_iter()
                .partition(|look| look.cluster == own.cluster);
            *waiting = others;
            together
        };
        let mut services: Vec<ServiceName> =
            together.iter().map(|look| look.service.clone()).collect();
        services.sort();
        services.dedup();
        match self.inner.describe_services(&own.cluster, &services).await {
            Ok(states) => {
                for look in &together {
                    let state = states.iter().find(|state| state.name == look.service);
                    look.put(state.cloned().ok_or_else(|| look.missing()));
                }
            }
            // One service that is missing fails the call for all: each is asked for by itself.
            Err(Error::ServiceNotFound { .. }) => {
                for look in &together {
                    let alone = self
                        .inner
                        .describe_services(&look.cluster, std::slice::from_ref(&look.service));
                    let answer = alone
                        .await
                        .and_then(|states| states.into_iter().next().ok_or_else(|| look.missing()));
                    look.put(answer);
                }
            }
            Err(error) => {
                for look in &together {
                    look.put(Err(error.again()));
                }
            }
        }
    }
}

impl Look {
    fn put(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Option<Answer> {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn missing(&self) -> Error {
        Error::ServiceNotFound {
            cluster: self.cluster.clone(),
            service: self.service.clone(),
        }
    }
}

#[async_trait]
impl ControlPlane for Batched<'_> {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        let [service] = services else {
            return self.inner.describe_services(cluster, services).await;
        };
        let look = Arc::new(Look {
            cluster: cluster.clone(),
            service: service.clone(),
            answer: Mutex::new(None),
        });
        self.waiting().push(Arc::clone(&look));
        loop {
            // When who holds the turn is dropped, the next one makes the call.
            let _turn = self.turn.lock().await;
            if let Some(answer) = look.take() {
                return answer.map(|state| vec![state]);
            }
            // Its caller may have been dropped in the middle of the call, after the looks were taken out.
            {
                let mut waiting = self.waiting();
                if !waiting.iter().any(|other| Arc::ptr_eq(other, &look)) {
                    waiting.push(Arc::clone(&look));
                }
            }
            self.look_for_all(&look).await;
        }
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
        self.inner.register_task_definition(definition).await
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        self.inner.update_service(update).await
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
        self.inner.service_deployment(cluster, service, id).await
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
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
        self.inner.stopped_tasks(cluster, service, deployment).await
    }
}
