//! Pushing an image: every blob once, the manifest, the tags, and each read back.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use crate::inspect::revision;
use crate::{
    BlobOutcome, BlobReader, Content, Descriptor, Digest, Error, Event, Manifest, Observer,
    PinnedImage, Reference, Registry, Repository, Source, Tag,
};

/// Where an image goes, and under which names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushRequest {
    /// The repository.
    pub repository: Repository,
    /// Tags that name this image for good, put in this order.
    pub tags: Vec<Tag>,
    /// A tag that moves with each push, put last, and only forward.
    pub moving: Option<Tag>,
}

impl PushRequest {
    /// A push under these tags, without a moving one.
    pub const fn new(repository: Repository, tags: Vec<Tag>) -> Self {
        Self {
            repository,
            tags,
            moving: None,
        }
    }

    /// Adds a tag that moves with each push.
    #[must_use]
    pub fn moving(mut self, tag: Tag) -> Self {
        self.moving = Some(tag);
        self
    }
}

/// How to push.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PushOptions {
    /// How many blobs are pushed at once.
    pub max_parallel: usize,
    /// Repositories of the same registry that may hold some of the blobs.
    pub mount_from: Vec<Repository>,
    /// Tells which commit is newer, for the moving tag.
    pub ancestry: Option<Arc<dyn Ancestry>>,
    /// Move the moving tag even backwards.
    pub force_moving: bool,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            max_parallel: 4,
            mount_from: Vec::new(),
            ancestry: None,
            force_moving: false,
        }
    }
}

impl PushOptions {
    /// Sets how many blobs are pushed at once; 0 counts as 1.
    #[must_use]
    pub const fn max_parallel(mut self, blobs: usize) -> Self {
        self.max_parallel = blobs;
        self
    }

    /// Names repositories of the same registry that may hold some of the blobs.
    #[must_use]
    pub fn mount_from(mut self, repositories: Vec<Repository>) -> Self {
        self.mount_from = repositories;
        self
    }

    /// Says how commits follow each other.
    #[must_use]
    pub fn ancestry(mut self, ancestry: Arc<dyn Ancestry>) -> Self {
        self.ancestry = Some(ancestry);
        self
    }

    /// Moves the moving tag even backwards.
    #[must_use]
    pub const fn force_moving(mut self, force: bool) -> Self {
        self.force_moving = force;
        self
    }
}

/// Tells how the commits of a repository follow each other.
///
/// # Contract
/// `Some(true)` when `ancestor` is reachable from `of`, or the same commit; `Some(false)` when it certainly is not; `None`
/// when that cannot be told, for example because one of them is not in a shallow clone.
#[async_trait]
pub trait Ancestry: std::fmt::Debug + Send + Sync {
    /// Whether `ancestor` comes before `of`. Both are values of the label `org.opencontainers.image.revision`.
    async fn is_ancestor(&self, ancestor: &str, of: &str) -> Option<bool>;
}

/// What a push would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PushPlan {
    /// The repository.
    pub repository: Repository,
    /// The image's digest.
    pub digest: Digest,
    /// Its blobs, the largest first.
    pub blobs: Vec<PlannedBlob>,
    /// Its tags, the moving one last.
    pub tags: Vec<PlannedTag>,
    /// The bytes of the blobs that are to be uploaded.
    pub bytes_to_push: u64,
}

/// A blob of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedBlob {
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What would be done about it.
    pub action: BlobAction,
}

/// What would be done about a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BlobAction {
    /// It is there.
    Present,
    /// Another repository has it: it would be mounted if the registry lets us, and else uploaded.
    Mount,
    /// It would be uploaded.
    Upload,
}

/// A tag of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedTag {
    /// The tag.
    pub tag: Tag,
    /// What it names now.
    pub previous: Option<Digest>,
    /// What it would become.
    pub state: TagState,
    /// Why, when it would be held back.
    pub reason: Option<String>,
}

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TagState {
    /// It did not exist.
    New,
    /// It named another image.
    Moved,
    /// It named this image already.
    Unchanged,
    /// It names the image of a newer commit and stays there.
    HeldBack,
}

