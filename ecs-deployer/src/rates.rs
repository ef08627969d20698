//! Keeping to the rates that ECS publishes, so that nobody is throttled in the first place.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{
    ClusterName, ControlPlane, DeploymentId, Error, HookAction, ServiceDeployment, ServiceName,
    ServiceRevision, ServiceRevisionArn, ServiceState, ServiceUpdate, StopType, StoppedTask,
    TaskDefinition, TaskDefinitionArn,
};

/// A bucket of tokens: each call takes one, and they come back at a steady rate.
#[derive(Debug)]
struct Bucket {
    burst: f64,
    per_second: f64,
    state: Mutex<(f64, Option<Instant>)>,
}

impl Bucket {
    const fn new(burst: f64, per_second: f64) -> Self {
        Self {
            burst,
            per_second,
            state: Mutex::new((burst, None)),
        }
    }

    /// Takes tokens now and says how long to wait before they may be used. Those who come later wait behind.
    fn reserve(&self, tokens: usize) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (level, at) = *state;
        let passed = at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        // Below zero stand the waits of those who came before.
        let level = passed.mul_add(self.per_second, level).min(self.burst) - tokens as f64;
        *state = (level, Some(now));
        if level >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-level / self.per_second)
        }
    }

    fn refilled(&self, level: f64, at: Option<Instant>, now: Instant) -> f64 {
        let passed = at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        passed.mul_add(self.per_second, level).min(self.burst)
    }

    /// Somebody else has used the tokens up. What those who wait have waited for already is not taken from them.
    fn drain(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, at) = *state;
        let now = Instant::now();
        *state = (self.refilled(level, at, now).min(0.0), Some(now));
    }
}

/// A control plane whose calls keep to the rates that ECS publishes, shared by all who deploy through it.
///
/// ECS counts calls for the whole account and region. When it throttles nevertheless, because others call as well, the bucket
/// is taken to be empty and the call is made again, for as long as [`RateLimited::PATIENCE`]. Rates:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>.
#[derive(Debug)]
pub struct RateLimited<P> {
    inner: P,
    service_reads: Bucket,
    service_writes: Bucket,
    definition_reads: Bucket,
    definition_writes: Bucket,
    deployment_reads: Bucket,
    revision_reads: Bucket,
    task_reads: Bucket,
}

impl<P> RateLimited<P> {
    /// For how long a throttled call is made again.
    pub const PATIENCE: Duration = Duration::from_secs(300);

    /// Keeps to the published rates: burst and refill per second of each group of calls.
    pub const fn new(inner: P) -> Self {
        Self {
            inner,
            service_reads: Bucket::new(100.0, 20.0),
            service_writes: Bucket::new(50.0, 5.0),
            definition_reads: Bucket::new(50.0, 20.0),
            definition_writes: Bucket::new(20.0, 1.0),
            deployment_reads: Bucket::new(50.0, 20.0),
            revision_reads: Bucket::new(50.0, 20.0),
            task_reads: Bucket::new(100.0, 20.0),
        }
    }

    /// What the calls go to.
    pub const fn inner(&self) -> &P {
        &self.inner
    }
}

/// Calls when the bucket allows, and again after a throttle.
async fn paced<T, F>(
    bucket: &Bucket,
    tokens: usize,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, Error>
where
    T: Send,
    F: Future<Output = Result<T, Error>> + Send,
{
    let deadline = Instant::now() + RateLimited::<()>::PATIENCE;
    let mut pause = Duration::from_secs(1);
    loop {
        tokio::time::sleep(bucket.reserve(tokens)).await;
        match call().await {
            Err(Error::Throttled { .. }) if Instant::now() + pause < deadline => {
                bucket.drain();
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(20));
            }
            other => return other,
        }
    }
}

#[async_trait]
impl<P: ControlPlane> ControlPlane for RateLimited<P> {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        // ECS takes ten a call.
        let calls = services.len().div_ceil(10);
        paced(&self.service_reads, calls, || {
            self.inner.describe_services(cluster, services)
        })
        .await
    }

    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        paced(&self.definition_reads, 1, || {
            self.inner.describe_task_definition(arn)
        })
        .await
    }

    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        paced(&self.definition_writes, 1, || {
            self.inner.register_task_definition(definition)
        })
        .await
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        paced(&self.service_writes, 1, || {
            self.inner.update_service(update)
        })
        .await
    }

    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        paced(&self.deployment_reads, 1, || {
            self.inner.service_deployments(cluster, service)
        })
        .await
    }

    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        let calls = revisions.len().div_ceil(20);
        paced(&self.revision_reads, calls, || {
            self.inner.service_revisions(revisions)
        })
        .await
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        // A list and a description, until the record's ARN is known.
        paced(&self.deployment_reads, 2, || {
            self.inner.service_deployment(cluster, service, id)
        })
        .await
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
        // Its bucket is not published: that of the other writes is the narrowest that comes into question.
        paced(&self.service_writes, 1, || {
            self.inner.stop_deployment(deployment, how)
        })
        .await
    }

    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        hook: &str,
        action: HookAction,
    ) -> Result<(), Error> {
        paced(&self.service_writes, 1, || {
            self.inner.continue_deployment(deployment, hook, action)
        })
        .await
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        // A list and a description.
        paced(&self.task_reads, 2, || {
            self.inner.stopped_tasks(cluster, service, deployment)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let bucket = Bucket::new(20.0, 1.0);
        let started = Instant::now();
        for _ in 0..20 {
            assert_eq!(bucket.reserve(1), Duration::ZERO);
        }
        assert_eq!(bucket.reserve(1), Duration::from_secs(1));
        assert_eq!(
            bucket.reserve(1),
            Duration::from_secs(2),
            "who comes later waits behind"
        );
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(
            bucket.reserve(20),
            Duration::ZERO,
            "it never holds more than a burst"
        );
        assert_eq!(bucket.reserve(1), Duration::from_secs(1));
        assert_eq!(started.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_do_not_make_those_who_wait_wait_for_ever() {
        let bucket = Bucket::new(1.0, 1.0);
        assert_eq!(bucket.reserve(1), Duration::ZERO);
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_secs(1)).await;
            bucket.drain();
            assert!(bucket.reserve(1) <= Duration::from_secs(1));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
}
