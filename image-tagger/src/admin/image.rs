//! What a repository says about an image that it holds.

use jiff::Timestamp;
use serde::Serialize;

use crate::{Digest, Tag};

/// An image as its repository lists it: a manifest with the tags that name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageRecord {
    /// What it is.
    pub digest: Digest,
    /// The tags that name it, sorted.
    pub tags: Vec<Tag>,
    /// When it was pushed, if that is known. A later tag does not change it.
    pub pushed_at: Option<Timestamp>,
    /// Its size in bytes, if that is known: its layers, compressed, whether others share them or not.
    pub size: Option<u64>,
    /// The manifests that it lists, if it is an index.
    pub children: Vec<Digest>,
    /// What it is about, if it is a signature, an SBOM or another attestation.
    pub subject: Option<Digest>,
}

impl ImageRecord {
    /// An image without a tag, of which nothing else is known.
    pub const fn new(digest: Digest) -> Self {
        Self {
            digest,
            tags: Vec::new(),
            pushed_at: None,
            size: None,
            children: Vec::new(),
            subject: None,
        }
    }

    /// The same image with these tags.
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = Tag>) -> Self {
        self.tags = tags.into_iter().collect();
        self.tags.sort();
        self.tags.dedup();
        self
    }

    /// The same image, pushed at this time.
    #[must_use]
    pub const fn pushed_at(mut self, at: Timestamp) -> Self {
        self.pushed_at = Some(at);
        self
    }

    /// The same image, of this size in bytes.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The same image as an index of these manifests.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Digest>) -> Self {
        self.children = children.into_iter().collect();
        self
    }

    /// The same image as one that is about another.
    #[must_use]
    pub fn subject(mut self, subject: Digest) -> Self {
        self.subject = Some(subject);
        self
    }

    /// What the image is about: its [`subject`](Self::subject), or, where it has none, the digest in a tag such as
    /// `sha256-<64 hex digits>.sig`, by which cosign and the OCI specification attach what a registry cannot link.
    pub fn is_about(&self) -> Option<Digest> {
        self.subject
            .clone()
            .or_else(|| self.tags.iter().find_map(attached_to))
    }

    /// The tags that people gave it: all but those that only attach it to another image.
    pub fn own_tags(&self) -> impl Iterator<Item = &Tag> {
        self.tags.iter().filter(|tag| attached_to(tag).is_none())
    }
}

/// The image that a tag attaches something to (OCI distribution spec 1.1, "Referrers Tag Schema"; cosign adds a suffix).
fn attached_to(tag: &Tag) -> Option<Digest> {
    let rest = tag.as_str().strip_prefix("sha256-")?;
    let hex = rest.get(..64)?;
    let suffix = &rest[64..];
    if !(suffix.is_empty() || suffix.starts_with('.')) {
        return None;
    }
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_the_referrers_schema_attaches() {
        let image = Digest::of(b"image");
        let hex = image.hex();
        for tag in [
            format!("sha256-{hex}"),
            format!("sha256-{hex}.sig"),
            format!("sha256-{hex}.att"),
        ] {
            let record = ImageRecord::new(Digest::of(b"x")).tags([tag.parse().unwrap()]);
            assert_eq!(record.is_about(), Some(image.clone()), "{tag}");
            assert_eq!(record.own_tags().count(), 0);
        }
        for tag in [
            format!("sha256-{}", &hex[1..]),
            format!("sha256-{hex}x"),
            format!(
                "sha256-{}",
                hex.to_uppercase()
                    .replace(|c: char| c.is_ascii_digit(), "A")
            ),
            "sha256-".to_owned(),
        ] {
            let record = ImageRecord::new(Digest::of(b"x")).tags([tag.parse().unwrap()]);
            assert_eq!(record.is_about(), None, "{tag}");
            assert_eq!(record.own_tags().count(), 1);
        }
    }

    #[test]
    fn a_subject_stands_before_a_tag() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let tag = format!("sha256-{}.sig", two.hex()).parse().unwrap();
        let record = ImageRecord::new(Digest::of(b"x"))
            .tags([tag])
            .subject(one.clone());
        assert_eq!(record.is_about(), Some(one));
    }
}
