//! A registry in memory that keeps the contract and can be told to fail as registries do.

mod admin;
#[cfg(feature = "server")]
pub mod server;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

pub use self::admin::{AdminFault, AdminOperation, SimAdmin};
use crate::blob::{copy_verified, unwrap_io};
use crate::{
    BlobOutcome, BlobReader, Content, Descriptor, Digest, Error, Manifest, Reference, Registry,
    Repository, Tag,
};

/// What a simulated registry can be told to do wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails, and nothing has happened.
    Unreachable,
    /// The call fails, and what it was to do has happened all the same.
    LostAnswer,
    /// The registry does not let us.
    Denied,
}

/// What a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// Reading a manifest.
    Manifest,
    /// Storing a manifest.
    PutManifest,
    /// Asking for a blob.
    BlobSize,
    /// Storing a blob.
    PutBlob,
    /// Reading a blob.
    Blob,
    /// Listing tags.
    Tags,
    /// Listing what is attached to an image.
    Referrers,
}

/// A registry in memory. Clones share what it holds.
///
/// ```
/// use image_tagger::sim::{Fault, Operation, SimRegistry};
/// use image_tagger::{Error, ImageSpec, PushOptions, PushRequest, pack, push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = SimRegistry::new();
/// registry.fail_next(Operation::PutManifest, Fault::Unreachable);
/// let image = pack(&ImageSpec::new().file("app/main", true, "#!/bin/sh\n"))?;
/// let request = PushRequest::new("registry.example/app".parse()?, vec!["v1".parse()?]);
/// let failed = push(&registry, &image, &request, &PushOptions::default(), &|_| {}).await;
/// assert!(matches!(failed, Err(Error::Unreachable { .. })));
/// // A push can be repeated: blobs that arrived are not sent again.
/// let receipt = push(&registry, &image, &request, &PushOptions::default(), &|_| {}).await?;
/// assert_eq!(receipt.bytes_pushed, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct SimRegistry {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    repositories: BTreeMap<Repository, Stored>,
    faults: BTreeMap<Operation, VecDeque<Fault>>,
    calls: BTreeMap<Operation, u64>,
    immutable: BTreeSet<Tag>,
    all_immutable: bool,
    refuses_mounts: bool,
}

#[derive(Debug, Default)]
struct Stored {
    blobs: BTreeMap<Digest, Vec<u8>>,
    manifests: BTreeMap<Digest, Manifest>,
    tags: BTreeMap<Tag, Digest>,
}

impl SimRegistry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next call of this kind fail; further calls to this method line up.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.lock()
            .faults
            .entry(operation)
            .or_default()
            .push_back(fault);
    }

    /// Makes all tags immutable but those given, as ECR does with `IMMUTABLE_WITH_EXCLUSION`.
    pub fn immutable_except(&self, exclusions: impl IntoIterator<Item = Tag>) {
        let mut state = self.lock();
        state.all_immutable = true;
        state.immutable = exclusions.into_iter().collect();
    }

    /// Answers every mount with an upload session, as ECR does unless mounting is enabled.
    pub fn refuse_mounts(&self) {
        self.lock().refuses_mounts = true;
    }

    /// Removes an image as a lifecycle rule does, with all its tags; its blobs stay.
    pub fn expire(&self, repository: &Repository, digest: &Digest) {
        if let Some(stored) = self.lock().repositories.get_mut(repository) {
            stored.manifests.remove(digest);
            stored.tags.retain(|_, named| named != digest);
        }
    }

    /// Removes a blob, which no registry should do.
    pub fn lose_blob(&self, repository: &Repository, digest: &Digest) {
        if let Some(stored) = self.lock().repositories.get_mut(repository) {
            stored.blobs.remove(digest);
        }
    }

    /// How many calls of a kind there were, the failed ones included.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.lock()
            .calls
            .get(&operation)
            .copied()
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and fails it if it is to fail before anything happens; returns whether its answer will be lost.
    fn enter(&self, operation: Operation, repository: &Repository) -> Result<bool, Error> {
        let mut state = self.lock();
        *state.calls.entry(operation).or_default() += 1;
        match state
            .faults
            .get_mut(&operation)
            .and_then(VecDeque::pop_front)
        {
            None => Ok(false),
            Some(Fault::LostAnswer) => Ok(true),
            Some(Fault::Denied) => Err(Error::Denied {
                repository: repository.clone(),
                operation: operation.words(),
                source: None,
            }),
            Some(Fault::Unreachable) => Err(lost(operation, repository)),
        }
    }
}

impl Operation {
    const fn words(self) -> &'static str {
        match self {
            Self::Manifest => "read a manifest",
            Self::PutManifest => "store a manifest",
            Self::BlobSize => "look for a blob",
            Self::PutBlob => "store a blob",
            Self::Blob => "read a blob",
            Self::Tags => "list tags",
            Self::Referrers => "list what is attached to an image",
        }
    }
}

fn lost(operation: Operation, repository: &Repository) -> Error {
    let source = std::io::Error::new(
        std::io::ErrorKind::ConnectionReset,
        "the simulated connection was reset",
    );
    Error::Unreachable {
        repository: repository.clone(),
        operation: operation.words(),
        source: Box::new(source),
    }
}

fn finish<T>(
    value: T,
    is_lost: bool,
    operation: Operation,
    repository: &Repository,
) -> Result<T, Error> {
    if is_lost {
        Err(lost(operation, repository))
    } else {
        Ok(value)
    }
}

