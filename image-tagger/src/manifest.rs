//! Manifests, as bytes that are never rewritten.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::{Digest, Error};

/// A media type, such as `application/vnd.oci.image.manifest.v1+json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(String);

impl MediaType {
    /// An image's manifest.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// A list of manifests, one per platform.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// An image's configuration.
    pub const OCI_CONFIG: &'static str = "application/vnd.oci.image.config.v1+json";
    /// A gzipped layer.
    pub const OCI_LAYER_GZIP: &'static str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// Docker's form of [`Self::OCI_MANIFEST`].
    pub const DOCKER_MANIFEST: &'static str =
        "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's form of [`Self::OCI_INDEX`].
    pub const DOCKER_LIST: &'static str =
        "application/vnd.docker.distribution.manifest.list.v2+json";

    /// A media type of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The media type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a list of manifests.
    pub fn is_index(&self) -> bool {
        [Self::OCI_INDEX, Self::DOCKER_LIST].contains(&self.as_str())
    }

    /// Whether it is an image's manifest or a list of them.
    pub fn is_manifest(&self) -> bool {
        self.is_index() || [Self::OCI_MANIFEST, Self::DOCKER_MANIFEST].contains(&self.as_str())
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pointer to content: what it is, how long, and of what type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// The content's type.
    pub media_type: MediaType,
    /// The content's digest.
    pub digest: Digest,
    /// The content's length in bytes.
    pub size: u64,
    /// The platform, on the manifests of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What an artifact is, on the referrers of an image: `application/spdx+json`, a signature's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// Free text, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A pointer to content of this type, digest and length.
    pub const fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// What a manifest of an index runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Platform {
    /// As Go names it: `amd64`, `arm64`.
    pub architecture: String,
    /// As Go names it: `linux`.
    pub os: String,
    /// The processor's variant: `v7` or `v8` of `arm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A manifest or an index: its raw bytes, which alone make its digest. It serialises as its descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    bytes: Vec<u8>,
    media_type: MediaType,
    digest: Digest,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    media_type: Option<MediaType>,
    artifact_type: Option<MediaType>,
    subject: Option<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default, deserialize_with = "or_empty")]
    layers: Vec<Descriptor>,
    #[serde(default, deserialize_with = "some_or_empty")]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "or_empty")]
    annotations: BTreeMap<String, String>,
}

/// What is written in Go says `null` of a list without entries.
fn or_empty<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

fn some_or_empty<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    or_empty(deserializer).map(Some)
}

impl Manifest {
    /// Takes a manifest's bytes as they are. `media_type` is what its container says of it (a header, a descriptor); the
    /// manifest's own `mediaType` decides if there is one.
    ///
    /// # Errors
    /// [`Error::InvalidManifest`] when the bytes are not the JSON of a manifest.
    pub fn new(bytes: Vec<u8>, media_type: Option<MediaType>) -> Result<Self, Error> {
        let digest = Digest::of(&bytes);
        let invalid = |problem: &str| Error::InvalidManifest {
            digest: digest.clone(),
            problem: problem.to_owned(),
        };
        let content: Content =
            serde_json::from_slice(&bytes).map_err(|error| invalid(&error.to_string()))?;
        let guess = match &content.manifests {
            Some(list) if !list.is_empty() => MediaType::OCI_INDEX,
            _ => MediaType::OCI_MANIFEST,
        };
        let media_type = content
            .media_type
            .clone()
            .or(media_type)
            .unwrap_or_else(|| MediaType::new(guess));
        if !media_type.is_manifest() {
            return Err(invalid(&format!(
                "`{media_type}` is not the media type of an image"
            )));
        }
        if content.config.is_none() && content.manifests.is_none() && content.layers.is_empty() {
            return Err(invalid(
                "it has no configuration, no layers and no manifests",
            ));
        }
        Ok(Self {
            bytes,
            media_type,
            digest,
            content,
        })
    }

    /// The bytes, as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The type.
    pub const fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The digest of the bytes.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The image's configuration; an index has none.
    pub const fn config(&self) -> Option<&Descriptor> {
        self.content.config.as_ref()
    }

    /// The layers, the lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.content.layers
    }

    /// The manifests of an index.
    pub fn manifests(&self) -> &[Descriptor] {
        self.content.manifests.as_deref().unwrap_or_default()
    }

    /// The blobs that must be there before the manifest: configuration and layers, each once.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        let mut blobs: Vec<&Descriptor> = Vec::new();
        for descriptor in self.content.config.iter().chain(&self.content.layers) {
            if !blobs.iter().any(|known| known.digest == descriptor.digest) {
                blobs.push(descriptor);
            }
        }
        blobs
    }

    /// The manifest's own annotations.
    pub const fn annotations(&self) -> &BTreeMap<String, String> {
        &self.content.annotations
    }

    /// What this is a signature, an SBOM or an attestation of.
    pub const fn subject(&self) -> Option<&Descriptor> {
        self.content.subject.as_ref()
    }

    /// A pointer to this manifest as registries list it among the referrers of its subject: with its type of artifact, or
    /// that of its configuration, and its annotations (OCI distribution spec 1.1, listing referrers).
    pub fn referrer(&self) -> Descriptor {
        let content = &self.content;
        let artifact_type = content.artifact_type.clone().or_else(|| {
            let config = content.config.as_ref()?;
            Some(config.media_type.clone())
        });
        Descriptor {
            artifact_type,
            annotations: content.annotations.clone(),
            ..self.descriptor()
        }
    }

    /// A pointer to this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            self.digest.clone(),
            self.bytes.len() as u64,
        )
    }
}

impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.descriptor().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_make_the_digest() {
        let bytes = br#"{ "schemaVersion":2,  "config":{"mediaType":"x","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}}"#;
        let manifest = Manifest::new(bytes.to_vec(), None).unwrap();
        assert_eq!(manifest.bytes(), bytes);
        assert_eq!(manifest.digest(), &Digest::of(bytes));
        assert_eq!(manifest.media_type().as_str(), MediaType::OCI_MANIFEST);
    }

    #[test]
    fn other_json_is_refused() {
        assert!(Manifest::new(b"[]".to_vec(), None).is_err());
        assert!(Manifest::new(b"{\"mediaType\":\"text/html\"}".to_vec(), None).is_err());
        let oci = MediaType::new(MediaType::OCI_MANIFEST);
        assert!(Manifest::new(b"{}".to_vec(), Some(oci)).is_err());
    }

    #[test]
    fn lists_that_are_null_are_empty() {
        let index = br#"{"manifests":null,"annotations":null,"layers":null}"#;
        let index = Manifest::new(index.to_vec(), None).unwrap();
        assert!(index.manifests().is_empty() && index.layers().is_empty());
    }
}
