//! The images that run, or to which a deployment may go back.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::{Digest, ImageRecord, PinnedImage, Reference, Repository, Tag};

/// Why an image must not be deleted, whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// It runs, or would run if a task started.
    InUse,
    /// A deployment may go back to it.
    RollbackTarget,
}

/// An image by the name that its user knows it by: `sha256:…` or a tag of the repository that is looked at, or
/// `REPOSITORY[:tag][@sha256:…]` as task definitions write it. The digest decides where there is one; a repository alone
/// means `latest`, and one without a host is Docker Hub's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsedName {
    text: String,
    repository: Option<Repository>,
    reference: Reference,
}

/// A text that does not name an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` does not name an image: it takes `sha256:…`, a tag, or `REPOSITORY[:tag][@sha256:…]`"
)]
pub struct InvalidUsedName {
    text: String,
}

impl UsedName {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names this image of this repository. A digest is believed wherever it is said to be. A tag is looked for
    /// in repositories of the same path on any host, for one registry may have several names: too much is kept then, and
    /// never too little.
    fn names(&self, repository: &Repository, image: &ImageRecord) -> bool {
        match &self.reference {
            Reference::Digest(digest) => *digest == image.digest,
            Reference::Tag(tag) => {
                image.tags.contains(tag)
                    && self
                        .repository
                        .as_ref()
                        .is_none_or(|other| other.path() == repository.path())
            }
        }
    }

    /// Whether it is said to be in this repository and in no other.
    fn is_in(&self, repository: &Repository) -> bool {
        self.repository
            .as_ref()
            .is_none_or(|other| other == repository)
    }
}

impl FromStr for UsedName {
    type Err = InvalidUsedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| InvalidUsedName {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<UsedName> {
    let named = |repository, reference| UsedName {
        text: text.to_owned(),
        repository,
        reference,
    };
    // `sha256:…` and a tag alone stand for the repository that is looked at.
    if text.starts_with("sha256:") {
        return Some(named(None, Reference::Digest(text.parse().ok()?)));
    }
    if !text.contains(['/', ':', '@']) {
        return Some(named(None, Reference::Tag(text.parse().ok()?)));
    }
    let (name, digest) = match text.rsplit_once('@') {
        Some((name, digest)) => (name, Some(digest.parse::<Digest>().ok()?)),
        None => (text, None),
    };
    // A colon after the last slash begins a tag; one before it, a port.
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match name[last..].find(':') {
        Some(colon) => (
            &name[..last + colon],
            Some(name[last + colon + 1..].parse::<Tag>().ok()?),
        ),
        None => (name, None),
    };
    let repository = name
        .parse()
        .or_else(|_| format!("docker.io/{name}").parse::<Repository>())
        .ok()?;
    let reference = match (digest, tag) {
        (Some(digest), _) => Reference::Digest(digest),
        (None, Some(tag)) => Reference::Tag(tag),
        (None, None) => Reference::Tag("latest".parse().expect("it is a tag")),
    };
    Some(named(Some(repository), reference))
}

impl From<Digest> for UsedName {
    fn from(digest: Digest) -> Self {
        Self {
            text: digest.to_string(),
            repository: None,
            reference: Reference::Digest(digest),
        }
    }
}

impl From<Tag> for UsedName {
    fn from(tag: Tag) -> Self {
        Self {
            text: tag.to_string(),
            repository: None,
            reference: Reference::Tag(tag),
        }
    }
}

impl From<PinnedImage> for UsedName {
    fn from(image: PinnedImage) -> Self {
        Self {
            text: image.to_string(),
            repository: Some(image.repository),
            reference: Reference::Digest(image.digest),
        }
    }
}

impl fmt::Display for UsedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for UsedName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// An image that must not be deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct UsedImage {
    /// Its name.
    pub image: UsedName,
    /// Why not.
    pub role: Role,
    /// Who says so, such as `service web`.
    pub by: Option<String>,
}

impl UsedImage {
    /// Whether this image of this repository is meant.
    pub(super) fn names(&self, repository: &Repository, image: &ImageRecord) -> bool {
        self.image.names(repository, image)
    }