#[async_trait]
impl Registry for SimRegistry {
    async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Manifest>, Error> {
        let is_lost = self.enter(Operation::Manifest, repository)?;
        let found = self.lock().repositories.get(repository).and_then(|stored| {
            let digest = match reference {
                Reference::Tag(tag) => stored.tags.get(tag)?,
                Reference::Digest(digest) => digest,
            };
            stored.manifests.get(digest).cloned()
        });
        finish(found, is_lost, Operation::Manifest, repository)
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let is_lost = self.enter(Operation::PutManifest, repository)?;
        let mut state = self.lock();
        let immutable = match reference {
            Reference::Tag(tag) => state.all_immutable && !state.immutable.contains(tag),
            Reference::Digest(_) => false,
        };
        let stored = state.repositories.entry(repository.clone()).or_default();
        let wanted = manifest.digest();
        match reference {
            Reference::Digest(digest) if digest != wanted => {
                let (expected, actual) = (digest.clone(), wanted.clone());
                return Err(Error::DigestMismatch {
                    expected,
                    actual,
                    size: manifest.bytes().len() as u64,
                });
            }
            Reference::Tag(tag) => {
                if let Some(current) = stored
                    .tags
                    .get(tag)
                    .filter(|current| immutable && *current != wanted)
                {
                    let (current, wanted) = (current.clone(), wanted.clone());
                    return Err(Error::ImmutableTag {
                        repository: repository.clone(),
                        tag: tag.clone(),
                        current,
                        wanted,
                    });
                }
            }
            Reference::Digest(_) => {}
        }
        let blobs = manifest
            .blobs()
            .into_iter()
            .filter(|blob| !stored.blobs.contains_key(&blob.digest));
        let children = manifest
            .manifests()
            .iter()
            .filter(|child| !stored.manifests.contains_key(&child.digest));
        let missing: Vec<Digest> = blobs
            .chain(children)
            .map(|missing| missing.digest.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingBlobs {
                repository: repository.clone(),
                digests: missing,
            });
        }
        stored.manifests.insert(wanted.clone(), manifest.clone());
        if let Reference::Tag(tag) = reference {
            stored.tags.insert(tag.clone(), wanted.clone());
        }
        finish((), is_lost, Operation::PutManifest, repository)
    }

    async fn blob_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let is_lost = self.enter(Operation::BlobSize, repository)?;
        let state = self.lock();
        let size = state
            .repositories
            .get(repository)
            .and_then(|stored| stored.blobs.get(digest));
        finish(
            size.map(|bytes| bytes.len() as u64),
            is_lost,
            Operation::BlobSize,
            repository,
        )
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: &dyn Content,
        mount_from: Option<&Repository>,
    ) -> Result<BlobOutcome, Error> {
        let is_lost = self.enter(Operation::PutBlob, repository)?;
        {
            let mut state = self.lock();
            let has = |repository| {
                let stored: Option<&Stored> = state.repositories.get(repository);
                stored
                    .and_then(|stored| stored.blobs.get(&blob.digest))
                    .cloned()
            };
            if has(repository).is_some() {
                return finish(
                    BlobOutcome::Present,
                    is_lost,
                    Operation::PutBlob,
                    repository,
                );
            }
            if let Some(bytes) = mount_from.filter(|_| !state.refuses_mounts).and_then(has) {
                state
                    .repositories
                    .entry(repository.clone())
                    .or_default()
                    .blobs
                    .insert(blob.digest.clone(), bytes);
                return finish(
                    BlobOutcome::Mounted,
                    is_lost,
                    Operation::PutBlob,
                    repository,
                );
            }
        }
        let unreadable = |source: std::io::Error| Error::Unreachable {
            repository: repository.clone(),
            operation: "read the content of a blob",
            source: Box::new(source),
        };
        let mut bytes = Vec::new();
        let reader = content
            .open()
            .await
            .map_err(|error| unwrap_io(error, unreadable))?;
        let size = copy_verified(reader, &mut bytes, blob)
            .await
            .map_err(|error| unwrap_io(error, unreadable))?;
        self.lock()
            .repositories
            .entry(repository.clone())
            .or_default()
            .blobs
            .insert(blob.digest.clone(), bytes);
        finish(
            BlobOutcome::Uploaded { bytes: size },
            is_lost,
            Operation::PutBlob,
            repository,
        )
    }

    async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<BlobReader>, Error> {
        let is_lost = self.enter(Operation::Blob, repository)?;
        let bytes = {
            let state = self.lock();
            state
                .repositories
                .get(repository)
                .and_then(|stored| stored.blobs.get(digest))
                .cloned()
        };
        let reader = bytes.map(|bytes| Box::pin(std::io::Cursor::new(bytes)) as BlobReader);
        finish(reader, is_lost, Operation::Blob, repository)
    }

    async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let is_lost = self.enter(Operation::Referrers, repository)?;
        let state = self.lock();
        let stored = state.repositories.get(repository);
        let manifests = stored
            .into_iter()
            .flat_map(|stored| stored.manifests.values());
        let found = manifests
            .filter(|manifest| {
                let named = manifest.subject();
                named.is_some_and(|named| named.digest == *subject)
            })
            .map(Manifest::referrer)
            .collect();
        finish(found, is_lost, Operation::Referrers, repository)
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, Error> {
        let is_lost = self.enter(Operation::Tags, repository)?;
        let state = self.lock();
        let tags = state
            .repositories
            .get(repository)
            .map(|stored| stored.tags.keys().cloned().collect());
        finish(
            tags.unwrap_or_default(),
            is_lost,
            Operation::Tags,
            repository,
        )
    }
}
