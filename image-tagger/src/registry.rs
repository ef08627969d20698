//! The trait for places that hold images.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use crate::{BlobReader, Content, Descriptor, Digest, Error, Manifest, Reference, Repository, Tag};

/// What became of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BlobOutcome {
    /// It was there already.
    Present,
    /// It was linked from another repository of the same registry; no byte was moved.
    Mounted,
    /// It was uploaded.
    Uploaded {
        /// How many bytes were moved.
        bytes: u64,
    },
}

/// What was sent over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests, the repeated ones included.
    pub requests: u64,
    /// Of these, how many repeated one that had failed.
    pub retries: u64,
}

/// A place that holds images: a registry over HTTP, a folder of image layouts, a model in memory.
///
/// # Contract
///
/// - **Content addressing.** What is stored under a digest has that digest; a write of other content is refused with
///   [`Error::DigestMismatch`] and leaves nothing behind.
/// - **Not found is not an error** of a read: it is `Ok(None)`, or an empty list of tags. A repository that does not exist
///   reads as an empty one.
/// - **Order.** [`put_manifest`](Self::put_manifest) refuses a manifest whose blobs, or an index whose manifests, are not in the
///   same repository, with [`Error::MissingBlobs`]: no reader ever sees an image with a hole.
/// - **Confirmation.** When a manifest's put returns, the place has confirmed that it holds these bytes under that name.
/// - **Referrers.** A manifest that was put and names a `subject` is among the referrers of that subject.
/// - **Atomicity.** A tag names the old image or the new one, never neither. A reader sees a whole blob or none.
/// - **Idempotence.** Every write may be repeated. Two writers of the same content do not disturb each other; of two
///   writers of one tag, one wins.
/// - **Immutable tags.** Where tags cannot move, putting the image that the tag names already succeeds, and another one is
///   refused with [`Error::ImmutableTag`].
/// - **Retries** are the implementation's: callers do not repeat a call that failed. What is returned as
///   [`Error::Unreachable`] was tried within the implementation's budget and may or may not have happened.
/// - **Dropping** a future leaves no half-written blob or tag that a reader could see.
#[async_trait]
pub trait Registry: Debug + Send + Sync {
    /// The manifest that a reference names, as it was put, byte for byte.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Manifest>, Error>;

    /// What a reference names, without its bytes.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn resolve(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, Error> {
        let manifest = self.manifest(repository, reference).await?;
        Ok(manifest.map(|manifest| manifest.descriptor()))
    }

    /// Stores a manifest under a tag or under its own digest.
    ///
    /// # Errors
    /// See the contract: [`Error::MissingBlobs`], [`Error::ImmutableTag`], [`Error::DigestMismatch`] when `reference` is a
    /// digest and not the manifest's.
    async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(), Error>;

    /// A blob's length in bytes, if it is there.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn blob_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Error>;

    /// Makes sure that a blob is there: finds it, mounts it from `mount_from`, or uploads `content`, in this order.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] when the content is not the blob's.
    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: &dyn Content,
        mount_from: Option<&Repository>,
    ) -> Result<BlobOutcome, Error>;

    /// As [`put_blob`](Self::put_blob) for a blob that the caller knows to be missing, so that nobody has to ask for it.
    ///
    /// # Errors
    /// As those of [`put_blob`](Self::put_blob).
    async fn upload_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: &dyn Content,
        mount_from: Option<&Repository>,
    ) -> Result<BlobOutcome, Error> {
        self.put_blob(repository, blob, content, mount_from).await
    }

    /// A blob's bytes. The reader fails at its end if they are not what the digest says.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<BlobReader>, Error>;

    /// All tags of a repository, sorted.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, Error>;

    /// Whether a repository has no tag, be it that it does not exist.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn is_empty(&self, repository: &Repository) -> Result<bool, Error> {
        Ok(self.tags(repository).await?.is_empty())
    }

    /// The manifests that name this one as their `subject`: signatures, SBOMs, attestations (OCI distribution spec 1.1,
    /// referrers), sorted by digest.
    ///
    /// # Errors
    /// When the registry cannot be read.
    async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error>;

    /// What was sent over the network for a repository so far; nothing where there is no network.
    fn traffic(&self, _repository: &Repository) -> Traffic {
        Traffic::default()
    }
}

macro_rules! forward {
    ($pointer:ty) => {
        #[async_trait]
        impl<T: Registry + ?Sized> Registry for $pointer {
            async fn manifest(
                &self,
                repository: &Repository,
                reference: &Reference,
            ) -> Result<Option<Manifest>, Error> {
                (**self).manifest(repository, reference).await
            }

            async fn resolve(
                &self,
                repository: &Repository,
                reference: &Reference,
            ) -> Result<Option<Descriptor>, Error> {
                (**self).resolve(repository, reference).await
            }

            async fn put_manifest(
                &self,
                repository: &Repository,
                reference: &Reference,
                manifest: &Manifest,
            ) -> Result<(), Error> {
                (**self).put_manifest(repository, reference, manifest).await
            }

            async fn blob_size(
                &self,
                repository: &Repository,
                digest: &Digest,
            ) -> Result<Option<u64>, Error> {
                (**self).blob_size(repository, digest).await
            }

            async fn put_blob(
                &self,
                repository: &Repository,
                blob: &Descriptor,
                content: &dyn Content,
                mount_from: Option<&Repository>,
            ) -> Result<BlobOutcome, Error> {
                (**self)
                    .put_blob(repository, blob, content, mount_from)
                    .await
            }

            async fn upload_blob(
                &self,
                repository: &Repository,
                blob: &Descriptor,
                content: &dyn Content,
                mount_from: Option<&Repository>,
            ) -> Result<BlobOutcome, Error> {
                (**self)
                    .upload_blob(repository, blob, content, mount_from)
                    .await
            }

            async fn blob(
                &self,
                repository: &Repository,
                digest: &Digest,
            ) -> Result<Option<BlobReader>, Error> {
                (**self).blob(repository, digest).await
            }

            async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, Error> {
                (**self).tags(repository).await
            }

            async fn is_empty(&self, repository: &Repository) -> Result<bool, Error> {
                (**self).is_empty(repository).await
            }

            async fn referrers(
                &self,
                repository: &Repository,
                subject: &Digest,
            ) -> Result<Vec<Descriptor>, Error> {
                (**self).referrers(repository, subject).await
            }

            fn traffic(&self, repository: &Repository) -> Traffic {
                (**self).traffic(repository)
            }
        }
    };
}

forward!(Arc<T>);
forward!(Box<T>);
forward!(&T);
