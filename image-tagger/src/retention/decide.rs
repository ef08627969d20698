//! Deciding about each image of a repository.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::graph::Graph;
use super::in_use::InUse;
use super::plan::{Action, PlannedImage, RetentionPlan, Warning};
use super::policy::RetentionPolicy;
use super::reason::Reason;
use crate::{Digest, ImageRecord, Repository, Tag};

/// Decides about each image of a repository, without reading or changing anything. `images` are all of them; two of one
/// digest are one image with the tags of both. The same input gives the same plan, in whatever order it comes.
pub fn decide(
    repository: &Repository,
    images: Vec<ImageRecord>,
    policy: &RetentionPolicy,
    in_use: &InUse,
    now: Timestamp,
) -> RetentionPlan {
    decide_with(repository, images, policy, in_use, now, &BTreeMap::new())
}

/// As [`decide`], and images whose tags are no longer `planned` are kept.
pub(super) fn decide_with(
    repository: &Repository,
    images: Vec<ImageRecord>,
    policy: &RetentionPolicy,
    in_use: &InUse,
    now: Timestamp,
    planned: &BTreeMap<&Digest, &[Tag]>,
) -> RetentionPlan {
    let images = newest_first(images);
    let mut decision = Decision {
        graph: Graph::new(&images),
        images: &images,
        kept: vec![Vec::new(); images.len()],
    };
    let mut warnings = decision.keep_used(repository, in_use);
    decision.keep_indexes_of_used();
    decision.keep_retagged(planned);
    decision.keep_protected(policy);
    decision.keep_last(policy);
    decision.keep_young(policy, now);
    decision.keep_what_belongs_to_kept();
    warnings.sort();
    warnings.dedup();
    decision.into_plan(repository, policy, now, warnings)
}

/// Each image once, the newest first, those of unknown age last.
fn newest_first(images: Vec<ImageRecord>) -> Vec<ImageRecord> {
    let mut each: BTreeMap<Digest, ImageRecord> = BTreeMap::new();
    for mut image in images {
        image.tags.sort();
        image.tags.dedup();
        match each.get_mut(&image.digest) {
            None => {
                each.insert(image.digest.clone(), image);
            }
            Some(known) => {
                known.tags.append(&mut image.tags);
                known.tags.sort();
                known.tags.dedup();
                known.children.append(&mut image.children);
                known.children.sort();
                known.children.dedup();
                known.pushed_at = known.pushed_at.max(image.pushed_at);
                known.size = known.size.max(image.size);
                known.subject = known.subject.take().max(image.subject);
            }
        }
    }
    let mut images: Vec<ImageRecord> = each.into_values().collect();
    // A stable sort: those of one time stay in the order of their digests.
    images.sort_by_key(|image| Reverse(image.pushed_at));
    images
}

struct Decision<'a> {
    images: &'a [ImageRecord],
    graph: Graph,
    /// Why each is kept; nothing for those that are not.
    kept: Vec<Vec<Reason>>,
}

