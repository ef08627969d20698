//! AWS Secrets Manager.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;

use crate::name::{RotationToken, SecretId, VersionId};
use crate::password::{InvalidPassword, Password};
use crate::store::{Put, Secret, SecretStore, Stage, StoreError};

const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const GET: &str = "secretsmanager:GetSecretValue";
const PUT: &str = "secretsmanager:PutSecretValue";
const STAGE: &str = "secretsmanager:UpdateSecretVersionStage";
const RANDOM: &str = "secretsmanager:GetRandomPassword";

/// How long passwords are. From 62 characters that is 285 bits.
const LENGTH: i64 = 48;

/// AWS Secrets Manager. The SDK retries.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
}

/// What AWS said, and why it said nothing if it did not.
#[derive(Debug)]
struct Said {
    code: String,
    message: Option<String>,
    request: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        match &self.request {
            Some(request) => write!(f, " (request {request})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Said {}

impl SecretsManager {
    /// The Secrets Manager of a client.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

fn failed<E>(
    action: &'static str,
    secret: &SecretId,
    error: &SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = error.code().map(str::to_owned);
    let is_denied = code
        .as_deref()
        .is_some_and(|code| code.starts_with("AccessDenied"));
    let is_of_key = error.message().is_some_and(speaks_of_key);
    let message = match action {
        // A refused value might be repeated in it.
        PUT => None,
        _ => error.message().map(str::to_owned),
    };
    let said = Said {
        message: message.or_else(|| code.is_none().then(|| chain(error))),
        code: code.unwrap_or_else(|| "no answer".to_owned()),
        request: error.request_id().map(str::to_owned),
    };
    let (secret, source) = (secret.clone(), Box::new(said));
    match is_denied {
        true if is_of_key => StoreError::KeyDenied {
            action,
            missing: match action {
                PUT => "kms:GenerateDataKey and kms:Decrypt",
                _ => "kms:Decrypt",
            },
            secret,
            source,
        },
        true => StoreError::Denied {
            action,
            secret,
            source,
        },
        false => StoreError::Failed {
            action,
            secret,
            source,
        },
    }
}

/// Whether it is the key that was denied, by how Secrets Manager and IAM put it. The name of a secret may hold `kms` too.
fn speaks_of_key(message: &str) -> bool {
    message.contains("Access to KMS") || message.contains("perform: kms:")
}

/// What is wrong with an answer that came.
fn wrong(action: &'static str, secret: &SecretId, what: &str) -> StoreError {
    StoreError::Failed {
        action,
        secret: secret.clone(),
        source: what.into(),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    texts.join(": ")
}

fn stage(label: &str) -> Option<Stage> {
    [Stage::Current, Stage::Pending, Stage::Previous]
        .into_iter()
        .find(|stage| stage.as_str() == label)
}

#[async_trait]
impl SecretStore for SecretsManager {
    async fn describe(&self, secret: &SecretId) -> Result<Secret, StoreError> {
        let asked = self.client.describe_secret().secret_id(secret.as_str());
        let told = asked.send().await;
        let told = told.map_err(|error| failed(DESCRIBE, secret, &error))?;
        let name = told.name().and_then(|name| name.parse().ok());
        let name = name.ok_or_else(|| wrong(DESCRIBE, secret, "the answer holds no name"))?;
        let versions = told.version_ids_to_stages().into_iter().flatten();
        let versions = versions
            .map(|(version, labels)| {
                let stages = labels.iter().filter_map(|label| stage(label)).collect();
                Ok((version.parse()?, stages))
            })
            .collect::<Result<_, crate::name::InvalidName>>()
            .map_err(|error| StoreError::Failed {
                action: DESCRIBE,
                secret: secret.clone(),
                source: error.into(),
            })?;
        let is_enabled = told.rotation_enabled().unwrap_or(false);
        Ok(Secret::new(name, is_enabled, versions))
    }

    async fn value(
        &self,
        secret: &SecretId,
        stage: Stage,
        version: Option<&VersionId>,
    ) -> Result<Option<Password>, StoreError> {
        let asked = self
            .client
            .get_secret_value()
            .secret_id(secret.as_str())
            .set_version_id(version.map(ToString::to_string))
            .version_stage(stage.as_str())
            .send();
        let told = match asked.await {
            Ok(told) => told,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed(GET, secret, &error)),
        };
        let value = told.secret_string().ok_or(InvalidPassword::Binary);
        let value = value.and_then(str::parse);
        value.map(Some).map_err(|source| StoreError::Unusable {
            secret: secret.clone(),
            stage,
            source,
        })
    }

    async fn put(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &Password,
        token: Option<&RotationToken>,
    ) -> Result<Put, StoreError> {
        let asked = self
            .client
            .put_secret_value()
            .secret_id(secret.as_str())
            .client_request_token(version.as_str())
            .secret_string(value.reveal())
            .version_stages(Stage::Pending.as_str())
            .set_rotation_token(token.map(|token| token.reveal().to_owned()))
            .send();
        match asked.await {
            Ok(_) => Ok(Put::Stored),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_exists_exception()) =>
            {
                Ok(Put::Taken)
            }
            Err(error) => Err(failed(PUT, secret, &error)),
        }
    }

    async fn promote(
        &self,
        secret: &SecretId,
        to: &VersionId,
        from: Option<&VersionId>,
    ) -> Result<(), StoreError> {
        let asked = self
            .client
            .update_secret_version_stage()
            .secret_id(secret.as_str())
            .version_stage(Stage::Current.as_str())
            .move_to_version_id(to.as_str())
            .set_remove_from_version_id(from.map(ToString::to_string))
            .send();
        let done = asked.await;
        done.map_err(|error| failed(STAGE, secret, &error))?;
        Ok(())
    }

    async fn clear_pending(
        &self,
        secret: &SecretId,
        version: &VersionId,
    ) -> Result<(), StoreError> {
        let asked = self
            .client
            .update_secret_version_stage()
            .secret_id(secret.as_str())
            .version_stage(Stage::Pending.as_str())
            .remove_from_version_id(version.as_str())
            .send();
        let done = asked.await;
        done.map_err(|error| failed(STAGE, secret, &error))?;
        Ok(())
    }

    async fn random(&self, secret: &SecretId) -> Result<Password, StoreError> {
        let asked = self
            .client
            .get_random_password()
            .password_length(LENGTH)
            .exclude_punctuation(true)
            .send();
        let told = asked.await;
        let told = told.map_err(|error| failed(RANDOM, secret, &error))?;
        let password = told.random_password().unwrap_or_default();
        // One that is shorter than asked for is none that was made for this.
        let is_long = password.len() == usize::try_from(LENGTH).unwrap_or_default();
        let is_plain = password.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match password.parse() {
            Ok(password) if is_long && is_plain => Ok(password),
            _ => Err(wrong(RANDOM, secret, "the answer holds no such password")),
        }
    }
}
