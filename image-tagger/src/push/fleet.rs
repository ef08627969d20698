//! Several images in one run, with what they share brought once.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

use super::blobs::Shared;
use super::image::Image;
use super::{PushOptions, PushRequest, Receipt, push_beside};
use crate::{Digest, Error, Observer, Registry, Source};

/// One of several pushes.
#[derive(Debug)]
#[non_exhaustive]
pub struct FleetItem<'a> {
    /// The image.
    pub source: &'a dyn Source,
    /// Where it goes.
    pub request: PushRequest,
}

impl<'a> FleetItem<'a> {
    /// This image, there.
    pub const fn new(source: &'a dyn Source, request: PushRequest) -> Self {
        Self { source, request }
    }
}

/// How to push several images.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FleetOptions {
    /// How many images are pushed at once.
    pub max_images: usize,
    /// How each is pushed.
    pub push: PushOptions,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            max_images: 4,
            push: PushOptions::default(),
        }
    }
}

impl FleetOptions {
    /// Sets how many images are pushed at once; 0 counts as 1.
    #[must_use]
    pub const fn max_images(mut self, images: usize) -> Self {
        self.max_images = images;
        self
    }

    /// Says how each image is pushed.
    #[must_use]
    pub fn push(mut self, options: PushOptions) -> Self {
        self.push = options;
        self
    }
}

/// Pushes several images and returns what became of each, in their order. `observers` has one for each of them.
///
/// A blob that several images have is uploaded once for each registry, and mounted into the other repositories. ECR mounts
/// only what a manifest refers to already, so the image that shares most goes first, alone. One image that fails does not
/// keep the others from being pushed.
///
/// # Panics
/// When there are fewer observers than images.
pub async fn push_all(
    registry: &dyn Registry,
    items: &[FleetItem<'_>],
    options: &FleetOptions,
    observers: &[&dyn Observer],
) -> Vec<Result<Receipt, Error>> {
    assert!(observers.len() >= items.len(), "each image has an observer");
    let shared = Shared::default();
    let mut done: BTreeMap<usize, Result<Receipt, Error>> = BTreeMap::new();
    for leader in leaders(items).await {
        let pushed = push_one(registry, items, leader, options, observers, &shared).await;
        done.insert(leader, pushed);
    }
    let rest: Vec<usize> = (0..items.len())
        .filter(|index| !done.contains_key(index))
        .collect();
    // Boxed: without a name for the future's type the compiler cannot see that this one is Send.
    let pushes: Vec<BoxFuture<'_, (usize, Result<Receipt, Error>)>> = rest
        .into_iter()
        .map(|index| {
            push_one(registry, items, index, options, observers, &shared)
                .map(move |pushed| (index, pushed))
                .boxed()
        })
        .collect();
    done.extend(
        stream::iter(pushes)
            .buffer_unordered(options.max_images.max(1))
            .collect::<Vec<_>>()
            .await,
    );
    done.into_values().collect()
}

async fn push_one(
    registry: &dyn Registry,
    items: &[FleetItem<'_>],
    index: usize,
    options: &FleetOptions,
    observers: &[&dyn Observer],
    shared: &Shared,
) -> Result<Receipt, Error> {
    let FleetItem { source, request } = &items[index];
    push_beside(
        registry,
        *source,
        request,
        &options.push,
        observers[index],
        shared,
    )
    .await
}

/// For each registry the image that has most bytes in common with others, if any has.
async fn leaders(items: &[FleetItem<'_>]) -> Vec<usize> {
    let mut images = Vec::new();
    for (index, item) in items.iter().enumerate() {
        // One that cannot be read says so in its own push.
        if let Ok(image) = Image::read(item.source).await {
            images.push((index, item.request.repository.registry(), image));
        }
    }
    let mut holders: BTreeMap<(&str, &Digest), u64> = BTreeMap::new();
    for (_, registry, image) in &images {
        for blob in &image.blobs {
            *holders.entry((registry, &blob.digest)).or_default() += 1;
        }
    }
    let mut leaders: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for (index, registry, image) in &images {
        let shared = image
            .blobs
            .iter()
            .filter(|blob| holders[&(*registry, &blob.digest)] > 1);
        let bytes: u64 = shared.map(|blob| blob.size).sum();
        let best = leaders.entry(registry).or_insert((0, *index));
        if bytes > best.0 {
            *best = (bytes, *index);
        }
    }
    leaders
        .into_values()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(_, index)| index)
        .collect()
}
