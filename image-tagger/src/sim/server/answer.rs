//! Answers, and the errors of the distribution protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::Throttle;
use super::log::Line;
use crate::{BlobReader, Error};

/// How much of a blob is in memory at a time.
const CHUNK: usize = 64 * 1024;

pub(super) type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// Why a request is not answered with success.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Box<Refusal>),
    /// The connection ends without an answer: it is to be cut, or the client has gone.
    Cut,
}

/// An error of the distribution protocol.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    errors: Vec<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![json!({ "code": code, "message": message.into() })],
            headers: Vec::new(),
        }
    }

    pub(super) fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(super) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// What the protocol or this server does not have.
    pub(super) fn unsupported(method: &hyper::Method) -> Self {
        let message = format!("`{method}` is not supported here");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    pub(super) fn throttled(throttle: &Throttle) -> Self {
        let (code, message) = match throttle.status.as_u16() {
            429 | 503 => ("TOOMANYREQUESTS", "the rate of requests is too high"),
            _ => ("UNKNOWN", "it is told to fail"),
        };
        let refusal = Self::new(throttle.status, code, message);
        match throttle.retry_after {
            Some(wait) => refusal.header(RETRY_AFTER, wait.as_secs()),
            None => refusal,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn answer(self) -> Answer {
        let body = json!({ "errors": self.errors }).to_string();
        let mut answer = json_answer(self.status, body);
        answer.headers_mut().extend(self.headers);
        answer
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// What the registry behind the server could not do, as the protocol says it.
impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let refusal = match error {
            Error::MissingBlobs { digests, .. } => Refusal {
                status: StatusCode::BAD_REQUEST,
                errors: digests
                    .iter()
                    .map(|digest| {
                        json!({
                            "code": "MANIFEST_BLOB_UNKNOWN",
                            "message": "the repository lacks a blob of the manifest",
                            "detail": { "digest": digest },
                        })
                    })
                    .collect(),
                headers: Vec::new(),
            },
            Error::DigestMismatch { .. } => Refusal::bad_request("DIGEST_INVALID", message),
            Error::InvalidManifest { .. } => Refusal::bad_request("MANIFEST_INVALID", message),
            Error::ImmutableTag { .. } => Refusal::bad_request("TAG_INVALID", message),
            Error::Denied { .. } => Refusal::new(StatusCode::FORBIDDEN, "DENIED", message),
            Error::RepositoryNotFound { .. } => Refusal::not_found("NAME_UNKNOWN", message),
            Error::ImageNotFound { .. } => Refusal::not_found("MANIFEST_UNKNOWN", message),
            Error::Unreachable { .. } => {
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
            }
            _ => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", message),
        };
        refusal.into()
    }
}

/// A file of the server's own could not be used.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        let message = format!("the server cannot keep the upload: {error}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", message).into()
    }
}

/// Text as a header's value. What comes from a client was parsed before and has no control characters.
pub(super) fn text(value: impl Into<String>) -> HeaderValue {
    HeaderValue::try_from(value.into()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

pub(super) fn empty(status: StatusCode) -> Answer {
    whole(status, Bytes::new())
}

pub(super) fn json_answer(status: StatusCode, body: String) -> Answer {
    let mut answer = whole(status, Bytes::from(body));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

pub(super) fn whole(status: StatusCode, body: Bytes) -> Answer {
    let length = body.len();
    let body = Full::new(body).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    answer
}

/// An answer whose body is what a reader gives; a reader that fails cuts the connection.
pub(super) fn streamed(status: StatusCode, reader: BlobReader, length: u64) -> Answer {
    let chunks = stream::try_unfold(reader, |mut reader| async move {
        let mut buffer = vec![0; CHUNK];
        let count = reader.read(&mut buffer).await?;
        buffer.truncate(count);
        let frame = (count > 0).then(|| (Frame::data(Bytes::from(buffer)), reader));
        Ok::<_, io::Error>(frame)
    });
    let mut answer = Response::new(StreamBody::new(chunks).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    answer
}

/// The body of an answer, counted as it is sent, and cut where it is to be cut.
pub(super) struct Counted {
    body: UnsyncBoxBody<Bytes, io::Error>,
    line: Line,
    /// How many bytes are to go before the connection is cut.
    left: Option<u64>,
}

impl Counted {
    pub(super) fn answer(answer: Answer, line: Line, cut_after: Option<u64>) -> Response<Self> {
        let left = cut_after;
        answer.map(|body| Self { body, line, left })
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == Some(0) {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let mut bytes = match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => bytes,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            },
            end => return Poll::Ready(end),
        };
        if let Some(left) = &mut self.left {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
        }
        self.line.sent(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    #[tokio::test]
    async fn every_missing_blob_is_named() {
        let digests = vec![Digest::of(b"a"), Digest::of(b"b")];
        let repository = "registry.example/app".parse().unwrap();
        let error = Error::MissingBlobs {
            repository,
            digests: digests.clone(),
        };
        let Stop::Refused(refusal) = Stop::from(error) else {
            panic!("it is an answer")
        };
        let answer = refusal.answer();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        for (error, digest) in body["errors"].as_array().unwrap().iter().zip(&digests) {
            assert_eq!(error["code"], "MANIFEST_BLOB_UNKNOWN");
            assert_eq!(error["detail"]["digest"], digest.as_str());
        }
    }

    #[test]
    fn a_throttle_says_when_to_come_back_if_it_is_told_to() {
        let throttle = Throttle::too_many_requests();
        let plain = Refusal::throttled(&throttle).answer();
        assert_eq!(plain.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(!plain.headers().contains_key(RETRY_AFTER));
        let throttle = throttle.retry_after(std::time::Duration::from_secs(2));
        let answer = Refusal::throttled(&throttle).answer();
        assert_eq!(answer.headers()[RETRY_AFTER], "2");
    }
}
