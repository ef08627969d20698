//! Amazon ECR, through its SDK: credentials for its registries, and the management of its repositories.

mod admin;
mod convert;
mod failure;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::admin::EcrAdmin;
use crate::{Credential, Credentials, Error};

/// ECR's tokens live for 12 hours; a new one is fetched well before.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// Fetches ECR's authorization token and keeps it for six of its twelve hours.
///
/// The token goes to hosts of ECR alone, `<account>.dkr.ecr.<region>.amazonaws.com` and its variants, whatever else asks.
/// IAM action: `ecr:GetAuthorizationToken`.
#[derive(Debug)]
pub struct EcrCredentials {
    client: Client,
    token: Mutex<Option<(Credential, Instant)>>,
}

impl EcrCredentials {
    /// Credentials through this client, which brings region and AWS credentials.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            token: Mutex::new(None),
        }
    }

    async fn fetch(&self, host: &str) -> Result<Credential, Error> {
        let output = self
            .client
            .get_authorization_token()
            .send()
            .await
            .map_err(|error| failed(host, error))?;
        let token = output
            .authorization_data()
            .first()
            .and_then(|data| data.authorization_token());
        token.and_then(decode).ok_or_else(|| Error::Credentials {
            host: host.to_owned(),
            remedy: None,
            source: "ECR's answer has no token that could be read".into(),
        })
    }
}

#[async_trait]
impl Credentials for EcrCredentials {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
        if !is_ecr(host) {
            return Ok(None);
        }
        // Held while fetching: twelve pushes that begin at once need one token.
        let mut token = self.token.lock().await;
        if let Some((credential, fetched)) = &*token
            && fetched.elapsed() < LIFETIME
        {
            return Ok(Some(credential.clone()));
        }
        let credential = self.fetch(host).await?;
        *token = Some((credential.clone(), Instant::now()));
        Ok(Some(credential))
    }
}

/// Whether a host is a registry of ECR.
pub fn is_ecr(host: &str) -> bool {
    account_and_region(host).is_some()
}

/// The account and the region of a registry of ECR (AWS General Reference, Amazon ECR endpoints). Every part is looked at: a
/// bucket named `123456789012.dkr` is a host of `amazonaws.com` too.
fn account_and_region(host: &str) -> Option<(&str, &str)> {
    let host = host.strip_suffix(":443").unwrap_or(host);
    let parts: Vec<&str> = host.split('.').collect();
    let (account, region) = match *parts {
        [
            account,
            "dkr",
            "ecr" | "ecr-fips",
            region,
            "amazonaws",
            "com",
        ]
        | [account, "dkr", "ecr", region, "amazonaws", "com", "cn"]
        | [account, "dkr-ecr" | "dkr-ecr-fips", region, "on", "aws"]
        | [
            account,
            "dkr-ecr",
            region,
            "on",
            "amazonwebservices",
            "com",
            "cn",
        ] => (account, region),
        _ => return None,
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_region = !region.is_empty()
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (is_account && is_region).then_some((account, region))
}

/// Takes `base64(user:secret)` apart.
fn decode(token: &str) -> Option<Credential> {
    let bytes = aws_smithy_types::base64::decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, secret) = text.split_once(':')?;
    Some(Credential::new(user, secret))
}

fn failed<E>(host: &str, error: SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    SdkError<E>: RequestId,
{
    let denied = matches!(&error, SdkError::ServiceError(context) if context.err().code() == Some("AccessDeniedException"));
    let remedy = if denied {
        "allow ecr:GetAuthorizationToken in the IAM policy of the credentials in use"
    } else {
        "check the AWS credentials, the region and the network"
    };
    let request = error
        .request_id()
        .map(|id| format!(" (request {id})"))
        .unwrap_or_default();
    // DisplayErrorContext writes the whole chain with AWS's code and message, which SdkError's own text leaves out.
    let text = format!("{}{request}", DisplayErrorContext(&error));
    Error::Credentials {
        host: host.to_owned(),
        remedy: Some(remedy.to_owned()),
        source: text.into(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecr::config::http::HttpResponse;
    use aws_sdk_ecr::error::ErrorMetadata;
    use aws_sdk_ecr::operation::get_authorization_token::GetAuthorizationTokenError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn the_token_is_for_ecr_alone() {
        for host in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:443",
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "123456789012.dkr-ecr.eu-central-1.on.aws",
        ] {
            assert!(is_ecr(host), "{host}");
        }
        for host in [
            "127.0.0.1:5000",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
            "evil.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.s3.us-east-1.amazonaws.com",
            "123456789012.dkr.s3.amazonaws.com",
            "123456789012.dkr.ecr.evil.us-east-1.on.aws",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:5000",
            "",
            "ghcr.io",
        ] {
            assert!(!is_ecr(host), "{host}");
        }
    }

    fn answered(code: &str, message: &str) -> Error {
        let meta = ErrorMetadata::builder().code(code).message(message).build();
        let error = GetAuthorizationTokenError::generic(meta);
        let mut response = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        response
            .headers_mut()
            .insert("x-amzn-requestid", "7c3d1f0e");
        let error = SdkError::service_error(error, response);
        failed("123456789012.dkr.ecr.us-east-1.amazonaws.com", error)
    }

    #[test]
    fn what_aws_says_reaches_the_user() {
        let error = answered("AccessDeniedException", "user bob is not authorized");
        let source = std::error::Error::source(&error).unwrap().to_string();
        for said in [
            "AccessDeniedException",
            "user bob is not authorized",
            "(request 7c3d1f0e)",
        ] {
            assert!(source.contains(said), "{said}: {source}");
        }
        assert!(!error.to_string().contains("bob"));
        let hint = error.hint().unwrap();
        assert!(hint.contains("ecr:GetAuthorizationToken"), "{hint}");
        let other = answered("ServerException", "try later").hint().unwrap();
        assert!(!other.contains("IAM"), "{other}");
    }

    #[test]
    fn a_token_comes_apart_and_its_secret_is_hidden() {
        let credential = decode("QVdTOnBhc3N3b3Jk").unwrap();
        assert_eq!(
            (credential.username(), credential.secret()),
            ("AWS", "password")
        );
        assert!(!format!("{credential:?}").contains("password"));
        assert!(decode("%%%").is_none());
    }
}
