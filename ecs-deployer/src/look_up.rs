//! The traits for what a task needs besides ECS: its image, and what the account must have.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use crate::{Error, ImageRef};

/// What a registry knows of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageFacts {
    /// The digest that the tag names at this moment, such as `sha256:…`.
    pub digest: String,
    /// What it runs on; empty when the registry does not say.
    pub platforms: Vec<Platform>,
    /// The digests of its parts for single platforms, which a task may report in place of the whole's.
    pub parts: Vec<String>,
}

impl ImageFacts {
    /// An image of this digest, for these platforms.
    pub fn new(digest: impl Into<String>, platforms: Vec<Platform>) -> Self {
        Self {
            digest: digest.into(),
            platforms,
            parts: Vec::new(),
        }
    }

    /// Whether a digest is that of this image, or of its part for one platform.
    pub fn is(&self, digest: &str) -> bool {
        self.digest == digest || self.parts.iter().any(|part| part == digest)
    }
}

/// An operating system and a processor, in the words of OCI: `linux`, `amd64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The processor.
    pub architecture: String,
}

impl Platform {
    /// A platform.
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self {
            os: os.into(),
            architecture: architecture.into(),
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// Registries, as far as a deployment has to know what an image is.
#[async_trait]
pub trait ImageLookUp: Debug + Send + Sync {
    /// What an image is; `None` when the registry does not have it.
    ///
    /// # Errors
    /// [`Error::CannotLookUp`] for a registry that this implementation does not speak to; else when it cannot be asked.
    async fn image(&self, image: &ImageRef) -> Result<Option<ImageFacts>, Error>;
}

/// An alarm's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum AlarmState {
    /// All is well.
    Ok,
    /// It has gone off.
    Alarm,
    /// It does not have enough data.
    InsufficientData,
}

/// What an account has, besides ECS and registries.
///
/// Each look-up may be left out by an implementation, which then answers with [`Error::CannotLookUp`], as the methods given
/// here do.
#[async_trait]
pub trait AccountLookUp: Debug + Send + Sync {
    /// Whether a role exists, by its ARN.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn role(&self, arn: &str) -> Result<bool, Error> {
        Err(Error::cannot_look_up(format!("the role `{arn}`")))
    }

    /// Whether a log group exists.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn log_group(&self, name: &str, region: Option<&str>) -> Result<bool, Error> {
        let _ = region;
        Err(Error::cannot_look_up(format!("the log group `{name}`")))
    }

    /// Whether a secret exists, by what a task definition writes into `valueFrom`: an ARN of Secrets Manager, or an ARN or a
    /// name of a parameter of Systems Manager. The value is never read.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn secret(&self, value_from: &str) -> Result<bool, Error> {
        Err(Error::cannot_look_up(format!("the secret `{value_from}`")))
    }

    /// Whether the secret of a private registry exists, by what a task definition writes into `credentialsParameter`: an ARN or
    /// a name of Secrets Manager.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn registry_secret(&self, secret: &str) -> Result<bool, Error> {
        Err(Error::cannot_look_up(format!("the secret `{secret}`")))
    }

    /// The states of alarms, in their order; `None` for one that does not exist.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn alarms(&self, names: &[String]) -> Result<Vec<Option<AlarmState>>, Error> {
        let _ = names;
        Err(Error::cannot_look_up("alarms".to_owned()))
    }
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: ImageLookUp + ?Sized> ImageLookUp for $pointer<T> {
            async fn image(&self, image: &ImageRef) -> Result<Option<ImageFacts>, Error> {
                (**self).image(image).await
            }
        }

        #[async_trait]
        impl<T: AccountLookUp + ?Sized> AccountLookUp for $pointer<T> {
            async fn role(&self, arn: &str) -> Result<bool, Error> {
                (**self).role(arn).await
            }

            async fn log_group(&self, name: &str, region: Option<&str>) -> Result<bool, Error> {
                (**self).log_group(name, region).await
            }

            async fn secret(&self, value_from: &str) -> Result<bool, Error> {
                (**self).secret(value_from).await
            }

            async fn registry_secret(&self, secret: &str) -> Result<bool, Error> {
                (**self).registry_secret(secret).await
            }

            async fn alarms(&self, names: &[String]) -> Result<Vec<Option<AlarmState>>, Error> {
                (**self).alarms(names).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
