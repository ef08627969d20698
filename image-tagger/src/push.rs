//! Pushing an image: every blob once, the manifest, the tags, and each read back.

mod blobs;
mod fleet;
mod image;
mod order;
mod plan;
mod receipt;
mod request;

use std::sync::atomic::Ordering;

pub use self::fleet::{FleetItem, FleetOptions, push_all};
pub use self::plan::{BlobAction, PlannedBlob, PlannedTag, PushPlan, plan};
pub use self::receipt::{Receipt, TagReceipt, TagState};
pub use self::request::{Ancestry, PushOptions, PushRequest};

use self::blobs::{Counts, Porter, Shared};
use self::image::{Image, source_revision};
use self::order::Order;
use crate::{
    Attachment, Descriptor, Digest, Error, Event, Manifest, Observer, PinnedImage, Reference,
    Registry, Source, Tag,
};

/// How often a moving tag is put anew when other pushes move it away.
const MOVES: usize = 5;

/// Pushes an image: blobs, manifests, what is attached to it if that is wanted, fixed tags, and the moving tag last. Every
/// tag is read back before it is reported.
///
/// Blobs on this machine are read and checked before the first byte is sent. It may be repeated at any point; dropping the
/// future leaves at most blobs without a tag. Of two pushes at the same time the moving tag ends on the newer commit, as far
/// as [`PushOptions::ancestry`] can tell and within [`PushOptions::settle`].
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
    let shared = Shared::default();
    push_beside(registry, source, request, options, observer, &shared).await
}

/// A push beside others, which bring some of its blobs.
async fn push_beside(
    registry: &dyn Registry,
    source: &dyn Source,
    request: &PushRequest,
    options: &PushOptions,
    observer: &dyn Observer,
    shared: &Shared,
) -> Result<Receipt, Error> {
    let before = registry.traffic(&request.repository);
    let image = Image::read(source).await?;
    observer.observe(Event::Planned {
        digest: image.root.digest().clone(),
        blobs: image.blobs.len(),
        bytes: image.blobs.iter().map(|blob| blob.size).sum(),
    });
    let push = Push {
        porter: Porter {
            registry,
            source,
            request,
            options,
            observer,
            shared,
            counts: Counts::default(),
        },
        image,
    };
    let (tags, attachments) = push.run().await?;
    let Push { porter, image } = push;
    let after = registry.traffic(&request.repository);
    let digest = image.root.digest().clone();
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    Ok(Receipt {
        repository: request.repository.clone(),
        tags,
        pinned: PinnedImage::new(request.repository.clone(), None, digest.clone()),
        digest,
        bytes_pushed: count(&porter.counts.pushed),
        bytes_mounted: count(&porter.counts.mounted),
        blobs_skipped: (image.blobs.len() as u64).saturating_sub(count(&porter.counts.brought)),
        requests: after.requests - before.requests,
        retries: after.retries - before.retries,
        attachments,
    })
}

impl PushOptions {
    /// Who says which commit is newer, where that decides.
    fn judge(&self) -> Option<&dyn Ancestry> {
        self.ancestry.as_deref().filter(|_| !self.force_moving)
    }
}

struct Push<'a> {
    porter: Porter<'a>,
    image: Image,
}

