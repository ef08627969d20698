//! Images, as ECS takes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An image of a container: `repository[:tag][@sha256:…]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ImageRef(String);

/// A text that is not an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an image: it takes `repository[:tag][@sha256:…]` without blanks")]
pub struct InvalidImageRef(String);

impl ImageRef {
    /// The image as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the tag and the digest.
    pub fn repository(&self) -> &str {
        self.split().0
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.split().1
    }

    /// The digest with its algorithm, if there is one.
    pub fn digest(&self) -> Option<&str> {
        self.split().2
    }

    /// Whether both are the same digest in the same repository, or the same text. Without a digest the same text need not be
    /// the same image: a tag moves.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.digest(), other.digest()) {
            (Some(a), Some(b)) => a == b && self.repository() == other.repository(),
            _ => self == other,
        }
    }

    fn split(&self) -> (&str, Option<&str>, Option<&str>) {
        let (name, digest) = match self.0.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (self.0.as_str(), None),
        };
        // A colon before the last slash is a registry's port.
        let path = name.rfind('/').map_or(0, |slash| slash + 1);
        match name[path..].find(':') {
            Some(colon) => (
                &name[..path + colon],
                Some(&name[path + colon + 1..]),
                digest,
            ),
            None => (name, None, digest),
        }
    }
}

impl FromStr for ImageRef {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let image = Self(text.to_owned());
        let (repository, tag, digest) = image.split();
        let printable = !text
            .bytes()
            .any(|b| b.is_ascii_whitespace() || b.is_ascii_control());
        let digest = digest.is_none_or(|digest| {
            digest
                .split_once(':')
                .is_some_and(|(_, hex)| !hex.is_empty())
        });
        if printable && !repository.is_empty() && tag != Some("") && digest {
            Ok(image)
        } else {
            Err(InvalidImageRef(text.to_owned()))
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImageRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_comes_apart() {
        for (text, repository, tag, digest) in [
            ("nginx", "nginx", None, None),
            ("h:5000/a/b", "h:5000/a/b", None, None),
            ("h:5000/a/b:v1", "h:5000/a/b", Some("v1"), None),
            ("a/b@sha256:00", "a/b", None, Some("sha256:00")),
            (
                "h:1/b:sha-3f@sha256:00",
                "h:1/b",
                Some("sha-3f"),
                Some("sha256:00"),
            ),
        ] {
            let image: ImageRef = text.parse().unwrap();
            assert_eq!(
                (image.repository(), image.tag(), image.digest()),
                (repository, tag, digest),
                "{text}"
            );
        }
        for wrong in ["", "a b", ":v1", "a:", "a@", "a@sha256:"] {
            assert!(wrong.parse::<ImageRef>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_digest_decides_and_a_tag_does_not() {
        let image = |text: &str| text.parse::<ImageRef>().unwrap();
        assert!(image("a:x@sha256:00").is_same(&image("a:y@sha256:00")));
        assert!(!image("a@sha256:00").is_same(&image("b@sha256:00")));
        assert!(!image("a:x").is_same(&image("a:x@sha256:00")));
        assert!(image("a:x").is_same(&image("a:x")));
    }

    proptest::proptest! {
        #[test]
        fn the_parts_of_an_image_are_the_whole(text in "[a-c:/@. -]{0,12}|[a-c:/]{1,8}(:[a-c]{1,3})?(@sha256:[0-9a-f]{1,4})?") {
            if let Ok(image) = text.parse::<ImageRef>() {
                let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
                let digest = image.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
                proptest::prop_assert_eq!(format!("{}{tag}{digest}", image.repository()), text);
            }
        }
    }
}
