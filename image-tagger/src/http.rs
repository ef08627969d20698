//! A client for registries that speak the OCI distribution protocol.

mod auth;
mod send;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LINK, LOCATION};
use reqwest::{Body, Method, Response, StatusCode};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::Instant;
use url::Url;

use self::send::{Exchange, Fetched, Protocol, Retries};
use crate::blob::{Verified, unwrap_io};
use crate::layout::MANIFEST_CAP;
use crate::{
    BlobOutcome, BlobReader, Content, Credentials, Descriptor, Digest, Error, Manifest, MediaType,
    Reference, Registry, Repository, Tag, Traffic,
};

/// How much of a blob is in memory at a time.
const CHUNK: usize = 64 * 1024;

/// How often the content of a blob is sent before the registry is given up.
const UPLOAD_TRIES: u32 = 5;

/// All forms of manifests that are understood.
const MANIFEST_TYPES: [&str; 4] = [
    MediaType::OCI_MANIFEST,
    MediaType::OCI_INDEX,
    MediaType::DOCKER_MANIFEST,
    MediaType::DOCKER_LIST,
];

/// A registry over HTTP: ECR, Docker's distribution, or any other that follows the OCI distribution spec 1.1.
///
/// A blob is uploaded by one POST and one PUT, as ECR demands, and each repetition begins a new session. What fails for a
/// passing reason (408, 429, 500, 502, 503, 504, a lost connection) is repeated with growing waits, at least as long as
/// `Retry-After` asks, within a budget. Credentials go to the registry and to the token server that it names, and to no
/// host that a redirect or an upload session leads to.
#[derive(Debug)]
pub struct HttpRegistry {
    protocol: Protocol,
    traffic: Mutex<BTreeMap<Repository, Traffic>>,
}

/// Makes an [`HttpRegistry`].
#[derive(Debug, Clone)]
pub struct HttpRegistryBuilder {
    insecure_http: bool,
    credentials: Option<Arc<dyn Credentials>>,
    retry_budget: Duration,
}

impl HttpRegistryBuilder {
    /// Speaks plain HTTP. Use it for registries on this machine only: credentials would be readable on the way.
    #[must_use]
    pub const fn insecure_http(mut self, insecure: bool) -> Self {
        self.insecure_http = insecure;
        self
    }

    /// Says where credentials come from; without any the registry is used anonymously.
    #[must_use]
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets how long one call may go on repeating what fails; 60 s by default. The time that a blob's bytes travel is not
    /// counted.
    #[must_use]
    pub const fn retry_budget(mut self, budget: Duration) -> Self {
        self.retry_budget = budget;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`Error::Credentials`] when https is wanted and this build of the library has none, or the system has no usable root
    /// certificates.
    pub fn build(self) -> Result<HttpRegistry, Error> {
        let failed =
            |remedy: &str, source: Box<dyn std::error::Error + Send + Sync>| Error::Credentials {
                host: "https".to_owned(),
                remedy: Some(remedy.to_owned()),
                source,
            };
        if cfg!(not(feature = "tls")) && !self.insecure_http {
            return Err(failed(
                "build with the feature `tls`",
                "this build speaks plain HTTP only".into(),
            ));
        }
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("image-tagger/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(10))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| failed("check the system's root certificates", error.into()))
        };
        let protocol = Protocol::new(
            build(builder().read_timeout(Duration::from_secs(60)))?,
            build(builder())?,
            self.insecure_http,
            self.credentials,
            self.retry_budget,
        );
        Ok(HttpRegistry {
            protocol,
            traffic: Mutex::default(),
        })
    }
}

impl HttpRegistry {
    /// A client for https without credentials; see the builder for more.
    pub const fn builder() -> HttpRegistryBuilder {
        HttpRegistryBuilder {
            insecure_http: false,
            credentials: None,
            retry_budget: Duration::from_secs(60),
        }
    }