impl Push<'_> {
    async fn run(&self) -> Result<(Vec<TagReceipt>, Vec<Digest>), Error> {
        let Porter {
            registry,
            request,
            options,
            source,
            ..
        } = self.porter;
        let root = &self.image.root;
        // A repository without a tag has none of ours, and most likely none of the blobs.
        let is_new = registry.is_empty(&request.repository).await?;
        let mut fixed = Vec::new();
        for tag in request.fixed() {
            let standing = self.standing(tag, is_new).await?;
            fixed.push((tag, standing.map(|standing| standing.digest)));
        }
        let order = Order {
            registry,
            repository: &request.repository,
            ancestry: options.judge().filter(|_| request.moving.is_some()),
            ours: match (options.judge(), &request.moving) {
                (Some(_), Some(_)) => source_revision(source, self.image.leading()).await?,
                _ => None,
            },
        };
        // Where the order of commits matters the moving tag is looked at when it is to be put.
        let moving = match &request.moving {
            Some(tag) if !order.is_known() => self.standing(tag, is_new).await?,
            _ => None,
        };
        let named = fixed.iter().filter_map(|(_, standing)| standing.as_ref());
        let moving_named = moving.iter().map(|standing| &standing.digest);
        let is_there = named
            .chain(moving_named)
            .any(|digest| digest == root.digest());
        let mut first_tag = fixed.first().map(|(tag, _)| (*tag).clone());
        // Who finds an image by a tag finds what is attached to it as well: then the manifest comes by its digest first.
        if is_there || options.attachments {
            first_tag = None;
        }
        if !is_there {
            self.place_image(is_new, first_tag.as_ref()).await?;
        }
        let attachments = match options.attachments {
            true => self.bring_attachments().await?,
            false => Vec::new(),
        };
        self.porter.observer.observe(Event::ManifestVerified {
            digest: root.digest().clone(),
        });

        let mut tags = Vec::new();
        for (tag, previous) in fixed {
            let state = match &previous {
                None => TagState::New,
                Some(digest) if digest == root.digest() => TagState::Unchanged,
                Some(_) => TagState::Moved,
            };
            if state != TagState::Unchanged {
                if first_tag.as_ref() != Some(tag) {
                    self.place(root, &Reference::Tag(tag.clone())).await?;
                }
                self.verify(tag).await?;
            }
            tags.push(self.receipt(tag, previous, state, None));
        }
        if let Some(tag) = &request.moving {
            tags.push(self.put_moving(tag, moving, &order).await?);
        }
        Ok((tags, attachments))
    }

    async fn standing(&self, tag: &Tag, is_new: bool) -> Result<Option<Descriptor>, Error> {
        if is_new {
            return Ok(None);
        }
        let Porter {
            registry, request, ..
        } = self.porter;
        registry
            .resolve(&request.repository, &Reference::Tag(tag.clone()))
            .await
    }

    /// Brings the image: its blobs, then its manifests, the last one under a tag if there is one.
    async fn place_image(&self, is_new: bool, tag: Option<&Tag>) -> Result<(), Error> {
        let image = &self.image;
        self.porter.check(&image.blobs).await?;
        if is_new {
            let blobs: Vec<&Descriptor> = image.blobs.iter().collect();
            self.porter.bring(&blobs, true).await?;
        }
        for child in &image.children {
            let reference = Reference::Digest(child.digest().clone());
            self.place(child, &reference).await?;
        }
        let reference = match tag {
            Some(tag) => Reference::Tag(tag.clone()),
            None => Reference::Digest(image.root.digest().clone()),
        };
        self.place(&image.root, &reference).await
    }

    /// Puts a manifest. Which of its blobs are missing is what the registry says when it refuses: one question instead of
    /// one for each blob.
    async fn place(&self, manifest: &Manifest, reference: &Reference) -> Result<(), Error> {
        let Porter {
            registry, request, ..
        } = self.porter;
        let repository = &request.repository;
        let mut brought: Vec<Digest> = Vec::new();
        let mut asked_each = false;
        loop {
            let refused = match registry.put_manifest(repository, reference, manifest).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let blobs = manifest.blobs();
            let mut missing: Vec<&Descriptor> = match &refused {
                Error::MissingBlobs { digests, .. } => blobs
                    .iter()
                    .filter(|blob| digests.contains(&blob.digest))
                    .copied()
                    .collect(),
                // It does not say what it lacks, if that is what it means.
                Error::Refused { .. } | Error::RepositoryNotFound { .. } if !asked_each => {
                    asked_each = true;
                    let mut missing = Vec::new();
                    for blob in blobs {
                        if registry
                            .blob_size(repository, &blob.digest)
                            .await?
                            .is_none()
                        {
                            missing.push(blob);
                        }
                    }
                    missing
                }
                _ => Vec::new(),
            };
            missing.retain(|blob| !brought.contains(&blob.digest));
            if missing.is_empty() {
                return Err(refused);
            }
            missing.sort_by_key(|blob| std::cmp::Reverse(blob.size));
            self.porter.bring(&missing, false).await?;
            brought.extend(missing.into_iter().map(|blob| blob.digest.clone()));
        }
    }

    /// Brings what is attached to the image and to the manifests in it.
    async fn bring_attachments(&self) -> Result<Vec<Digest>, Error> {
        let mut brought = Vec::new();
        for manifest in self.image.children.iter().chain([&self.image.root]) {
            let found = self.porter.source.attachments(manifest.digest()).await?;
            for Attachment { manifest, tag } in found {
                let blobs: Vec<Descriptor> = manifest.blobs().into_iter().cloned().collect();
                self.porter.check(&blobs).await?;
                for child in manifest.manifests() {
                    let child = self.porter.source.child(&child.digest).await?;
                    let reference = Reference::Digest(child.digest().clone());
                    self.place(&child, &reference).await?;
                }
                let reference = match tag {
                    Some(tag) => Reference::Tag(tag),
                    None => Reference::Digest(manifest.digest().clone()),
                };
                self.place(&manifest, &reference).await?;
                let digest = manifest.digest().clone();
                self.porter.observer.observe(Event::AttachmentPushed {
                    digest: digest.clone(),
                });
                if !brought.contains(&digest) {
                    brought.push(digest);
                }
            }
        }
        Ok(brought)
    }

    /// What a tag names when it is read back.
    async fn verify(&self, tag: &Tag) -> Result<(), Error> {
        let found = self.standing(tag, false).await?;
        self.judge(tag, found.map(|found| found.digest))
    }

    fn judge(&self, tag: &Tag, found: Option<Digest>) -> Result<(), Error> {
        let wanted = self.image.root.digest();
        if found.as_ref() == Some(wanted) {
            return Ok(());
        }
        Err(Error::NotVerified {
            repository: self.porter.request.repository.clone(),
            tag: tag.clone(),
            wanted: wanted.clone(),
            found,
        })
    }

    fn receipt(
        &self,
        tag: &Tag,
        previous: Option<Digest>,
        state: TagState,
        reason: Option<String>,
    ) -> TagReceipt {
        let tag = tag.clone();
        self.porter.observer.observe(match (&reason, state) {
            (Some(reason), TagState::HeldBack) => Event::TagHeldBack {
                tag: tag.clone(),
                reason: reason.clone(),
            },
            _ => Event::TagVerified {
                tag: tag.clone(),
                digest: self.image.root.digest().clone(),
            },
        });
        TagReceipt {
            tag,
            previous,
            state,
            verified: true,
            reason,
        }
    }

    /// Moves the moving tag, and only forward: another push may have moved it since it was looked at, and may do so again
    /// right after it was put.
    async fn put_moving(
        &self,
        tag: &Tag,
        standing: Option<Descriptor>,
        order: &Order<'_>,
    ) -> Result<TagReceipt, Error> {
        let root = &self.image.root;
        let mut standing = match order.is_known() {
            true => self.standing(tag, false).await?,
            false => standing,
        };
        let previous = standing.as_ref().map(|standing| standing.digest.clone());
        let (mut put, mut doubt) = (None, None);
        for _ in 0..MOVES {
            let (state, reason) = order.decide(root, standing.as_ref()).await?;
            match state {
                TagState::New | TagState::Moved => doubt = doubt.or(reason.clone()),
                // Ours from the beginning, or since it was put.
                TagState::Unchanged => {
                    return Ok(self.receipt(tag, previous, put.unwrap_or(state), doubt));
                }
                TagState::HeldBack => return Ok(self.receipt(tag, previous, state, reason)),
            }
            if let Some(found) = standing.as_ref().filter(|_| put.is_some())
                && !order.is_older(found).await?
            {
                self.judge(tag, Some(found.digest.clone()))?;
            }
            self.place(root, &Reference::Tag(tag.clone())).await?;
            put.get_or_insert(state);
            if order.is_known() {
                tokio::time::sleep(self.porter.options.settle).await;
            }
            standing = self.standing(tag, false).await?;
            if standing.is_none() {
                break;
            }
        }
        self.judge(tag, standing.map(|standing| standing.digest))?;
        Ok(self.receipt(tag, previous, put.unwrap_or(TagState::Moved), doubt))
    }
}
