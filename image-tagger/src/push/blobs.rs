//! Bringing blobs to a registry, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::OnceCell;

use super::{PushOptions, PushRequest};
use crate::blob::unwrap_io;
use crate::{
    BlobOutcome, BlobReader, Content, Descriptor, Digest, Error, Event, Observer, Registry,
    Repository, Source,
};

/// Who brought a blob to a registry, once somebody has.
type Flight = Arc<OnceCell<Repository>>;

/// What pushes that run side by side know of each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// By the registry and the blob.
    flights: Mutex<BTreeMap<(String, Digest), Flight>>,
    /// Blobs that were read from this machine and found whole.
    whole: Mutex<BTreeSet<Digest>>,
}

impl Shared {
    fn flight(&self, repository: &Repository, digest: &Digest) -> Flight {
        let key = (repository.registry().to_owned(), digest.clone());
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(flights.entry(key).or_default())
    }

    fn is_whole(&self, digest: &Digest) -> bool {
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.contains(digest)
    }

    fn found_whole(&self, digest: &Digest) {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.insert(digest.clone());
    }
}

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) pushed: AtomicU64,
    pub(super) mounted: AtomicU64,
    pub(super) brought: AtomicU64,
}

/// Brings the blobs of one push.
pub(super) struct Porter<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) source: &'a dyn Source,
    pub(super) request: &'a PushRequest,
    pub(super) options: &'a PushOptions,
    pub(super) observer: &'a dyn Observer,
    pub(super) shared: &'a Shared,
    pub(super) counts: Counts,
}

impl Porter<'_> {
    /// Reads all blobs that are on this machine, so that damage is found before anything is sent.
    pub(super) async fn check(&self, blobs: &[Descriptor]) -> Result<(), Error> {
        if !self.source.is_local() {
            return Ok(());
        }
        let checks: Vec<BoxFuture<'_, Result<(), Error>>> = blobs
            .iter()
            .filter(|blob| !self.shared.is_whole(&blob.digest))
            .map(|blob| self.check_one(blob).boxed())
            .collect();
        stream::iter(checks)
            .buffer_unordered(2)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }

    async fn check_one(&self, blob: &Descriptor) -> Result<(), Error> {
        let unreadable = |source: io::Error| Error::Storage {
            operation: "read the blob",
            path: blob.digest.as_str().into(),
            source,
        };
        // One byte more than promised is enough to know that it is other content.
        let reader = self.source.blob(blob).await?;
        let mut reader = reader.take(blob.size.saturating_add(1));
        let mut sink = tokio::io::sink();
        let size = tokio::io::copy(&mut reader, &mut sink)
            .await
            .map_err(|error| unwrap_io(error, unreadable))?;
        if size != blob.size {
            return Err(unreadable(io::Error::other(format!(
                "it has {size} bytes{}, and its manifest says {}",
                if size > blob.size { " or more" } else { "" },
                blob.size
            ))));
        }
        self.shared.found_whole(&blob.digest);
        Ok(())
    }

    /// Brings blobs that the registry lacks, the first ones first. `is_new` says that nothing was asked of it: some may be
    /// there all the same.
    pub(super) async fn bring(&self, blobs: &[&Descriptor], is_new: bool) -> Result<(), Error> {
        // Boxed: without a name for the future's type the compiler cannot see that this one is Send.
        let uploads: Vec<BoxFuture<'_, Result<(), Error>>> = blobs
            .iter()
            .map(|blob| self.bring_one(blob, is_new).boxed())
            .collect();
        stream::iter(uploads)
            .buffer_unordered(self.options.max_parallel.max(1))
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }

    async fn bring_one(&self, blob: &Descriptor, is_new: bool) -> Result<(), Error> {
        let repository = &self.request.repository;
        let content = FromSource {
            source: self.source,
            blob,
            observer: self.observer,
            sent: Arc::default(),
        };
        let flight = self.shared.flight(repository, &blob.digest);
        let mut outcome = None;
        let holder = flight
            .get_or_try_init(|| async {
                // One candidate needs no question: asking for the mount is the question.
                let from = match &*self.options.mount_from {
                    // What an earlier try left behind is found by mounting it where it is.
                    [] if is_new => Some(repository),
                    [] => None,
                    [only] => Some(only),
                    several => holder(self.registry, several, &blob.digest).await?,
                };
                let upload = self.registry.upload_blob(repository, blob, &content, from);
                let brought = content.watched(upload).await?;
                outcome = Some(brought);
                Ok::<_, Error>(repository.clone())
            })
            .await?;
        let outcome = match outcome {
            Some(outcome) => outcome,
            None if holder == repository => BlobOutcome::Present,
            None => {
                let upload = self
                    .registry
                    .upload_blob(repository, blob, &content, Some(holder));
                content.watched(upload).await?
            }
        };
        let (count, amount) = match outcome {
            BlobOutcome::Present => (None, 0),
            BlobOutcome::Mounted => (Some(&self.counts.mounted), blob.size),
            BlobOutcome::Uploaded { bytes } => (Some(&self.counts.pushed), bytes),
        };
        if let Some(count) = count {
            count.fetch_add(amount, Ordering::Relaxed);
            self.counts.brought.fetch_add(1, Ordering::Relaxed);
        }
        self.observer.observe(Event::BlobPushed {
            digest: blob.digest.clone(),
            size: blob.size,
            outcome,
        });
        Ok(())
    }
}

/// The first of several repositories that has a blob.
pub(super) async fn holder<'a>(
    registry: &dyn Registry,
    repositories: &'a [Repository],
    digest: &Digest,
) -> Result<Option<&'a Repository>, Error> {
    for repository in repositories {
        if registry.blob_size(repository, digest).await?.is_some() {
            return Ok(Some(repository));
        }
    }
    Ok(None)
}

/// How many bytes of a blob are sent between two events.
const STEP: u64 = 1024 * 1024;

/// A blob of the source, whose bytes are told of as they go.
struct FromSource<'a> {
    source: &'a dyn Source,
    blob: &'a Descriptor,
    observer: &'a dyn Observer,
    sent: Arc<AtomicU64>,
}

#[async_trait]
impl Content for FromSource<'_> {
    async fn open(&self) -> io::Result<BlobReader> {
        let inner = self
            .source
            .blob(self.blob)
            .await
            .map_err(io::Error::other)?;
        self.sent.store(0, Ordering::Relaxed);
        Ok(Box::pin(Metered {
            inner,
            sent: Arc::clone(&self.sent),
        }))
    }
}

impl FromSource<'_> {
    /// Tells how far the blob is while it is brought: the bytes are read by a task that knows no observer.
    async fn watched<T>(&self, work: impl Future<Output = T> + Send) -> T {
        let mut work = std::pin::pin!(work);
        let mut told = 0;
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    let sent = self.sent.load(Ordering::Relaxed);
                    if sent.abs_diff(told) >= STEP {
                        told = sent;
                        self.observer.observe(Event::BlobProgress {
                            digest: self.blob.digest.clone(),
                            sent,
                            size: self.blob.size,
                        });
                    }
                }
            }
        }
    }
}

/// How often is looked how far a blob is.
const TICK: Duration = Duration::from_millis(100);

/// A reader that counts.
struct Metered {
    inner: BlobReader,
    sent: Arc<AtomicU64>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(self.inner.as_mut().poll_read(cx, buf))?;
        let count = (buf.filled().len() - before) as u64;
        self.sent.fetch_add(count, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}
