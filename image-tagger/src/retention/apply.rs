//! Deleting what a plan says.

use std::collections::BTreeMap;

use super::decide::decide_with;
use super::in_use::InUse;
use super::plan::{Action, PlannedImage, RetentionPlan};
use super::reason::Reason;
use super::receipt::{ImageReceipt, Outcome, RetentionEvent, RetentionReceipt};
use crate::error::Chain;
use crate::{DeleteOutcome, Digest, Error, RepositoryAdmin, Tag};

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
/// When the repository cannot be read, or the first call for a deletion fails. After that, what goes wrong is in the receipt.
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
        let (mut is_first, mut is_broken) = (true, false);
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
                Err(error) if is_first => return Err(error),
                Err(error) => {
                    is_broken = true;
                    let message = Chain(&error).to_string();
                    for digest in tried {
                        let message = message.clone();
                        self.settle(digest, Outcome::Unknown { message });
                    }
                }
            }
            is_first = false;
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
