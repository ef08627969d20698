//! The outside systems of one environment, behind the libraries' traits.

use std::sync::Arc;
use std::time::Duration;

use change_detect::ModuleName;
#[cfg(feature = "aws")]
use ecs_deployer::Directory;
use ecs_deployer::{ClusterName, ControlPlane, ImageRef, ServiceName};
use health_checker::{NetworkProbe, Probe, Target};
#[cfg(feature = "aws")]
use image_tagger::PushOptions;
use image_tagger::Registry;
use url::Url;
use windlass_cli::Failure;

use crate::checkout::Checkout;
use crate::config::{Environment, Provider};
use crate::local::{LocalSite, Opened};
use crate::names::Names;
use crate::tempo::Tempo;

/// Everything that a run reaches outside of the repository.
#[derive(Debug)]
pub(crate) struct Adapters {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) plane: Arc<dyn ControlPlane>,
    pub(crate) probe: Arc<dyn Probe>,
    pub(crate) site: Site,
}

/// What the providers do each in their own way.
#[derive(Debug)]
pub(crate) enum Site {
    /// The simulated cluster and the layouts on disk.
    Local(LocalSite),
    /// Amazon ECS: services are made by infrastructure code, not by a deployment.
    #[cfg(feature = "aws")]
    Aws(Arc<dyn Directory>),
}

impl Adapters {
    /// The adapters for a run.
    pub(crate) async fn open(
        checkout: &Checkout,
        names: &Names,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        match environment.provider {
            Provider::Local => LocalSite::open(checkout.root(), names, environment)
                .await
                .map(Self::local),
            Provider::Aws => Self::aws(environment).await,
        }
    }

    /// The adapters for a look: nothing is created, started or locked.
    pub(crate) async fn peek(
        checkout: &Checkout,
        names: &Names,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        match environment.provider {
            Provider::Local => LocalSite::peek(checkout.root(), names, environment)
                .await
                .map(Self::local),
            Provider::Aws => Self::aws(environment).await,
        }
    }

    fn local((site, registry): Opened) -> Self {
        Self {
            registry,
            plane: site.plane(),
            probe: Arc::new(NetworkProbe::new()),
            site: Site::Local(site),
        }
    }

    #[cfg(feature = "aws")]
    async fn aws(environment: &Environment) -> Result<Self, Failure> {
        let (registry, plane, directory) = crate::aws::open(environment).await?;
        Ok(Self {
            registry,
            plane,
            probe: Arc::new(NetworkProbe::new()),
            site: Site::Aws(directory),
        })
    }

    #[cfg(not(feature = "aws"))]
    #[expect(
        clippy::unused_async,
        reason = "the same signature as with the feature `aws`"
    )]
    async fn aws(_environment: &Environment) -> Result<Self, Failure> {
        Err(Failure::usage("this build of windlass has no AWS support")
            .hint("build it with the feature `aws`, which is on by default"))
    }
}

impl Site {
    /// How long to wait before a moving tag is read back: another run may move it on AWS, and none may run here.
    pub(crate) fn settle(&self) -> Duration {
        match self {
            Self::Local(_) => Duration::ZERO,
            #[cfg(feature = "aws")]
            Self::Aws(_) => PushOptions::default().settle,
        }
    }

    /// Of these services, those that there are.
    pub(crate) fn existing(
        &self,
        services: &[(ModuleName, ServiceName)],
    ) -> Vec<(ModuleName, ServiceName)> {
        match self {
            Self::Local(site) => site.existing(services),
            // Asked for by name, those that are missing are found out.
            #[cfg(feature = "aws")]
            Self::Aws(_) => services.to_vec(),
        }
    }

