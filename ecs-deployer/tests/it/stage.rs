//! A simulated cluster with one service.

use std::sync::Arc;
use std::time::Duration;

use ecs_deployer::sim::{Behaviour, ScriptedRuntime, ServiceSpec, SimCluster, Timings};
use ecs_deployer::{
    ClusterName, ControlPlane, DeployRequest, Error, ImageChange, Options, ServiceName,
    ServiceOutcome, ServiceState, TaskDefinition, TaskDefinitionArn, Verdict, deploy,
};

/// The image that the service begins with.
pub(crate) const OLD: &str = "registry.example/web:old";
/// An image that is named by its digest: then it is known to run already.
pub(crate) const PINNED: &str = "registry.example/web:pinned@sha256:0011";
/// The image that is deployed.
pub(crate) const NEW: &str = "registry.example/web:new";

pub(crate) struct Stage {
    pub(crate) cluster: SimCluster,
    pub(crate) runtime: Arc<ScriptedRuntime>,
}

impl Stage {
    /// A service whose first deployment is completed, its spec changed by `spec`.
    pub(crate) async fn new(spec: impl FnOnce(ServiceSpec) -> ServiceSpec) -> Self {
        let stage = Self::unsettled(spec).await;
        stage
            .until(Duration::from_secs(600), |state| {
                state.primary().unwrap().is_completed()
            })
            .await;
        stage
    }

    /// A service whose first deployment has begun.
    pub(crate) async fn unsettled(spec: impl FnOnce(ServiceSpec) -> ServiceSpec) -> Self {
        let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
        let cluster = SimCluster::new(name(), Timings::fargate(), runtime.clone());
        Self::with(cluster, runtime, spec).await
    }

    /// A service whose first deployment is completed, in a cluster that breaks a rule.
    #[cfg(feature = "testing")]
    pub(crate) async fn flawed(
        spec: impl FnOnce(ServiceSpec) -> ServiceSpec,
        flaw: ecs_deployer::sim::Flaw,
    ) -> Self {
        let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
        let cluster = SimCluster::with_flaw(name(), Timings::fargate(), runtime.clone(), flaw);
        let stage = Self::with(cluster, runtime, spec).await;
        stage
            .until(Duration::from_secs(600), |state| {
                state.primary().unwrap().is_completed()
            })
            .await;
        stage
    }

    async fn with(
        cluster: SimCluster,
        runtime: Arc<ScriptedRuntime>,
        spec: impl FnOnce(ServiceSpec) -> ServiceSpec,
    ) -> Self {
        let arn = cluster
            .register_task_definition(&definition(OLD))
            .await
            .unwrap();
        cluster
            .create_service(spec(ServiceSpec::new(service(), arn, 2)))
            .unwrap();
        Self { cluster, runtime }
    }

    pub(crate) async fn state(&self) -> ServiceState {
        self.cluster
            .describe_services(&name(), &[service()])
            .await
            .unwrap()
            .remove(0)
    }

    pub(crate) async fn pass(&self) {
        tokio::time::sleep(Timings::fargate().scheduler_pass).await;
        self.cluster.advance();
    }

    /// Lets time pass until the service is as wanted; panics when it does not come to it.
    pub(crate) async fn until(
        &self,
        limit: Duration,
        wanted: impl Fn(&ServiceState) -> bool,
    ) -> ServiceState {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let state = self.state().await;
            if wanted(&state) {
                return state;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "it did not come to it: {state:#?}"
            );
            self.pass().await;
        }
    }

    pub(crate) async fn deploy_with(&self, options: &Options) -> Result<ServiceOutcome, Error> {
        deploy(&self.cluster, &request(NEW), options, &|_| {}).await
    }

    /// Deploys the new image, whose tasks play this part.
    pub(crate) async fn deploy(&self, part: Behaviour) -> ServiceOutcome {
        self.runtime.part(NEW, part);
        self.deploy_with(&Options::default()).await.unwrap()
    }

    /// The image that the service's primary deployment brings.
    pub(crate) async fn image(&self) -> String {
        let arn = self
            .state()
            .await
            .primary()
            .unwrap()
            .task_definition
            .clone();
        self.image_of(&arn).await
    }

    pub(crate) async fn image_of(&self, arn: &TaskDefinitionArn) -> String {
        self.cluster
            .describe_task_definition(arn)
            .await
            .unwrap()
            .containers()[0]
            .1
            .to_string()
    }
}

pub(crate) fn name() -> ClusterName {
    "dev".parse().unwrap()
}

pub(crate) fn service() -> ServiceName {
    "web".parse().unwrap()
}

pub(crate) fn definition(image: &str) -> TaskDefinition {
    TaskDefinition::new(serde_json::json!({
        "family": "web",
        "containerDefinitions": [{"name": "app", "image": image, "essential": true}],
    }))
}

pub(crate) fn request(image: &str) -> DeployRequest {
    DeployRequest::new(name(), service(), ImageChange::All(image.parse().unwrap()))
}

/// Begins a deployment of the new image, as somebody who does not wait for it.
pub(crate) async fn begin(stage: &Stage) -> ecs_deployer::DeploymentId {
    let arn = stage
        .cluster
        .register_task_definition(&definition(NEW))
        .await
        .unwrap();
    let update = ecs_deployer::ServiceUpdate::new(name(), service()).task_definition(arn);
    let updated = stage.cluster.update_service(&update).await.unwrap();
    updated.primary().unwrap().id.clone()
}

/// A negative outcome must say which service, and why.
pub(crate) fn reason(outcome: &ServiceOutcome, verdict: Verdict) -> &str {
    assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    let reason = outcome.reason.as_deref().unwrap();
    assert!(reason.contains("web"), "{reason}");
    reason
}
