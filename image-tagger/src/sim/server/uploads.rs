//! Blobs on their way in: mounts, sessions, parts, and the end of an upload.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, HeaderName, LOCATION, RANGE};
use tokio::sync::OwnedMutexGuard;

use super::answer::{Answer, Refusal, Stop, empty, text};
use super::blobs::parse_digest;
use super::intake::Intake;
use super::manifests::CONTENT_DIGEST;
use super::service::{Call, Service};
use super::session::{Spool, Spooled};
use crate::{BlobReader, Content, Descriptor, Digest, MediaType};

/// Names an upload session.
const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

impl Service {
    /// Answers a POST: a mount, a whole blob, or the beginning of a session.
    pub(super) async fn begin_upload(
        &self,
        call: Call<'_>,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        if call.method != "POST" {
            return Err(Refusal::unsupported(call.method).into());
        }
        if let Some(digest) = call.query.get("mount") {
            let digest = parse_digest(digest)?;
            if self.mount(call, &digest).await? {
                return Ok(created(call, &digest));
            }
        } else if let Some(digest) = call.query.get("digest") {
            let digest = parse_digest(digest)?;
            let mut spool = self.sessions.spool()?;
            return self.store(call, &mut spool, &digest, intake).await;
        }
        let id = self.sessions.begin(call.repository.path())?;
        Ok(progress(StatusCode::ACCEPTED, call, &id, 0))
    }

    /// Answers what is asked of an upload session.
    pub(super) async fn upload(
        &self,
        call: Call<'_>,
        id: &str,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        let mut spool = self.enter(call, id).await?;
        match call.method.as_str() {
            "PATCH" => self.add_part(call, id, &mut spool, intake).await,
            "PUT" => {
                let digest = call.query.get("digest").ok_or_else(|| {
                    Refusal::bad_request("DIGEST_INVALID", "the query lacks the blob's `digest`")
                })?;
                let digest = parse_digest(digest)?;
                check_offset(call, id, &spool)?;
                let answer = self.store(call, &mut spool, &digest, intake).await?;
                self.sessions.end(id);
                Ok(answer)
            }
            "GET" => Ok(progress(StatusCode::NO_CONTENT, call, id, spool.size())),
            "DELETE" => {
                self.sessions.end(id);
                Ok(empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Refusal::unsupported(call.method).into()),
        }
    }

    /// The session for one request at a time, after what a PUT that failed has left in it.
    async fn enter(&self, call: Call<'_>, id: &str) -> Result<OwnedMutexGuard<Spool>, Stop> {
        let find = || self.sessions.find(call.repository.path(), id);
        let mut spool = find()?.lock_owned().await;
        if spool.has_failed() {
            if call.quirks.ends_failed_sessions {
                self.sessions.fail(call.repository.path(), id);
            }
            spool.rewind();
        }
        // It may have ended while we waited.
        find()?;
        Ok(spool)
    }

    async fn add_part(
        &self,
        call: Call<'_>,
        id: &str,
        spool: &mut Spool,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        let drops = call.quirks.drops_later_patches;
        if drops && spool.patches > 0 {
            intake.drain().await?;
        } else {
            check_offset(call, id, spool)?;
            spool.patches += 1;
            spool.append(intake).await?;
        }
        // As ECR answers: aws/containers-roadmap#2831.
        let status = if drops {
            StatusCode::CREATED
        } else {
            StatusCode::ACCEPTED
        };
        Ok(progress(status, call, id, spool.size()))
    }

    /// Takes the rest of a blob and stores it.
    async fn store(
        &self,
        call: Call<'_>,
        spool: &mut Spool,
        digest: &Digest,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        spool.begin_put();
        spool.append(intake).await?;
        let actual = spool.digest();
        if actual != *digest {
            let message = format!(
                "the content has the digest `{actual}` ({} bytes), not `{digest}`",
                spool.size()
            );
            return Err(Refusal::bad_request("DIGEST_INVALID", message).into());
        }
        let media_type = MediaType::new("application/octet-stream");
        let blob = Descriptor::new(media_type, digest.clone(), spool.size());
        self.registry
            .put_blob(call.repository, &blob, &Spooled(spool.file()), None)
            .await?;
        Ok(created(call, digest))
    }

    /// Links a blob from another repository, if the registry behind does that.
    async fn mount(&self, call: Call<'_>, digest: &Digest) -> Result<bool, Stop> {
        let Some(from) = call
            .query
            .get("from")
            .filter(|_| !call.quirks.refuses_mounts)
        else {
            return Ok(false);
        };
        let Ok(from) = self.repository(from, call.quirks) else {
            return Ok(false);
        };
        let Some(size) = self.registry.blob_size(&from, digest).await? else {
            return Ok(false);
        };
        let media_type = MediaType::new("application/octet-stream");
        let blob = Descriptor::new(media_type, digest.clone(), size);
        let content = Nothing::default();
        let mounted = self
            .registry
            .put_blob(call.repository, &blob, &content, Some(&from))
            .await;
        match mounted {
            Ok(_) => Ok(true),
            // It wanted the bytes: it does not mount.
            Err(_) if content.wanted.load(Ordering::Relaxed) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Content that is not here; remembers whether it was wanted.
#[derive(Debug, Default)]
struct Nothing {
    wanted: AtomicBool,
}

#[async_trait]
impl Content for Nothing {
    async fn open(&self) -> io::Result<BlobReader> {
        self.wanted.store(true, Ordering::Relaxed);
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Refuses a part that does not begin where the last one ended.
fn check_offset(call: Call<'_>, id: &str, spool: &Spool) -> Result<(), Refusal> {
    let Some(range) = call.headers.get(CONTENT_RANGE) else {
        return Ok(());
    };
    let start = range.to_str().ok().and_then(first_byte);
    if start == Some(spool.size()) {
        return Ok(());
    }
    let message = format!("the upload has {} bytes so far", spool.size());
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    Err(Refusal::new(status, "BLOB_UPLOAD_INVALID", message)
        .header(LOCATION, session_path(call, id))
        .header(RANGE, range_so_far(spool.size())))
}

/// The first number of `0-99`, or of `bytes 0-99/100`, which some clients send.
fn first_byte(range: &str) -> Option<u64> {
    let range = range.strip_prefix("bytes ").unwrap_or(range);
    range.split_once('-')?.0.trim().parse().ok()
}

fn session_path(call: Call<'_>, id: &str) -> hyper::header::HeaderValue {
    text(format!("/v2/{}/blobs/uploads/{id}", call.repository.path()))
}

/// Both ends are inclusive, so nothing cannot be told from one byte.
fn range_so_far(size: u64) -> hyper::header::HeaderValue {
    text(format!("0-{}", size.saturating_sub(1)))
}

fn progress(status: StatusCode, call: Call<'_>, id: &str, size: u64) -> Answer {
    let mut answer = empty(status);
    let headers = answer.headers_mut();
    headers.insert(LOCATION, session_path(call, id));
    headers.insert(RANGE, range_so_far(size));
    headers.insert(UPLOAD_ID, text(id));
    answer
}

fn created(call: Call<'_>, digest: &Digest) -> Answer {
    let mut answer = empty(StatusCode::CREATED);
    let path = format!("/v2/{}/blobs/{digest}", call.repository.path());
    let headers = answer.headers_mut();
    headers.insert(LOCATION, text(path));
    headers.insert(CONTENT_DIGEST, text(digest.as_str()));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_part_are_read() {
        assert_eq!(first_byte("5-9"), Some(5));
        assert_eq!(first_byte("bytes 5-9/10"), Some(5));
        for wrong in ["", "x", "-5", "5"] {
            assert_eq!(first_byte(wrong), None, "{wrong}");
        }
        assert_eq!(
            (range_so_far(0), range_so_far(10)),
            (text("0-0"), text("0-9"))
        );
    }
}
