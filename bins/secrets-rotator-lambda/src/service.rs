//! The services whose passwords are rotated.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use async_trait::async_trait;
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::name::SecretName;
use crate::password::Password;

/// A kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServiceName {
    /// MongoDB.
    MongoDb,
    /// RabbitMQ.
    RabbitMq,
    /// Redis.
    Redis,
}

impl ServiceName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MongoDb, Self::RabbitMq, Self::Redis];

    /// The name, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MongoDb => "mongodb",
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
        }
    }

    /// The service whose password a secret holds: the last part of its name is `redis-password` and so on.
    #[must_use]
    pub fn of(secret: &SecretName) -> Option<Self> {
        let last = secret.as_str().rsplit('/').next()?;
        let name = last.strip_suffix("-password")?;
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a service could not be asked or told. Nothing in it is a password, nor text of the service, which might repeat one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no connection to it, or there is none any more.
    #[error("{service} at `{endpoint}` cannot be reached")]
    Unreachable {
        /// Which service.
        service: ServiceName,
        /// Where it should be.
        endpoint: Endpoint,
        /// What happened.
        source: io::Error,
    },
    /// It does not answer.
    #[error("{service} at `{endpoint}` does not answer within {seconds} s")]
    Silent {
        /// Which service.
        service: ServiceName,
        /// Where it is.
        endpoint: Endpoint,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The password was taken a moment ago and is not any more.
    #[error("{service} at `{endpoint}` no longer lets in with the password that it took before")]
    LoggedOut {
        /// Which service.
        service: ServiceName,
        /// Where it is.
        endpoint: Endpoint,
    },
    /// It did not do what it was told.
    #[error("{service} at `{endpoint}` answers {what} with {answer}")]
    Refused {
        /// Which service.
        service: ServiceName,
        /// Where it is.
        endpoint: Endpoint,
        /// What it was told, without passwords.
        what: &'static str,
        /// Its code, never its text.
        answer: String,
    },
    /// What it says is not what such a service says.
    #[error("what answers at `{endpoint}` is not {service} as it is known: {what}")]
    Strange {
        /// Which service.
        service: ServiceName,
        /// Where it should be.
        endpoint: Endpoint,
        /// What is not right.
        what: &'static str,
    },
}

/// A service with a user whose password can be changed.
///
/// Every method may be called again, and its future may be dropped at any point: a change is made by one command, so that the
/// service takes the old password or the new one, or both, and never neither. An error leaves open whether the change was made.
#[async_trait]
pub trait DataService: fmt::Debug + Send + Sync {
    /// Whether it lets the user in with this password. `false` only if it says that the password is wrong.
    async fn accepts(&self, password: &Password) -> Result<bool, ServiceError>;

    /// Makes it take `new`, going in with `by`, which it goes on taking where it can have two. Where `by` is `new`, what an
    /// earlier call may have left undone is done.
    async fn set(&self, by: &Password, new: &Password) -> Result<(), ServiceError>;

    /// Makes it take no password but this, which it takes already.
    async fn keep_only(&self, password: &Password) -> Result<(), ServiceError>;
}

/// The services that passwords can be rotated of.
#[derive(Debug, Default)]
pub struct Services(BTreeMap<ServiceName, Box<dyn DataService>>);

/// Why there is no service for a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownService {
    /// The name of the secret tells none.
    #[error("`{secret}` is no secret of a known service")]
    Name {
        /// The secret.
        secret: SecretName,
    },
    /// Nobody said where it is.
    #[error("it is not known where {service} is, whose password `{secret}` holds")]
    Place {
        /// The service.
        service: ServiceName,
        /// The secret.
        secret: SecretName,
    },
}

impl Services {
    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: ServiceName, service: impl DataService + 'static) -> Self {
        self.0.insert(name, Box::new(service));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The service whose password a secret holds.
    pub fn of(
        &self,
        secret: &SecretName,
    ) -> Result<(ServiceName, &dyn DataService), UnknownService> {
        let Some(name) = ServiceName::of(secret) else {
            return Err(UnknownService::Name {
                secret: secret.clone(),
            });
        };
        match self.0.get(&name) {
            Some(service) => Ok((name, service.as_ref())),
            None => Err(UnknownService::Place {
                service: name,
                secret: secret.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_secrets_name_tells_the_service() {
        let of = |name: &str| ServiceName::of(&name.parse().unwrap());
        for name in ServiceName::ALL {
            assert_eq!(of(&format!("sdt/dev/{name}-password")), Some(name));
            assert_eq!(of(&format!("{name}-password")), Some(name));
        }
        for name in [
            "sdt/dev/jwt-secret",
            "redis-password/x",
            "sdt/redis-password-2",
            "redis",
            "sdt/dev/rabbitmq-erlang-cookie",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