/// What a push did; every line of it was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The repository.
    pub repository: Repository,
    /// The image's digest.
    pub digest: Digest,
    /// The tags, in the order in which they were put.
    pub tags: Vec<TagReceipt>,
    /// The image as it is to be deployed.
    pub pinned: PinnedImage,
    /// Bytes of blobs that were uploaded.
    pub bytes_pushed: u64,
    /// Bytes of blobs that were mounted.
    pub bytes_mounted: u64,
    /// Blobs that were there.
    pub blobs_skipped: u64,
    /// Requests that were sent, as far as the registry counts them.
    pub requests: u64,
    /// Requests that were repeated, as far as the registry counts them.
    pub retries: u64,
}

/// A tag of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TagReceipt {
    /// The tag.
    pub tag: Tag,
    /// What it named before.
    pub previous: Option<Digest>,
    /// What became of it.
    pub state: TagState,
    /// Whether it was read back and names what it should: this image, or the newer one that it was left on.
    pub verified: bool,
    /// Why, when it was held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Finds out what a push would do; reads only.
///
/// # Errors
/// When the source or the registry cannot be read. Whether the registry will refuse to move a tag cannot be told without
/// trying: such a tag is planned as [`TagState::Moved`].
pub async fn plan(
    registry: &dyn Registry,
    source: &dyn Source,
    request: &PushRequest,
    options: &PushOptions,
) -> Result<PushPlan, Error> {
    let image = Image::read(source).await?;
    let mut blobs = Vec::new();
    for blob in &image.blobs {
        let action = if registry
            .blob_size(&request.repository, &blob.digest)
            .await?
            .is_some()
        {
            BlobAction::Present
        } else if holder(registry, &options.mount_from, &blob.digest)
            .await?
            .is_some()
        {
            BlobAction::Mount
        } else {
            BlobAction::Upload
        };
        blobs.push(PlannedBlob {
            digest: blob.digest.clone(),
            size: blob.size,
            action,
        });
    }
    let mut tags = Vec::new();
    for (tag, moving) in names(request) {
        let (previous, state, reason) =
            decide(registry, source, &image, request, options, tag, moving).await?;
        tags.push(PlannedTag {
            tag: tag.clone(),
            previous,
            state,
            reason,
        });
    }
    let uploads = blobs
        .iter()
        .filter(|blob| blob.action == BlobAction::Upload);
    Ok(PushPlan {
        repository: request.repository.clone(),
        digest: image.root.digest().clone(),
        bytes_to_push: uploads.map(|blob| blob.size).sum(),
        blobs,
        tags,
    })
}

