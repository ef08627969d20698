//! What is asked of a repository's management, and how it answers.

use serde::Serialize;
use thiserror::Error;

use crate::TagPattern;

/// How a repository is set up when it is created: by default with tags that move and a scan of each image that is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepositoryOptions {
    /// Whether tags can move.
    pub tags: TagMutability,
    /// Whether each image is scanned when it is pushed.
    pub scan_on_push: bool,
}

impl Default for RepositoryOptions {
    fn default() -> Self {
        Self {
            tags: TagMutability::Mutable,
            scan_on_push: true,
        }
    }
}

impl RepositoryOptions {
    /// Sets whether tags can move.
    #[must_use]
    pub fn tags(mut self, tags: TagMutability) -> Self {
        self.tags = tags;
        self
    }

    /// Sets whether each image is scanned when it is pushed.
    #[must_use]
    pub const fn scan_on_push(mut self, scan: bool) -> Self {
        self.scan_on_push = scan;
        self
    }
}

/// Whether tags can move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "tags", content = "except", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TagMutability {
    /// Each tag can.
    Mutable,
    /// None can.
    Immutable,
    /// Those of these patterns can, no others; see [`immutable_except`](Self::immutable_except).
    ImmutableExcept(Vec<TagPattern>),
}

impl TagMutability {
    /// How many patterns ECR takes as exceptions.
    pub const MAX_EXCEPTIONS: usize = 5;
    /// How many wildcards ECR takes in each (Amazon ECR API Reference, `ImageTagMutabilityExclusionFilter`).
    pub const MAX_WILDCARDS: usize = 2;

    /// Tags that cannot move, but for those of these patterns, such as `latest`; without a pattern, none can.
    ///
    /// # Errors
    /// When there are more patterns or wildcards than ECR takes.
    pub fn immutable_except(
        patterns: impl IntoIterator<Item = TagPattern>,
    ) -> Result<Self, InvalidTagMutability> {
        let mut patterns: Vec<TagPattern> = patterns.into_iter().collect();
        patterns.sort();
        patterns.dedup();
        if patterns.len() > Self::MAX_EXCEPTIONS {
            return Err(InvalidTagMutability::TooMany {
                count: patterns.len(),
            });
        }
        if let Some(pattern) = patterns
            .iter()
            .find(|pattern| pattern.wildcards() > Self::MAX_WILDCARDS)
        {
            return Err(InvalidTagMutability::Wildcards {
                pattern: pattern.clone(),
            });
        }
        Ok(if patterns.is_empty() {
            Self::Immutable
        } else {
            Self::ImmutableExcept(patterns)
        })
    }
}

/// Exceptions from immutable tags that ECR does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidTagMutability {
    /// There are too many.
    #[error("{count} patterns of tags are to stay movable, and ECR takes up to {max}", max = TagMutability::MAX_EXCEPTIONS)]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// One has too many wildcards.
    #[error("the pattern `{pattern}` has {} wildcards, and ECR takes up to {max} in a pattern of tags that stay movable", pattern.wildcards(), max = TagMutability::MAX_WILDCARDS)]
    Wildcards {
        /// The pattern.
        pattern: TagPattern,
    },
}

/// What became of a repository that was to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Created {
    /// It was created.
    New,
    /// It existed, and keeps its settings.
    Existing,
}

/// What became of an image that was to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeleteOutcome {
    /// It is deleted, with all its tags.
    Deleted,
    /// There was none.
    NotFound,
    /// An index lists it, and stands in the way.
    Referenced {
        /// What the registry said.
        message: String,
    },
    /// The registry refused.
    Refused {
        /// The registry's code for that.
        code: String,
        /// What the registry said.
        message: String,
    },
    /// It may be deleted, or not.
    Unknown {
        /// Why that is not known.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<TagPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn exceptions_end_at_the_limits_of_ecr() {
        let five = patterns(&["a", "b", "c", "d*e*", "latest", "latest"]);
        assert!(matches!(
            TagMutability::immutable_except(five),
            Ok(TagMutability::ImmutableExcept(patterns)) if patterns.len() == 5
        ));
        let six = TagMutability::immutable_except(patterns(&["a", "b", "c", "d", "e", "f"]));
        assert_eq!(
            six.unwrap_err().to_string(),
            "6 patterns of tags are to stay movable, and ECR takes up to 5"
        );
        let wild = TagMutability::immutable_except(patterns(&["*a*b*"]));
        assert!(wild.unwrap_err().to_string().contains("`*a*b*` has 3"));
        assert_eq!(
            TagMutability::immutable_except([]),
            Ok(TagMutability::Immutable)
        );
    }
}
