//! Looking at a service of a cluster.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::{ServiceRef, Snapshot};

/// Looks at a service.
///
/// The contract, which `testing::deployment_contract` checks:
/// - A look changes nothing and remembers nothing.
/// - Its parts may be some seconds apart: a task may have ended between the list of tasks and the health of the targets.
///   Who judges a snapshot takes what does not fit together for "not yet".
/// - All deployments that the cluster knows are in it, exactly one of them PRIMARY, all running tasks, and all targets of
///   all target groups of the service: what cannot be had whole is an error, never a shorter list.
/// - A service that is not there is [`ViewError::NotFound`].
/// - Throttled and lost calls are retried beneath, as the client is configured, and nowhere else.
/// - Dropping the future leaves nothing behind.
#[async_trait]
pub trait DeploymentView: Debug + Send + Sync {
    /// The service as it is now.
    async fn look(&self, service: &ServiceRef) -> Result<Snapshot, ViewError>;
}

#[async_trait]
impl<V: DeploymentView + ?Sized> DeploymentView for Arc<V> {
    async fn look(&self, service: &ServiceRef) -> Result<Snapshot, ViewError> {
        (**self).look(service).await
    }
}

#[async_trait]
impl<V: DeploymentView + ?Sized> DeploymentView for Box<V> {
    async fn look(&self, service: &ServiceRef) -> Result<Snapshot, ViewError> {
        (**self).look(service).await
    }
}

/// Why a service could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// There is no such service, or no such cluster.
    #[error("there is no service `{}` in the cluster `{}`", .service.service(), .service.cluster())]
    NotFound {
        /// The service.
        service: ServiceRef,
    },
    /// The account may not ask that.
    #[error("not allowed to {operation}{}", details(.code, .message, .request_id))]
    Denied {
        /// What was asked.
        operation: &'static str,
        /// The permission that it takes.
        action: &'static str,
        /// The code of the refusal.
        code: Option<String>,
        /// What was said.
        message: Option<String>,
        /// The request's id.
        request_id: Option<String>,
    },
    /// The question itself was refused.
    #[error("refused to {operation}{}", details(.code, .message, .request_id))]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The code of the refusal.
        code: Option<String>,
        /// What was said.
        message: Option<String>,
        /// The request's id.
        request_id: Option<String>,
    },
    /// No answer that can be used came, or too much was asked: another try may help.
    #[error("could not {operation}")]
    Unreachable {
        /// What was asked.
        operation: &'static str,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ViewError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some(
                "check the names, the region and the account; a service that was deleted is not there any more".to_owned(),
            ),
            Self::Denied { action, .. } => Some(format!("allow {action}")),
            Self::Refused { .. } => None,
            Self::Unreachable { .. } => {
                Some("check the network, the region and the credentials".to_owned())
            }
        }
    }

    /// Whether another look may succeed.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Code, message and request id, as far as they are there.
fn details(code: &Option<String>, message: &Option<String>, request_id: &Option<String>) -> String {
    let mut text = String::new();
    for part in [code, message].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(&crate::text::clean(part, 300));
    }
    if let Some(id) = request_id {
        text.push_str(&format!(" (request {})", crate::text::clean(id, 80)));
    }
    text
}
