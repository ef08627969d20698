//! The lock that all machines see: an object that is put under the condition that there is none.
//!
//! Conditional writes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::primitives::ByteStream;
use windlass_cli::Failure;

use super::{Attempt, Holder, Lock, Unlocked, describe};

/// How often a lock is tried for that is there when it is put and gone when it is read.
const ATTEMPTS: usize = 3;

/// `s3://BUCKET/PREFIX/ENVIRONMENT.lock.json`.
#[derive(Debug, Clone)]
pub(crate) struct S3Place {
    client: Client,
    bucket: String,
    key: String,
}

/// The object, with what was written into it.
#[derive(Debug)]
pub(crate) struct S3Lock {
    place: S3Place,
    id: String,
}

/// The object as it was at a moment.
#[derive(Debug)]
struct Found {
    /// `None` if its text cannot be understood.
    holder: Option<Holder>,
    /// Which version of it.
    etag: Option<String>,
}

impl Found {
    fn is_of(&self, id: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.id == id)
    }
}

/// The bucket and the prefix of a lock's URL, the prefix without slashes at its ends.
pub(crate) fn parse(url: &str) -> Option<(&str, &str)> {
    let place = url.strip_prefix("s3://")?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    (!bucket.is_empty()).then(|| (bucket, prefix.trim_matches('/')))
}

impl S3Place {
    pub(super) async fn open(
        url: &str,
        environment: &str,
        region: Option<&str>,
    ) -> Result<Self, Failure> {
        let (bucket, prefix) = parse(url).ok_or_else(|| {
            Failure::usage(format!("`{url}` is no place for a lock"))
                .hint("write it as s3://BUCKET/PREFIX")
        })?;
        let config = windlass_cli::aws::load(region).await?;
        let slash = if prefix.is_empty() { "" } else { "/" };
        Ok(Self {
            client: Client::new(&config),
            bucket: bucket.to_owned(),
            key: format!("{prefix}{slash}{environment}.lock.json"),
        })
    }

    fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    pub(super) async fn attempt(&self, holder: &Holder) -> Result<Attempt, Failure> {
        for _ in 0..ATTEMPTS {
            let body = serde_json::to_vec(holder)
                .map_err(|error| Failure::unreachable("cannot write the lock").caused_by(&error))?;
            let put = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(&self.key)
                .if_none_match("*")
                .content_type("application/json")
                .body(ByteStream::from(body))
                .send()
                .await;
            let taken = || {
                let lock = S3Lock {
                    place: self.clone(),
                    id: holder.id.clone(),
                };
                Ok(Attempt::Taken(Lock::S3(lock), None))
            };
            match put {
                Ok(_) => return taken(),
                // 412: there is one. 409: another put or delete was under way at the same moment.
                Err(error) if matches!(status(&error), Some(412 | 409)) => {
                    match self.read().await? {
                        // An answer that was lost makes the client repeat a put that had succeeded.
                        Some(found) if found.is_of(&holder.id) => return taken(),
                        Some(found) => return Ok(Attempt::Busy(found.holder)),
                        // It was let go of between the two: it is there to be taken.
                        None => {}
                    }
                }
                Err(error) => return Err(self.failed("put", &error)),
            }
        }
        Ok(Attempt::Busy(None))
    }

    /// What is there; `None` if nobody holds it.
    async fn read(&self) -> Result<Option<Found>, Failure> {
        let got = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .send()
            .await;
        match got {
            Ok(object) => {
                let etag = object.e_tag().map(str::to_owned);
                let bytes = object.body.collect().await.map_err(|error| {
                    Failure::unreachable(format!("cannot read the lock `{}`", self.url()))
                        .caused_by(&error)
                })?;
                Ok(Some(Found {
                    holder: serde_json::from_slice(&bytes.into_bytes()).ok(),
                    etag,
                }))
            }
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    /// Lets go of the lock of this holder. One that was forced away and taken by another run is that run's.
    pub(super) async fn release(&self, id: &str) -> Result<(), Failure> {
        match self.read().await? {
            Some(found) if found.is_of(id) => self.delete(&found).await.map(drop),
            _ => Ok(()),
        }
    }

    /// Removes exactly what was found, and says whether it did: it may be gone meanwhile, or another run's.
    ///
    /// Conditional deletes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>.
    async fn delete(&self, found: &Found) -> Result<bool, Failure> {
        let deleted = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_if_match(found.etag.clone())
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(error) if matches!(status(&error), Some(412 | 404)) => Ok(false),
            Err(error) => Err(self.failed("remove", &error)),
        }
    }

    pub(super) async fn unlock(&self, environment: &str, force: bool) -> Result<Unlocked, Failure> {
        let Some(found) = self.read().await? else {
            return Ok(Unlocked::Free);
        };
        if !force {
            return Err(Failure::unreachable(format!(
                "the environment `{environment}` is locked: {}",
                describe(found.holder.as_ref())
            ))
            .hint("whether that run still lives cannot be seen from here: look, then repeat this with --force"));
        }
        if self.delete(&found).await? {
            return Ok(Unlocked::Removed(found.holder));
        }
        Err(Failure::unreachable(format!(
            "the lock of `{environment}` was not removed: it was let go of meanwhile, or taken by another run; it was that of {}",
            describe(found.holder.as_ref())
        ))
        .hint("repeat this to see who holds it now"))
    }

    fn failed<E>(&self, what: &str, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let mut message = format!("cannot {what} the lock `{}`", self.url());
        if let Some(code) = error.code() {
            message = format!("{message}: {code}");
        }
        if let Some(text) = error.message() {
            message = format!("{message}: {text}");
        }
        if let Some(id) = error.request_id() {
            message = format!("{message} (request {id})");
        }
        let failure = Failure::unreachable(message).hint(
            "the role needs s3:GetObject, s3:PutObject and s3:DeleteObject on that object, and s3:ListBucket to be told \
             that there is none; the bucket must exist",
        );
        match error {
            // Its own text says only "service error".
            SdkError::ServiceError(_) => failure,
            other => failure.caused_by(other),
        }
    }
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

impl S3Lock {
    pub(super) async fn release(self) -> Result<(), Failure> {
        self.place.release(&self.id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() {
        assert_eq!(
            parse("s3://state/windlass/locks/"),
            Some(("state", "windlass/locks"))
        );
        assert_eq!(parse("s3://state"), Some(("state", "")));
        assert_eq!(parse("s3:///x"), None);
        assert_eq!(parse("https://state/x"), None);
    }
}
