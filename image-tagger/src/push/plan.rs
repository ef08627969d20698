//! What a push would do.

use serde::Serialize;

use super::blobs::{Counts, Porter, Shared, holder};
use super::image::{Image, source_revision};
use super::order::Order;
use super::{PushOptions, PushRequest, TagState};
use crate::{Digest, Error, Reference, Registry, Repository, Source, Tag};

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
    /// Why it would be held back, or why it cannot be told whether it would move forward.
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
    let (shared, counts) = (Shared::default(), Counts::default());
    let porter = Porter {
        registry,
        source,
        request,
        options,
        observer: &|_| {},
        shared: &shared,
        counts,
    };
    porter.check(&image.blobs).await?;
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
    for (tag, moving) in request.names() {
        let standing = registry
            .resolve(&request.repository, &Reference::Tag(tag.clone()))
            .await?;
        let ancestry = moving.then_some(options).and_then(PushOptions::judge);
        let order = Order {
            registry,
            repository: &request.repository,
            ours: match ancestry {
                Some(_) => source_revision(source, image.leading()).await?,
                None => None,
            },
            ancestry,
        };
        let (state, reason) = order.decide(&image.root, standing.as_ref()).await?;
        let previous = standing.map(|standing| standing.digest);
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
