//! Image layouts on disk.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::blob::Verified;
use crate::layout::{Folder, blocking};
use crate::referrers::{self, fallback_tag, is_attachment};
use crate::{Attachment, BlobReader, Descriptor, Digest, Error, Manifest, Reference, Source};

/// An OCI image layout that a build left behind, `oci:DIR[:REF]`.
#[derive(Debug, Clone)]
pub struct OciDirectory {
    path: PathBuf,
    root: Manifest,
}

impl OciDirectory {
    /// Opens a layout. Without a reference the layout must hold one image; what is attached to it does not count.
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
        let read = |digest: &Digest| folder.manifest(&Reference::Digest(digest.clone()));
        let root = choose(&folder.entries()?, reference, read)?.map_err(invalid)?;
        Ok(Self { path, root })
    }
}

/// The image of a layout's index that is meant, or why none is.
pub(super) fn choose(
    entries: &[(Option<String>, Descriptor)],
    reference: Option<&str>,
    read: impl Fn(&Digest) -> Result<Option<Manifest>, Error>,
) -> Result<Result<Manifest, String>, Error> {
    let mut images: Vec<(Option<&str>, &Digest)> = entries
        .iter()
        .map(|(tag, entry)| (tag.as_deref(), &entry.digest))
        .filter(|(tag, digest)| match reference {
            Some(wanted) => *tag == Some(wanted) || digest.as_str() == wanted,
            None => !tag.is_some_and(is_attachment),
        })
        .collect();
    images.sort_by_key(|(_, digest)| *digest);
    images.dedup_by_key(|(_, digest)| *digest);
    let mut found = Vec::new();
    for (_, digest) in images {
        match read(digest)? {
            None => return Ok(Err(format!("the manifest `{digest}` is missing"))),
            Some(manifest) if reference.is_none() && manifest.subject().is_some() => {}
            Some(manifest) => found.push(manifest),
        }
    }
    let names = || {
        let names: Vec<&str> = entries
            .iter()
            .filter_map(|(tag, _)| tag.as_deref())
            .collect();
        if names.is_empty() {
            "none is named".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        }
    };
    Ok(match (found.len(), reference) {
        (1, _) => Ok(found.remove(0)),
        (0, Some(wanted)) => Err(format!("it has no image `{wanted}`; {}", names())),
        (0, None) => Err("it is empty".to_owned()),
        (count, _) => Err(format!("it holds {count} images; {}", names())),
    })
}

/// What a layout says is attached to a manifest, and to that in turn: by `subject`, by a list under a tag, by cosign's tags.
pub(super) fn attached(
    entries: &[(Option<String>, Descriptor)],
    subject: &Digest,
    read: impl Fn(&Digest) -> Result<Option<Manifest>, Error>,
) -> Result<Vec<Attachment>, Error> {
    let mut candidates: Vec<Attachment> = Vec::new();
    for (tag, entry) in entries {
        let Some(manifest) = read(&entry.digest)? else {
            continue;
        };
        // The entries of a list that another client keeps.
        if tag.as_deref().is_some_and(is_attachment) {
            for listed in manifest.manifests() {
                let listed = read(&listed.digest)?;
                candidates.extend(listed.map(|manifest| Attachment::new(manifest, None)));
            }
        }
        let tag = tag.as_ref().and_then(|tag| tag.parse().ok());
        candidates.push(Attachment::new(manifest, tag));
    }
    let mut found: Vec<Attachment> = Vec::new();
    let mut wanted = vec![subject.clone()];
    while let Some(subject) = wanted.pop() {
        let stem = fallback_tag(&subject);
        for candidate in &candidates {
            let named = candidate.manifest.subject();
            let by_subject = named.is_some_and(|named| named.digest == subject);
            let by_tag = candidate.tag.as_ref().is_some_and(|tag| {
                let suffix = tag.as_str().strip_prefix(stem.as_str());
                suffix.is_some_and(|suffix| referrers::SUFFIXES.contains(&suffix))
            });
            let digest = candidate.manifest.digest();
            if (by_subject || by_tag) && found.iter().all(|known| known.manifest.digest() != digest)
            {
                wanted.push(digest.clone());
                let tag = candidate.tag.clone().filter(|_| by_tag);
                found.push(Attachment::new(candidate.manifest.clone(), tag));
            }
        }
    }
    Ok(found)
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

    async fn attachments(&self, subject: &Digest) -> Result<Vec<Attachment>, Error> {
        let (folder, subject) = (Folder(self.path.clone()), subject.clone());
        blocking(move || {
            attached(&folder.entries()?, &subject, |digest| {
                folder.manifest(&Reference::Digest(digest.clone()))
            })
        })
        .await
    }
}
