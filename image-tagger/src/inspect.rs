//! Looking at images that are in a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use serde::{Deserialize, Serialize};
use tar::EntryType;
use tokio::io::AsyncSeekExt;

use crate::blob::{copy_verified, read_verified, unwrap_io};
use crate::layout::{MANIFEST_CAP, blocking};
use crate::{Descriptor, Digest, Error, Manifest, Reference, Registry, Repository};

/// The label and annotation that tells an image's commit (OCI image spec, annotations).
pub(crate) const REVISION: &str = "org.opencontainers.image.revision";

/// The longest file that [`read_file`] returns.
const FILE_CAP: u64 = 1024 * 1024;

/// An image, looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The digest that the reference names: the image's, or that of the index it is in.
    pub digest: Digest,
    /// The image's manifest.
    pub manifest: Manifest,
    /// The image's configuration.
    pub config: ImageConfig,
}

/// An image's configuration, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ImageConfig {
    /// When it was made, as RFC 3339.
    pub created: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its environment, as `KEY=value`.
    pub env: Vec<String>,
    /// The command that a container runs.
    pub command: Vec<String>,
}

#[derive(Default, Deserialize)]
struct RawConfig {
    created: Option<String>,
    #[serde(default)]
    config: Option<RawInner>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawInner {
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

impl ImageConfig {
    /// Reads a configuration; what is not one (a Helm chart's, a signature's) has no labels.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let raw: RawConfig = serde_json::from_slice(bytes).unwrap_or_default();
        let inner = raw.config.unwrap_or_default();
        Self {
            created: raw.created,
            labels: inner.labels.unwrap_or_default(),
            env: inner.env.unwrap_or_default(),
            command: inner.cmd.unwrap_or_default(),
        }
    }

    /// The commit that the image was built from, if its label tells.
    pub fn revision(&self) -> Option<&str> {
        self.labels.get(REVISION).map(String::as_str)
    }
}

/// Looks at an image. Of a multi-platform image it looks at the one for `linux/amd64`, else at the first.
///
/// # Errors
/// When a part of the image is missing or the registry cannot be read. An image that is not there is `None`.
pub async fn inspect(
    registry: &dyn Registry,
    repository: &Repository,
    reference: &Reference,
) -> Result<Option<Inspection>, Error> {
    let Some(root) = registry.manifest(repository, reference).await? else {
        return Ok(None);
    };
    let digest = root.digest().clone();
    let manifest = one_platform(registry, repository, root).await?;
    let config = config(registry, repository, &manifest).await?;
    Ok(Some(Inspection {
        digest,
        manifest,
        config,
    }))
}

async fn one_platform(
    registry: &dyn Registry,
    repository: &Repository,
    root: Manifest,
) -> Result<Manifest, Error> {
    let amd64 = |entry: &&Descriptor| {
        entry
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "linux" && platform.architecture == "amd64")
    };
    let Some(chosen) = root
        .manifests()
        .iter()
        .find(amd64)
        .or_else(|| root.manifests().first())
    else {
        return Ok(root);
    };
    let reference = Reference::Digest(chosen.digest.clone());
    registry
        .manifest(repository, &reference)
        .await?
        .ok_or_else(|| Error::MissingBlobs {
            repository: repository.clone(),
            digests: vec![chosen.digest.clone()],
        })
}

async fn config(
    registry: &dyn Registry,
    repository: &Repository,
    manifest: &Manifest,
) -> Result<ImageConfig, Error> {
    let Some(descriptor) = manifest.config() else {
        return Ok(ImageConfig::default());
    };
    let bytes = small_blob(registry, repository, descriptor, MANIFEST_CAP).await?;
    Ok(ImageConfig::parse(&bytes))
}

/// The commit of an image that is in the registry.
pub(crate) async fn revision(
    registry: &dyn Registry,
    repository: &Repository,
    manifest: &Manifest,
) -> Result<Option<String>, Error> {
    if let Some(revision) = manifest.annotations().get(REVISION) {
        return Ok(Some(revision.clone()));
    }
    let manifest = one_platform(registry, repository, manifest.clone()).await?;
    Ok(config(registry, repository, &manifest)
        .await?
        .labels
        .remove(REVISION))
}

async fn small_blob(
    registry: &dyn Registry,
    repository: &Repository,
    blob: &Descriptor,
    cap: u64,
) -> Result<Vec<u8>, Error> {
    let missing = || Error::MissingBlobs {
        repository: repository.clone(),
        digests: vec![blob.digest.clone()],
    };
    let reader = registry
        .blob(repository, &blob.digest)
        .await?
        .ok_or_else(missing)?;
    read_verified(reader, &blob.digest, cap)
        .await
        .map_err(|error| {
            unwrap_io(error, |source| Error::Unreachable {
                repository: repository.clone(),
                operation: "read a blob",
                source: Box::new(source),
            })
        })
}

