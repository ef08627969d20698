//! The trait for what manages repositories: what they hold, and how they are set up.

mod image;
mod options;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::image::ImageRecord;
pub use self::options::{
    Created, DeleteOutcome, InvalidTagMutability, RepositoryOptions, TagMutability,
};
use crate::scan::ScanReport;
use crate::{Digest, Error, LifecyclePolicy, Repository};

/// What manages repositories, beside the [`Registry`](crate::Registry) that pushes to them and pulls from them.
///
/// # Contract
///
/// - **Not found.** A repository that does not exist is [`Error::RepositoryNotFound`] for every call but
///   [`repository_exists`](Self::repository_exists) and [`create_repository`](Self::create_repository): an empty list
///   means that the repository is empty. An image that does not exist is an outcome of a deletion, and
///   [`Error::ImageNotFound`] where its scan is asked for.
/// - **Whole answers.** Lists are complete, or the call fails: paging and the limits of a call are the implementation's.
///   [`images`](Self::images) lists each digest once, with the children of every index: an index that cannot be read fails
///   the call, for without its children nobody can tell what it holds together.
/// - **Idempotence.** Every call may be repeated. Creating what exists succeeds and changes nothing; deleting what is gone
///   is [`DeleteOutcome::NotFound`].
/// - **Deletions are not atomic.** Each digest has an outcome of its own. A call that fails as a whole has deleted nothing
///   that it knows of; what it cannot tell after a part was deleted is [`DeleteOutcome::Unknown`].
/// - **Order of deletions.** A manifest that an index lists may be refused as long as the index is there
///   ([`DeleteOutcome::Referenced`]): callers delete the index in an earlier call.
/// - **No scan is not a clean scan.** An image that was not scanned, or not yet, has a report that says so.
/// - **Retries** of throttled and lost calls are the implementation's: callers do not repeat a call that failed.
#[async_trait]
pub trait RepositoryAdmin: Debug + Send + Sync {
    /// All images of a repository, the untagged ones too, sorted by digest.
    ///
    /// # Errors
    /// When the repository does not exist or cannot be read as a whole.
    async fn images(&self, repository: &Repository) -> Result<Vec<ImageRecord>, Error>;

    /// Deletes images by digest, with all their tags, and says what became of each, in the order given.
    ///
    /// # Errors
    /// When nothing was deleted as far as is known.
    async fn delete_images(
        &self,
        repository: &Repository,
        digests: &[Digest],
    ) -> Result<Vec<DeleteOutcome>, Error>;

    /// Whether a repository exists.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn repository_exists(&self, repository: &Repository) -> Result<bool, Error>;

    /// Makes sure that a repository exists. One that does keeps its settings.
    ///
    /// # Errors
    /// When it cannot be created.
    async fn create_repository(
        &self,
        repository: &Repository,
        options: &RepositoryOptions,
    ) -> Result<Created, Error>;

    /// Sets a repository's lifecycle policy, in place of the one that it has.
    ///
    /// # Errors
    /// When the repository does not exist or the policy is refused.
    async fn put_lifecycle_policy(
        &self,
        repository: &Repository,
        policy: &LifecyclePolicy,
    ) -> Result<(), Error>;

    /// What the scan of an image found, as far as it has come.
    ///
    /// # Errors
    /// [`Error::ImageNotFound`] when there is no such image.
    async fn scan_findings(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ScanReport, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: RepositoryAdmin + ?Sized> RepositoryAdmin for $pointer<T> {
            async fn images(&self, repository: &Repository) -> Result<Vec<ImageRecord>, Error> {
                (**self).images(repository).await
            }

            async fn delete_images(
                &self,
                repository: &Repository,
                digests: &[Digest],
            ) -> Result<Vec<DeleteOutcome>, Error> {
                (**self).delete_images(repository, digests).await
            }

            async fn repository_exists(&self, repository: &Repository) -> Result<bool, Error> {
                (**self).repository_exists(repository).await
            }

            async fn create_repository(
                &self,
                repository: &Repository,
                options: &RepositoryOptions,
            ) -> Result<Created, Error> {
                (**self).create_repository(repository, options).await
            }

            async fn put_lifecycle_policy(
                &self,
                repository: &Repository,
                policy: &LifecyclePolicy,
            ) -> Result<(), Error> {
                (**self).put_lifecycle_policy(repository, policy).await
            }

            async fn scan_findings(
                &self,
                repository: &Repository,
                digest: &Digest,
            ) -> Result<ScanReport, Error> {
                (**self).scan_findings(repository, digest).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
