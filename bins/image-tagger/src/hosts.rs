//! The registries, with credentials from where this machine keeps them.

use std::path::PathBuf;
use std::sync::Arc;

use image_tagger::{Credentials, DockerConfig, FirstOf, HttpRegistry};
use windlass_cli::Failure;

use crate::args::RegistryArgs;
use crate::failures;

/// The client for all registries of a run.
pub(crate) async fn registry(args: &RegistryArgs) -> Result<HttpRegistry, Failure> {
    let mut places: Vec<Arc<dyn Credentials>> = Vec::new();
    #[cfg(feature = "aws")]
    places.push(Arc::new(ecr::Account::new(args.region.clone())));
    places.extend(docker_config(args).map(|path| {
        let config: Arc<dyn Credentials> = Arc::new(DockerConfig::new(path));
        config
    }));
    let mut builder = HttpRegistry::builder()
        .insecure_http(args.insecure_http)
        .credentials(Arc::new(FirstOf::new(places)));
    if let Some(path) = &args.ca_file {
        let pem = std::fs::read(path).map_err(|error| {
            Failure::usage(format!("cannot read `{}`", path.display())).caused_by(&error)
        })?;
        builder = builder.authorities(pem);
    }
    builder.build().map_err(|error| failures::image(&error))
}

fn docker_config(args: &RegistryArgs) -> Option<PathBuf> {
    if let Some(path) = &args.docker_config {
        return Some(path.clone());
    }
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = folder("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(folder("HOME")?).join(".docker")))?;
    Some(folder.join("config.json"))
}

#[cfg(feature = "aws")]
mod ecr {
    use async_trait::async_trait;
    use image_tagger::aws::{EcrCredentials, is_ecr};
    use image_tagger::{Credential, Credentials, Error};
    use tokio::sync::OnceCell;

    /// The token of the AWS account. AWS's configuration is looked for only when a host of ECR asks.
    #[derive(Debug)]
    pub(super) struct Account {
        region: Option<String>,
        credentials: OnceCell<EcrCredentials>,
    }

    impl Account {
        pub(super) fn new(region: Option<String>) -> Self {
            Self {
                region,
                credentials: OnceCell::new(),
            }
        }
    }

    #[async_trait]
    impl Credentials for Account {
        async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
            if !is_ecr(host) {
                return Ok(None);
            }
            let credentials = self
                .credentials
                .get_or_try_init(|| async {
                    let config = windlass_cli::aws::load(self.region.as_deref())
                        .await
                        .map_err(|failure| Error::Credentials {
                            host: host.to_owned(),
                            remedy: failure.remedy().map(str::to_owned),
                            source: failure.message().into(),
                        })?;
                    Ok(EcrCredentials::new(aws_sdk_ecr::Client::new(&config)))
                })
                .await?;
            credentials.credential(host).await
        }
    }
}