    /// Whether it is said to be in this repository and in no other.
    pub(super) fn is_in(&self, repository: &Repository) -> bool {
        self.image.is_in(repository)
    }
}

/// The images that must not be deleted, whatever their age. Those of other repositories may be among them: a list of all
/// that a cluster runs is good for each of its repositories.
///
/// Give the digests of what runs and not only the tags of its task definitions: a tag that moved since names another image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct InUse {
    images: Vec<UsedImage>,
}

impl InUse {
    /// A list without an image.
    pub const fn new() -> Self {
        Self { images: Vec::new() }
    }

    /// Adds an image that runs, and by whom it is used.
    #[must_use]
    pub fn image(self, image: UsedName, by: Option<&str>) -> Self {
        self.add(image, Role::InUse, by)
    }

    /// Adds an image that a deployment may go back to, and which one.
    #[must_use]
    pub fn rollback_target(self, image: UsedName, by: Option<&str>) -> Self {
        self.add(image, Role::RollbackTarget, by)
    }

    fn add(mut self, image: UsedName, role: Role, by: Option<&str>) -> Self {
        self.images.push(UsedImage {
            image,
            role,
            by: by.map(str::to_owned),
        });
        self
    }

    /// The images.
    pub fn images(&self) -> &[UsedImage] {
        &self.images
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

    fn repository() -> Repository {
        format!("{HOST}/dev/app").parse().unwrap()
    }

    fn image() -> ImageRecord {
        ImageRecord::new(Digest::of(b"app"))
            .tags(["v1".parse().unwrap(), "latest".parse().unwrap()])
    }

    #[test]
    fn names_as_people_and_task_definitions_write_them() {
        let digest = Digest::of(b"app");
        for text in [
            digest.to_string(),
            "v1".to_owned(),
            format!("{HOST}/dev/app:v1"),
            format!("{HOST}/dev/app"),
            format!("{HOST}/dev/app@{digest}"),
            format!("{HOST}/dev/app:gone@{digest}"),
            format!("elsewhere.example/other@{digest}"),
            "mirror.example:5000/dev/app:v1".to_owned(),
        ] {
            let name: UsedName = text.parse().unwrap();
            assert!(name.names(&repository(), &image()), "{text}");
            assert_eq!(name.to_string(), text);
        }
        for text in [
            Digest::of(b"other").to_string(),
            "v2".to_owned(),
            format!("{HOST}/dev/app:v2"),
            format!("{HOST}/prod/app:v1"),
            format!("{HOST}/dev/app:v1@{}", Digest::of(b"other")),
            "nginx:v1".to_owned(),
            "amazon/aws-xray-daemon".to_owned(),
        ] {
            let name: UsedName = text.parse().unwrap();
            assert!(!name.names(&repository(), &image()), "{text}");
        }
    }

    #[test]
    fn a_name_belongs_to_the_repository_it_says_or_to_the_one_looked_at() {
        for (text, is_in) in [
            ("v2".to_owned(), true),
            (format!("{HOST}/dev/app:v2"), true),
            ("mirror.example/dev/app:v2".to_owned(), false),
            ("nginx:1.27".to_owned(), false),
        ] {
            let name: UsedName = text.parse().unwrap();
            assert_eq!(name.is_in(&repository()), is_in, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "sha256:123",
            "a b",
            "host.example/app@v1",
            "Nginx:1",
            "/:x",
            ":v1",
        ] {
            let error = text.parse::<UsedName>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}", ascii in "[a-z:/@.0-9]{0,40}") {
            let _ = text.parse::<UsedName>();
            let _ = ascii.parse::<UsedName>();
        }
    }
}
