//! The image that is pushed.

use std::collections::BTreeMap;

use crate::inspect::{ImageConfig, REVISION};
use crate::layout::MANIFEST_CAP;
use crate::{Descriptor, Digest, Error, Manifest, Source};

/// The image that is pushed, with its manifests in memory and its blobs where they are.
pub(super) struct Image {
    pub(super) root: Manifest,
    pub(super) children: Vec<Manifest>,
    /// Each once, the largest first.
    pub(super) blobs: Vec<Descriptor>,
}

impl Image {
    pub(super) async fn read(source: &dyn Source) -> Result<Self, Error> {
        let root = source.root().await?;
        let mut children = Vec::new();
        for child in root.manifests() {
            let child = source.child(&child.digest).await?;
            if child.media_type().is_index() {
                return Err(Error::InvalidManifest {
                    digest: root.digest().clone(),
                    problem: "it is an index with another index in it, which is not supported"
                        .to_owned(),
                });
            }
            children.push(child);
        }
        let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        for manifest in std::iter::once(&root).chain(&children) {
            blobs.extend(
                manifest
                    .blobs()
                    .into_iter()
                    .map(|blob| (blob.digest.clone(), blob.clone())),
            );
        }
        let mut blobs: Vec<Descriptor> = blobs.into_values().collect();
        blobs.sort_by(|a, b| (b.size, &a.digest).cmp(&(a.size, &b.digest)));
        Ok(Self {
            root,
            children,
            blobs,
        })
    }

    /// The manifest whose configuration speaks for the image.
    pub(super) fn leading(&self) -> &Manifest {
        self.children
            .first()
            .filter(|_| self.root.config().is_none())
            .unwrap_or(&self.root)
    }
}

/// The commit of an image that is not pushed yet.
pub(super) async fn source_revision(
    source: &dyn Source,
    manifest: &Manifest,
) -> Result<Option<String>, Error> {
    if let Some(revision) = manifest.annotations().get(REVISION) {
        return Ok(Some(revision.clone()));
    }
    let Some(config) = manifest.config() else {
        return Ok(None);
    };
    let reader = source.blob(config).await?;
    let bytes = crate::blob::read_verified(reader, &config.digest, MANIFEST_CAP)
        .await
        .map_err(|error| {
            crate::blob::unwrap_io(error, |error| Error::InvalidManifest {
                digest: config.digest.clone(),
                problem: error.to_string(),
            })
        })?;
    Ok(ImageConfig::parse(&bytes).labels.remove(REVISION))
}
