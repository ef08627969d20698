//! Amazon S3.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::failure::{Call, Said, chain};
use crate::archive::Sha256;
use crate::{Archive, Error, ListPage, Listed, Millis, Object, ObjectInfo, Put, Version};

const PUT: Call = Call {
    operation: "write an object",
    action: "s3:PutObject",
};
const REPLACE: Call = Call {
    operation: "replace an object",
    action: "s3:PutObject and s3:GetObject",
};
const STAT: Call = Call {
    operation: "look at an object",
    action: "s3:GetObject, and s3:ListBucket to tell what is not there",
};
const GET: Call = Call {
    operation: "read an object",
    action: "s3:GetObject, and s3:ListBucket to tell what is not there",
};
const LIST: Call = Call {
    operation: "list objects",
    action: "s3:ListBucket",
};
const DELETE: Call = Call {
    operation: "delete an object",
    action: "s3:DeleteObject",
};

/// A bucket. Every object is sent with its SHA-256, which S3 checks, keeps and tells; conditions are `If-None-Match: *` and
/// `If-Match`.
#[derive(Debug, Clone)]
pub struct S3Archive {
    client: Client,
    bucket: String,
}

impl S3Archive {
    /// A bucket through this client, which brings region and credentials; its retries are turned off.
    pub fn new(client: &Client, bucket: impl Into<String>) -> Self {
        let config = client.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).build();
        Self {
            client: Client::from_conf(config),
            bucket: bucket.into(),
        }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    fn failed(&self, call: Call, said: Said) -> Error {
        match said.code.as_deref() {
            Some("NoSuchBucket") => Error::BucketNotFound {
                bucket: self.bucket.clone(),
            },
            _ => call.failed(said),
        }
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        sha256: &Sha256,
        version: Option<&Version>,
    ) -> Result<Put, Error> {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type(key))
            .checksum_sha256(BASE64.encode(sha256.as_bytes()))
            .body(ByteStream::from(bytes));
        let (call, request) = match version {
            None => (PUT, request.if_none_match("*")),
            Some(version) => (REPLACE, request.if_match(version.as_str())),
        };
        let Err(error) = request.send().await else {
            return Ok(Put::Written);
        };
        let said = call.said(error)?;
        match (said.status, said.code.as_deref()) {
            (412, _) => Ok(Put::Refused),
            // Of what is not there no state can be replaced.
            (404, Some("NoSuchKey")) if version.is_some() => Ok(Put::Refused),
            _ => Err(self.failed(call, said)),
        }
    }
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("json") => "application/json",
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        Some("parquet") => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    }
}

fn millis(time: Option<&DateTime>) -> Millis {
    Millis::from_epoch(time.and_then(|time| time.to_millis().ok()).unwrap_or(0))
}

/// A digest as S3 tells it; that of an object in several parts is of the parts' digests, and is none of the object.
fn digest(text: Option<&str>) -> Option<Sha256> {
    let bytes = BASE64.decode(text?).ok()?;
    Some(Sha256::from_bytes(bytes.try_into().ok()?))
}

#[async_trait]
impl Archive for S3Archive {
    async fn put_new(&self, key: &str, bytes: Bytes, sha256: &Sha256) -> Result<Put, Error> {
        self.put(key, bytes, sha256, None).await
    }

    async fn put_over(
        &self,
        key: &str,
        bytes: Bytes,
        sha256: &Sha256,
        version: &Version,
    ) -> Result<Put, Error> {
        self.put(key, bytes, sha256, Some(version)).await
    }

    async fn stat(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        let request = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let said = STAT.said(error)?;
                return match said.status {
                    404 => Ok(None),
                    _ => Err(self.failed(STAT, said)),
                };
            }
        };
        let size = output
            .content_length()
            .and_then(|size| u64::try_from(size).ok());
        let (Some(size), Some(tag)) = (size, output.e_tag()) else {
            return Err(STAT.lost("the answer has no size or no ETag"));
        };
        Ok(Some(ObjectInfo::new(
            size,
            digest(output.checksum_sha256()),
            Version::new(tag),
            millis(output.last_modified()),
        )))
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let said = GET.said(error)?;
                return match (said.status, said.code.as_deref()) {
                    (404, Some("NoSuchKey") | None) => Ok(None),
                    _ => Err(self.failed(GET, said)),
                };
            }
        };
        let Some(version) = output.e_tag().map(Version::new) else {
            return Err(GET.lost("the answer has no ETag"));
        };
        let body = output.body.collect().await;
        let bytes = body.map_err(|error| GET.lost(chain(&error)))?.into_bytes();
        Ok(Some(Object { bytes, version }))
    }

    async fn list<'a>(&self, prefix: &str, after: Option<&'a str>) -> Result<ListPage, Error> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(after.map(str::to_owned));
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => return Err(self.failed(LIST, LIST.said(error)?)),
        };
        let objects: Vec<Listed> = output
            .contents()
            .iter()
            .filter_map(|object| {
                Some(Listed {
                    key: object.key()?.to_owned(),
                    size: u64::try_from(object.size().unwrap_or(0)).unwrap_or(0),
                    modified: millis(object.last_modified()),
                })
            })
            .collect();
        let next = objects.last().map(|last| last.key.clone());
        Ok(ListPage {
            next: next.filter(|_| output.is_truncated() == Some(true)),
            objects,
        })
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(DELETE, DELETE.said(error)?)),
        }
    }
}
