//! Why an image is kept or deleted.

use std::fmt;
use std::num::NonZeroU32;

use serde::Serialize;

use super::in_use::{Role, UsedName};
use crate::{Digest, Tag, TagPattern};

/// Why an image is kept or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "reason",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Reason {
    /// Kept: it runs, or a deployment may go back to it.
    Used {
        /// Which of the two.
        role: Role,
        /// The name that it is used by.
        image: UsedName,
        /// Who uses it.
        by: Option<String>,
    },
    /// Kept: it is an index, and a manifest that it lists is in use or a rollback target.
    ListsUsed {
        /// The manifest.
        digest: Digest,
    },
    /// Kept: it has a protected tag.
    Protected {
        /// The tag.
        tag: Tag,
        /// What protects it.
        pattern: TagPattern,
    },
    /// Kept: it is one of the last tagged images.
    Last {
        /// How many are kept.
        keep: NonZeroU32,
    },
    /// Kept: it is untagged, and too young to judge.
    Young {
        /// Its age in full days.
        days: i64,
        /// How long such images are kept, in days.
        window: NonZeroU32,
    },
    /// Kept: nobody knows how old it is.
    AgeUnknown,
    /// Kept: an index that is kept lists it.
    PartOf {
        /// The index.
        index: Digest,
    },
    /// Kept: the image that it is about is kept.
    About {
        /// The image.
        subject: Digest,
    },
    /// Kept: something that is kept is about it.
    SubjectOf {
        /// What is about it.
        referrer: Digest,
    },
    /// Kept: its tags are others than when the plan was made.
    Retagged {
        /// Its tags now.
        tags: Vec<Tag>,
    },
    /// Deleted: it is tagged, and others were pushed after it.
    Superseded {
        /// How many are kept.
        keep: NonZeroU32,
    },
    /// Deleted: it is untagged, and has been long enough.
    Untagged {
        /// Its age in full days.
        days: i64,
        /// How long such images are kept, in days.
        window: NonZeroU32,
    },
    /// Deleted: the image that it is about is deleted.
    WithSubject {
        /// The image.
        subject: Digest,
    },
    /// Deleted: the image that it is about is not in the repository, and it has been there long enough.
    Orphaned {
        /// The image.
        subject: Digest,
        /// Its age in full days.
        days: i64,
        /// How long such images are kept, in days.
        window: NonZeroU32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used { role, image, by } => {
                let what = match role {
                    Role::InUse => "in use",
                    Role::RollbackTarget => "a rollback target",
                };
                match by {
                    Some(by) => write!(f, "{what} by {by} as `{image}`"),
                    None => write!(f, "{what} as `{image}`"),
                }
            }
            Self::ListsUsed { digest } => write!(
                f,
                "an index of `{digest}`, which is in use or a rollback target"
            ),
            Self::Protected { tag, pattern } if pattern.as_str() == tag.as_str() => {
                write!(f, "has the protected tag `{tag}`")
            }
            Self::Protected { tag, pattern } => {
                write!(f, "has the tag `{tag}`, protected by `{pattern}`")
            }
            Self::Last { keep } if keep.get() == 1 => f.write_str("the last tagged image"),
            Self::Last { keep } => write!(f, "one of the last {keep} tagged images"),
            Self::Young { days, window } => write!(
                f,
                "untagged, pushed {} ago, kept for {}",
                in_days(*days),
                in_days(window.get().into())
            ),
            Self::AgeUnknown => f.write_str("its age is not known"),
            Self::PartOf { index } => write!(f, "part of the index `{index}`"),
            Self::About { subject } => {
                write!(f, "belongs to `{subject}` (signature, SBOM or attestation)")
            }
            Self::SubjectOf { referrer } => write!(f, "`{referrer}`, which is kept, is about it"),
            Self::Retagged { tags } if tags.is_empty() => {
                f.write_str("lost its tags since the plan was made")
            }
            Self::Retagged { tags } => {
                let tags: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
                write!(f, "tagged since the plan was made: {}", tags.join(", "))
            }
            Self::Superseded { keep } if keep.get() == 1 => {
                f.write_str("tagged, and not the last tagged image")
            }
            Self::Superseded { keep } => {
                write!(f, "tagged, and not one of the last {keep} tagged images")
            }
            Self::Untagged { days, window } => write!(
                f,
                "untagged, pushed {} ago, kept for {}",
                in_days(*days),
                in_days(window.get().into())
            ),
            Self::WithSubject { subject } => {
                write!(f, "belongs to `{subject}`, which is deleted")
            }
            Self::Orphaned {
                subject,
                days,
                window,
            } => write!(
                f,
                "belongs to `{subject}`, which is not in the repository, pushed {} ago, kept for {}",
                in_days(*days),
                in_days(window.get().into())
            ),
        }
    }
}

fn in_days(days: i64) -> String {
    if days == 1 {
        "a day".to_owned()
    } else {
        format!("{days} days")
    }
}
