//! Where archives are kept.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::{Error, Millis};

/// The SHA-256 of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first 16 hexadecimal digits, for names.
    pub fn short(&self) -> String {
        self.to_string().chars().take(16).collect()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(serde::de::Error::custom(
                "a SHA-256 has 64 hexadecimal digits",
            ));
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16)
                .map_err(serde::de::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}

/// Which state of an object: an ETag. Two states of one key that differ have different versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// A version as the archive named it.
    pub fn new(version: impl Into<String>) -> Self {
        Self(version.into())
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a conditional write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// The object is what was sent.
    Written,
    /// The condition did not hold; nothing has changed.
    Refused,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, where the archive keeps that.
    pub sha256: Option<Sha256>,
    /// Which state it is.
    pub version: Version,
    /// When it was written.
    pub modified: Millis,
}

impl ObjectInfo {
    /// What is known of an object.
    pub const fn new(
        size: u64,
        sha256: Option<Sha256>,
        version: Version,
        modified: Millis,
    ) -> Self {
        Self {
            size,
            sha256,
            version,
            modified,
        }
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Bytes,
    /// Which state it is.
    pub version: Version,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Millis,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The objects, by key.
    pub objects: Vec<Listed>,
    /// The key to go on after, if there are more.
    pub next: Option<String>,
}

/// Where archives are kept: S3, a folder, or a simulator.
///
/// Keys are `/`-separated paths. Reads see every write that was answered before they began. A write is whole or not there.
/// Implementations do not retry; passing errors ([`Error::is_passing`]) are retried by the engine. A write that ended with
/// [`Error::Unreachable`] may have been made or not: the caller looks, or writes again. Both conditional writes may be repeated
/// for that reason: if the first try was made the second is refused, and the caller compares the content.
#[async_trait]
pub trait Archive: Debug + Send + Sync {
    /// Writes an object that is not there yet. Of several that write one key, one succeeds.
    async fn put_new(&self, key: &str, bytes: Bytes, sha256: &Sha256) -> Result<Put, Error>;

    /// Writes an object in place of the state that is named. If it is another by now, or gone, the write is refused.
    async fn put_over(
        &self,
        key: &str,
        bytes: Bytes,
        sha256: &Sha256,
        version: &Version,
    ) -> Result<Put, Error>;

    /// What is known of an object; `None` if it is not there.
    async fn stat(&self, key: &str) -> Result<Option<ObjectInfo>, Error>;

    /// Reads an object; `None` if it is not there.
    async fn get(&self, key: &str) -> Result<Option<Object>, Error>;

    /// Lists the objects whose keys begin with `prefix`, by key, those after `after` first.
    async fn list<'a>(&self, prefix: &str, after: Option<&'a str>) -> Result<ListPage, Error>;

    /// Deletes an object; one that is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), Error>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T: Archive + ?Sized> Archive for $pointer<T> {
            async fn put_new(&self, key: &str, bytes: Bytes, sha256: &Sha256) -> Result<Put, Error> {
                (**self).put_new(key, bytes, sha256).await
            }

            async fn put_over(
                &self,
                key: &str,
                bytes: Bytes,
                sha256: &Sha256,
                version: &Version,
            ) -> Result<Put, Error> {
                (**self).put_over(key, bytes, sha256, version).await
            }

            async fn stat(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
                (**self).stat(key).await
            }

            async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
                (**self).get(key).await
            }

            async fn list<'a>(&self, prefix: &str, after: Option<&'a str>) -> Result<ListPage, Error> {
                (**self).list(prefix, after).await
            }

            async fn delete(&self, key: &str) -> Result<(), Error> {
                (**self).delete(key).await
            }
        }
    )*};
}
forward!(Arc, Box);