/// Pushes an image: blobs, manifests by digest, fixed tags, and the moving tag last. Everything is read back before it is
/// reported.
///
/// It may be repeated at any point; dropping the future leaves at most blobs without a tag.
///
/// # Errors
/// When the source is damaged or the registry refuses or cannot be reached. Tags that were put before stay.
pub async fn push(
    registry: &dyn Registry,
    source: &dyn Source,
    request: &PushRequest,
    options: &PushOptions,
    observer: &dyn Observer,
) -> Result<Receipt, Error> {
    let before = registry.traffic(&request.repository);
    let image = Image::read(source).await?;
    let (repository, digest) = (&request.repository, image.root.digest());
    let bytes = image.blobs.iter().map(|blob| blob.size).sum();
    observer.observe(Event::Planned {
        digest: digest.clone(),
        blobs: image.blobs.len(),
        bytes,
    });

    let counts = Counts::default();
    // Boxed: without a name for the future's type the compiler cannot see that this one is Send.
    let uploads: Vec<BoxFuture<'_, Result<(), Error>>> = image
        .blobs
        .iter()
        .map(|blob| push_blob(registry, source, request, options, blob, &counts, observer).boxed())
        .collect();
    stream::iter(uploads)
        .buffer_unordered(options.max_parallel.max(1))
        .try_collect::<Vec<()>>()
        .await?;

    for child in &image.children {
        put_and_verify(registry, repository, child).await?;
    }
    put_and_verify(registry, repository, &image.root).await?;
    observer.observe(Event::ManifestVerified {
        digest: digest.clone(),
    });

    let mut tags = Vec::new();
    for (tag, moving) in names(request) {
        let (previous, state, reason) =
            decide(registry, source, &image, request, options, tag, moving).await?;
        let reference = Reference::Tag(tag.clone());
        match state {
            TagState::HeldBack => {
                let reason = reason.clone().unwrap_or_default();
                observer.observe(Event::TagHeldBack {
                    tag: tag.clone(),
                    reason,
                });
            }
            TagState::Unchanged => observer.observe(Event::TagVerified {
                tag: tag.clone(),
                digest: digest.clone(),
            }),
            TagState::New | TagState::Moved => {
                registry
                    .put_manifest(repository, &reference, &image.root)
                    .await?;
                let found = registry
                    .manifest(repository, &reference)
                    .await?
                    .map(|manifest| manifest.digest().clone());
                if found.as_ref() != Some(digest) {
                    let (repository, tag, wanted) =
                        (repository.clone(), tag.clone(), digest.clone());
                    return Err(Error::NotVerified {
                        repository,
                        tag,
                        wanted,
                        found,
                    });
                }
                observer.observe(Event::TagVerified {
                    tag: tag.clone(),
                    digest: digest.clone(),
                });
            }
        }
        tags.push(TagReceipt {
            tag: tag.clone(),
            previous,
            state,
            verified: true,
            reason,
        });
    }
    let after = registry.traffic(repository);
    Ok(Receipt {
        repository: repository.clone(),
        digest: digest.clone(),
        tags,
        pinned: PinnedImage::new(repository.clone(), None, digest.clone()),
        bytes_pushed: counts.pushed.load(Ordering::Relaxed),
        bytes_mounted: counts.mounted.load(Ordering::Relaxed),
        blobs_skipped: counts.skipped.load(Ordering::Relaxed),
        requests: after.requests - before.requests,
        retries: after.retries - before.retries,
    })
}

/// The image that is pushed, with its manifests in memory and its blobs where they are.
struct Image {
    root: Manifest,
    children: Vec<Manifest>,
    /// Each once, the largest first.
    blobs: Vec<Descriptor>,
}

impl Image {
    async fn read(source: &dyn Source) -> Result<Self, Error> {
        let root = source.root().await?;
        let mut children = Vec::new();
        for child in root.manifests() {
            children.push(source.child(&child.digest).await?);
        }
        let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        for manifest in std::iter::once(&root).chain(&children) {
            blobs.extend(
                manifest
                    .blobs()
                    .into_iter()
                    .map(|blob| (blob.digest.clone(), blob.clone())),
            );
        }
        let mut blobs: Vec<Descriptor> = blobs.into_values().collect();
        blobs.sort_by(|a, b| (b.size, &a.digest).cmp(&(a.size, &b.digest)));
        Ok(Self {
            root,
            children,
            blobs,
        })
    }

    /// The manifest whose configuration speaks for the image.
    fn leading(&self) -> &Manifest {
        self.children
            .first()
            .filter(|_| self.root.config().is_none())
            .unwrap_or(&self.root)
    }
}

#[derive(Default)]
struct Counts {
    pushed: AtomicU64,
    mounted: AtomicU64,
    skipped: AtomicU64,
}

/// All tags of a request in the order in which they are put; the flag says which one moves.
fn names(request: &PushRequest) -> impl Iterator<Item = (&Tag, bool)> {
    let fixed = request
        .tags
        .iter()
        .filter(|tag| request.moving.as_ref() != Some(*tag))
        .map(|tag| (tag, false));
    fixed.chain(request.moving.iter().map(|tag| (tag, true)))
}

async fn holder<'a>(
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

