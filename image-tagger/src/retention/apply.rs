//! Deleting what a plan says.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decide::decide_with;
use super::in_use::InUse;
use super::plan::{Action, PlannedImage, RetentionPlan, Warning};
use super::reason::Reason;
use crate::error::Chain;
use crate::{DeleteOutcome, Digest, Error, Repository, RepositoryAdmin, Tag};

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

/// Deletes what a plan says, and nothing else.
///
/// The repository is read again first, and decided about again with the plan's policy and time and with `in_use` as it is
/// now. An image is deleted when the plan and the fresh decision both say so and its tags are still those of the plan; what
/// got a tag, came into use, or became part of an index meanwhile stays, with the reason. Between this look and the
/// deletion, no registry can hold a tag still: what is left of the race is the time of one call.
///
/// Indexes go before what they list and images before their signatures; where one could not be deleted, what hangs on it
/// stays. Applying a plan twice deletes nothing more. Dropping the future leaves images deleted and others not, never one
/// in between.
///
/// # Errors
/// When the repository cannot be read, or nothing was deleted because the first call for it failed. Once something is
/// deleted, what goes wrong is in the receipt.
pub async fn apply(
    admin: &dyn RepositoryAdmin,
    plan: &RetentionPlan,
    in_use: &InUse,
    observer: &(dyn Fn(RetentionEvent) + Send + Sync),
) -> Result<RetentionReceipt, Error> {
    let images = admin.images(&plan.repository).await?;
    let planned: BTreeMap<&Digest, &[Tag]> = plan
        .deleted()
        .map(|planned| (&planned.image.digest, planned.image.tags.as_slice()))
        .collect();
    let fresh = decide_with(
        &plan.repository,
        images,
        &plan.policy,
        in_use,
        plan.now,
        &planned,
    );
    let mut run = Run {
        plan,
        fresh: Fresh::new(&fresh),
        tags: planned,
        outcomes: BTreeMap::new(),
        observer,
    };
    run.skip();
    run.delete(admin).await?;
    Ok(run.receipt())
}

/// The fresh decision, by digest.
struct Fresh<'a> {
    plan: &'a RetentionPlan,
    images: BTreeMap<&'a Digest, &'a PlannedImage>,
    /// For each image, the indexes to be deleted that list it.
    indexes: BTreeMap<&'a Digest, Vec<&'a Digest>>,
    /// For each image that is deleted with the one it is about, that one.
    subject: BTreeMap<&'a Digest, &'a Digest>,
}

impl<'a> Fresh<'a> {
    fn new(plan: &'a RetentionPlan) -> Self {
        let mut images = BTreeMap::new();
        let mut indexes: BTreeMap<&Digest, Vec<&Digest>> = BTreeMap::new();
        let mut subject = BTreeMap::new();
        for planned in &plan.images {
            images.insert(&planned.image.digest, planned);
        }
        for planned in plan.deleted() {
            let digest = &planned.image.digest;
            for child in planned
                .image
                .children
                .iter()
                .filter(|child| *child != digest)
            {
                indexes.entry(child).or_default().push(digest);
            }
            if let [Reason::WithSubject { subject: of }] = planned.reasons.as_slice() {
                subject.insert(digest, of);
            }
        }
        Self {
            plan,
            images,
            indexes,
            subject,
        }
    }
}

struct Run<'a> {
    plan: &'a RetentionPlan,
    fresh: Fresh<'a>,
    /// The images that the plan deletes, with their tags in it.
    tags: BTreeMap<&'a Digest, &'a [Tag]>,
    outcomes: BTreeMap<&'a Digest, Outcome>,
    observer: &'a (dyn Fn(RetentionEvent) + Send + Sync),
}

impl<'a> Run<'a> {
    /// Settles what is not deleted after all.
    fn skip(&mut self) {
        let mut skipped = Vec::new();
        for digest in &self.plan.deletions {
            let outcome = match self.fresh.images.get(digest) {
                None => Outcome::AlreadyGone,
                Some(image) if image.action == Action::Keep => Outcome::Skipped {
                    reasons: image.reasons.clone(),
                },
                Some(_) => continue,
            };
            skipped.push((digest, outcome));
        }
        (self.observer)(RetentionEvent::Checked {
            deletions: self.plan.deletions.len() - skipped.len(),
            skipped: skipped.len(),
        });
        for (digest, outcome) in skipped {
            self.settle(digest, outcome);
        }
    }

