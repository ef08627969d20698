//! What to keep by age and by tag.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{Tag, TagPattern};

/// What to keep by age and by tag: by default the last 10 tagged images, `latest`, and untagged ones for 14 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetentionPolicy {
    /// How many tagged images to keep, the last that were pushed. Protected ones are counted among them.
    pub keep_last: NonZeroU32,
    /// How many days to keep untagged images. There is no way to say none: between its manifest and its tags, each push has
    /// an image that is untagged.
    pub untagged_days: NonZeroU32,
    /// Images with such a tag are kept.
    pub protected: Vec<TagPattern>,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        let latest = "latest".parse().expect("a name is a pattern");
        Self::unprotected().protect(latest)
    }
}

impl RetentionPolicy {
    /// The default policy without a protected tag.
    pub const fn unprotected() -> Self {
        Self {
            keep_last: NonZeroU32::new(10).expect("it is not zero"),
            untagged_days: NonZeroU32::new(14).expect("it is not zero"),
            protected: Vec::new(),
        }
    }

    /// Sets how many tagged images to keep.
    #[must_use]
    pub const fn keep_last(mut self, count: NonZeroU32) -> Self {
        self.keep_last = count;
        self
    }

    /// Sets how many days to keep untagged images.
    #[must_use]
    pub const fn untagged_days(mut self, days: NonZeroU32) -> Self {
        self.untagged_days = days;
        self
    }

    /// Keeps images with such a tag too.
    #[must_use]
    pub fn protect(mut self, pattern: TagPattern) -> Self {
        if !self.protected.contains(&pattern) {
            self.protected.push(pattern);
        }
        self
    }

    /// The pattern that protects a tag.
    pub(super) fn protecting(&self, tag: &Tag) -> Option<&TagPattern> {
        self.protected.iter().find(|pattern| pattern.matches(tag))
    }

    /// Whether an untagged image of this age has had its time.
    pub(super) fn has_expired(&self, pushed_at: Timestamp, now: Timestamp) -> bool {
        let window = SignedDuration::from_hours(24 * i64::from(self.untagged_days.get()));
        now.duration_since(pushed_at) > window
    }
}
