//! What became of a plan.

use serde::Serialize;

use super::plan::Warning;
use super::reason::Reason;
use crate::{Digest, Repository, Tag};

/// What became of an image that a plan deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "outcome",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Outcome {
    /// It is deleted.
    Deleted,
    /// It was gone already.
    AlreadyGone,
    /// It stays, for a fresh look found a reason to keep it.
    Skipped {
        /// The reasons.
        reasons: Vec<Reason>,
    },
    /// It stays, for an index that lists it, or the image that it is about, was not deleted.
    Blocked {
        /// The other image.
        by: Digest,
    },
    /// The registry did not delete it.
    Failed {
        /// What the registry said.
        message: String,
    },
    /// It may be deleted, or not: run again to find out.
    Unknown {
        /// Why that is not known.
        message: String,
    },
    /// It was not tried, for a call before it failed.
    NotTried,
}

impl Outcome {
    /// Whether the image is gone.
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Deleted | Self::AlreadyGone)
    }

    /// Whether something went wrong, as against a reason to keep the image.
    pub const fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Blocked { .. } | Self::Failed { .. } | Self::Unknown { .. } | Self::NotTried
        )
    }
}

/// What became of an image that a plan deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageReceipt {
    /// The image.
    pub digest: Digest,
    /// The tags that it had in the plan.
    pub tags: Vec<Tag>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetentionReceipt {
    /// The repository.
    pub repository: Repository,
    /// Each image that the plan deletes, in the plan's order.
    pub images: Vec<ImageReceipt>,
    /// The size of the images that are deleted now, in bytes. What is freed is less where they share layers with others.
    pub bytes: u64,
    /// What the fresh look found that its reader should know.
    pub warnings: Vec<Warning>,
}

impl RetentionReceipt {
    /// Whether nothing went wrong: each image is gone, or stays for a reason.
    pub fn is_complete(&self) -> bool {
        !self.images.iter().any(|image| image.outcome.is_failure())
    }

    /// How many images were deleted.
    pub fn deleted(&self) -> usize {
        self.images
            .iter()
            .filter(|image| image.outcome == Outcome::Deleted)
            .count()
    }
}

/// Something that happened while a plan was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum RetentionEvent {
    /// The repository was read again: so many images will be deleted, and so many of the plan's not.
    Checked {
        /// How many will be deleted.
        deletions: usize,
        /// How many are gone or kept for a reason.
        skipped: usize,
    },
    /// It is known what became of an image.
    Image(ImageReceipt),
}
