//! What a push did.

use serde::Serialize;

use crate::{Digest, PinnedImage, Repository, Tag};

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TagState {
    /// It did not exist.
    New,
    /// It named another image.
    Moved,
    /// It named this image already.
    Unchanged,
    /// It names the image of a newer commit and stays there.
    HeldBack,
}

/// What a push did; every tag in it was read back, or confirmed by the registry with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The repository.
    pub repository: Repository,
    /// The image's digest.
    pub digest: Digest,
    /// The tags, in the order in which they were put.
    pub tags: Vec<TagReceipt>,
    /// The image as it is to be deployed.
    pub pinned: PinnedImage,
    /// Bytes of blobs that were uploaded.
    pub bytes_pushed: u64,
    /// Bytes of blobs that were mounted.
    pub bytes_mounted: u64,
    /// Blobs that were there.
    pub blobs_skipped: u64,
    /// Requests that were sent, as far as the registry counts them.
    pub requests: u64,
    /// Requests that were repeated, as far as the registry counts them.
    pub retries: u64,
    /// What is attached to the image and was taken along: signatures, SBOMs, attestations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Digest>,
}

/// A tag of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TagReceipt {
    /// The tag.
    pub tag: Tag,
    /// What it named before.
    pub previous: Option<Digest>,
    /// What became of it.
    pub state: TagState,
    /// Whether it was read back, or its put confirmed with the digest, and names what it should: this image, or the newer
    /// one that it was left on.
    pub verified: bool,
    /// Why it was held back, or why it cannot be told whether it moved forward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
