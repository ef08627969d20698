//! A registry on disk: one OCI image layout per repository.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::blob::{Verified, copy_verified, unwrap_io};
use crate::referrers;
use crate::{
    BlobOutcome, BlobReader, Content, Descriptor, Digest, Error, Manifest, MediaType, Reference,
    Registry, Repository, Tag,
};

/// The annotation that names a tag in a layout's index (OCI image spec, annotations).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The longest manifest that is read; registries refuse longer ones (4 MiB in the distribution spec).
pub(crate) const MANIFEST_CAP: u64 = 4 * 1024 * 1024;

/// A folder of OCI image layouts: repository `HOST/a/b` is the layout `ROOT/HOST/a/b`.
///
/// Other tools read the layouts, for example `skopeo inspect oci:ROOT/HOST/a/b:TAG`. Files are written under another name,
/// synced and renamed, so that readers see all of a file or none of it. Writers of several processes take turns on the
/// index by a file lock. A mount is a hard link.
#[derive(Debug, Clone)]
pub struct OciLayout {
    root: Arc<Path>,
}

/// `index.json`, with what this program does not know kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    #[serde(default = "index_type")]
    media_type: MediaType,
    #[serde(default)]
    manifests: Vec<Entry>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// A descriptor of the index, and how it was written: other tools say more of their images than is understood here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
struct Entry {
    descriptor: Descriptor,
    written: Value,
}

impl TryFrom<Value> for Entry {
    type Error = serde_json::Error;

    fn try_from(written: Value) -> Result<Self, serde_json::Error> {
        let descriptor = Descriptor::deserialize(&written)?;
        Ok(Self {
            descriptor,
            written,
        })
    }
}

impl From<Entry> for Value {
    fn from(entry: Entry) -> Self {
        entry.written
    }
}

impl Entry {
    fn tag(&self) -> Option<&String> {
        self.descriptor.annotations.get(REF_NAME)
    }

    fn is_tagged(&self, tag: &Tag) -> bool {
        self.tag().is_some_and(|name| name == tag.as_str())
    }
}

fn index_type() -> MediaType {
    MediaType::new(MediaType::OCI_INDEX)
}

impl OciLayout {
    /// The layouts below `root`; the folder is made by the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into().into(),
        }
    }

    fn folder(&self, repository: &Repository) -> Folder {
        // The grammar of a repository has no `..`, no empty part and no absolute path.
        Folder(self.root.join(repository.as_str()))
    }
}

/// One image layout.
#[derive(Debug, Clone)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.0.join("blobs/sha256").join(digest.hex())
    }

    fn has(&self, digest: &Digest) -> bool {
        self.blob(digest).is_file()
    }

    fn index(&self) -> Result<Index, Error> {
        let path = self.0.join("index.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let rest = serde_json::Map::new();
                return Ok(Index {
                    schema_version: 2,
                    media_type: index_type(),
                    manifests: Vec::new(),
                    rest,
                });
            }
            Err(source) => return Err(storage("read", &path)(source)),
        };
        serde_json::from_slice(&bytes).map_err(|error| storage("read", &path)(error.into()))
    }

    /// The descriptors of the index, with the tag of each.
    pub(crate) fn entries(&self) -> Result<Vec<(Option<String>, Descriptor)>, Error> {
        let entries = self.index()?.manifests;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.tag().cloned(), entry.descriptor))
            .collect())
    }

    pub(crate) fn manifest(&self, reference: &Reference) -> Result<Option<Manifest>, Error> {
        let entry = self
            .index()?
            .manifests
            .into_iter()
            .find(|entry| match reference {
                Reference::Tag(tag) => entry.is_tagged(tag),
                Reference::Digest(digest) => entry.descriptor.digest == *digest,
            })
            .map(|entry| entry.descriptor);
        let (digest, media_type) = match (entry, reference) {
            (Some(entry), _) => (entry.digest, Some(entry.media_type)),
            // The manifests of a multi-platform image are not in the index themselves.
            (None, Reference::Digest(digest)) => (digest.clone(), None),
            (None, Reference::Tag(_)) => return Ok(None),
        };
        let path = self.blob(&digest);
        let bytes = match File::open(&path).and_then(|file| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut io::Read::take(file, MANIFEST_CAP + 1), &mut bytes)?;
            Ok(bytes)
        }) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(storage("read", &path)(source)),
        };
        let actual = Digest::of(&bytes);
        if actual != digest {
            return Err(Error::DigestMismatch {
                expected: digest,
                actual,
                size: bytes.len() as u64,
            });
        }
        Manifest::new(bytes, media_type).map(Some)
    }

    /// The manifests that name this one as their subject.
    pub(crate) fn referrers(&self, subject: &Digest) -> Result<Vec<Manifest>, Error> {
        let mut digests: Vec<Digest> = self
            .index()?
            .manifests
            .into_iter()
            .map(|entry| entry.descriptor.digest)
            .collect();
        // A list that another client keeps by tag.
        let list = Reference::Tag(referrers::fallback_tag(subject));
        if let Some(list) = self.manifest(&list)? {
            digests.extend(list.manifests().iter().map(|entry| entry.digest.clone()));
        }
        digests.sort_unstable();
        digests.dedup();
        let mut found = Vec::new();
        for digest in digests {
            let manifest = self.manifest(&Reference::Digest(digest))?;
            found.extend(manifest.filter(|manifest| {
                let named = manifest.subject();
                named.is_some_and(|named| named.digest == *subject)
            }));
        }
        Ok(found)
    }

    fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        if let Reference::Digest(digest) = reference
            && digest != manifest.digest()
        {
            let (expected, actual) = (digest.clone(), manifest.digest().clone());
            return Err(Error::DigestMismatch {
                expected,
                actual,
                size: manifest.bytes().len() as u64,
            });
        }
        let needed = manifest.blobs().into_iter().chain(manifest.manifests());
        let missing: Vec<Digest> = needed
            .map(|blob| &blob.digest)
            .filter(|digest| !self.has(digest))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingBlobs {
                repository: repository.clone(),
                digests: missing,
            });
        }
        self.create()?;
        self.write(&self.blob(manifest.digest()), manifest.bytes())?;

        let lock_path = self.0.join(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(storage("lock", &lock_path))?;
        let mut index = self.index()?;
        match reference {
            Reference::Tag(tag) => {
                index.manifests.retain(|entry| !entry.is_tagged(tag));
                let mut descriptor = manifest.descriptor();
                descriptor
                    .annotations
                    .insert(REF_NAME.to_owned(), tag.as_str().to_owned());
                let written = serde_json::to_value(&descriptor)
                    .map_err(|error| storage("write", &self.0)(error.into()))?;
                index.manifests.push(Entry {
                    descriptor,
                    written,
                });
            }
            // What is attached to an image is found by looking through the index.
            Reference::Digest(digest)
                if manifest.subject().is_some()
                    && index
                        .manifests
                        .iter()
                        .all(|entry| entry.descriptor.digest != *digest) =>
            {
                let descriptor = manifest.referrer();
                let written = serde_json::to_value(&descriptor)
                    .map_err(|error| storage("write", &self.0)(error.into()))?;
                index.manifests.push(Entry {
                    descriptor,
                    written,
                });
            }
            // Another manifest that no tag names is found by its blob; in the index it would be an image without a name.
            Reference::Digest(_) => {}
        }
        index
            .manifests
            .sort_by(|a, b| (a.tag(), &a.descriptor.digest).cmp(&(b.tag(), &b.descriptor.digest)));
        let bytes =
            serde_json::to_vec(&index).map_err(|error| storage("write", &self.0)(error.into()))?;
        self.write(&self.0.join("index.json"), &bytes)?;
        drop(lock);
        Ok(())
    }

    fn create(&self) -> Result<(), Error> {
        let blobs = self.0.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(storage("create", &blobs))?;
        let marker = self.0.join("oci-layout");
        if marker.is_file() {
            return Ok(());
        }
        self.write(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// Writes a file so that readers see all of it or the one before.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.temporary()
            .and_then(|mut file| {
                file.write_all(bytes)?;
                file.as_file().sync_all()?;
                file.persist(path).map_err(|error| error.error)
            })
            .map(drop)
            .map_err(storage("write", path))
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-");
        #[cfg(unix)]
        {
            // Temporary files are for their owner alone; these become files for all, as far as the umask lets them.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(&self.0)
    }
}

fn storage(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Storage {
        operation,
        path: path.clone(),
        source,
    }
}

/// Runs file work where it does not keep the runtime from other things.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(storage("use", Path::new("."))(io::Error::other(error))),
    }
}