async fn push_blob(
    registry: &dyn Registry,
    source: &dyn Source,
    request: &PushRequest,
    options: &PushOptions,
    blob: &Descriptor,
    counts: &Counts,
    observer: &dyn Observer,
) -> Result<(), Error> {
    // One candidate needs no question: asking for the mount is the question.
    let mount_from = match &*options.mount_from {
        [] => None,
        [only] => Some(only),
        several => holder(registry, several, &blob.digest).await?,
    };
    let content = FromSource { source, blob };
    let outcome = registry
        .put_blob(&request.repository, blob, &content, mount_from)
        .await?;
    let (count, amount) = match outcome {
        BlobOutcome::Present => (&counts.skipped, 1),
        BlobOutcome::Mounted => (&counts.mounted, blob.size),
        BlobOutcome::Uploaded { bytes } => (&counts.pushed, bytes),
    };
    count.fetch_add(amount, Ordering::Relaxed);
    observer.observe(Event::BlobPushed {
        digest: blob.digest.clone(),
        size: blob.size,
        outcome,
    });
    Ok(())
}

struct FromSource<'a> {
    source: &'a dyn Source,
    blob: &'a Descriptor,
}

#[async_trait]
impl Content for FromSource<'_> {
    async fn open(&self) -> io::Result<BlobReader> {
        self.source.blob(self.blob).await.map_err(io::Error::other)
    }
}

async fn put_and_verify(
    registry: &dyn Registry,
    repository: &Repository,
    manifest: &Manifest,
) -> Result<(), Error> {
    let reference = Reference::Digest(manifest.digest().clone());
    if registry.manifest(repository, &reference).await?.is_some() {
        return Ok(());
    }
    registry
        .put_manifest(repository, &reference, manifest)
        .await?;
    match registry.manifest(repository, &reference).await? {
        Some(found) if found.digest() == manifest.digest() => Ok(()),
        _ => Err(Error::ImageNotFound {
            repository: repository.clone(),
            reference,
        }),
    }
}

/// What is to become of a tag.
async fn decide(
    registry: &dyn Registry,
    source: &dyn Source,
    image: &Image,
    request: &PushRequest,
    options: &PushOptions,
    tag: &Tag,
    moving: bool,
) -> Result<(Option<Digest>, TagState, Option<String>), Error> {
    let current = registry
        .manifest(&request.repository, &Reference::Tag(tag.clone()))
        .await?;
    let Some(current) = current else {
        return Ok((None, TagState::New, None));
    };
    let previous = Some(current.digest().clone());
    if current.digest() == image.root.digest() {
        return Ok((previous, TagState::Unchanged, None));
    }
    let Some(ancestry) = options
        .ancestry
        .as_ref()
        .filter(|_| moving && !options.force_moving)
    else {
        return Ok((previous, TagState::Moved, None));
    };
    let theirs = revision(registry, &request.repository, &current).await?;
    let ours = source_revision(source, image.leading()).await?;
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && ours != theirs
        && ancestry.is_ancestor(&ours, &theirs).await == Some(true)
    {
        let reason = format!(
            "it names {}, which follows {}",
            short(&theirs),
            short(&ours)
        );
        return Ok((previous, TagState::HeldBack, Some(reason)));
    }
    Ok((previous, TagState::Moved, None))
}

/// The commit of an image that is not pushed yet.
async fn source_revision(
    source: &dyn Source,
    manifest: &Manifest,
) -> Result<Option<String>, Error> {
    if let Some(revision) = manifest.annotations().get(crate::inspect::REVISION) {
        return Ok(Some(revision.clone()));
    }
    let Some(config) = manifest.config() else {
        return Ok(None);
    };
    let reader = source.blob(config).await?;
    let bytes = crate::blob::read_verified(reader, &config.digest, crate::layout::MANIFEST_CAP)
        .await
        .map_err(|error| {
            crate::blob::unwrap_io(error, |error| Error::InvalidManifest {
                digest: config.digest.clone(),
                problem: error.to_string(),
            })
        })?;
    Ok(crate::inspect::ImageConfig::parse(&bytes)
        .labels
        .remove(crate::inspect::REVISION))
}

fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}
