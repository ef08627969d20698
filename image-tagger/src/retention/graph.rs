//! How the images of a repository hang together.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Digest, ImageRecord};

/// The images of a repository by their places in a list, and what connects them.
pub(super) struct Graph {
    /// The manifests that each lists.
    pub(super) children: Vec<BTreeSet<usize>>,
    /// The indexes that list each.
    pub(super) indexes: Vec<BTreeSet<usize>>,
    /// What is about each.
    pub(super) referrers: Vec<BTreeSet<usize>>,
    /// What each is about, if that is in the repository.
    pub(super) subject: Vec<Option<usize>>,
}

impl Graph {
    pub(super) fn new(images: &[ImageRecord]) -> Self {
        let places: BTreeMap<&Digest, usize> = images
            .iter()
            .enumerate()
            .map(|(place, image)| (&image.digest, place))
            .collect();
        let count = images.len();
        let mut graph = Self {
            children: vec![BTreeSet::new(); count],
            indexes: vec![BTreeSet::new(); count],
            referrers: vec![BTreeSet::new(); count],
            subject: vec![None; count],
        };
        for (place, image) in images.iter().enumerate() {
            for child in image.children.iter().filter_map(|child| places.get(child)) {
                graph.children[place].insert(*child);
                graph.indexes[*child].insert(place);
            }
            let subject = image
                .is_about()
                .and_then(|digest| places.get(&digest).copied());
            // Nothing is about itself, whatever a tag says.
            if let Some(subject) = subject.filter(|subject| *subject != place) {
                graph.subject[place] = Some(subject);
                graph.referrers[subject].insert(place);
            }
        }
        graph
    }

    /// These images in rounds, each of which has to follow the one before. An index comes before what it lists, for a
    /// registry may refuse otherwise; and an image before its signatures, so that none loses them and then stays, unless
    /// these are indexes that list it in turn. Within a round, the order is that of the list.
    pub(super) fn rounds(&self, mut left: BTreeSet<usize>) -> Vec<Vec<usize>> {
        let mut rounds = Vec::new();
        while !left.is_empty() {
            let is_unlisted = |place: &usize| {
                !self.indexes[*place]
                    .iter()
                    .any(|other| left.contains(other))
            };
            let is_free = |place: &usize| {
                is_unlisted(place)
                    && self.subject[*place].is_none_or(|other| !left.contains(&other))
            };
            let mut round: Vec<usize> = left.iter().copied().filter(is_free).collect();
            if round.is_empty() {
                round = left.iter().copied().filter(is_unlisted).collect();
            }
            if round.is_empty() {
                // Indexes that list each other: no digests can, and an answer still may.
                round = left.iter().copied().collect();
            }
            for place in &round {
                left.remove(place);
            }
            rounds.push(round);
        }
        rounds
    }
}
