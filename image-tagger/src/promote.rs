//! Giving an image more names, in its repository or in others, without changing a byte of it.

use crate::{
    Digest, Error, Event, Observer, PinnedImage, PushOptions, PushRequest, Receipt, Reference,
    Registry, RegistrySource, Repository, Tag, TagReceipt, TagState, push,
};

/// Copies an image with its digest to another repository, of the same registry or of another one. Blobs are mounted where
/// the registry lets us, and otherwise stream through, without touching the disk. What is attached to the image (signatures,
/// SBOMs, attestations) goes along if [`PushOptions::attachments`] says so; a promotion should.
///
/// `target` may be the same registry as `registry`. The image is looked up once: a tag that moves meanwhile changes nothing.
///
/// # Errors
/// [`Error::ImageNotFound`], and those of [`push`].
pub async fn promote(
    registry: &dyn Registry,
    repository: &Repository,
    reference: &Reference,
    target: &dyn Registry,
    request: &PushRequest,
    options: &PushOptions,
    observer: &dyn Observer,
) -> Result<Receipt, Error> {
    let digest = match reference {
        Reference::Digest(digest) => digest.clone(),
        Reference::Tag(_) => {
            let found = registry.resolve(repository, reference).await?;
            found
                .ok_or_else(|| not_found(repository, reference))?
                .digest
        }
    };
    let source = RegistrySource::new(registry, repository.clone(), Reference::Digest(digest));
    let mut options = options.clone();
    if repository.registry() == request.repository.registry()
        && !options.mount_from.contains(repository)
    {
        options.mount_from.insert(0, repository.clone());
    }
    push(target, &source, request, &options, observer).await
}

/// Puts more tags on an image, in its repository: by digest, so that the tag names the very same bytes. Returns what became
/// of each; tags that name the image already are left alone.
///
/// Three requests for one tag: the image, what the tag names, and the put, which the registry confirms with the digest.
///
/// # Errors
/// [`Error::ImageNotFound`], [`Error::ImmutableTag`], and when the registry refuses or cannot be reached. Tags that were put
/// before stay.
pub async fn retag(
    registry: &dyn Registry,
    repository: &Repository,
    reference: &Reference,
    tags: &[Tag],
    observer: &dyn Observer,
) -> Result<Receipt, Error> {
    let before = registry.traffic(repository);
    let manifest = registry
        .manifest(repository, reference)
        .await?
        .ok_or_else(|| not_found(repository, reference))?;
    let digest = manifest.digest().clone();
    let mut receipts: Vec<TagReceipt> = Vec::new();
    for tag in tags {
        if receipts.iter().any(|done| done.tag == *tag) {
            continue;
        }
        let name = Reference::Tag(tag.clone());
        let previous = match *reference == name {
            true => Some(digest.clone()),
            false => registry
                .resolve(repository, &name)
                .await?
                .map(|standing| standing.digest),
        };
        let state = match &previous {
            None => TagState::New,
            Some(previous) if *previous == digest => TagState::Unchanged,
            Some(_) => TagState::Moved,
        };
        if state != TagState::Unchanged {
            registry.put_manifest(repository, &name, &manifest).await?;
        }
        observer.observe(Event::TagVerified {
            tag: tag.clone(),
            digest: digest.clone(),
        });
        receipts.push(TagReceipt {
            tag: tag.clone(),
            previous,
            state,
            verified: true,
            reason: None,
        });
    }
    let after = registry.traffic(repository);
    let blobs = manifest.blobs().len() as u64;
    Ok(Receipt {
        repository: repository.clone(),
        tags: receipts,
        pinned: PinnedImage::new(repository.clone(), None, digest.clone()),
        digest,
        bytes_pushed: 0,
        bytes_mounted: 0,
        blobs_skipped: blobs,
        requests: after.requests - before.requests,
        retries: after.retries - before.retries,
        attachments: Vec::<Digest>::new(),
    })
}

fn not_found(repository: &Repository, reference: &Reference) -> Error {
    Error::ImageNotFound {
        repository: repository.clone(),
        reference: reference.clone(),
    }
}
