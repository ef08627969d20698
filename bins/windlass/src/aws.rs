//! The adapters for Amazon ECS and ECR.

use std::path::PathBuf;
use std::sync::Arc;

use ecs_deployer::aws::EcsControlPlane;
use ecs_deployer::{ControlPlane, Directory};
use image_tagger::aws::EcrCredentials;
use image_tagger::{Credentials, DockerConfig, FirstOf, HttpRegistry, Registry};
use windlass_cli::Failure;

use crate::config::Environment;
use crate::failures;

/// An environment's registry and control plane, and the names of its services.
pub(crate) type Opened = (Arc<dyn Registry>, Arc<dyn ControlPlane>, Arc<dyn Directory>);

/// Opens an environment on AWS. Nothing is asked of AWS yet: missing credentials show at the first call.
pub(crate) async fn open(environment: &Environment) -> Result<Opened, Failure> {
    let config = windlass_cli::aws::load(environment.region.as_deref()).await?;
    if config.region().is_none() {
        return Err(Failure::usage("no AWS region is set")
            .hint("set `region` in the environment's section of windlass.toml, or AWS_REGION"));
    }
    // ECR's hosts take the account's token, any other registry what `docker login` left for it.
    let mut places: Vec<Arc<dyn Credentials>> = vec![Arc::new(EcrCredentials::new(
        aws_sdk_ecr::Client::new(&config),
    ))];
    places.extend(docker_config().map(|path| Arc::new(DockerConfig::new(path)) as _));
    let registry = HttpRegistry::builder()
        .credentials(Arc::new(FirstOf::new(places)))
        .insecure_http(environment.insecure_http)
        .build()
        .map_err(|error| failures::push(&error))?;
    let plane = Arc::new(EcsControlPlane::new(aws_sdk_ecs::Client::new(&config)));
    let directory = Arc::clone(&plane) as Arc<dyn Directory>;
    Ok((Arc::new(registry), plane, directory))
}

/// Where `docker login` leaves credentials.
fn docker_config() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = folder("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(folder("HOME")?).join(".docker")))?;
    Some(folder.join("config.json"))
}
