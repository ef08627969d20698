//! The plan: what happens to each image, and why.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::decide::decide;
use super::in_use::{InUse, Role, UsedImage};
use super::policy::RetentionPolicy;
use super::reason::Reason;
use crate::{Digest, Error, ImageRecord, Repository, RepositoryAdmin};

/// What happens to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It stays.
    Keep,
    /// It is deleted.
    Delete,
}

/// What happens to an image, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedImage {
    /// The image.
    #[serde(flatten)]
    pub image: ImageRecord,
    /// What happens to it.
    pub action: Action,
    /// Why: each reason to keep it, or the one to delete it.
    pub reasons: Vec<Reason>,
}

/// Something about a plan that its reader should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "warning", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// The list of images in use is empty.
    NothingInUse,
    /// An image that is in use, or a rollback target, is not in the repository.
    UsedIsMissing(UsedImage),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingInUse => {
                f.write_str("no image is said to be in use: only age and tags decide what is kept")
            }
            Self::UsedIsMissing(used) => {
                let what = match used.role {
                    Role::InUse => "is in use",
                    Role::RollbackTarget => "is a rollback target",
                };
                write!(f, "`{}` {what}", used.image)?;
                if let Some(by) = &used.by {
                    write!(f, " by {by}")?;
                }
                f.write_str(" and is not in the repository")
            }
        }
    }
}

/// What happens to each image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetentionPlan {
    /// The repository.
    pub repository: Repository,
    /// What was to be kept by age and by tag.
    pub policy: RetentionPolicy,
    /// The time that ages are counted to.
    pub now: Timestamp,
    /// Every image, the newest first, those of unknown age last.
    pub images: Vec<PlannedImage>,
    /// The images that are deleted, in this order: an index before what it lists, an image before its signatures.
    pub deletions: Vec<Digest>,
    /// The size of the deleted images in bytes. What is freed is less where they share layers with others.
    pub bytes: u64,
    /// What its reader should know, sorted.
    pub warnings: Vec<Warning>,
    /// The deletions, in rounds that have to follow each other.
    #[serde(skip)]
    pub(super) rounds: Vec<Vec<Digest>>,
}

impl RetentionPlan {
    /// The images that stay, the newest first.
    pub fn kept(&self) -> impl Iterator<Item = &PlannedImage> {
        self.with(Action::Keep)
    }

    /// The images that are deleted, the newest first; [`deletions`](Self::deletions) has the order in which they are.
    pub fn deleted(&self) -> impl Iterator<Item = &PlannedImage> {
        self.with(Action::Delete)
    }

    fn with(&self, action: Action) -> impl Iterator<Item = &PlannedImage> {
        self.images
            .iter()
            .filter(move |image| image.action == action)
    }

    /// What happens to an image; `None` when it is not in the repository.
    pub fn image(&self, digest: &Digest) -> Option<&PlannedImage> {
        self.images
            .iter()
            .find(|planned| planned.image.digest == *digest)
    }
}

/// Reads a repository and plans what to delete, without changing anything. `now` is the time that ages are counted to.
///
/// # Errors
/// When the repository does not exist or cannot be read as a whole.
pub async fn plan(
    admin: &dyn RepositoryAdmin,
    repository: &Repository,
    policy: &RetentionPolicy,
    in_use: &InUse,
    now: Timestamp,
) -> Result<RetentionPlan, Error> {
    let images = admin.images(repository).await?;
    Ok(decide(repository, images, policy, in_use, now))
}
