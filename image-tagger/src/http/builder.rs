//! How a client for registries is made.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::HttpRegistry;
use super::send::Protocol;
use crate::{Credentials, Error};

/// Makes an [`HttpRegistry`].
#[derive(Debug, Clone)]
pub struct HttpRegistryBuilder {
    pub(super) insecure_http: bool,
    pub(super) credentials: Option<Arc<dyn Credentials>>,
    pub(super) retry_budget: Duration,
    pub(super) authorities: Vec<Vec<u8>>,
}

impl HttpRegistryBuilder {
    /// Trusts the certificate authorities in this PEM file's content too, beside the system's.
    #[must_use]
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(pem.into());
        self
    }

    /// Speaks plain HTTP. Use it for registries on this machine only: credentials would be readable on the way.
    #[must_use]
    pub const fn insecure_http(mut self, insecure: bool) -> Self {
        self.insecure_http = insecure;
        self
    }

    /// Says where credentials come from; without any the registry is used anonymously.
    #[must_use]
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets how long one call may go on repeating what fails; 60 s by default. The time that a blob's bytes travel is not
    /// counted.
    #[must_use]
    pub const fn retry_budget(mut self, budget: Duration) -> Self {
        self.retry_budget = budget;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`Error::Credentials`] when https is wanted and this build of the library has none, or the system has no usable root
    /// certificates.
    pub fn build(self) -> Result<HttpRegistry, Error> {
        let failed: Failed = |remedy, source| Error::Credentials {
            host: "https".to_owned(),
            remedy: Some(remedy.to_owned()),
            source,
        };
        if cfg!(not(feature = "tls")) && !self.insecure_http {
            return Err(failed(
                "build with the feature `tls`",
                "this build speaks plain HTTP only".into(),
            ));
        }
        let authorities = self.trusted(failed)?;
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("image-tagger/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(10));
            trusting(builder, &authorities)
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| failed("check the system's root certificates", error.into()))
        };
        let protocol = Protocol::new(
            build(builder().read_timeout(Duration::from_secs(60)))?,
            build(builder())?,
            self.insecure_http,
            self.credentials,
            self.retry_budget,
        );
        Ok(HttpRegistry {
            protocol,
            traffic: Mutex::default(),
        })
    }
}

type Failed = fn(&str, Box<dyn std::error::Error + Send + Sync>) -> Error;

#[cfg(feature = "tls")]
type Authority = reqwest::Certificate;
#[cfg(not(feature = "tls"))]
type Authority = std::convert::Infallible;

impl HttpRegistryBuilder {
    #[cfg(feature = "tls")]
    fn trusted(&self, failed: Failed) -> Result<Vec<Authority>, Error> {
        let remedy = "name a file with certificates in PEM form";
        let mut trusted = Vec::new();
        for pem in &self.authorities {
            let found = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| failed(remedy, error.into()))?;
            if found.is_empty() {
                return Err(failed(remedy, "the file of authorities has none".into()));
            }
            trusted.extend(found);
        }
        Ok(trusted)
    }

    #[cfg(not(feature = "tls"))]
    fn trusted(&self, failed: Failed) -> Result<Vec<Authority>, Error> {
        match &*self.authorities {
            [] => Ok(Vec::new()),
            _ => Err(failed(
                "build with the feature `tls`",
                "this build speaks plain HTTP only".into(),
            )),
        }
    }
}

#[cfg(feature = "tls")]
fn trusting(builder: reqwest::ClientBuilder, authorities: &[Authority]) -> reqwest::ClientBuilder {
    if authorities.is_empty() {
        return builder;
    }
    builder.tls_certs_merge(authorities.iter().cloned())
}

#[cfg(not(feature = "tls"))]
fn trusting(builder: reqwest::ClientBuilder, _: &[Authority]) -> reqwest::ClientBuilder {
    builder
}
