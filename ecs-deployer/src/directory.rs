//! The trait for names.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{ClusterName, Error, ServiceName};

/// The names that there are, so that a mistyped one can be told from a missing one.
#[async_trait]
pub trait Directory: Debug + Send + Sync {
    /// The clusters of the account and region.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    async fn clusters(&self) -> Result<Vec<ClusterName>, Error>;

    /// The services of a cluster.
    ///
    /// # Errors
    /// [`Error::ClusterNotFound`], or when ECS cannot be asked.
    async fn services(&self, cluster: &ClusterName) -> Result<Vec<ServiceName>, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Directory + ?Sized> Directory for $pointer<T> {
            async fn clusters(&self) -> Result<Vec<ClusterName>, Error> {
                (**self).clusters().await
            }

            async fn services(&self, cluster: &ClusterName) -> Result<Vec<ServiceName>, Error> {
                (**self).services(cluster).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
