//! Image layouts in a tar archive, which is never unpacked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::directory::{attached, choose};
use crate::blob::Verified;
use crate::layout::{MANIFEST_CAP, REF_NAME, blocking};
use crate::{Attachment, BlobReader, Descriptor, Digest, Error, Manifest, Source};

/// A tar archive and where its files begin.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    /// The archive that was named, for messages.
    path: PathBuf,
    /// What is read: the archive, or what came out of it when it was compressed.
    plain: Arc<Plain>,
    files: Arc<BTreeMap<String, Place>>,
}

#[derive(Debug)]
enum Plain {
    Itself,
    Unpacked(tempfile::NamedTempFile),
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
}

impl Archive {
    /// Reads where the files are. A gzipped archive is unpacked into a temporary file, since it cannot be read from the middle.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |source: io::Error| Error::Storage {
            operation: "read",
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::InvalidSource {
                path: path.to_owned(),
                problem: "there is no such file".to_owned(),
            },
            _ => unreadable(source),
        })?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Error::InvalidSource {
                path: path.to_owned(),
                problem: "it is a folder; write `oci:DIR` for a layout on disk".to_owned(),
            });
        }
        let mut magic = [0; 2];
        let length = file.read(&mut magic).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let broken = |error: io::Error| Error::InvalidSource {
            path: path.to_owned(),
            problem: format!("the archive is damaged or cut off: {error}"),
        };
        let plain = if magic[..length] == [0x1f, 0x8b] {
            let mut unpacked = tempfile::NamedTempFile::new().map_err(unreadable)?;
            let mut reader = flate2::read::MultiGzDecoder::new(io::BufReader::new(file));
            io::copy(&mut reader, unpacked.as_file_mut()).map_err(broken)?;
            Plain::Unpacked(unpacked)
        } else {
            Plain::Itself
        };
        let archive = Self {
            path: path.to_owned(),
            plain: Arc::new(plain),
            files: Arc::default(),
        };
        let file = File::open(archive.place()).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(file)
            .entries_with_seek()
            .map_err(broken)?
        {
            let entry = entry.map_err(broken)?;
            let name = entry.path_bytes();
            let name = String::from_utf8_lossy(&name);
            let name = name.trim_start_matches("./").trim_end_matches('/');
            let place = Place {
                offset: entry.raw_file_position(),
                size: entry.size(),
            };
            if place.offset + place.size > length {
                return Err(Error::InvalidSource {
                    path: path.to_owned(),
                    problem: format!("the archive is cut off in `{name}`"),
                });
            }
            // `docker save` writes a layer that two images share as a link.
            let target = entry.header().entry_type();
            if target.is_symlink() || target.is_hard_link() {
                let link = entry.link_name_bytes().unwrap_or_default();
                let link = String::from_utf8_lossy(&link).into_owned();
                if let Some(place) = linked(&files, name, &link) {
                    files.insert(name.to_owned(), place);
                }
            } else if target.is_file() {
                files.insert(name.to_owned(), place);
            }
        }
        if files.is_empty() {
            return Err(Error::InvalidSource {
                path: path.to_owned(),
                problem: "it is no tar archive, or an empty one".to_owned(),
            });
        }
        Ok(Self {
            files: Arc::new(files),
            ..archive
        })
    }

    fn place(&self) -> &Path {
        match &*self.plain {
            Plain::Itself => &self.path,
            Plain::Unpacked(file) => file.path(),
        }
    }

    pub(super) fn invalid(&self, problem: impl Into<String>) -> Error {
        Error::InvalidSource {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }

    pub(super) fn unreadable(&self, source: io::Error) -> Error {
        Error::Storage {
            operation: "read",
            path: self.path.clone(),
            source,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// A file of the archive, as a reader.
    pub(super) fn file(&self, name: &str) -> Result<Option<io::Take<File>>, Error> {
        let Some(place) = self.files.get(name) else {
            return Ok(None);
        };
        let mut file = File::open(self.place()).map_err(|error| self.unreadable(error))?;
        file.seek(SeekFrom::Start(place.offset))
            .map_err(|error| self.unreadable(error))?;
        Ok(Some(file.take(place.size)))
    }

    /// The whole of a small file.
    pub(super) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.file(name)? else {
            return Ok(None);
        };
        if file.limit() > MANIFEST_CAP {
            return Err(self.invalid(format!("`{name}` is longer than {MANIFEST_CAP} bytes")));
        }
        let mut bytes = Vec::new();
        { file }
            .read_to_end(&mut bytes)
            .map_err(|error| self.unreadable(error))?;
        Ok(Some(bytes))
    }

    /// A blob of a layout, checked as it is read.
    pub(super) async fn blob(&self, digest: &Digest) -> Result<BlobReader, Error> {
        let place = self
            .files
            .get(&blob_name(digest))
            .ok_or_else(|| self.invalid(format!("the blob `{digest}` is missing")))?;
        let mut file = tokio::fs::File::open(self.place())
            .await
            .map_err(|error| self.unreadable(error))?;
        file.seek(SeekFrom::Start(place.offset))
            .await
            .map_err(|error| self.unreadable(error))?;
        Ok(Box::pin(Verified::new(
            file.take(place.size),
            digest.clone(),
        )))
    }

    /// A manifest of a layout.
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, Error> {
        let Some(bytes) = self.bytes(&blob_name(digest))? else {
            return Ok(None);
        };
        let actual = Digest::of(&bytes);
        if actual != *digest {
            return Err(Error::DigestMismatch {
                expected: digest.clone(),
                actual,
                size: bytes.len() as u64,
            });
        }
        Manifest::new(bytes, None).map(Some)
    }
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Where a link leads: from its own folder, or from the archive's root.
fn linked(files: &BTreeMap<String, Place>, name: &str, link: &str) -> Option<Place> {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    files
        .get(&parts.join("/"))
        .or_else(|| files.get(link))
        .copied()
}

/// An OCI image layout in a tar archive, `oci-archive:FILE[:REF]`: what `skopeo copy … oci-archive:` and
/// `docker buildx build --output type=oci` write.
#[derive(Debug, Clone)]
pub struct OciArchive {
    archive: Archive,
    root: Manifest,
    entries: Arc<Vec<(Option<String>, Descriptor)>>,
}

impl OciArchive {
    /// Opens an archive. Without a reference it must hold one image; what is attached to it does not count.
    ///
    /// # Errors
    /// [`Error::InvalidSource`] when the file is no archive of a layout, is cut off, lacks the reference, or holds several
    /// images and none was named.
    pub async fn open(path: &Path, reference: Option<&str>) -> Result<Self, Error> {
        let (path, reference) = (path.to_owned(), reference.map(str::to_owned));
        blocking(move || Self::from_archive(Archive::open(&path)?, reference.as_deref())).await
    }

    pub(super) fn from_archive(archive: Archive, reference: Option<&str>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Index {
            manifests: Vec<Descriptor>,
        }
        let index = archive.bytes("index.json")?.ok_or_else(|| {
            archive.invalid(if archive.has("manifest.json") {
                "it lacks `index.json`; write `docker-archive:FILE` for what `docker save` made"
            } else {
                "it lacks `index.json`"
            })
        })?;
        let index: Index = serde_json::from_slice(&index)
            .map_err(|error| archive.invalid(format!("`index.json` cannot be read: {error}")))?;
        let entries: Vec<(Option<String>, Descriptor)> = index
            .manifests
            .into_iter()
            .map(|entry| (entry.annotations.get(REF_NAME).cloned(), entry))
            .collect();
        let root = choose(&entries, reference, |digest| archive.manifest(digest))?
            .map_err(|problem| archive.invalid(problem))?;
        Ok(Self {
            archive,
            root,
            entries: Arc::new(entries),
        })
    }
}

#[async_trait]
impl Source for OciArchive {
    async fn root(&self) -> Result<Manifest, Error> {
        Ok(self.root.clone())
    }

    async fn child(&self, digest: &Digest) -> Result<Manifest, Error> {
        let (archive, wanted) = (self.archive.clone(), digest.clone());
        let found = blocking(move || archive.manifest(&wanted)).await?;
        found.ok_or_else(|| {
            self.archive
                .invalid(format!("the manifest `{digest}` is missing"))
        })
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
        self.archive.blob(&blob.digest).await
    }

    async fn attachments(&self, subject: &Digest) -> Result<Vec<Attachment>, Error> {
        let (archive, entries, subject) = (
            self.archive.clone(),
            Arc::clone(&self.entries),
            subject.clone(),
        );
        blocking(move || attached(&entries, &subject, |digest| archive.manifest(digest))).await
    }
}
