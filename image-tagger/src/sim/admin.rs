//! The management of repositories in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::scan::{ScanReport, ScanStatus};
use crate::{
    Created, DeleteOutcome, Digest, Error, ImageRecord, LifecyclePolicy, Repository,
    RepositoryAdmin, RepositoryOptions,
};

/// What the simulated management can be told to do wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminFault {
    /// The credentials lack the permission; nothing has happened.
    Denied,
    /// The registry had too many calls, and has again after each retry; nothing has happened.
    Throttled,
    /// The connection is lost; nothing has happened.
    Unreachable,
    /// The connection is lost; what was to happen has happened.
    LostAnswer,
}

/// What a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AdminOperation {
    /// Listing images.
    Images,
    /// Deleting images.
    DeleteImages,
    /// Asking for a repository.
    RepositoryExists,
    /// Creating a repository.
    CreateRepository,
    /// Setting a lifecycle policy.
    PutLifecyclePolicy,
    /// Asking for a scan.
    ScanFindings,
}

impl AdminOperation {
    /// What is done, and the action that it takes.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Images => ("list the images", "ecr:DescribeImages"),
            Self::DeleteImages => ("delete images", "ecr:BatchDeleteImage"),
            Self::RepositoryExists => ("read the settings", "ecr:DescribeRepositories"),
            Self::CreateRepository => ("create the repository", "ecr:CreateRepository"),
            Self::PutLifecyclePolicy => ("set the lifecycle policy", "ecr:PutLifecyclePolicy"),
            Self::ScanFindings => ("read the scan findings", "ecr:DescribeImageScanFindings"),
        }
    }
}

/// The management of repositories in memory, which is strict about what an index lists, as ECR is. Clones share what it
/// holds.
///
/// ```
/// use image_tagger::sim::{AdminFault, AdminOperation, SimAdmin};
/// use image_tagger::{Error, RepositoryAdmin, RepositoryOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let admin = SimAdmin::new();
/// let repository = "registry.example/app".parse()?;
/// admin.create_repository(&repository, &RepositoryOptions::default()).await?;
/// admin.fail_next(AdminOperation::Images, AdminFault::Denied);
/// let denied = admin.images(&repository).await;
/// assert!(matches!(denied, Err(Error::ActionDenied { .. })));
/// assert_eq!(admin.images(&repository).await?, []);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct SimAdmin {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    repositories: BTreeMap<Repository, Managed>,
    faults: BTreeMap<AdminOperation, VecDeque<AdminFault>>,
    calls: BTreeMap<AdminOperation, u64>,
}

#[derive(Debug, Default)]
struct Managed {
    options: RepositoryOptions,
    images: BTreeMap<Digest, ImageRecord>,
    lifecycle: Option<LifecyclePolicy>,
    scans: BTreeMap<Digest, VecDeque<ScanReport>>,
    refused: BTreeMap<Digest, (String, String)>,
}

impl SimAdmin {
    /// A management without a repository.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next call of this kind fail; further calls to this method line up.
    pub fn fail_next(&self, operation: AdminOperation, fault: AdminFault) {
        let mut state = self.lock();
        state.faults.entry(operation).or_default().push_back(fault);
    }

    /// Puts an image into a repository, which is created if need be. Its tags are taken from the images that have them.
    pub fn add_image(&self, repository: &Repository, image: ImageRecord) {
        let mut state = self.lock();
        let managed = state.repositories.entry(repository.clone()).or_default();
        for other in managed.images.values_mut() {
            other.tags.retain(|tag| !image.tags.contains(tag));
        }
        managed.images.insert(image.digest.clone(), image);
    }

    /// Refuses to delete an image from now on, with a code and a message.
    pub fn refuse_deletion(
        &self,
        repository: &Repository,
        digest: &Digest,
        code: &str,
        message: &str,
    ) {
        let mut state = self.lock();
        let managed = state.repositories.entry(repository.clone()).or_default();
        let why = (code.to_owned(), message.to_owned());
        managed.refused.insert(digest.clone(), why);
    }

    /// Sets what the scan of an image answers: a report after the other, and the last one for good.
    pub fn scan(&self, repository: &Repository, reports: impl IntoIterator<Item = ScanReport>) {
        let mut state = self.lock();
        let managed = state.repositories.entry(repository.clone()).or_default();
        for report in reports {
            let digest = report.digest.clone();
            managed.scans.entry(digest).or_default().push_back(report);
        }
    }

    /// The settings that a repository was created with, if it exists.
    pub fn options(&self, repository: &Repository) -> Option<RepositoryOptions> {
        let state = self.lock();
        let managed = state.repositories.get(repository)?;
        Some(managed.options.clone())
    }

    /// The lifecycle policy of a repository, if it has one.
    pub fn lifecycle_policy(&self, repository: &Repository) -> Option<LifecyclePolicy> {
        self.lock().repositories.get(repository)?.lifecycle.clone()
    }