    fn exchange<'a>(&'a self, repository: &'a Repository, operation: &'static str) -> Exchange<'a> {
        Exchange {
            protocol: &self.protocol,
            repository,
            operation,
            traffic: &self.traffic,
        }
    }

    /// Uploads a blob into a session; the session is at `location`.
    async fn upload(
        &self,
        exchange: &Exchange<'_>,
        session: Url,
        blob: &Descriptor,
        content: &dyn Content,
    ) -> Result<Response, Error> {
        let mut url = session;
        url.query_pairs_mut()
            .append_pair("digest", blob.digest.as_str());
        let reader = content
            .open()
            .await
            .map_err(|error| unwrap_io(error, |error| exchange.unreachable(error)))?;
        let failure = Arc::new(Mutex::new(None));
        let body = body(reader, blob, Arc::clone(&failure));
        let request = self
            .protocol
            .upload(url, blob.size)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, blob.size)
            .body(body);
        let answer = exchange.once(request).await;
        match failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(error),
            None => answer,
        }
    }

    /// Begins an upload; `None` when the blob was mounted instead.
    async fn begin_upload(
        &self,
        exchange: &Exchange<'_>,
        blob: &Descriptor,
        mount_from: Option<&Repository>,
        retries: &mut Retries,
    ) -> Result<Option<Url>, Error> {
        let mut url = self.protocol.url(exchange.repository, "blobs/uploads/")?;
        if let Some(from) =
            mount_from.filter(|from| from.registry() == exchange.repository.registry())
        {
            url.query_pairs_mut()
                .append_pair("mount", blob.digest.as_str())
                .append_pair("from", from.path());
        }
        let request = || {
            self.protocol
                .request(Method::POST, url.clone())
                .header(CONTENT_LENGTH, 0)
        };
        let answer = exchange.repeat_within(retries, request).await?;
        match answer.status() {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => {
                let location = answer
                    .headers()
                    .get(LOCATION)
                    .and_then(|value| value.to_str().ok());
                let session = location.and_then(|location| answer.url().join(location).ok());
                session
                    .map(Some)
                    .ok_or_else(|| exchange.refused("the answer names no upload session"))
            }
            _ => Err(exchange.failure(answer).await),
        }
    }
}

#[async_trait]
impl Registry for HttpRegistry {
    async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Manifest>, Error> {
        let exchange = self.exchange(repository, "read a manifest");
        let url = self
            .protocol
            .url(repository, &format!("manifests/{reference}"))?;
        let request = || {
            self.protocol
                .request(Method::GET, url.clone())
                .header(ACCEPT, MANIFEST_TYPES.join(", "))
        };
        let (headers, bytes) = match exchange.fetch(request, MANIFEST_CAP).await? {
            Fetched::Whole { headers, bytes, .. } => (headers, bytes),
            Fetched::Other(answer) if answer.status() == StatusCode::NOT_FOUND => return Ok(None),
            Fetched::Other(answer) => return Err(exchange.failure(answer).await),
        };
        let media_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type =
            media_type.map(|text| MediaType::new(text.split(';').next().unwrap_or(text).trim()));
        let manifest = Manifest::new(bytes, media_type)?;
        match reference {
            Reference::Digest(digest) if digest != manifest.digest() => {
                Err(Error::DigestMismatch {
                    expected: digest.clone(),
                    actual: manifest.digest().clone(),
                    size: manifest.bytes().len() as u64,
                })
            }
            _ => Ok(Some(manifest)),
        }
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        if let Reference::Digest(digest) = reference
            && digest != manifest.digest()
        {
            let (expected, actual) = (digest.clone(), manifest.digest().clone());
            return Err(Error::DigestMismatch {
                expected,
                actual,
                size: manifest.bytes().len() as u64,
            });
        }
        let exchange = self.exchange(repository, "store a manifest");
        let url = self
            .protocol
            .url(repository, &format!("manifests/{reference}"))?;
        let bytes = Bytes::copy_from_slice(manifest.bytes());
        let request = || {
            self.protocol
                .request(Method::PUT, url.clone())
                .header(CONTENT_TYPE, manifest.media_type().as_str())
                .body(bytes.clone())
        };
        let answer = exchange.repeat(request).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status();
        let problem = exchange.problem(answer).await;
        let missing = problem.missing_blobs();
        if !missing.is_empty() {
            return Err(Error::MissingBlobs {
                repository: repository.clone(),
                digests: missing,
            });
        }
        if let Reference::Tag(tag) = reference
            && problem.is_immutable_tag()
            && let Some(current) = self.manifest(repository, reference).await?
        {
            let (current, wanted) = (current.digest().clone(), manifest.digest().clone());
            // The same image again is no change.
            if current == wanted {
                return Ok(());
            }
            return Err(Error::ImmutableTag {
                repository: repository.clone(),
                tag: tag.clone(),
                current,
                wanted,
            });
        }
        Err(exchange.judge(status, &problem))
    }