impl Decision<'_> {
    fn keep_used(&mut self, repository: &Repository, in_use: &InUse) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if in_use.is_empty() {
            warnings.push(Warning::NothingInUse);
        }
        for used in in_use.images() {
            let mut found = false;
            for (image, kept) in self.images.iter().zip(&mut self.kept) {
                if used.names(repository, image) {
                    found = true;
                    let reason = Reason::Used {
                        role: used.role,
                        image: used.image.clone(),
                        by: used.by.clone(),
                    };
                    if !kept.contains(&reason) {
                        kept.push(reason);
                    }
                }
            }
            if !found && used.is_in(repository) {
                warnings.push(Warning::UsedIsMissing(used.clone()));
            }
        }
        warnings
    }

    /// A task that runs one platform's manifest was started by the index, and so will the next one be.
    fn keep_indexes_of_used(&mut self) {
        let mut queue: VecDeque<usize> = self.kept_places().collect();
        while let Some(place) = queue.pop_front() {
            for index in self.graph.indexes[place].clone() {
                if self.kept[index].is_empty() {
                    let digest = self.images[place].digest.clone();
                    self.kept[index].push(Reason::ListsUsed { digest });
                    queue.push_back(index);
                }
            }
        }
    }

    fn keep_retagged(&mut self, planned: &BTreeMap<&Digest, &[Tag]>) {
        for (image, kept) in self.images.iter().zip(&mut self.kept) {
            if planned
                .get(&image.digest)
                .is_some_and(|tags| *tags != image.tags)
            {
                let tags = image.tags.clone();
                kept.push(Reason::Retagged { tags });
            }
        }
    }

    fn keep_protected(&mut self, policy: &RetentionPolicy) {
        for (image, kept) in self.images.iter().zip(&mut self.kept) {
            let protected = image.own_tags().find_map(|tag| {
                let pattern = policy.protecting(tag)?.clone();
                Some(Reason::Protected {
                    tag: tag.clone(),
                    pattern,
                })
            });
            kept.extend(protected);
        }
    }

    /// Whether an image is a tagged one that stands for itself, and does not follow another.
    fn is_tagged(&self, place: usize) -> bool {
        self.graph.subject[place].is_none() && self.images[place].own_tags().next().is_some()
    }

    fn keep_last(&mut self, policy: &RetentionPolicy) {
        let keep = policy.keep_last;
        let limit = usize::try_from(keep.get()).unwrap_or(usize::MAX);
        let last: Vec<usize> = (0..self.images.len())
            .filter(|place| self.is_tagged(*place) && self.images[*place].pushed_at.is_some())
            .take(limit)
            .collect();
        for place in last {
            self.kept[place].push(Reason::Last { keep });
        }
    }

    fn keep_young(&mut self, policy: &RetentionPolicy, now: Timestamp) {
        for (place, image) in self.images.iter().enumerate() {
            let reason = match image.pushed_at {
                None => Reason::AgeUnknown,
                Some(at)
                    if !self.is_tagged(place)
                        && self.graph.subject[place].is_none()
                        && !policy.has_expired(at, now) =>
                {
                    Reason::Young {
                        days: full_days(at, now),
                        window: policy.untagged_days,
                    }
                }
                Some(_) => continue,
            };
            self.kept[place].push(reason);
        }
    }

    fn keep_what_belongs_to_kept(&mut self) {
        let mut queue: VecDeque<usize> = self.kept_places().collect();
        while let Some(place) = queue.pop_front() {
            let digest = &self.images[place].digest;
            let children = self.graph.children[place].iter().map(|child| {
                let index = digest.clone();
                (*child, Reason::PartOf { index })
            });
            let referrers = self.graph.referrers[place].iter().map(|referrer| {
                let subject = digest.clone();
                (*referrer, Reason::About { subject })
            });
            let subject = self.graph.subject[place].map(|subject| {
                let referrer = digest.clone();
                (subject, Reason::SubjectOf { referrer })
            });
            for (other, reason) in children.chain(referrers).chain(subject) {
                if self.kept[other].is_empty() {
                    self.kept[other].push(reason);
                    queue.push_back(other);
                }
            }
        }
    }

    fn kept_places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.images.len()).filter(|place| !self.kept[*place].is_empty())
    }

    /// Why an image that nothing keeps is deleted.
    fn superseded(&self, place: usize, policy: &RetentionPolicy, now: Timestamp) -> Reason {
        let image = &self.images[place];
        if let Some(subject) = self.graph.subject[place] {
            let subject = self.images[subject].digest.clone();
            return Reason::WithSubject { subject };
        }
        if self.is_tagged(place) {
            let keep = policy.keep_last;
            return Reason::Superseded { keep };
        }
        let days = image.pushed_at.map_or(0, |at| full_days(at, now));
        let window = policy.untagged_days;
        match image.is_about() {
            Some(subject) => Reason::Orphaned {
                subject,
                days,
                window,
            },
            None => Reason::Untagged { days, window },
        }
    }

    fn into_plan(
        self,
        repository: &Repository,
        policy: &RetentionPolicy,
        now: Timestamp,
        warnings: Vec<Warning>,
    ) -> RetentionPlan {
        let deleted: BTreeSet<usize> = (0..self.images.len())
            .filter(|place| self.kept[*place].is_empty())
            .collect();
        let rounds = self.graph.rounds(deleted.clone());
        let images: Vec<PlannedImage> = self
            .images
            .iter()
            .enumerate()
            .map(|(place, image)| {
                let (action, reasons) = if deleted.contains(&place) {
                    (Action::Delete, vec![self.superseded(place, policy, now)])
                } else {
                    (Action::Keep, self.kept[place].clone())
                };
                PlannedImage {
                    image: image.clone(),
                    action,
                    reasons,
                }
            })
            .collect();
        let digest = |place: &usize| self.images[*place].digest.clone();
        RetentionPlan {
            repository: repository.clone(),
            policy: policy.clone(),
            now,
            deletions: rounds.iter().flatten().map(digest).collect(),
            rounds: rounds
                .iter()
                .map(|round| round.iter().map(digest).collect())
                .collect(),
            bytes: deleted
                .iter()
                .filter_map(|place| self.images[*place].size)
                .fold(0, u64::saturating_add),
            images,
            warnings,
        }
    }
}

fn full_days(pushed_at: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(pushed_at).as_hours().max(0) / 24
}
