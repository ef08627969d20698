//! Addresses of names.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

/// Finds the addresses of a name.
///
/// It is asked anew for each probe and must not remember for longer than the records themselves say. No address at all
/// is an error, of kind `NotFound` where the name is not known. Dropping the future leaves nothing behind that matters.
#[async_trait]
pub trait Resolver: Debug + Send + Sync {
    /// The addresses that the name has just now, at least one, in any order.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

#[async_trait]
impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        (**self).resolve(host).await
    }
}

/// Asks as every program of this machine does: its hosts file, its name servers, and whatever cache they have.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Knows some names itself, as `curl --resolve` does, and asks another resolver for all others.
#[derive(Debug, Clone)]
pub struct FixedResolver {
    known: BTreeMap<String, Vec<IpAddr>>,
    others: Arc<dyn Resolver>,
}

impl FixedResolver {
    /// Knows nothing yet; asks `others`.
    pub fn new(others: impl Resolver + 'static) -> Self {
        Self {
            known: BTreeMap::new(),
            others: Arc::new(others),
        }
    }

    /// Adds an address to those of a name.
    #[must_use]
    pub fn with(mut self, host: &str, address: IpAddr) -> Self {
        self.known
            .entry(host.to_ascii_lowercase())
            .or_default()
            .push(address);
        self
    }
}

#[async_trait]
impl Resolver for FixedResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match self.known.get(&host.to_ascii_lowercase()) {
            Some(addresses) => Ok(addresses.clone()),
            None => self.others.resolve(host).await,
        }
    }
}
