//! Images to push: a fleet that shares most of its layers, and one with a single large layer.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::chance::Chance;
use crate::cargo;
use crate::task::Error;

/// How many services the fleet has.
pub(super) const SERVICES: usize = 12;

/// The layers that all services share, in bytes: 255 MB.
const SHARED: [usize; 10] = [25_500_000; 10];

/// The layers of each service's own: 45 MB.
const OWN: [usize; 2] = [44_000_000, 1_000_000];

const LARGE: [usize; 1] = [1_000_000_000];

/// Image layouts on disk.
#[derive(Debug)]
pub(super) struct Fleet {
    folder: PathBuf,
}

/// A file in a layout.
#[derive(Debug, Clone)]
struct Blob {
    digest: String,
    size: usize,
}

impl Fleet {
    /// Makes what is not there yet.
    pub(super) fn make(scratch: &Path) -> Result<Self, Error> {
        let folder = scratch.join("images");
        let fleet = Self { folder };
        let done = fleet.folder.join("done");
        if done.is_file() {
            return Ok(fleet);
        }
        let blobs = fleet.folder.join("blobs");
        create(&blobs)?;
        let mut chance = Chance::new(12);
        let shared = layers(&blobs, &SHARED, &mut chance)?;
        for service in 0..SERVICES {
            let mut all = shared.clone();
            all.extend(layers(&blobs, &OWN, &mut chance)?);
            fleet.layout(&format!("s{service}"), &blobs, &all)?;
        }
        let large = layers(&blobs, &LARGE, &mut chance)?;
        fleet.layout("large", &blobs, &large)?;
        write(&done, b"")?;
        Ok(fleet)
    }

    /// A service's image, as a source.
    pub(super) fn source(&self, service: usize) -> String {
        format!("oci:{}/s{service}:v1", self.folder.display())
    }

    /// The image with the large layer.
    pub(super) fn large(&self) -> String {
        format!("oci:{}/large:v1", self.folder.display())
    }

    /// The list of all services for `push-all`.
    pub(super) fn list(&self, host: &str, scratch: &Path) -> Result<PathBuf, Error> {
        let entries: Vec<String> = (0..SERVICES)
            .map(|service| {
                format!(
                    r#"{{"source":"{}","repository":"{host}/fleet/s{service}","tags":["sha-1"],"moving":"latest"}}"#,
                    self.source(service)
                )
            })
            .collect();
        let path = scratch.join("fleet.json");
        write(&path, format!("[{}]", entries.join(",")).as_bytes())?;
        Ok(path)
    }

    fn layout(&self, name: &str, blobs: &Path, layers: &[Blob]) -> Result<(), Error> {
        let folder = self.folder.join(name);
        create(&folder.join("blobs/sha256"))?;
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| format!("\"{}\"", layer.digest))
            .collect();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}},"comment":"{name}"}}"#,
            diff_ids.join(",")
        );
        let config = text(blobs, &config)?;
        let described = |media_type: &str, blob: &Blob| {
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.{media_type}","digest":"{}","size":{}}}"#,
                blob.digest, blob.size
            )
        };
        let listed: Vec<String> = layers
            .iter()
            .map(|layer| described("layer.v1.tar+gzip", layer))
            .collect();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
            described("config.v1+json", &config),
            listed.join(",")
        );
        let manifest = text(blobs, &manifest)?;
        for blob in layers.iter().chain([&config, &manifest]) {
            let name = blob.digest.trim_start_matches("sha256:");
            let (from, to) = (blobs.join(name), folder.join("blobs/sha256").join(name));
            if !to.is_file() {
                fs::hard_link(&from, &to).map_err(|source| {
                    Error::broken(format!("linking `{}`", to.display()), source)
                })?;
            }
        }
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"v1"}}}}]}}"#,
            manifest.digest, manifest.size
        );
        write(&folder.join("index.json"), index.as_bytes())?;
        write(
            &folder.join("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )
    }
}

/// Layers of these lengths that cannot be compressed.
fn layers(blobs: &Path, sizes: &[usize], chance: &mut Chance) -> Result<Vec<Blob>, Error> {
    let mut made = Vec::new();
    for size in sizes {
        let path = blobs.join("new");
        let broken = |source| Error::broken(format!("writing `{}`", path.display()), source);
        let mut file = BufWriter::new(File::create(&path).map_err(broken)?);
        let mut left = *size;
        while left > 0 {
            let bytes = chance.bytes();
            let count = left.min(bytes.len());
            file.write_all(&bytes[..count]).map_err(broken)?;
            left -= count;
        }
        file.into_inner()
            .map_err(|error| broken(error.into_error()))?;
        made.push(named(blobs, *size)?);
    }
    Ok(made)
}

fn text(blobs: &Path, text: &str) -> Result<Blob, Error> {
    write(&blobs.join("new"), text.as_bytes())?;
    named(blobs, text.len())
}

/// Names the new file by its digest.
fn named(blobs: &Path, size: usize) -> Result<Blob, Error> {
    let path = blobs.join("new");
    let said = cargo::output(Command::new("sha256sum").arg(&path))?;
    let hex = said
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    if hex.len() != 64 {
        return Err(Error::Broken(format!("sha256sum said `{said}`")));
    }
    let target = blobs.join(&hex);
    fs::rename(&path, &target)
        .map_err(|source| Error::broken(format!("naming `{}`", target.display()), source))?;
    Ok(Blob {
        digest: format!("sha256:{hex}"),
        size,
    })
}

fn create(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::broken(format!("making `{}`", folder.display()), source))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes)
        .map_err(|source| Error::broken(format!("writing `{}`", path.display()), source))
}
