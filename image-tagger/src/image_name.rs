//! Images in registries as people write them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::{Reference, Repository};

/// An image in a registry: `HOST/REPO:TAG`, `HOST/REPO@sha256:…`, or both, of which the digest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageName {
    /// Where it is.
    pub repository: Repository,
    /// Which one it is.
    pub reference: Reference,
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not an image in a registry: {problem}")]
pub struct InvalidImageName {
    text: String,
    problem: String,
}

impl ImageName {
    /// The image of this name in a repository.
    pub const fn new(repository: Repository, reference: Reference) -> Self {
        Self {
            repository,
            reference,
        }
    }
}

impl FromStr for ImageName {
    type Err = InvalidImageName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| InvalidImageName {
            text: text.to_owned(),
            problem,
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it, a port.
        let slash = name.rfind('/').unwrap_or(0);
        let (name, tag) = match name[slash..].find(':') {
            Some(colon) => (&name[..slash + colon], Some(&name[slash + colon + 1..])),
            None => (name, None),
        };
        let repository = name
            .parse()
            .map_err(|error: crate::InvalidRepository| invalid(error.to_string()))?;
        let tag = tag
            .map(str::parse)
            .transpose()
            .map_err(|error: crate::InvalidTag| invalid(error.to_string()))?;
        let digest = digest
            .map(str::parse)
            .transpose()
            .map_err(|error: crate::InvalidDigest| invalid(error.to_string()))?;
        let reference = digest
            .map(Reference::Digest)
            .or(tag.map(Reference::Tag))
            .ok_or_else(|| invalid("it names no tag and no digest, as `…:TAG` does".to_owned()))?;
        Ok(Self {
            repository,
            reference,
        })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.reference {
            Reference::Tag(_) => ':',
            Reference::Digest(_) => '@',
        };
        write!(f, "{}{mark}{}", self.repository, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    #[test]
    fn images_are_read_and_written() {
        let digest = Digest::of(b"x");
        for text in [
            "h.example/a/b:v1".to_owned(),
            "h.example:5000/a:v1".to_owned(),
            format!("h.example/a@{digest}"),
        ] {
            assert_eq!(text.parse::<ImageName>().unwrap().to_string(), text);
        }
        let both: ImageName = format!("h.example/a:v1@{digest}").parse().unwrap();
        assert_eq!(both.reference, Reference::Digest(digest));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("h.example/a", "names no tag"),
            ("h.example:5000/a", "names no tag"),
            ("a:v1", "`a`"),
            ("h.example/A:v1", "h.example/A"),
            ("h.example/a:", "tag"),
            ("h.example/a@sha256:00", "sha256:00"),
            ("", "``"),
        ] {
            let error = text.parse::<ImageName>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<ImageName>();
        }
    }
}
