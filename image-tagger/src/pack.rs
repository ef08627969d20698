//! Packing files into an image: the same files make the same digest, on every machine, every time.

use std::collections::BTreeMap;
use std::io::{self, Write};

use async_trait::async_trait;
use flate2::{Compression, GzBuilder};
use serde_json::json;
use tar::{EntryType, Header};

use crate::{BlobReader, Descriptor, Digest, Error, Manifest, MediaType, Source};

/// What an image is packed from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageSpec {
    entries: BTreeMap<Vec<u8>, Entry>,
    labels: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    command: Vec<String>,
    ports: Vec<u16>,
    created: i64,
    platform: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File { executable: bool, bytes: Vec<u8> },
    Symlink { target: Vec<u8> },
}

impl ImageSpec {
    /// An image of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file. Paths are relative to the root and their parts are divided by `/`.
    #[must_use]
    pub fn file(
        mut self,
        path: impl AsRef<[u8]>,
        executable: bool,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        self.entries.insert(
            path.as_ref().to_vec(),
            Entry::File {
                executable,
                bytes: bytes.into(),
            },
        );
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entries.insert(
            path.as_ref().to_vec(),
            Entry::Symlink {
                target: target.as_ref().to_vec(),
            },
        );
        self
    }

    /// Sets a label of the image's configuration. Labels `org.opencontainers.image.*` become annotations of the manifest
    /// too.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets the command that a container runs.
    #[must_use]
    pub fn command<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a TCP port that a container listens on.
    #[must_use]
    pub fn exposed_port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Sets the image's time, in seconds since 1970; take the commit's, so that a rebuild makes the same image.
    #[must_use]
    pub const fn created_seconds(mut self, seconds: i64) -> Self {
        self.created = seconds;
        self
    }

    /// Sets the platform, as Go names it; `linux` and `amd64` if not set.
    #[must_use]
    pub fn platform(mut self, os: impl Into<String>, architecture: impl Into<String>) -> Self {
        self.platform = Some((os.into(), architecture.into()));
        self
    }
}

/// An image that was packed: a [`Source`] that holds its own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedImage {
    manifest: Manifest,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl PackedImage {
    /// The image's digest.
    pub const fn digest(&self) -> &Digest {
        self.manifest.digest()
    }
}

/// Packs an image of one layer: entries sorted, owned by root, of the time 0.
///
/// # Errors
/// [`Error::InvalidSpec`] for a path that is absolute, has an empty part, `.` or `..`, or is a file and a folder at once.
pub fn pack(spec: &ImageSpec) -> Result<PackedImage, Error> {
    check_paths(spec)?;
    let tar = layer(spec).map_err(|error| Error::InvalidSpec {
        problem: error.to_string(),
    })?;
    let diff_id = Digest::of(&tar);
    let layer = gzip(&tar).map_err(|error| Error::InvalidSpec {
        problem: error.to_string(),
    })?;
    let config = config(spec, &diff_id);
    let config_descriptor = descriptor(MediaType::OCI_CONFIG, &config);
    let layer_descriptor = descriptor(MediaType::OCI_LAYER_GZIP, &layer);
    let annotations: BTreeMap<&String, &String> = spec
        .labels
        .iter()
        .filter(|(key, _)| key.starts_with("org.opencontainers.image."))
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": config_descriptor,
        "layers": [layer_descriptor],
        "annotations": annotations,
    });
    let manifest = Manifest::new(manifest.to_string().into_bytes(), None)?;
    let blobs = BTreeMap::from([
        (config_descriptor.digest, config),
        (layer_descriptor.digest, layer),
    ]);
    Ok(PackedImage { manifest, blobs })
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(
        MediaType::new(media_type),
        Digest::of(bytes),
        bytes.len() as u64,
    )
}

fn check_paths(spec: &ImageSpec) -> Result<(), Error> {
    for path in spec.entries.keys() {
        let invalid = |problem: &str| {
            let problem = format!("the path `{}` {problem}", String::from_utf8_lossy(path));
            Err(Error::InvalidSpec { problem })
        };
        if path.contains(&0) {
            return invalid("has a NUL byte");
        }
        if path
            .split(|byte| *byte == b'/')
            .any(|part| matches!(part, b"" | b"." | b".."))
        {
            return invalid("is not relative, or has an empty part, `.` or `..`");
        }
        let parents = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(end, _)| &path[..end]);
        if let Some(file) = parents
            .into_iter()
            .find(|parent| spec.entries.contains_key(*parent))
        {
            return invalid(&format!(
                "is below `{}`, which is a file",
                String::from_utf8_lossy(file)
            ));
        }
    }
    Ok(())
}

fn layer(spec: &ImageSpec) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut last_folders: Vec<Vec<u8>> = Vec::new();
    for (path, entry) in &spec.entries {
        // Folders are entries of their own, before what they hold, each once.
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let folder = path[..=end].to_vec();
            if !last_folders.contains(&folder) {
                append(&mut tar, EntryType::Directory, 0o755, &folder, &[])?;
                last_folders.push(folder);
            }
        }
        match entry {
            Entry::File { executable, bytes } => {
                append(
                    &mut tar,
                    EntryType::Regular,
                    if *executable { 0o755 } else { 0o644 },
                    path,
                    bytes,
                )?;
            }
            Entry::Symlink { target } => {
                let mut header = header(EntryType::Symlink, 0o777, 0);
                tar.append_link(&mut header, os_path(path)?, os_path(target)?)?;
            }
        }
    }
    tar.into_inner()
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    kind: EntryType,
    mode: u32,
    path: &[u8],
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = header(kind, mode, bytes.len() as u64);
    tar.append_data(&mut header, os_path(path)?, bytes)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

