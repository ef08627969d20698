//! The clients of AWS.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use ecs_deployer::RateLimited;
use ecs_deployer::aws::{AwsAccount, CloudWatchLogs, EcsControlPlane};
use windlass_cli::Failure;

/// How often a call is tried that was lost on its way. Throttled ones are paced besides, at the rates that ECS publishes.
const ATTEMPTS: u32 = 3;

/// Everything that speaks to AWS.
#[derive(Debug)]
pub(crate) struct Clients {
    /// ECS as it is, for what is asked once.
    pub(crate) ecs: EcsControlPlane,
    /// ECS at the published rates.
    pub(crate) plane: RateLimited<EcsControlPlane>,
    pub(crate) logs: CloudWatchLogs,
    pub(crate) account: AwsAccount,
}

impl Clients {
    /// Loads region and credentials the way the AWS CLI does.
    pub(crate) async fn load(region: Option<&str>) -> Result<Self, Failure> {
        let config = windlass_cli::aws::load(region).await?;
        if config.region().is_none() {
            return Err(Failure::usage("no AWS region is set")
                .hint("set --region, AWS_REGION, or the region of the profile in ~/.aws/config"));
        }
        let config = config
            .into_builder()
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .build();
        Ok(Self::new(&config))
    }

    fn new(config: &SdkConfig) -> Self {
        let ecs = EcsControlPlane::new(aws_sdk_ecs::Client::new(config));
        let logs = CloudWatchLogs::new(aws_sdk_cloudwatchlogs::Client::new(config));
        let account = AwsAccount::new(
            logs.clone(),
            aws_sdk_cloudwatch::Client::new(config),
            aws_sdk_secretsmanager::Client::new(config),
            aws_sdk_ssm::Client::new(config),
            aws_sdk_iam::Client::new(config),
        );
        Self {
            plane: RateLimited::new(ecs.clone()),
            ecs,
            logs,
            account,
        }
    }

    /// How often each operation of ECS was called.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.ecs.calls().counts()
    }
}