    /// All services of the cluster, whoever deploys them.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "only AWS is asked over a network")
    )]
    pub(crate) async fn services(
        &self,
        #[cfg_attr(
            not(feature = "aws"),
            expect(unused_variables, reason = "the local site has one cluster")
        )]
        cluster: &ClusterName,
    ) -> Result<Vec<ServiceName>, ecs_deployer::Error> {
        match self {
            Self::Local(site) => Ok(site.services()),
            #[cfg(feature = "aws")]
            Self::Aws(directory) => directory.services(cluster).await,
        }
    }

    /// Whether others may deploy to the same cluster.
    pub(crate) const fn is_shared(&self) -> bool {
        match self {
            Self::Local(_) => false,
            #[cfg(feature = "aws")]
            Self::Aws(_) => true,
        }
    }

    /// Whether a deployment makes a service that there is none of.
    pub(crate) const fn makes_services(&self) -> bool {
        match self {
            Self::Local(_) => true,
            #[cfg(feature = "aws")]
            Self::Aws(_) => false,
        }
    }

    /// Makes the service with this image if there is none and the provider may; says whether it did.
    pub(crate) async fn create(
        &self,
        service: &ServiceName,
        image: &ImageRef,
    ) -> Result<bool, Failure> {
        match self {
            Self::Local(site) => site.create(service, image).await,
            #[cfg(feature = "aws")]
            Self::Aws(_) => Ok(false),
        }
    }

    /// Waits until the tasks of a service that was restored with the environment answer again.
    pub(crate) async fn settle_service(&self, service: &ServiceName) {
        match self {
            Self::Local(site) => site.settle(service).await,
            // Its tasks ran all the time.
            #[cfg(feature = "aws")]
            Self::Aws(_) => {}
        }
    }

    /// Where the service's health is asked for: the local environment knows, elsewhere the configuration says.
    pub(crate) fn target(
        &self,
        module: &ModuleName,
        service: &ServiceName,
        configured: Option<Url>,
    ) -> Result<Option<Target>, Failure> {
        let url = match self {
            Self::Local(site) => site.health(service).map(Some)?.or(configured),
            #[cfg(feature = "aws")]
            Self::Aws(_) => configured,
        };
        let Some(url) = url else { return Ok(None) };
        let name =
            module
                .as_str()
                .parse()
                .map_err(|error: health_checker::InvalidTargetName| {
                    Failure::usage(format!("`{module}` cannot be a health target"))
                        .caused_by(&error)
                })?;
        Ok(Some(Target::new(name, url)))
    }

    /// Whether a service's folder may be packed into an image as it is.
    pub(crate) const fn packable(&self) -> bool {
        match self {
            Self::Local(_) => true,
            #[cfg(feature = "aws")]
            Self::Aws(_) => false,
        }
    }

    /// Whether tasks run while nobody deploys: the local environment's end with the process.
    pub(crate) const fn tasks_run(&self) -> bool {
        match self {
            Self::Local(_) => false,
            #[cfg(feature = "aws")]
            Self::Aws(_) => true,
        }
    }

    /// The tempo of this site.
    pub(crate) fn pace(&self) -> Tempo {
        match self {
            Self::Local(site) => site.tempo(),
            #[cfg(feature = "aws")]
            Self::Aws(_) => Tempo {
                rollout_timeout: Duration::from_secs(15 * 60),
                poll: Duration::from_secs(5),
                health_interval: Duration::from_secs(1),
                health_timeout: Duration::from_secs(5 * 60),
            },
        }
    }

    /// Saves what has to outlive the run.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Local(site) => site.close().await,
            #[cfg(feature = "aws")]
            Self::Aws(_) => Ok(()),
        }
    }

    /// What becomes of rollouts that are under way when the run is interrupted, for people.
    pub(crate) const fn after_interrupt(&self) -> &'static str {
        match self {
            Self::Local(_) => {
                "the cluster's state is saved: the next run takes up what was not completed"
            }
            #[cfg(feature = "aws")]
            Self::Aws(_) => {
                "rollouts that were begun go on in ECS; the next run takes up what is not completed then"
            }
        }
    }
}
