//! Registries, as far as a deployment has to know what an image is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ecs_deployer::{Error, ImageFacts, ImageLookUp, ImageRef, Platform};
use image_tagger::aws::{EcrCredentials, is_ecr};
use image_tagger::{
    Credential, Credentials, DockerConfig, FirstOf, HttpRegistry, ImageName, Manifest, Registry,
    Repository,
};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::sync::OnceCell;
use windlass_cli::{Exit, Failure};

/// How long a registry is tried for. What it knows makes the deployment safer; without it the deployment goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long one look may take in all.
const LIMIT: Duration = Duration::from_secs(30);

/// The longest configuration of an image that is read.
const CONFIG_CAP: u64 = 8 * 1024 * 1024;

/// What was found out about an image, or why it could not be.
type Answer = Result<Option<ImageFacts>, String>;

/// Registries over HTTP, with the credentials of this machine and of the AWS account. Each image is asked for once.
#[derive(Debug)]
pub(crate) struct Registries {
    client: HttpRegistry,
    answers: Mutex<BTreeMap<ImageRef, Answer>>,
}

impl Registries {
    pub(crate) fn new(region: Option<&str>, insecure_http: bool) -> Result<Self, Failure> {
        let mut places: Vec<Arc<dyn Credentials>> = vec![Arc::new(Account::new(region))];
        if let Some(path) = docker_config() {
            places.push(Arc::new(DockerConfig::new(path)));
        }
        let client = HttpRegistry::builder()
            .insecure_http(insecure_http)
            .retry_budget(PATIENCE)
            .credentials(Arc::new(FirstOf::new(places)))
            .build()
            .map_err(|error| Failure::from_error(Exit::Usage, &error).hint(error.hint()))?;
        Ok(Self {
            client,
            answers: Mutex::default(),
        })
    }

    async fn look(&self, image: &ImageRef) -> Answer {
        let name: ImageName = named(image).map_err(|error| chain(&error))?;
        let manifest = self
            .client
            .manifest(&name.repository, &name.reference)
            .await
            .map_err(|error| chain(&error))?;
        let Some(manifest) = manifest else {
            return Ok(None);
        };
        let mut facts = ImageFacts::new(manifest.digest().to_string(), Vec::new());
        if manifest.manifests().is_empty() {
            let platform = self.platform(&name.repository, &manifest).await;
            facts.platforms.extend(platform);
            return Ok(Some(facts));
        }
        for part in manifest.manifests() {
            // Attestations are parts for no platform.
            let platform = part.platform.as_ref();
            if let Some(platform) = platform.filter(|platform| platform.os != "unknown") {
                facts
                    .platforms
                    .push(Platform::new(&*platform.os, &*platform.architecture));
                facts.parts.push(part.digest.to_string());
            }
        }
        Ok(Some(facts))
    }

    /// What an image for one platform runs on, by its configuration; `None` when that cannot be read.
    async fn platform(&self, repository: &Repository, manifest: &Manifest) -> Option<Platform> {
        #[derive(Deserialize)]
        struct Config {
            os: String,
            architecture: String,
        }
        let config = manifest
            .config()
            .filter(|config| config.size <= CONFIG_CAP)?;
        let reader = self.client.blob(repository, &config.digest).await.ok()??;
        let mut bytes = Vec::new();
        reader.take(CONFIG_CAP).read_to_end(&mut bytes).await.ok()?;
        let config: Config = serde_json::from_slice(&bytes).ok()?;
        Some(Platform::new(config.os, config.architecture))
    }
}

#[async_trait]
impl ImageLookUp for Registries {
    async fn image(&self, image: &ImageRef) -> Result<Option<ImageFacts>, Error> {
        let known = {
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.get(image).cloned()
        };
        let answer = match known {
            Some(answer) => answer,
            None => {
                let answer = tokio::time::timeout(LIMIT, self.look(image))
                    .await
                    .unwrap_or_else(|_| {
                        Err(format!(
                            "the registry did not answer within {} s",
                            LIMIT.as_secs()
                        ))
                    });
                let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.insert(image.clone(), answer.clone());
                answer
            }
        };
        answer.map_err(|reason| Error::CannotLookUp {
            what: format!("the image `{image}`"),
            reason,
        })
    }
}

/// An image without a tag is `:latest`, as it is to ECS.
fn named(image: &ImageRef) -> Result<ImageName, image_tagger::InvalidImageName> {
    if image.tag().is_none() && image.digest().is_none() {
        return format!("{image}:latest").parse();
    }
    image.as_str().parse()
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

fn docker_config() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = folder("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(folder("HOME")?).join(".docker")))?;
    Some(folder.join("config.json"))
}

/// The token of the AWS account. AWS's configuration is looked for only when a host of ECR asks.
#[derive(Debug)]
struct Account {
    region: Option<String>,
    credentials: OnceCell<EcrCredentials>,
}

impl Account {
    fn new(region: Option<&str>) -> Self {
        Self {
            region: region.map(str::to_owned),
            credentials: OnceCell::new(),
        }
    }
}

#[async_trait]
impl Credentials for Account {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, image_tagger::Error> {
        if !is_ecr(host) {
            return Ok(None);
        }
        let credentials = self
            .credentials
            .get_or_try_init(|| async {
                let config = windlass_cli::aws::load(self.region.as_deref())
                    .await
                    .map_err(|failure| image_tagger::Error::Credentials {
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
