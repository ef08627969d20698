//! The deployment that must serve before anything is asked.

use std::time::Duration;

use health_checker::deployment::{DeploymentView, Expected, Gate, GateOptions, ServiceRef};
use windlass_cli::{Exit, Failure};

use super::args::DeploymentArgs;

/// What is looked at, and through what.
#[derive(Debug)]
pub(super) struct Watch {
    view: Box<dyn DeploymentView>,
    service: ServiceRef,
    expected: Expected,
}

impl Watch {
    /// `None` if no deployment is to be looked at.
    pub(super) async fn new(args: &DeploymentArgs) -> Result<Option<Self>, Failure> {
        let (Some(cluster), Some(service)) = (&args.ecs_cluster, &args.ecs_service) else {
            return Ok(None);
        };
        let service = ServiceRef::new(cluster, service)
            .map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        Ok(Some(Self {
            view: view(args.region.as_deref()).await?,
            service,
            expected: args.deployment.clone().unwrap_or(Expected::Primary),
        }))
    }

    pub(super) fn gate(&self, timeout: Duration, interval: Duration) -> Gate<'_> {
        let options = GateOptions::default().timeout(timeout).interval(interval);
        Gate::new(&*self.view, &self.service, self.expected.clone(), options)
    }
}

#[cfg(feature = "aws")]
async fn view(region: Option<&str>) -> Result<Box<dyn DeploymentView>, Failure> {
    let config = windlass_cli::aws::load(region).await?;
    if config.region().is_none() {
        return Err(Failure::usage("no AWS region is set")
            .hint("give --region, or set AWS_REGION or the region of the profile"));
    }
    Ok(Box::new(health_checker::aws::EcsView::new(
        aws_sdk_ecs::Client::new(&config),
        aws_sdk_elasticloadbalancingv2::Client::new(&config),
    )))
}

#[cfg(not(feature = "aws"))]
#[expect(
    clippy::unused_async,
    reason = "it has the signature of the one that loads the configuration"
)]
async fn view(_: Option<&str>) -> Result<Box<dyn DeploymentView>, Failure> {
    Err(
        Failure::usage("this build cannot look at deployments on Amazon ECS")
            .hint("build it with the feature `aws`, which is on by default"),
    )
}
