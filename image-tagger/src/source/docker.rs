//! What `docker save` writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::archive::{Archive, OciArchive};
use crate::blob::Verified;
use crate::layout::blocking;
use crate::{BlobReader, Content, Descriptor, Digest, Error, Manifest, MediaType, Source};

/// An image that `docker save` wrote, `docker-archive:FILE[:REF]`.
///
/// Since Docker 25 the archive is an image layout as well, and the image is taken from it with its digest. From older ones
/// a manifest is made: the configuration stays as it is, byte for byte, and each layer is gzipped, the same each time with
/// the same version of this crate.
#[derive(Debug, Clone)]
pub struct DockerArchive {
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Layout(Box<OciArchive>),
    Made(Arc<Made>),
}

#[derive(Debug)]
struct Made {
    root: Manifest,
    config: Vec<u8>,
    layers: BTreeMap<Digest, NamedTempFile>,
}

/// An image of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl DockerArchive {
    /// Opens an archive. Without a reference (`user-service:1.4`) it must hold one image.
    ///
    /// # Errors
    /// [`Error::InvalidSource`] when the file is no such archive, is cut off, lacks the reference, or holds several images and
    /// none was named; [`Error::DigestMismatch`] when a layer is not what the configuration says.
    pub async fn open(path: &Path, reference: Option<&str>) -> Result<Self, Error> {
        let (path, reference) = (path.to_owned(), reference.map(str::to_owned));
        blocking(move || Self::open_now(&path, reference.as_deref())).await
    }

    fn open_now(path: &Path, reference: Option<&str>) -> Result<Self, Error> {
        let archive = Archive::open(path)?;
        let Some(list) = archive.bytes("manifest.json")? else {
            return Err(archive.invalid(if archive.has("index.json") {
                "it lacks `manifest.json`; write `oci-archive:FILE` for an image layout"
            } else {
                "it lacks `manifest.json`"
            }));
        };
        let images: Vec<Saved> = serde_json::from_slice(&list)
            .map_err(|error| archive.invalid(format!("`manifest.json` cannot be read: {error}")))?;
        let image = pick(&images, reference).map_err(|problem| archive.invalid(problem))?;
        // Only a layout with this one image tells which of its manifests it is.
        if archive.has("index.json")
            && images.len() == 1
            && let Ok(layout) = OciArchive::from_archive(archive.clone(), None)
        {
            return Ok(Self {
                form: Form::Layout(Box::new(layout)),
            });
        }
        let made = Made::new(&archive, image)?;
        Ok(Self {
            form: Form::Made(Arc::new(made)),
        })
    }
}

/// The image that is meant, or why none is.
fn pick<'a>(images: &'a [Saved], reference: Option<&str>) -> Result<&'a Saved, String> {
    let names = |image: &'a Saved| image.repo_tags.iter().flatten();
    let found: Vec<&Saved> = images
        .iter()
        .filter(|image| {
            reference.is_none_or(|wanted| {
                names(image).any(|name| name == wanted || *name == format!("{wanted}:latest"))
            })
        })
        .collect();
    let all = || {
        let all: Vec<&str> = images.iter().flat_map(names).map(String::as_str).collect();
        if all.is_empty() {
            "none is named".to_owned()
        } else {
            format!("there are: {}", all.join(", "))
        }
    };
    match (&*found, reference) {
        ([image], _) => Ok(image),
        ([], Some(wanted)) => Err(format!("it has no image `{wanted}`; {}", all())),
        ([], None) => Err("it is empty".to_owned()),
        (several, _) => Err(format!("it holds {} images; {}", several.len(), all())),
    }
}

