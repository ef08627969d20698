//! The ledger in S3.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Config};
use aws_sdk_s3::primitives::ByteStream;

use super::failure::{Call, PATIENCE, patience};
use crate::{Error, Ledger, LedgerState, LedgerVersion};

const GET: Call = Call {
    operation: "read the ledger",
    action: "s3:GetObject",
};
const PUT: Call = Call {
    operation: "save the ledger",
    action: "s3:PutObject",
};

/// A ledger in an object of S3. It is written only over what was read, so that two runs at once cannot both save.
///
/// Where `s3:ListBucket` is not allowed, S3 says of an object that is not there that reading it is not allowed.
#[derive(Debug, Clone)]
pub struct S3Ledger {
    client: Client,
    bucket: String,
    key: String,
}

impl S3Ledger {
    /// The ledger in this object.
    pub fn new(client: Client, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
            key: key.into(),
        }
    }
}

fn patient() -> Builder {
    Config::builder().timeout_config(patience(PATIENCE))
}

#[async_trait]
impl Ledger for S3Ledger {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .customize()
            .config_override(patient())
            .send()
            .await;
        let output = match answer {
            Ok(output) => output,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Ok((LedgerState::default(), LedgerVersion::ABSENT));
            }
            Err(error) => return Err(GET.failed(error).error),
        };
        let tag = output
            .e_tag()
            .ok_or_else(|| GET.garbled("the object has no ETag"))?
            .to_owned();
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreachable {
            operation: GET.operation,
            source,
        };
        let bytes = output
            .body
            .collect()
            .await
            .map_err(|error| unreachable(error.into()))?
            .to_vec();
        let text = String::from_utf8(bytes).map_err(|error| Error::InvalidLedger {
            problem: error.to_string(),
        })?;
        Ok((LedgerState::from_json(&text)?, LedgerVersion::new(tag)))
    }

    async fn save(
        &self,
        state: &LedgerState,
        over: &LedgerVersion,
    ) -> Result<LedgerVersion, Error> {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .content_type("application/json")
            .body(ByteStream::from(state.to_json().into_bytes()));
        let request = match over.as_str() {
            None => request.if_none_match("*"),
            Some(tag) => request.if_match(tag),
        };
        let sent = request.customize().config_override(patient()).send().await;
        let output = sent.map_err(|error| {
            let failed = PUT.failed(error);
            match (failed.status, &failed.error) {
                // The object is another one, is being written, or is gone.
                (Some(409 | 412), _) => Error::LedgerConflict,
                (Some(404), Error::Refused { code, .. })
                    if code.as_deref() == Some("NoSuchKey") =>
                {
                    Error::LedgerConflict
                }
                _ => failed.error,
            }
        })?;
        let tag = output
            .e_tag()
            .ok_or_else(|| PUT.garbled("the answer has no ETag"))?;
        Ok(LedgerVersion::new(tag))
    }
}