/// Checks that an image can be pulled: its manifest is there and is what its digest says, and so are all its blobs with
/// their lengths. Returns the digest.
///
/// # Errors
/// [`Error::ImageNotFound`], [`Error::MissingBlobs`], or [`Error::DigestMismatch`] when it is not the `expected` one.
pub async fn verify(
    registry: &dyn Registry,
    repository: &Repository,
    reference: &Reference,
    expected: Option<&Digest>,
) -> Result<Digest, Error> {
    let not_found = |reference: &Reference| Error::ImageNotFound {
        repository: repository.clone(),
        reference: reference.clone(),
    };
    let root = registry
        .manifest(repository, reference)
        .await?
        .ok_or_else(|| not_found(reference))?;
    let size = root.bytes().len() as u64;
    if let Some(expected) = expected.filter(|expected| *expected != root.digest()) {
        return Err(Error::DigestMismatch {
            expected: expected.clone(),
            actual: root.digest().clone(),
            size,
        });
    }
    let mut blobs: Vec<Descriptor> = root.blobs().into_iter().cloned().collect();
    let mut open: Vec<Digest> = root.manifests().iter().map(|m| m.digest.clone()).collect();
    let mut seen = BTreeSet::new();
    while let Some(digest) = open.pop() {
        if !seen.insert(digest.clone()) {
            continue;
        }
        let reference = Reference::Digest(digest);
        let child = registry
            .manifest(repository, &reference)
            .await?
            .ok_or_else(|| not_found(&reference))?;
        blobs.extend(child.blobs().into_iter().cloned());
        open.extend(child.manifests().iter().map(|m| m.digest.clone()));
    }
    let mut missing = BTreeSet::new();
    for blob in blobs {
        if registry.blob_size(repository, &blob.digest).await? != Some(blob.size) {
            missing.insert(blob.digest);
        }
    }
    if missing.is_empty() {
        return Ok(root.digest().clone());
    }
    Err(Error::MissingBlobs {
        repository: repository.clone(),
        digests: missing.into_iter().collect(),
    })
}

/// Reads one small file, up to 1 MiB, out of an image: from the uppermost layer that has it, unless a layer above removed
/// it. Every layer that is read is checked against its digest, in a temporary file, before it is unpacked.
///
/// # Errors
/// When the image or a layer is missing or damaged; [`Error::UnreadableFile`] when the file is longer, is a link (links are
/// not followed), or a layer is not a tar archive, plain or gzipped.
pub async fn read_file(
    registry: &dyn Registry,
    repository: &Repository,
    reference: &Reference,
    path: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let inspection = inspect(registry, repository, reference)
        .await?
        .ok_or_else(|| Error::ImageNotFound {
            repository: repository.clone(),
            reference: reference.clone(),
        })?;
    let path = plain(path);
    for layer in inspection.manifest.layers().iter().rev() {
        let file = spooled(registry, repository, layer).await?;
        let (repository, path) = (repository.clone(), path.to_owned());
        let found = blocking(move || {
            look_up(file, &path).map_err(|error| Error::UnreadableFile {
                repository,
                path,
                problem: error.to_string(),
            })
        });
        match found.await? {
            Found::File(bytes) => return Ok(Some(bytes)),
            Found::Removed => return Ok(None),
            Found::Nothing => {}
        }
    }
    Ok(None)
}

/// A blob in a file of its own, checked. Layers are too long for memory.
async fn spooled(
    registry: &dyn Registry,
    repository: &Repository,
    blob: &Descriptor,
) -> Result<File, Error> {
    let unreadable = |source: io::Error| Error::Unreachable {
        repository: repository.clone(),
        operation: "read a blob",
        source: Box::new(source),
    };
    let reader = registry
        .blob(repository, &blob.digest)
        .await?
        .ok_or_else(|| Error::MissingBlobs {
            repository: repository.clone(),
            digests: vec![blob.digest.clone()],
        })?;
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(unreadable)?);
    copy_verified(reader, &mut file, blob)
        .await
        .map_err(|error| unwrap_io(error, unreadable))?;
    file.rewind().await.map_err(unreadable)?;
    Ok(file.into_std().await)
}

enum Found {
    File(Vec<u8>),
    Removed,
    Nothing,
}

/// A path as it is compared: from the root, without what does not name anything.
fn plain(path: &str) -> &str {
    let mut path = path.trim_end_matches('/');
    while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix('/')) {
        path = rest;
    }
    path
}

/// Looks for a file, or for what removes it: a whiteout (OCI image spec, layer), or something else under its name or under
/// that of a folder above.
fn look_up(mut layer: File, path: &str) -> io::Result<Found> {
    let sibling = |path: &str, name: &str| match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    };
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let above: Vec<&str> = path
        .match_indices('/')
        .map(|(end, _)| &path[..end])
        .collect();
    let mut removals: Vec<String> = above
        .iter()
        .chain([&path])
        .map(|removed| sibling(removed, &format!(".wh.{}", last(removed))))
        .collect();
    removals.extend(above.iter().map(|folder| format!("{folder}/.wh..wh..opq")));

    let mut magic = [0; 2];
    let length = layer.read(&mut magic)?;
    layer.rewind()?;
    let layer = BufReader::new(layer);
    let reader: Box<dyn Read> = if magic[..length] == [0x1f, 0x8b] {
        Box::new(flate2::read::MultiGzDecoder::new(layer))
    } else {
        Box::new(layer)
    };
    // Whiteouts concern the layers below, whatever their place in this one, and of two entries the later one counts.
    let (mut found, mut is_removed) = (None, false);
    for entry in tar::Archive::new(reader).entries()? {
        let entry = entry?;
        let entry_path = entry.path_bytes();
        let entry_path = plain(std::str::from_utf8(&entry_path).unwrap_or_default()).to_owned();
        let kind = entry.header().entry_type();
        if entry_path == path {
            is_removed = true;
            found = match kind {
                EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                    Some(read_capped(entry)?)
                }
                EntryType::Symlink | EntryType::Link => {
                    return Err(io::Error::other("it is a link"));
                }
                _ => None,
            };
        }
        let is_covered = !kind.is_dir() && above.contains(&entry_path.as_str());
        is_removed |= is_covered || removals.contains(&entry_path);
    }
    Ok(match found {
        Some(bytes) => Found::File(bytes),
        None if is_removed => Found::Removed,
        None => Found::Nothing,
    })
}

fn read_capped(entry: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(FILE_CAP + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_CAP {
        return Err(io::Error::other(format!(
            "it is longer than {FILE_CAP} bytes"
        )));
    }
    Ok(bytes)
}
