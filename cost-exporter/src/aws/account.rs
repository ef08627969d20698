//! Whose credentials they are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Config;
use thiserror::Error as ThisError;

use super::failure::{Call, once};
use crate::Error;

const IDENTITY: Call = Call {
    operation: "ask whose credentials these are",
    action: "sts:GetCallerIdentity",
};
/// How long the answer may take: the work can go on without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountId(String);

/// A text is no number of an account.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("`{0}` is no AWS account: it has twelve digits")]
pub struct InvalidAccountId(String);

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, InvalidAccountId> {
        match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidAccountId(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AccountId {
    /// The account of the credentials behind this client. AWS answers that for nothing, and to everybody.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn of_caller(client: &Client) -> Result<Self, Error> {
        let (retries, timeouts) = once(PATIENCE);
        let output = client
            .get_caller_identity()
            .customize()
            .config_override(
                Config::builder()
                    .retry_config(retries)
                    .timeout_config(timeouts),
            )
            .send()
            .await
            .map_err(|error| IDENTITY.failed(error).error)?;
        let account = output.account().unwrap_or_default();
        account
            .parse()
            .map_err(|error: InvalidAccountId| IDENTITY.garbled(error.to_string()))
    }
}
