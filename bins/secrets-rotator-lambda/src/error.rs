//! Why a step was not done.

use crate::name::{SecretName, VersionId};
use crate::service::{ServiceError, ServiceName, UnknownService};
use crate::store::{Stage, StoreError};

/// Why a step was not done. Nothing in it is a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The secret is not set up to be rotated.
    #[error("`{secret}` is not set up to be rotated")]
    NotEnabled {
        /// The secret.
        secret: SecretName,
    },
    /// The secret has no such version.
    #[error("`{secret}` has no version `{version}`")]
    UnknownVersion {
        /// The secret.
        secret: SecretName,
        /// What was asked for.
        version: VersionId,
    },
    /// The version is not one that a rotation is making.
    #[error("version `{version}` of `{secret}` is not staged AWSPENDING")]
    NotPending {
        /// The secret.
        secret: SecretName,
        /// What was asked for.
        version: VersionId,
    },
    /// There is no value where one is needed.
    #[error("`{secret}` has no {stage} value")]
    NoValue {
        /// The secret.
        secret: SecretName,
        /// The label of the value that is missing.
        stage: Stage,
    },
    /// It is not known whose password it is.
    #[error(transparent)]
    UnknownService(#[from] UnknownService),
    /// The pending password was set and is not taken.
    #[error("{service} does not take the AWSPENDING password of `{secret}`")]
    NotTaken {
        /// The service.
        service: ServiceName,
        /// The secret.
        secret: SecretName,
    },
    /// No password that is known opens the service.
    #[error(
        "{service} takes no password of `{secret}`: neither AWSPENDING nor AWSCURRENT nor AWSPREVIOUS"
    )]
    LockedOut {
        /// The service.
        service: ServiceName,
        /// The secret.
        secret: SecretName,
    },
    /// The service could not be asked or told.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The secret could not be asked for or changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The kind of error, for who counts them.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotEnabled { .. } => "NotEnabled",
            Self::UnknownVersion { .. } => "UnknownVersion",
            Self::NotPending { .. } => "NotPending",
            Self::NoValue { .. } => "NoValue",
            Self::UnknownService(_) => "UnknownService",
            Self::NotTaken { .. } => "NotTaken",
            Self::LockedOut { .. } => "LockedOut",
            Self::Service(_) => "ServiceFailed",
            Self::Store(StoreError::Denied { .. } | StoreError::KeyDenied { .. }) => "Denied",
            Self::Store(_) => "StoreFailed",
        }
    }

    /// What can be done about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotEnabled { .. } => {
                "switch rotation on for the secret with this function, and let Secrets Manager call it".to_owned()
            }
            Self::UnknownVersion { .. } | Self::NotPending { .. } => {
                "let Secrets Manager call the function: aws secretsmanager rotate-secret".to_owned()
            }
            Self::NoValue { stage: Stage::Current, secret } => format!(
                "put the password that the service has: aws secretsmanager put-secret-value --secret-id {secret} --secret-string file:///dev/stdin"
            ),
            Self::NoValue { .. } => "the step createSecret has to come first".to_owned(),
            Self::UnknownService(UnknownService::Name { .. }) => {
                "its name has to end with /mongodb-password, /rabbitmq-password or /redis-password".to_owned()
            }
            Self::UnknownService(UnknownService::Place { service, .. }) => {
                format!("set {}_ENDPOINT to its host and port", service.as_str().to_uppercase())
            }
            Self::NotTaken { .. } => {
                "a restarted container has the password of before; the next rotation sets it again".to_owned()
            }
            Self::LockedOut { service: ServiceName::RabbitMq, .. } => {
                "RabbitMQ also turns away users without the tag `administrator`; else put the password that it has as AWSCURRENT, or restart its container without data".to_owned()
            }
            Self::LockedOut { .. } => {
                "put the password that it has as AWSCURRENT, or restart its container if it takes the password from the secret".to_owned()
            }
            Self::Service(ServiceError::Unreachable { .. } | ServiceError::Silent { .. }) => {
                "does it run, and do its security group and the function's subnets let the function in?".to_owned()
            }
            Self::Service(ServiceError::Refused { service: ServiceName::Redis, what, .. }) if what.contains("REWRITE") => {
                "Redis would read its old password when it starts again: make its configuration file writable".to_owned()
            }
            Self::Service(ServiceError::Refused { .. }) => "may the user change its own password?".to_owned(),
            Self::Store(StoreError::Denied { action, .. }) => {
                format!("allow the function's role {action} on the secret")
            }
            Self::Store(StoreError::KeyDenied { missing, .. }) => {
                format!("allow the function's role {missing} on the KMS key of the secret, and in the key's policy if it is of another account")
            }
            Self::Store(StoreError::Unusable { .. }) => {
                "put the password alone, in printable ASCII and without a line break".to_owned()
            }
            Self::Service(_) | Self::Store(_) => return None,
        };
        Some(hint)
    }
}
