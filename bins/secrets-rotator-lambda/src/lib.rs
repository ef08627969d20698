//! Rotation of the passwords of MongoDB, RabbitMQ and Redis in the four steps of Secrets Manager.
//!
//! Secrets Manager calls a function four times for each rotation: to make a password, to set it, to try it, and to make it
//! the current one. A call may come again, and a function may be killed at any point. So every step finds out what was done
//! before, and at every point the service lets somebody in with a password that Secrets Manager keeps.
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>
//!
//! ```
//! use secrets_rotator_lambda::sim::{SimService, SimStore};
//! use secrets_rotator_lambda::{Outcome, Request, ServiceName, Services, Step, rotate};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SimStore::new("sdt/dev/redis-password", "old".parse()?);
//! let redis = SimService::two_passwords("old".parse()?);
//! let services = Services::default().with(ServiceName::Redis, redis.clone());
//! let version = store.begin();
//! for step in Step::ALL {
//!     rotate(&store, &services, &Request::new(step, store.id(), version.clone())).await?;
//! }
//! assert_eq!(redis.passwords(), vec![store.current().expect("there is one")]);
//! # Ok(())
//! # }
//! ```

pub mod aws;
mod endpoint;
mod error;
pub mod mongodb;
mod name;
mod net;
mod password;
pub mod rabbitmq;
pub mod redis;
mod request;
mod rotation;
mod service;
pub mod sim;
mod store;

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::Error;
pub use name::{InvalidName, RotationToken, SecretId, SecretName, UserName, VersionId};
pub use password::{InvalidPassword, Password};
pub use request::{InvalidRequest, Request, Step};
pub use rotation::{Outcome, rotate};
pub use service::{DataService, ServiceError, ServiceName, Services, UnknownService};
pub use store::{Put, Secret, SecretStore, Stage, StoreError};
