//! Where an image that is pushed comes from.

mod archive;
mod directory;
mod docker;
mod name;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::archive::OciArchive;
pub use self::directory::OciDirectory;
pub use self::docker::DockerArchive;
pub use self::name::{InvalidSourceName, SourceName};
use crate::referrers::attachments;
use crate::{
    Attachment, BlobReader, Descriptor, Digest, Error, Manifest, Reference, Registry, Repository,
};

/// An image to be read: its manifests and its blobs.
///
/// # Contract
/// The image does not change while it is a source: the same call returns the same bytes. What a manifest of the source
/// names is in the source, or the call for it is an error. Readers may be opened again and again, and fail at their end
/// when the bytes are not what the digest says.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// The image's manifest, or the index of a multi-platform image.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn root(&self) -> Result<Manifest, Error>;

    /// A manifest that the root names, if the root is an index.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    async fn child(&self, digest: &Digest) -> Result<Manifest, Error>;

    /// The bytes of a blob.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error>;

    /// What is attached to a manifest of the source, and to that in turn.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn attachments(&self, _subject: &Digest) -> Result<Vec<Attachment>, Error> {
        Ok(Vec::new())
    }

    /// Whether blobs are read from this machine: then damage is looked for before anything is sent. What comes over the
    /// network is checked on its way.
    fn is_local(&self) -> bool {
        true
    }
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Source + ?Sized> Source for $pointer<T> {
            async fn root(&self) -> Result<Manifest, Error> {
                (**self).root().await
            }

            async fn child(&self, digest: &Digest) -> Result<Manifest, Error> {
                (**self).child(digest).await
            }

            async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
                (**self).blob(blob).await
            }

            async fn attachments(&self, subject: &Digest) -> Result<Vec<Attachment>, Error> {
                (**self).attachments(subject).await
            }

            fn is_local(&self) -> bool {
                (**self).is_local()
            }
        }
    };
}

forward!(Arc);
forward!(Box);

/// An image in a registry, as a source for another one: pushing from it is a promotion.
#[derive(Debug, Clone)]
pub struct RegistrySource<R> {
    registry: R,
    repository: Repository,
    reference: Reference,
}

impl<R: Registry> RegistrySource<R> {
    /// The image of this reference. Name it by digest if its tag may move meanwhile.
    pub const fn new(registry: R, repository: Repository, reference: Reference) -> Self {
        Self {
            registry,
            repository,
            reference,
        }
    }

    async fn manifest(&self, reference: &Reference) -> Result<Manifest, Error> {
        self.registry
            .manifest(&self.repository, reference)
            .await?
            .ok_or_else(|| Error::ImageNotFound {
                repository: self.repository.clone(),
                reference: reference.clone(),
            })
    }
}

#[async_trait]
impl<R: Registry> Source for RegistrySource<R> {
    async fn root(&self) -> Result<Manifest, Error> {
        self.manifest(&self.reference).await
    }

    async fn child(&self, digest: &Digest) -> Result<Manifest, Error> {
        self.manifest(&Reference::Digest(digest.clone())).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
        self.registry
            .blob(&self.repository, &blob.digest)
            .await?
            .ok_or_else(|| Error::MissingBlobs {
                repository: self.repository.clone(),
                digests: vec![blob.digest.clone()],
            })
    }

    async fn attachments(&self, subject: &Digest) -> Result<Vec<Attachment>, Error> {
        attachments(&self.registry, &self.repository, subject).await
    }

    fn is_local(&self) -> bool {
        false
    }
}
