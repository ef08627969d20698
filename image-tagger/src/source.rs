//! Where an image that is pushed comes from.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::blob::Verified;
use crate::layout::{Folder, blocking};
use crate::{BlobReader, Descriptor, Digest, Error, Manifest, Reference, Registry, Repository};

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
}

/// An OCI image layout that a build left behind, `oci:DIR[:REF]`.
#[derive(Debug, Clone)]
pub struct OciDirectory {
    path: PathBuf,
    root: Manifest,
}

impl OciDirectory {
    /// Opens a layout. Without a reference the layout must hold one image.
    ///
    /// # Errors
    /// [`Error::InvalidSource`] when the folder is no layout, lacks the reference, or holds several images and none was
    /// named.
    pub async fn open(path: &Path, reference: Option<&str>) -> Result<Self, Error> {
        let (path, reference) = (path.to_owned(), reference.map(str::to_owned));
        blocking(move || Self::open_now(path, reference.as_deref())).await
    }

    fn open_now(path: PathBuf, reference: Option<&str>) -> Result<Self, Error> {
        let invalid = |problem: String| Error::InvalidSource {
            path: path.clone(),
            problem,
        };
        if !path.is_dir() {
            return Err(invalid("there is no such folder".to_owned()));
        }
        if !path.join("oci-layout").is_file() || !path.join("index.json").is_file() {
            return Err(invalid("it lacks `oci-layout` or `index.json`".to_owned()));
        }
        let folder = Folder(path.clone());
        let entries = folder.entries()?;
        let mut digests: Vec<&Digest> = entries
            .iter()
            .filter(|(tag, entry)| match reference {
                Some(wanted) => tag.as_deref() == Some(wanted) || entry.digest.as_str() == wanted,
                None => true,
            })
            .map(|(_, entry)| &entry.digest)
            .collect();
        digests.sort_unstable();
        digests.dedup();
        let names = || {
            let names: Vec<String> = entries.iter().filter_map(|(tag, _)| tag.clone()).collect();
            if names.is_empty() {
                "none is named".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            }
        };
        let digest = match (&*digests, reference) {
            ([digest], _) => (*digest).clone(),
            ([], Some(wanted)) => {
                return Err(invalid(format!("it has no image `{wanted}`; {}", names())));
            }
            ([], None) => return Err(invalid("it is empty".to_owned())),
            (_, _) => {
                return Err(invalid(format!(
                    "it holds {} images; {}",
                    digests.len(),
                    names()
                )));
            }
        };
        let root = folder
            .manifest(&Reference::Digest(digest.clone()))?
            .ok_or_else(|| invalid(format!("the manifest `{digest}` is missing")))?;
        Ok(Self { path, root })
    }
}

#[async_trait]
impl Source for OciDirectory {
    async fn root(&self) -> Result<Manifest, Error> {
        Ok(self.root.clone())
    }

    async fn child(&self, digest: &Digest) -> Result<Manifest, Error> {
        let (folder, reference) = (Folder(self.path.clone()), Reference::Digest(digest.clone()));
        blocking(move || folder.manifest(&reference))
            .await?
            .ok_or_else(|| Error::InvalidSource {
                path: self.path.clone(),
                problem: format!("the manifest `{digest}` is missing"),
            })
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
        let path = Folder(self.path.clone()).blob(&blob.digest);
        match tokio::fs::File::open(&path).await {
            Ok(file) => Ok(Box::pin(Verified::new(file, blob.digest.clone()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::InvalidSource {
                path: self.path.clone(),
                problem: format!("the blob `{}` is missing", blob.digest),
            }),
            Err(source) => Err(Error::Storage {
                operation: "read",
                path,
                source,
            }),
        }
    }
}