#[cfg(unix)]
fn os_path(bytes: &[u8]) -> io::Result<&std::path::Path> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::path::Path::new(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn os_path(bytes: &[u8]) -> io::Result<&std::path::Path> {
    std::str::from_utf8(bytes)
        .map(std::path::Path::new)
        .map_err(io::Error::other)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // No name and no time in the header: they would make the digest differ.
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::new(6));
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn config(spec: &ImageSpec, diff_id: &Digest) -> Vec<u8> {
    let (os, architecture) = match &spec.platform {
        Some((os, architecture)) => (os.as_str(), architecture.as_str()),
        None => ("linux", "amd64"),
    };
    let env: Vec<String> = spec
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let ports: BTreeMap<String, serde_json::Value> = spec
        .ports
        .iter()
        .map(|port| (format!("{port}/tcp"), json!({})))
        .collect();
    let created = timestamp(spec.created);
    json!({
        "created": created,
        "architecture": architecture,
        "os": os,
        "config": {"Env": env, "Cmd": spec.command, "ExposedPorts": ports, "Labels": spec.labels},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": created, "created_by": "windlass pack"}],
    })
    .to_string()
    .into_bytes()
}

/// RFC 3339 in UTC; a time outside of the calendar's range becomes its nearest end.
fn timestamp(seconds: i64) -> String {
    let (first, last) = (
        jiff::Timestamp::MIN.as_second(),
        jiff::Timestamp::MAX.as_second(),
    );
    jiff::Timestamp::from_second(seconds.clamp(first, last))
        .unwrap_or_default()
        .to_string()
}

#[async_trait]
impl Source for PackedImage {
    async fn root(&self) -> Result<Manifest, Error> {
        Ok(self.manifest.clone())
    }

    async fn child(&self, digest: &Digest) -> Result<Manifest, Error> {
        Err(Error::InvalidManifest {
            digest: digest.clone(),
            problem: "a packed image has one manifest".to_owned(),
        })
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader, Error> {
        match self.blobs.get(&blob.digest) {
            Some(bytes) => Ok(Box::pin(io::Cursor::new(bytes.clone()))),
            None => Err(Error::InvalidManifest {
                digest: self.manifest.digest().clone(),
                problem: format!("the packed image has no blob `{}`", blob.digest),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec() -> ImageSpec {
        ImageSpec::new()
            .file("app/b.txt", false, "b")
            .file("app/a/run.sh", true, "#!/bin/sh\n")
            .symlink("app/link", "b.txt")
            .label("org.opencontainers.image.revision", "3f2c91d")
            .created_seconds(1_772_355_600)
    }

    #[test]
    fn the_same_files_in_any_order_make_the_same_digest() {
        let other = ImageSpec::new()
            .created_seconds(1_772_355_600)
            .label("org.opencontainers.image.revision", "3f2c91d")
            .symlink("app/link", "b.txt")
            .file("app/a/run.sh", true, "#!/bin/sh\n")
            .file("app/b.txt", false, "b");
        assert_eq!(pack(&spec()).unwrap(), pack(&other).unwrap());
        assert_ne!(
            pack(&spec()).unwrap().digest(),
            pack(&spec().file("x", false, "")).unwrap().digest()
        );
    }

    #[test]
    fn the_layer_holds_the_entries_with_their_modes() {
        let image = pack(&spec()).unwrap();
        let layer = &image.blobs[&image.manifest.layers()[0].digest];
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]));
        let entries: Vec<(String, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (
                    entry.path().unwrap().display().to_string(),
                    entry.header().mode().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("app/", 0o755),
            ("app/a/", 0o755),
            ("app/a/run.sh", 0o755),
            ("app/b.txt", 0o644),
            ("app/link", 0o777),
        ];
        assert_eq!(
            entries,
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
    }

    #[test]
    fn paths_that_leave_the_root_are_refused() {
        for path in ["/etc/passwd", "a/../b", "./a", "a//b", "", "a/"] {
            assert!(
                pack(&ImageSpec::new().file(path, false, "x")).is_err(),
                "{path}"
            );
        }
        assert!(
            pack(
                &ImageSpec::new()
                    .file("a", false, "x")
                    .file("a/b", false, "x")
            )
            .is_err()
        );
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_772_355_600), "2026-03-01T09:00:00Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59Z");
    }

    proptest! {
        #[test]
        fn any_path_is_packed_or_refused(path in proptest::collection::vec(any::<u8>(), 0..40), bytes in ".{0,20}") {
            let _ = pack(&ImageSpec::new().file(path, false, bytes));
        }

        #[test]
        fn long_names_survive(name in "[a-z]{1,200}(/[a-z]{1,120}){0,2}") {
            let image = pack(&ImageSpec::new().file(&name, false, "x")).unwrap();
            let layer = &image.blobs[&image.manifest.layers()[0].digest];
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]));
            let found = archive.entries().unwrap().any(|entry| entry.unwrap().path().unwrap().to_str() == Some(&name));
            prop_assert!(found);
        }
    }
}