    async fn blob_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let exchange = self.exchange(repository, "look for a blob");
        let url = self.protocol.url(repository, &format!("blobs/{digest}"))?;
        let answer = exchange
            .repeat(|| self.protocol.request(Method::HEAD, url.clone()))
            .await?;
        match answer.status() {
            StatusCode::OK => {
                let length = answer
                    .headers()
                    .get(CONTENT_LENGTH)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                length
                    .map(Some)
                    .ok_or_else(|| exchange.refused("the answer tells no length"))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(exchange.failure(answer).await),
        }
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: &dyn Content,
        mount_from: Option<&Repository>,
    ) -> Result<BlobOutcome, Error> {
        if self.blob_size(repository, &blob.digest).await?.is_some() {
            return Ok(BlobOutcome::Present);
        }
        let exchange = self.exchange(repository, "store a blob");
        let mut retries = self.protocol.retries();
        let mut mount_from = mount_from;
        let (mut challenged, mut tries) = (false, 0);
        loop {
            // Each try has a session of its own: ECR answers 416 to a second try in an old one.
            let begun = match mount_from.take() {
                None => self.begin_upload(&exchange, blob, None, &mut retries).await,
                from => match self.begin_upload(&exchange, blob, from, &mut retries).await {
                    // We may not read the other repository, or it is gone: then the bytes travel.
                    Err(Error::Denied { .. } | Error::RepositoryNotFound { .. }) => continue,
                    begun => begun,
                },
            };
            let Some(session) = begun? else {
                return Ok(BlobOutcome::Mounted);
            };
            tries += 1;
            let started = Instant::now();
            let answer = self.upload(&exchange, session, blob, content).await;
            retries.give_back(started.elapsed());
            let (wait, error) = match answer {
                Ok(answer) if answer.status().is_success() => {
                    return Ok(BlobOutcome::Uploaded { bytes: blob.size });
                }
                // The token ran out between the session's beginning and its end.
                Ok(answer) if !challenged && exchange.is_challenge(&answer) => {
                    challenged = true;
                    exchange.answer_challenge(&answer).await?;
                    continue;
                }
                Ok(answer) => (send::retry_after(&answer), exchange.failure(answer).await),
                Err(error) => (None, error),
            };
            if tries >= UPLOAD_TRIES || !matches!(error, Error::Unreachable { .. }) {
                return Err(error);
            }
            exchange.wait(&mut retries, wait, error).await?;
        }
    }

    async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<BlobReader>, Error> {
        let exchange = self.exchange(repository, "read a blob");
        let url = self.protocol.url(repository, &format!("blobs/{digest}"))?;
        let answer = exchange
            .repeat(|| self.protocol.request(Method::GET, url.clone()))
            .await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(Box::pin(Verified::new(
                ResponseReader::new(answer),
                digest.clone(),
            )))),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(exchange.failure(answer).await),
        }
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, Error> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let exchange = self.exchange(repository, "list tags");
        let mut next = Some(self.protocol.url(repository, "tags/list?n=1000")?);
        let mut tags = Vec::new();
        while let Some(url) = next.take() {
            let request = || self.protocol.request(Method::GET, url.clone());
            let (from, headers, bytes) = match exchange.fetch(request, MANIFEST_CAP).await? {
                Fetched::Whole {
                    url,
                    headers,
                    bytes,
                } => (url, headers, bytes),
                Fetched::Other(answer) if answer.status() == StatusCode::NOT_FOUND => break,
                Fetched::Other(answer) => return Err(exchange.failure(answer).await),
            };
            let link = headers
                .get(LINK)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            // `</v2/a/tags/list?last=x&n=1000>; rel="next"`
            let target = link
                .split_once('<')
                .and_then(|(_, rest)| rest.split_once('>'))
                .map(|(target, _)| target);
            next = target
                .and_then(|target| from.join(target).ok())
                .filter(|next| next.origin() == url.origin());
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|error| exchange.refused(&error.to_string()))?;
            tags.extend(
                page.tags
                    .into_iter()
                    .flatten()
                    .filter_map(|tag| tag.parse::<Tag>().ok()),
            );
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    fn traffic(&self, repository: &Repository) -> Traffic {
        let traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.get(repository).copied().unwrap_or_default()
    }
}

/// A request's body that is checked as it goes out: wrong content ends the request before its last byte, and the reason is
/// left in `failure`.
fn body(reader: BlobReader, blob: &Descriptor, failure: Arc<Mutex<Option<Error>>>) -> Body {
    let reader = Verified::new(reader, blob.digest.clone());
    let size = blob.size;
    let chunks = stream::try_unfold((reader, 0_u64), move |(mut reader, mut sent)| {
        let failure = Arc::clone(&failure);
        async move {
            let mut buffer = vec![0; CHUNK];
            loop {
                match reader.read(&mut buffer).await {
                    Ok(0) => return Ok(None),
                    Ok(count) => {
                        sent += count as u64;
                        // Longer than promised: read to its end, where the digest will tell.
                        if sent <= size {
                            buffer.truncate(count);
                            return Ok(Some((Bytes::from(buffer), (reader, sent))));
                        }
                    }
                    Err(error) => {
                        let (kind, text) = (error.kind(), error.to_string());
                        let inner = error.downcast::<Error>().ok();
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = inner;
                        return Err(io::Error::new(kind, text));
                    }
                }
            }
        }
    });
    Body::wrap_stream(chunks)
}

/// A response's body as a reader.
struct ResponseReader {
    chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<Bytes>> + Send>>,
    rest: Bytes,
}

impl ResponseReader {
    fn new(answer: Response) -> Self {
        Self {
            chunks: Box::pin(answer.bytes_stream()),
            rest: Bytes::new(),
        }
    }
}

impl AsyncRead for ResponseReader {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match std::task::ready!(self.chunks.as_mut().poll_next(cx)) {
                None => return std::task::Poll::Ready(Ok(())),
                Some(Ok(chunk)) => self.rest = chunk,
                Some(Err(error)) => return std::task::Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest.split_to(count));
        std::task::Poll::Ready(Ok(()))
    }
}
