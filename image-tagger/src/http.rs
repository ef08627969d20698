//! A client for registries that speak the OCI distribution protocol.

mod auth;
mod body;
mod builder;
mod limit;
mod listing;
mod placed;
mod send;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

pub use self::builder::HttpRegistryBuilder;

use self::body::ResponseReader;
use self::listing::{is_unsupported, next_page};
use self::send::{Exchange, Fetched, Protocol, Renewals, Retries};
use crate::blob::{Verified, unwrap_io};
use crate::layout::MANIFEST_CAP;
use crate::referrers;
use crate::{
    BlobOutcome, BlobReader, Content, Descriptor, Digest, Error, Manifest, MediaType, Reference,
    Registry, Repository, Tag, Traffic,
};

/// The digest of the manifest that an answer is about.
const DIGEST_HEADER: &str = "docker-content-digest";

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

impl HttpRegistry {
    /// A client for https without credentials; see the builder for more.
    pub const fn builder() -> HttpRegistryBuilder {
        HttpRegistryBuilder {
            insecure_http: false,
            credentials: None,
            retry_budget: Duration::from_secs(60),
            authorities: Vec::new(),
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
        let body = body::checked(reader, blob, Arc::clone(&failure));
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

    async fn resolve(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, Error> {
        let exchange = self.exchange(repository, "look for a manifest");
        let url = self
            .protocol
            .url(repository, &format!("manifests/{reference}"))?;
        let request = || {
            self.protocol
                .request(Method::HEAD, url.clone())
                .header(ACCEPT, MANIFEST_TYPES.join(", "))
        };
        let answer = exchange.repeat(request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(exchange.failure(answer).await),
            _ => {}
        }
        let text = |name: &str| answer.headers().get(name)?.to_str().ok();
        let described = text(DIGEST_HEADER)
            .and_then(|digest| digest.parse::<Digest>().ok())
            .zip(text(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok()))
            .zip(text(CONTENT_TYPE.as_str()));
        match described {
            Some(((digest, size), media_type)) => Ok(Some(Descriptor::new(
                MediaType::new(media_type.split(';').next().unwrap_or(media_type).trim()),
                digest,
                size,
            ))),
            // The digest is optional in an answer (OCI distribution spec, pulling manifests): the bytes tell it.
            None => {
                let manifest = self.manifest(repository, reference).await?;
                Ok(manifest.map(|manifest| manifest.descriptor()))
            }
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
            let headers = answer.headers().clone();
            self.confirm(repository, reference, manifest, &headers)
                .await?;
            return self.announce(repository, manifest, &headers).await;
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
        self.upload_blob(repository, blob, content, mount_from)
            .await
    }

    async fn upload_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: &dyn Content,
        mount_from: Option<&Repository>,
    ) -> Result<BlobOutcome, Error> {
        let exchange = self.exchange(repository, "store a blob");
        let mut retries = self.protocol.retries();
        let mut mount_from = mount_from;
        let (mut renewals, mut tries) = (Renewals::default(), 0);
        loop {
            // Each try has a session of its own: ECR answers 416 to a second try in an old one.
            let begun = match mount_from.take() {
                None => self.begin_upload(&exchange, blob, None, &mut retries).await,
                from => match self.begin_upload(&exchange, blob, from, &mut retries).await {
                    // We may not read the other repository, or it is gone: then the bytes travel.
                    Err(
                        Error::Denied { .. }
                        | Error::RepositoryNotFound { .. }
                        | Error::Refused { .. },
                    ) => continue,
                    Ok(None) if from == Some(repository) => return Ok(BlobOutcome::Present),
                    Ok(None) => return Ok(BlobOutcome::Mounted),
                    begun => begun,
                },
            };
            let session = begun?.ok_or_else(|| {
                exchange.refused("it answers a new upload as if the blob were there")
            })?;
            tries += 1;
            let started = Instant::now();
            let answer = self.upload(&exchange, session, blob, content).await;
            retries.give_back(started.elapsed());
            let (wait, error) = match answer {
                Ok(answer) if answer.status().is_success() => {
                    return Ok(BlobOutcome::Uploaded { bytes: blob.size });
                }
                // The token ran out between the session's beginning and its end.
                Ok(answer) if exchange.is_refusal(&answer) && renewals.are_left() => {
                    exchange.renew(answer, &mut renewals, &mut retries).await?;
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
        let exchange = self.exchange(repository, "list tags");
        let mut next = Some(self.protocol.url(repository, "tags/list?n=1000")?);
        let mut tags = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(url) = next.take().filter(|url| seen.insert(url.clone())) {
            let Some((page, headers, from)) = exchange.page(&url).await? else {
                break;
            };
            next = next_page(&headers, &from).filter(|next| next.origin() == url.origin());
            tags.extend(page.into_iter().filter_map(|tag| tag.parse::<Tag>().ok()));
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    async fn is_empty(&self, repository: &Repository) -> Result<bool, Error> {
        let exchange = self.exchange(repository, "list tags");
        // One is enough to know.
        let url = self.protocol.url(repository, "tags/list?n=1")?;
        let page = exchange.page(&url).await?;
        Ok(page.is_none_or(|(tags, _, _)| tags.is_empty()))
    }

    async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let exchange = self.exchange(repository, "list what is attached to an image");
        let mut next = Some(
            self.protocol
                .url(repository, &format!("referrers/{subject}"))?,
        );
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(url) = next.take().filter(|url| seen.insert(url.clone())) {
            let request = || {
                self.protocol
                    .request(Method::GET, url.clone())
                    .header(ACCEPT, MediaType::OCI_INDEX)
            };
            match exchange.fetch(request, MANIFEST_CAP).await? {
                Fetched::Whole {
                    url: from,
                    headers,
                    bytes,
                } => {
                    next = next_page(&headers, &from).filter(|next| next.origin() == url.origin());
                    found.extend_from_slice(Manifest::new(bytes, None)?.manifests());
                }
                // A registry from before the referrers API: clients keep a list under a tag.
                Fetched::Other(answer) if is_unsupported(answer.status()) => {
                    let tag = Reference::Tag(referrers::fallback_tag(subject));
                    let list = self.manifest(repository, &tag).await?;
                    found.extend(
                        list.iter()
                            .flat_map(|list| list.manifests().iter().cloned()),
                    );
                }
                Fetched::Other(answer) => return Err(exchange.failure(answer).await),
            }
        }
        found.sort_by(|a, b| a.digest.cmp(&b.digest));
        found.dedup_by(|a, b| a.digest == b.digest);
        Ok(found)
    }

    fn traffic(&self, repository: &Repository) -> Traffic {
        let traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.get(repository).copied().unwrap_or_default()
    }
}