    /// Deletes the rest, a round after the other.
    async fn delete(&mut self, admin: &dyn RepositoryAdmin) -> Result<(), Error> {
        let mut is_broken = false;
        for round in &self.fresh.plan.rounds {
            let mut tried: Vec<&Digest> = Vec::new();
            for digest in round {
                // What a fresh decision would delete too, and the plan did not, is for the next plan.
                if !self.tags.contains_key(digest) {
                    continue;
                }
                if is_broken {
                    self.settle(digest, Outcome::NotTried);
                } else if let Some(by) = self.blocked(digest) {
                    let by = by.clone();
                    self.settle(digest, Outcome::Blocked { by });
                } else {
                    tried.push(digest);
                }
            }
            if tried.is_empty() {
                continue;
            }
            let digests: Vec<Digest> = tried.iter().copied().cloned().collect();
            match admin.delete_images(&self.plan.repository, &digests).await {
                Ok(outcomes) => {
                    let mut outcomes = outcomes.into_iter();
                    for digest in tried {
                        self.settle(digest, outcome(outcomes.next()));
                    }
                }
                Err(error) if !self.outcomes.values().any(|o| *o == Outcome::Deleted) => {
                    return Err(error);
                }
                Err(error) => {
                    is_broken = true;
                    let message = Chain(&error).to_string();
                    for digest in tried {
                        let message = message.clone();
                        self.settle(digest, Outcome::Unknown { message });
                    }
                }
            }
        }
        Ok(())
    }

    /// What was to go before an image, and did not. An index or a subject that only the fresh decision deletes is among it.
    fn blocked(&self, digest: &Digest) -> Option<&'a Digest> {
        let has_gone = |other: &Digest| self.outcomes.get(other).map(Outcome::is_gone);
        let indexes = self.fresh.indexes.get(digest).into_iter().flatten();
        let index = indexes.copied().find(|index| has_gone(index) != Some(true));
        let subject = self.fresh.subject.get(digest).copied();
        index.or(subject.filter(|subject| {
            // One whose turn comes later is an exception from the order.
            has_gone(subject).map_or(!self.tags.contains_key(subject), |gone| !gone)
        }))
    }

    fn settle(&mut self, digest: &'a Digest, outcome: Outcome) {
        (self.observer)(RetentionEvent::Image(self.line(digest, outcome.clone())));
        self.outcomes.insert(digest, outcome);
    }

    fn line(&self, digest: &Digest, outcome: Outcome) -> ImageReceipt {
        ImageReceipt {
            digest: digest.clone(),
            tags: self.tags.get(digest).copied().unwrap_or_default().to_vec(),
            outcome,
        }
    }

    fn receipt(mut self) -> RetentionReceipt {
        let outcomes = std::mem::take(&mut self.outcomes);
        let bytes = self
            .plan
            .deleted()
            .filter(|planned| outcomes.get(&planned.image.digest) == Some(&Outcome::Deleted))
            .filter_map(|planned| planned.image.size)
            .fold(0, u64::saturating_add);
        let images = self.plan.deletions.iter().map(|digest| {
            let outcome = outcomes.get(digest).cloned().unwrap_or(Outcome::NotTried);
            self.line(digest, outcome)
        });
        RetentionReceipt {
            repository: self.plan.repository.clone(),
            images: images.collect(),
            bytes,
            warnings: self.fresh.plan.warnings.clone(),
        }
    }
}

fn outcome(answer: Option<DeleteOutcome>) -> Outcome {
    match answer {
        Some(DeleteOutcome::Deleted) => Outcome::Deleted,
        Some(DeleteOutcome::NotFound) => Outcome::AlreadyGone,
        Some(DeleteOutcome::Referenced { message }) => Outcome::Failed { message },
        Some(DeleteOutcome::Refused { code, message }) => Outcome::Failed {
            message: format!("{code}: {message}"),
        },
        Some(DeleteOutcome::Unknown { message }) => Outcome::Unknown { message },
        None => Outcome::Unknown {
            message: "the answer says nothing about it".to_owned(),
        },
    }
}
