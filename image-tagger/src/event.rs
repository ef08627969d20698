//! What a push tells as it goes.

use serde::Serialize;

use crate::{BlobOutcome, Digest, Tag};

/// Something that happened during a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Event {
    /// The image was read: this is what will be pushed.
    Planned {
        /// The image's digest.
        digest: Digest,
        /// How many blobs it has.
        blobs: usize,
        /// Their length, all together, in bytes.
        bytes: u64,
    },
    /// A part of a blob is on its way. It begins anew when an upload is repeated.
    BlobProgress {
        /// The blob.
        digest: Digest,
        /// The bytes that were handed to the connection so far.
        sent: u64,
        /// The blob's length in bytes.
        size: u64,
    },
    /// A blob is in the registry.
    BlobPushed {
        /// The blob.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// How it came there.
        #[serde(flatten)]
        outcome: BlobOutcome,
    },
    /// The manifest is in the registry, confirmed by its digest.
    ManifestVerified {
        /// The digest.
        digest: Digest,
    },
    /// A tag names the image, read back.
    TagVerified {
        /// The tag.
        tag: Tag,
        /// The image.
        digest: Digest,
    },
    /// Something that is attached to the image is in the registry.
    AttachmentPushed {
        /// Its digest.
        digest: Digest,
    },
    /// The moving tag was left where it is.
    TagHeldBack {
        /// The tag.
        tag: Tag,
        /// Why.
        reason: String,
    },
}

/// Hears the events of a push.
pub trait Observer: Send + Sync {
    /// Takes note of an event. Must not block.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}
