//! What can go wrong, by what the caller can do about it.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::{Digest, Reference, Repository, Tag};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an image could not be read, pushed or verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such image.
    #[error("`{repository}` has no image `{reference}`")]
    ImageNotFound {
        /// Where it was looked for.
        repository: Repository,
        /// What was looked for.
        reference: Reference,
    },
    /// A blob that an image needs is not there.
    #[error("`{repository}` lacks {} of the image: {}", plural(digests.len()), list(digests))]
    MissingBlobs {
        /// Where they were looked for.
        repository: Repository,
        /// The blobs.
        digests: Vec<Digest>,
    },
    /// Content is not what its digest says.
    #[error("content of `{expected}` has the digest `{actual}` ({size} bytes)")]
    DigestMismatch {
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
        /// How many bytes were read.
        size: u64,
    },
    /// The bytes of a manifest are not one.
    #[error("`{digest}` is not an image's manifest: {problem}")]
    InvalidManifest {
        /// The digest of the bytes.
        digest: Digest,
        /// What is wrong.
        problem: String,
    },
    /// The tag names another image, and the registry does not let tags move.
    #[error("the tag `{tag}` of `{repository}` is immutable and names `{current}`, not `{wanted}`")]
    ImmutableTag {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What it names.
        current: Digest,
        /// What it was to name.
        wanted: Digest,
    },
    /// A tag was put, and names something else when it is read back.
    #[error("the tag `{tag}` of `{repository}` was put on `{wanted}` and names {} when read back", found.as_ref().map_or_else(|| "nothing".to_owned(), |digest| format!("`{digest}`")))]
    NotVerified {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What it was put on.
        wanted: Digest,
        /// What it names.
        found: Option<Digest>,
    },
    /// A file could not be read out of an image.
    #[error("cannot read `{path}` out of an image of `{repository}`: {problem}")]
    UnreadableFile {
        /// The repository.
        repository: Repository,
        /// The file, from the image's root.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A source of images is not one.
    #[error("`{}` holds no image to push: {problem}", path.display())]
    InvalidSource {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// What was to be packed cannot be.
    #[error("cannot pack the image: {problem}")]
    InvalidSpec {
        /// What is wrong.
        problem: String,
    },
    /// The registry wants other credentials.
    #[error("the registry of `{repository}` does not let us {operation}")]
    Denied {
        /// The repository.
        repository: Repository,
        /// What was tried.
        operation: &'static str,
        /// What the registry said.
        #[source]
        source: Option<BoxError>,
    },
    /// The repository is not where its management is.
    #[error("`{repository}` is not a repository of Amazon ECR, and no other can be managed")]
    NotManaged {
        /// The repository.
        repository: Repository,
    },
    /// The credentials lack a permission.
    #[error("the credentials may not {operation} for `{repository}`")]
    ActionDenied {
        /// The repository.
        repository: Repository,
        /// What was tried.
        operation: &'static str,
        /// The IAM action that it takes.
        action: &'static str,
        /// What the registry said.
        #[source]
        source: BoxError,
    },
    /// The registry has no such repository.
    #[error("the registry has no repository `{repository}`")]
    RepositoryNotFound {
        /// The repository.
        repository: Repository,
    },
    /// The registry answered in a way that is not the protocol's, or refused for good.
    #[error("the registry of `{repository}` refused to {operation}")]
    Refused {
        /// The repository.
        repository: Repository,
        /// What was tried.
        operation: &'static str,
        /// What the registry said.
        #[source]
        source: BoxError,
    },
    /// The registry could not be reached, or went on failing after every retry: the outcome is not known.
    #[error("cannot {operation} in `{repository}`")]
    Unreachable {
        /// The repository.
        repository: Repository,
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// A file of an image layout could not be read or written.
    #[error("cannot {operation} `{}`", path.display())]
    Storage {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A simulated registry could not be served.
    #[error("cannot serve a registry on `{address}`")]
    Server {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Credentials could not be fetched.
    #[error("cannot get credentials for `{host}`")]
    Credentials {
        /// The registry.
        host: String,
        /// What to do about it, where that is known.
        remedy: Option<String>,
        /// Why.
        #[source]
        source: BoxError,
    },
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ImageNotFound { .. } => "push it first, or check the tag",
            Self::MissingBlobs { .. } => "push the image again: something removed a part of it",
            Self::DigestMismatch { .. } => "the content is damaged: build or push the image again",
            Self::ImmutableTag { .. } => {
                "a commit's tag names one image for good: build from another commit, or delete the tag if the image is wrong"
            }
            Self::NotVerified { .. } => "another push moved the tag at the same time: run again",
            Self::InvalidSource { .. } => {
                "let the build write an OCI image layout, for example with `skopeo copy … oci:DIR:TAG`"
            }
            Self::Denied { .. } => {
                "log in to the registry with an account that may push to the repository"
            }
            Self::NotManaged { .. } => {
                "give a repository as `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME`"
            }
            Self::ActionDenied { action, .. } => {
                return Some(format!(
                    "allow `{action}` on the repository in the IAM policy of the credentials in use"
                ));
            }
            Self::RepositoryNotFound { .. } => "create the repository first",
            Self::Unreachable { .. } => {
                "check the registry's name and the network, then run again: a push can be repeated"
            }
            Self::Server { .. } => "choose a port that is free, or 0 for any",
            Self::Credentials { remedy, .. } => return remedy.clone(),
            Self::InvalidManifest { .. }
            | Self::InvalidSpec { .. }
            | Self::UnreadableFile { .. }
            | Self::Refused { .. }
            | Self::Storage { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the caller's input is at fault, as against the registry or the way to it.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::InvalidSource { .. }
                | Self::InvalidSpec { .. }
                | Self::ImmutableTag { .. }
                | Self::NotManaged { .. }
        )
    }
}

/// An error with all its causes, as text for a place that takes no error.
pub(crate) struct Chain<'a>(pub(crate) &'a Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = std::error::Error::source(self.0);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

fn plural(count: usize) -> String {
    if count == 1 {
        "a blob".to_owned()
    } else {
        format!("{count} blobs")
    }
}

fn list(digests: &[Digest]) -> String {
    digests
        .iter()
        .map(|digest| format!("`{digest}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
