//! What is to be pushed where, and how.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Repository, Tag};

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
    /// Take along what is attached to the image: signatures, SBOMs, attestations.
    pub attachments: bool,
    /// How long to wait before the moving tag is read back, where it is known which commit is newer. A push of an older
    /// commit may have read the tag before it was moved here, and move it back; it is caught if it needs no longer than
    /// this between its read and its put.
    pub settle: Duration,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            max_parallel: 6,
            mount_from: Vec::new(),
            ancestry: None,
            force_moving: false,
            attachments: false,
            settle: Duration::from_millis(500),
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

    /// Takes along what is attached to the image, or leaves it.
    #[must_use]
    pub const fn attachments(mut self, attachments: bool) -> Self {
        self.attachments = attachments;
        self
    }

    /// Sets how long to wait before the moving tag is read back.
    #[must_use]
    pub const fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
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

impl PushRequest {
    /// All tags in the order in which they are put; the flag says which one moves.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Tag, bool)> {
        self.fixed()
            .map(|tag| (tag, false))
            .chain(self.moving.iter().map(|tag| (tag, true)))
    }

    /// The tags that stay.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &Tag> {
        self.tags
            .iter()
            .filter(|tag| self.moving.as_ref() != Some(*tag))
    }
}
