//! The adapters for Amazon ECS and ECR.

use std::sync::Arc;

use ecs_deployer::aws::EcsControlPlane;
use health_checker::HttpProbe;
use image_tagger::HttpRegistry;
use image_tagger::aws::EcrCredentials;
use windlass_cli::Failure;

use crate::adapters::{Adapters, Site};
use crate::config::Environment;
use crate::pipeline::push_failure;

/// Opens an environment on AWS. Nothing is asked of AWS yet: missing credentials show at the first call.
pub(crate) async fn open(environment: &Environment) -> Result<Adapters, Failure> {
    let config = windlass_cli::aws::load(environment.region.as_deref()).await;
    if config.region().is_none() {
        return Err(Failure::usage("no AWS region is set")
            .hint("set `region` in the environment's section of windlass.toml, or AWS_REGION"));
    }
    let credentials = EcrCredentials::new(aws_sdk_ecr::Client::new(&config));
    let registry = HttpRegistry::builder()
        .credentials(Arc::new(credentials))
        .insecure_http(environment.insecure_http)
        .build()
        .map_err(|error| push_failure(&error))?;
    Ok(Adapters {
        registry: Arc::new(registry),
        plane: Arc::new(EcsControlPlane::new(aws_sdk_ecs::Client::new(&config))),
        probe: Arc::new(HttpProbe::new()),
        site: Site::Aws,
    })
}