impl Made {
    fn new(archive: &Archive, image: &Saved) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Config {
            rootfs: RootFs,
        }
        #[derive(Deserialize)]
        struct RootFs {
            diff_ids: Vec<Digest>,
        }
        let missing = |name: &str| archive.invalid(format!("`{name}` is missing"));
        let config = archive
            .bytes(&image.config)?
            .ok_or_else(|| missing(&image.config))?;
        let parsed: Config = serde_json::from_slice(&config).map_err(|error| {
            archive.invalid(format!("the configuration cannot be read: {error}"))
        })?;
        let ids = parsed.rootfs.diff_ids;
        if ids.len() != image.layers.len() {
            return Err(archive.invalid(format!(
                "it has {} layers, and its configuration names {}",
                image.layers.len(),
                ids.len()
            )));
        }
        let mut layers = BTreeMap::new();
        let mut listed = Vec::new();
        for (name, id) in image.layers.iter().zip(&ids) {
            let layer = archive.file(name)?.ok_or_else(|| missing(name))?;
            let (file, digest, size, actual) =
                gzip(layer).map_err(|error| archive.unreadable(error))?;
            if actual.digest != *id {
                return Err(Error::DigestMismatch {
                    expected: id.clone(),
                    actual: actual.digest,
                    size: actual.size,
                });
            }
            listed.push(Descriptor::new(
                MediaType::new(MediaType::OCI_LAYER_GZIP),
                digest.clone(),
                size,
            ));
            layers.insert(digest, file);
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": Descriptor::new(
                MediaType::new(MediaType::OCI_CONFIG),
                Digest::of(&config),
                config.len() as u64,
            ),
            "layers": listed,
        });
        Ok(Self {
            root: Manifest::new(manifest.to_string().into_bytes(), None)?,
            config,
            layers,
        })
    }
}

/// What a layer is unpacked.
struct Unpacked {
    digest: Digest,
    size: u64,
}

/// Gzips a layer into a temporary file; one that is gzipped is taken as it is. Returns the file, its digest and length, and
/// what it is unpacked.
fn gzip(mut layer: impl Read) -> io::Result<(NamedTempFile, Digest, u64, Unpacked)> {
    let mut file = NamedTempFile::new()?;
    let mut magic = [0; 2];
    let mut length = 0;
    while length < magic.len() {
        match layer.read(&mut magic[length..])? {
            0 => break,
            count => length += count,
        }
    }
    let is_gzipped = magic[..length] == [0x1f, 0x8b];
    let mut layer = BufReader::with_capacity(64 * 1024, (&magic[..length]).chain(layer));
    let unpacked = if is_gzipped {
        io::copy(&mut layer, file.as_file_mut())?;
        let packed = BufReader::new(File::open(file.path())?);
        let mut sink = Counted::new(io::sink());
        io::copy(&mut flate2::read::MultiGzDecoder::new(packed), &mut sink)?;
        sink.finish()
    } else {
        let encoder = GzEncoder::new(file.as_file_mut(), Compression::default());
        let mut both = Counted::new(encoder);
        io::copy(&mut layer, &mut both)?;
        let (encoder, unpacked) = both.into_parts();
        encoder.finish()?.flush()?;
        return measured(file, unpacked);
    };
    measured(file, unpacked)
}

fn measured(
    file: NamedTempFile,
    unpacked: Unpacked,
) -> io::Result<(NamedTempFile, Digest, u64, Unpacked)> {
    let mut whole = Counted::new(io::sink());
    io::copy(&mut File::open(file.path())?, &mut whole)?;
    let packed = whole.finish();
    Ok((file, packed.digest, packed.size, unpacked))
}

/// A writer that measures what goes through it.
struct Counted<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W> Counted<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    fn into_parts(self) -> (W, Unpacked) {
        let digest = Digest::finish(self.hasher);
        let size = self.size;
        (self.inner, Unpacked { digest, size })
    }

    fn finish(self) -> Unpacked {
        self.into_parts().1
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[async_trait]
impl Source for DockerArchive {
    async fn root(&self) -> Result<Manifest, Error> {
        match &self.form {
            Form::Layout(layout) => layout.root().await,
            Form::Made(made) => Ok(made.root.clone()),
        }
    }

    async fn child(&self, digest: &Digest) -> Result<Manifest, Error> {
        match &self.form {
            Form::Layout(layout) => layout.child(digest).await,
            Form::Made(_) => Err(Error::InvalidManifest {
                digest: digest.clone(),
                problem: "an image of one platform has no other manifests".to_owned(),
            }),
        }
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
        let made = match &self.form {
            Form::Layout(layout) => return layout.blob(blob).await,
            Form::Made(made) => made,
        };
        let unreadable = |source| Error::Storage {
            operation: "read the content of",
            path: blob.digest.as_str().into(),
            source,
        };
        match made.layers.get(&blob.digest) {
            Some(layer) => {
                let file = tokio::fs::File::open(layer.path())
                    .await
                    .map_err(unreadable)?;
                Ok(Box::pin(Verified::new(file, blob.digest.clone())))
            }
            None => {
                let config = made.config.open().await.map_err(unreadable)?;
                Ok(Box::pin(Verified::new(config, blob.digest.clone())))
            }
        }
    }
}
