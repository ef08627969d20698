//! Credentials for registries.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;

/// A user name and a secret. The secret is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    username: String,
    secret: String,
}

impl Credential {
    /// A user name with its secret.
    pub fn new(username: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            secret: secret.into(),
        }
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The secret. Keep it out of logs, errors and events.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("username", &self.username)
            .field("secret", &"<hidden>")
            .finish()
    }
}

/// Where credentials for a registry come from.
///
/// # Contract
/// Asked anew for each connection that needs them; implementations keep what they fetched for as long as it is valid, and
/// never hand a host's credentials to another host. `None` means that the registry is used without any.
#[async_trait]
pub trait Credentials: Debug + Send + Sync {
    /// The credentials for a registry, `host[:port]`.
    ///
    /// # Errors
    /// [`Error::Credentials`] when there should be some and they cannot be fetched.
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error>;
}

#[async_trait]
impl<T: Credentials + ?Sized> Credentials for Arc<T> {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
        (**self).credential(host).await
    }
}

#[async_trait]
impl<T: Credentials + ?Sized> Credentials for Box<T> {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
        (**self).credential(host).await
    }
}

/// The same credentials for one host, and none for others.
#[derive(Debug, Clone)]
pub struct StaticCredentials {
    host: String,
    credential: Credential,
}

impl StaticCredentials {
    /// Credentials for this registry, `host[:port]`.
    pub fn new(host: impl Into<String>, credential: Credential) -> Self {
        Self {
            host: host.into(),
            credential,
        }
    }
}

#[async_trait]
impl Credentials for StaticCredentials {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
        Ok((host == self.host).then(|| self.credential.clone()))
    }
}
