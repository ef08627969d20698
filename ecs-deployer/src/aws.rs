//! Amazon ECS, through its SDK.
//!
//! Task definitions go through as the JSON that ECS speaks, past the SDK's types: a field that this SDK does not know yet
//! would be lost in them.

#[cfg(feature = "aws-account")]
mod account;
mod calls;
mod convert;
mod directory;
mod failure;
#[cfg(feature = "aws-account")]
mod logs;
mod plane;
mod raw;
mod records;
mod tasks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_ecs::Client;

#[cfg(feature = "aws-account")]
pub use self::account::AwsAccount;
pub use self::calls::ApiCalls;
#[cfg(feature = "aws-account")]
pub use self::logs::CloudWatchLogs;
use crate::DeploymentId;

/// ECS as a [`ControlPlane`](crate::ControlPlane), a [`TaskRunner`](crate::TaskRunner) and a
/// [`Directory`](crate::Directory). Throttled and lost calls are retried by the client, as it is configured.
#[derive(Debug, Clone)]
pub struct EcsControlPlane {
    client: Client,
    calls: ApiCalls,
    /// The ARNs of records that were found: a list need not be read again for them.
    records: Arc<Mutex<BTreeMap<DeploymentId, String>>>,
}

impl EcsControlPlane {
    /// ECS behind this client, which brings region, credentials, endpoint and retries.
    pub fn new(client: Client) -> Self {
        let calls = ApiCalls::default();
        let config = client
            .config()
            .to_builder()
            .interceptor(calls.clone())
            .build();
        Self {
            client: Client::from_conf(config),
            calls,
            records: Arc::default(),
        }
    }

    /// How often each operation was sent, retries included.
    pub const fn calls(&self) -> &ApiCalls {
        &self.calls
    }
}
