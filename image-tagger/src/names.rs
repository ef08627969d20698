//! The names of the OCI world: digests, tags, repositories, references.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

macro_rules! name_traits {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

/// What identifies bytes: `sha256:` and 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a digest: it takes `sha256:` and 64 lower-case hex digits")]
pub struct InvalidDigest(String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// The digest of all that a hasher has seen.
    pub(crate) fn finish(hasher: Sha256) -> Self {
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hasher.finalize() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(
                    char::from_digit(u32::from(nibble), 16).expect("a nibble is a hex digit"),
                );
            }
        }
        Self(text)
    }

    /// The digest as text, with its algorithm.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hex digits.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let valid = hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDigest(text.to_owned()))
        }
    }
}

name_traits!(Digest);

/// A tag: up to 128 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-` (OCI distribution spec).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// A text that is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a tag: it takes 1 to 128 letters, digits, `_`, `.` and `-`, and begins with none of `.` and `-`"
)]
pub struct InvalidTag(String);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTag(text.to_owned()))
        }
    }
}

name_traits!(Tag);

/// A repository with its registry: `HOST[:PORT]/path/of/parts`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    text: String,
    slash: usize,
}

/// A text that is not a repository.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not an image repository: {problem}")]
pub struct InvalidRepository {
    text: String,
    problem: &'static str,
}

impl Repository {
    /// The registry's host, with its port if there is one.
    pub fn registry(&self) -> &str {
        &self.text[..self.slash]
    }

    /// The path within the registry.
    pub fn path(&self) -> &str {
        &self.text[self.slash + 1..]
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Repository {
    type Err = InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| {
            Err(InvalidRepository {
                text: text.to_owned(),
                problem,
            })
        };
        let Some((host, path)) = text.split_once('/') else {
            return wrong("it takes a registry's host, a `/` and a path");
        };
        if !is_host(host) {
            return wrong(
                "what stands before the first `/` is not a host: it takes a dot, a port or `localhost`",
            );
        }
        if path.len() > 255 {
            return wrong("its path has more than 255 characters");
        }
        if !path.split('/').all(is_component) {
            return wrong(
                "the parts of its path take lower-case letters and digits, with `.`, `_`, `__` or `-` between them",
            );
        }
        Ok(Self {
            text: text.to_owned(),
            slash: host.len(),
        })
    }
}

name_traits!(Repository);

/// A host as Docker tells it from a path: with a dot, a port, or the name `localhost`.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let named = name == "localhost" || name.contains('.') || port.is_some();
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    named && name.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let mut separators = 0_usize;
    let mut last = None;
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    for byte in part.bytes() {
        if alphanumeric(byte) {
            separators = 0;
        } else {
            let fits = match byte {
                b'-' => separators == 0 || last == Some(b'-'),
                b'_' => separators == 0 || (separators == 1 && last == Some(b'_')),
                b'.' => separators == 0,
                _ => false,
            };
            if !fits || last.is_none() {
                return false;
            }
            separators += 1;
        }
        last = Some(byte);
    }
    last.is_some_and(alphanumeric)
}

/// Which image of a repository: the one that a tag names now, or the one with this digest, for good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Reference {
    /// By a name that can move.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

impl Reference {
    /// The reference as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl FromStr for Reference {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::Digest)
            .or_else(|_: InvalidDigest| text.parse().map(Self::Tag))
    }
}

/// An image that cannot change under its name: `HOST/REPO[:tag]@sha256:…`. The digest decides, the tag is for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinnedImage {
    /// Where the image stands.
    pub repository: Repository,
    /// A tag that it has, or had.
    pub tag: Option<Tag>,
    /// What it is.
    pub digest: Digest,
}

/// A text that is not a pinned image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a pinned image: it takes `HOST/REPO[:tag]@sha256:…`")]
pub struct InvalidPinnedImage {
    text: String,
}

impl PinnedImage {
    /// The image of this digest in a repository.
    pub const fn new(repository: Repository, tag: Option<Tag>, digest: Digest) -> Self {
        Self {
            repository,
            tag,
            digest,
        }
    }

    /// The same image, with a tag for people.
    #[must_use]
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self {
            tag: Some(tag),
            ..self.clone()
        }
    }
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        write!(f, "@{}", self.digest)
    }
}

impl FromStr for PinnedImage {
    type Err = InvalidPinnedImage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPinnedImage {
            text: text.to_owned(),
        };
        let (name, digest) = text.rsplit_once('@').ok_or_else(invalid)?;
        // A colon after the last slash begins a tag; one before it, a port.
        let path = name.rfind('/').ok_or_else(invalid)?;
        let (repository, tag) = match name[path..].find(':') {
            Some(colon) => (&name[..path + colon], Some(&name[path + colon + 1..])),
            None => (name, None),
        };
        Ok(Self {
            repository: repository.parse().map_err(|_| invalid())?,
            tag: tag.map(str::parse).transpose().map_err(|_| invalid())?,
            digest: digest.parse().map_err(|_| invalid())?,
        })
    }
}

impl Serialize for PinnedImage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_digest_is_that_of_its_bytes() {
        let digest = Digest::of(b"");
        assert_eq!(
            digest.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        for wrong in [
            "",
            "sha256:",
            "sha512:00",
            &digest.as_str().to_uppercase(),
            digest.hex(),
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn tags_end_at_128_characters() {
        assert!("a".repeat(128).parse::<Tag>().is_ok());
        for wrong in ["", &"a".repeat(129), ".a", "-a", "a/b", "a:b", "ä"] {
            assert!(wrong.parse::<Tag>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn repositories_have_a_host_and_a_path() {
        let repository: Repository = "127.0.0.1:5000/a/b-c/d__e".parse().unwrap();
        assert_eq!(
            (repository.registry(), repository.path()),
            ("127.0.0.1:5000", "a/b-c/d__e")
        );
        for right in [
            "localhost/x",
            "windlass.local/dev/user-service",
            "h:1/a--b",
            "a.b/c.d_e",
        ] {
            assert!(right.parse::<Repository>().is_ok(), "{right}");
        }
        for wrong in [
            "x",
            "x/y",
            "a.b/",
            "a.b/C",
            "a.b/c//d",
            "a.b/-c",
            "a.b/c-",
            "a.b/c___d",
            "a.b/c..d",
            "h:99999/a",
            ".a/b",
        ] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
        assert!(
            format!("a.b/{}", "c".repeat(256))
                .parse::<Repository>()
                .is_err()
        );
    }

    #[test]
    fn a_pinned_image_is_read_back() {
        let digest = Digest::of(b"x");
        for text in [
            format!("h:5000/a/b:tag@{digest}"),
            format!("h:5000/a/b@{digest}"),
        ] {
            let image: PinnedImage = text.parse().unwrap();
            assert_eq!(image.to_string(), text);
            assert_eq!(image.repository.as_str(), "h:5000/a/b");
        }
        assert!("h:5000/a/b:tag".parse::<PinnedImage>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<Repository>();
            let _ = text.parse::<PinnedImage>();
            let _ = text.parse::<Reference>();
        }
    }
}
