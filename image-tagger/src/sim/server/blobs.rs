//! Blobs that are there, over HTTP.

use hyper::StatusCode;
use hyper::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use tokio::io::AsyncReadExt;

use super::answer::{Answer, Refusal, Stop, empty, streamed, text};
use super::manifests::CONTENT_DIGEST;
use super::service::{Call, Service};
use crate::{BlobReader, Digest, Repository};

impl Service {
    /// Answers what is asked of a blob.
    pub(super) async fn blob(&self, call: Call<'_>, digest: &str) -> Result<Answer, Stop> {
        if call.method != "GET" || !call.quirks.redirects_downloads {
            return self.stored_blob(call, digest).await;
        }
        let parsed = parse_digest(digest)?;
        let size = self.registry.blob_size(call.repository, &parsed).await?;
        size.ok_or_else(|| unknown(call.repository, &parsed))?;
        let mut answer = empty(StatusCode::TEMPORARY_REDIRECT);
        let port = self.address.port();
        let path = call.repository.path();
        // Another host, as clients see it.
        let location = format!("http://localhost:{port}/storage/{path}/{parsed}");
        answer.headers_mut().insert(LOCATION, text(location));
        Ok(answer)
    }

    /// Answers what is asked of a blob, where it is.
    pub(super) async fn stored_blob(&self, call: Call<'_>, digest: &str) -> Result<Answer, Stop> {
        let digest = parse_digest(digest)?;
        let mut answer = match call.method.as_str() {
            "HEAD" => {
                let size = self.registry.blob_size(call.repository, &digest).await?;
                let size = size.ok_or_else(|| unknown(call.repository, &digest))?;
                let mut answer = empty(StatusCode::OK);
                answer.headers_mut().insert(CONTENT_LENGTH, size.into());
                answer
            }
            "GET" => self.read_blob(call, &digest).await?,
            _ => return Err(Refusal::unsupported(call.method).into()),
        };
        let headers = answer.headers_mut();
        headers.insert(CONTENT_DIGEST, text(digest.as_str()));
        headers.insert(CONTENT_TYPE, text("application/octet-stream"));
        headers.insert(ACCEPT_RANGES, text("bytes"));
        Ok(answer)
    }

    async fn read_blob(&self, call: Call<'_>, digest: &Digest) -> Result<Answer, Stop> {
        let size = self.registry.blob_size(call.repository, digest).await?;
        let size = size.ok_or_else(|| unknown(call.repository, digest))?;
        let range = call
            .headers
            .get(RANGE)
            .and_then(|value| value.to_str().ok());
        let span = match range.map_or(Span::Whole, |range| span(range, size)) {
            Span::Outside => {
                let message = format!("the blob has {size} bytes");
                let refusal =
                    Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", message);
                let range = text(format!("bytes */{size}"));
                return Err(refusal.header(CONTENT_RANGE, range).into());
            }
            Span::Whole => None,
            Span::Part { start, length } => Some((start, length)),
        };
        let reader = self.registry.blob(call.repository, digest).await?;
        let mut reader = reader.ok_or_else(|| unknown(call.repository, digest))?;
        let Some((start, length)) = span else {
            return Ok(streamed(StatusCode::OK, reader, size));
        };
        tokio::io::copy(&mut (&mut reader).take(start), &mut tokio::io::sink()).await?;
        let part: BlobReader = Box::pin(reader.take(length));
        let mut answer = streamed(StatusCode::PARTIAL_CONTENT, part, length);
        let range = text(format!("bytes {start}-{}/{size}", start + length - 1));
        answer.headers_mut().insert(CONTENT_RANGE, range);
        Ok(answer)
    }
}

pub(super) fn parse_digest(digest: &str) -> Result<Digest, Refusal> {
    digest.parse().map_err(|error: crate::InvalidDigest| {
        Refusal::bad_request("DIGEST_INVALID", error.to_string())
    })
}

fn unknown(repository: &Repository, digest: &Digest) -> Refusal {
    let message = format!("`{}` has no blob `{digest}`", repository.path());
    Refusal::not_found("BLOB_UNKNOWN", message)
}

/// Which part of a blob is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Whole,
    Part { start: u64, length: u64 },
    Outside,
}

/// Reads a `Range` header; one that is not understood, or asks for several parts, gets the whole (RFC 9110).
fn span(header: &str, size: u64) -> Span {
    let ends = header
        .strip_prefix("bytes=")
        .and_then(|rest| rest.split_once('-'));
    let Some((first, last)) = ends else {
        return Span::Whole;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(start), Ok(last)) if start <= last => (start, last.saturating_add(1).min(size)),
        (Ok(start), Err(_)) if last.is_empty() => (start, size),
        (Err(_), Ok(count)) if first.is_empty() => (size.saturating_sub(count), size),
        _ => return Span::Whole,
    };
    match end.checked_sub(start) {
        None | Some(0) => Span::Outside,
        Some(length) => Span::Part { start, length },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_to_their_limits() {
        let part = |start, length| Span::Part { start, length };
        for (header, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 8)),
            ("bytes=2-99", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=9-9", part(9, 1)),
            ("bytes=10-", Span::Outside),
            ("bytes=-0", Span::Outside),
            ("bytes=5-4", Span::Whole),
            ("bytes=0-1,3-4", Span::Whole),
            ("lines=0-1", Span::Whole),
            ("bytes=", Span::Whole),
        ] {
            assert_eq!(span(header, 10), expected, "{header}");
        }
        assert_eq!(span(&format!("bytes=0-{}", u64::MAX), 10), part(0, 10));
    }

    proptest::proptest! {
        #[test]
        fn any_range_stays_in_the_blob(text in "(bytes=)?[0-9]{0,20}-[0-9]{0,20}", size: u64) {
            if let Span::Part { start, length } = span(&text, size) {
                assert!(length > 0 && start.checked_add(length).is_some_and(|end| end <= size));
            }
        }
    }
}