#[async_trait]
impl Registry for OciLayout {
    async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Manifest>, Error> {
        let (folder, reference) = (self.folder(repository), reference.clone());
        blocking(move || folder.manifest(&reference)).await
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let folder = self.folder(repository);
        let (repository, reference, manifest) =
            (repository.clone(), reference.clone(), manifest.clone());
        blocking(move || folder.put_manifest(&repository, &reference, &manifest)).await
    }

    async fn blob_size(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let path = self.folder(repository).blob(digest);
        match tokio::fs::metadata(&path).await {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(storage("read", &path)(source)),
        }
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        content: &dyn Content,
        mount_from: Option<&Repository>,
    ) -> Result<BlobOutcome, Error> {
        let folder = self.folder(repository);
        let path = folder.blob(&blob.digest);
        if folder.has(&blob.digest) {
            return Ok(BlobOutcome::Present);
        }
        let opening = folder.clone();
        blocking(move || opening.create()).await?;
        if let Some(other) = mount_from {
            let linked = tokio::fs::hard_link(self.folder(other).blob(&blob.digest), &path).await;
            match linked {
                Ok(()) => return Ok(BlobOutcome::Mounted),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Ok(BlobOutcome::Present);
                }
                // Not there, or on another disk: it is uploaded instead.
                Err(_) => {}
            }
        }
        let file = folder.temporary().map_err(storage("write", &path))?;
        let reader = content
            .open()
            .await
            .map_err(|error| unwrap_io(error, storage("read the content of", &path)))?;
        let mut writer = tokio::fs::File::from_std(file.reopen().map_err(storage("write", &path))?);
        let bytes = copy_verified(reader, &mut writer, blob)
            .await
            .map_err(|error| unwrap_io(error, storage("write", &path)))?;
        writer.sync_all().await.map_err(storage("write", &path))?;
        file.persist(&path)
            .map_err(|error| storage("write", &path)(error.error))?;
        Ok(BlobOutcome::Uploaded { bytes })
    }

    async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<BlobReader>, Error> {
        let path = self.folder(repository).blob(digest);
        match tokio::fs::File::open(&path).await {
            Ok(file) => Ok(Some(Box::pin(Verified::new(file, digest.clone())))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(storage("read", &path)(source)),
        }
    }

    async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let (folder, subject) = (self.folder(repository), subject.clone());
        let found = blocking(move || folder.referrers(&subject)).await?;
        Ok(found.iter().map(Manifest::referrer).collect())
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, Error> {
        let folder = self.folder(repository);
        let mut tags: Vec<Tag> = blocking(move || folder.entries())
            .await?
            .into_iter()
            .filter_map(|(tag, _)| tag?.parse().ok())
            .collect();
        tags.sort_unstable();
        Ok(tags)
    }
}