    /// How many calls of a kind there were, the failed ones included.
    pub fn calls(&self, operation: AdminOperation) -> u64 {
        let state = self.lock();
        state.calls.get(&operation).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, does it, and fails it before or after if it is to fail.
    fn call<T>(
        &self,
        operation: AdminOperation,
        repository: &Repository,
        does: impl FnOnce(&mut State) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        *state.calls.entry(operation).or_default() += 1;
        let faults = state.faults.get_mut(&operation);
        match faults.and_then(VecDeque::pop_front) {
            None => does(&mut state),
            Some(AdminFault::LostAnswer) => {
                does(&mut state)?;
                Err(lost(operation, repository))
            }
            Some(AdminFault::Unreachable) => Err(lost(operation, repository)),
            Some(AdminFault::Throttled) => Err(Error::Unreachable {
                repository: repository.clone(),
                operation: operation.words().0,
                source: "ThrottlingException: Rate exceeded".into(),
            }),
            Some(AdminFault::Denied) => {
                let (operation, action) = operation.words();
                Err(Error::ActionDenied {
                    repository: repository.clone(),
                    operation,
                    action,
                    source: "AccessDeniedException: the simulated user is not authorized".into(),
                })
            }
        }
    }

    fn with<T>(
        &self,
        operation: AdminOperation,
        repository: &Repository,
        does: impl FnOnce(&mut Managed) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.call(operation, repository, |state| {
            let managed = state.repositories.get_mut(repository);
            does(managed.ok_or_else(|| Error::RepositoryNotFound {
                repository: repository.clone(),
            })?)
        })
    }
}

fn lost(operation: AdminOperation, repository: &Repository) -> Error {
    let source = std::io::Error::new(
        std::io::ErrorKind::ConnectionReset,
        "the simulated connection was reset",
    );
    Error::Unreachable {
        repository: repository.clone(),
        operation: operation.words().0,
        source: Box::new(source),
    }
}

impl Managed {
    /// Deletes an image, where `listed` tells for each manifest the index that lists it.
    fn delete(&mut self, digest: &Digest, listed: &BTreeMap<Digest, Digest>) -> DeleteOutcome {
        if !self.images.contains_key(digest) {
            return DeleteOutcome::NotFound;
        }
        if let Some((code, message)) = self.refused.get(digest) {
            let (code, message) = (code.clone(), message.clone());
            return DeleteOutcome::Refused { code, message };
        }
        if let Some(index) = listed.get(digest) {
            let message = format!("the image is referenced by the manifest list {index}");
            return DeleteOutcome::Referenced { message };
        }
        self.images.remove(digest);
        self.scans.remove(digest);
        DeleteOutcome::Deleted
    }

    fn listed(&self) -> BTreeMap<Digest, Digest> {
        let lists = self.images.values().flat_map(|index| {
            let children = index
                .children
                .iter()
                .filter(|child| **child != index.digest);
            children.map(|child| (child.clone(), index.digest.clone()))
        });
        lists.collect()
    }

    fn report(&mut self, digest: &Digest) -> ScanReport {
        let Some(reports) = self.scans.get_mut(digest) else {
            return ScanReport::new(digest.clone(), ScanStatus::Missing);
        };
        let next = if reports.len() > 1 {
            reports.pop_front()
        } else {
            reports.front().cloned()
        };
        next.unwrap_or_else(|| ScanReport::new(digest.clone(), ScanStatus::Missing))
    }
}

#[async_trait]
impl RepositoryAdmin for SimAdmin {
    async fn images(&self, repository: &Repository) -> Result<Vec<ImageRecord>, Error> {
        self.with(AdminOperation::Images, repository, |managed| {
            Ok(managed.images.values().cloned().collect())
        })
    }

    async fn delete_images(
        &self,
        repository: &Repository,
        digests: &[Digest],
    ) -> Result<Vec<DeleteOutcome>, Error> {
        self.with(AdminOperation::DeleteImages, repository, |managed| {
            // All of a call are judged by what stood when it came, so an index does not free what it lists.
            let listed = managed.listed();
            let outcomes = digests.iter().map(|digest| managed.delete(digest, &listed));
            Ok(outcomes.collect())
        })
    }

    async fn repository_exists(&self, repository: &Repository) -> Result<bool, Error> {
        self.call(AdminOperation::RepositoryExists, repository, |state| {
            Ok(state.repositories.contains_key(repository))
        })
    }

    async fn create_repository(
        &self,
        repository: &Repository,
        options: &RepositoryOptions,
    ) -> Result<Created, Error> {
        self.call(AdminOperation::CreateRepository, repository, |state| {
            if state.repositories.contains_key(repository) {
                return Ok(Created::Existing);
            }
            let managed = state.repositories.entry(repository.clone()).or_default();
            managed.options = options.clone();
            Ok(Created::New)
        })
    }

    async fn put_lifecycle_policy(
        &self,
        repository: &Repository,
        policy: &LifecyclePolicy,
    ) -> Result<(), Error> {
        self.with(AdminOperation::PutLifecyclePolicy, repository, |managed| {
            managed.lifecycle = Some(policy.clone());
            Ok(())
        })
    }

    async fn scan_findings(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ScanReport, Error> {
        self.with(AdminOperation::ScanFindings, repository, |managed| {
            if !managed.images.contains_key(digest) {
                return Err(Error::ImageNotFound {
                    repository: repository.clone(),
                    reference: digest.clone().into(),
                });
            }
            Ok(managed.report(digest))
        })
    }
}
