//! Patterns of tags.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::Tag;

/// Which tags: a text in which each `*` stands for any number of characters, such as `latest` or `v*`.
///
/// It has the one wildcard that Amazon ECR has, and no more: a pattern means the same here, in a lifecycle policy and in
/// the exceptions from immutable tags. A richer language would protect images here that ECR deletes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagPattern(String);

/// A text that is not a pattern of tags.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a pattern of tags: it takes 1 to 128 letters, digits, `_`, `.`, `-` and `*`, which stands for anything"
)]
pub struct InvalidTagPattern(String);

impl TagPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many `*` it has.
    pub fn wildcards(&self) -> usize {
        self.0.bytes().filter(|b| *b == b'*').count()
    }

    /// Whether a tag is one of those it stands for, case mattering.
    pub fn matches(&self, tag: &Tag) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = tag.as_str().strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        // Without a wildcard, the first part is all there is.
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        // Each part at the first place where it is found: that leaves the most for those after it.
        for part in parts {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl FromStr for TagPattern {
    type Err = InvalidTagPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'*'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTagPattern(text.to_owned()))
        }
    }
}

impl From<Tag> for TagPattern {
    fn from(tag: Tag) -> Self {
        Self(tag.as_str().to_owned())
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TagPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, tag: &str) -> bool {
        let pattern: TagPattern = pattern.parse().unwrap();
        pattern.matches(&tag.parse().unwrap())
    }

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        for (pattern, tag) in [
            ("latest", "latest"),
            ("v*", "v1.2"),
            ("v*", "v"),
            ("*", "x"),
            ("*-rc", "1.0-rc"),
            ("v*.*", "v1.2"),
            ("a*b*b", "abb"),
            ("a**c", "abc"),
        ] {
            assert!(matches(pattern, tag), "{pattern} {tag}");
        }
        for (pattern, tag) in [
            ("latest", "latest1"),
            ("latest", "xlatest"),
            ("v*", "V1"),
            ("v*.*", "v1"),
            ("a*b*b", "ab"),
            ("aa*aa", "aaa"),
            ("1.0", "1x0"),
        ] {
            assert!(!matches(pattern, tag), "{pattern} {tag}");
        }
    }

    #[test]
    fn patterns_end_at_128_characters_and_know_one_wildcard() {
        assert!("*".repeat(128).parse::<TagPattern>().is_ok());
        for wrong in ["", &"a".repeat(129), "v?", "v[0-9]", "a/b", "{a,b}", "ä"] {
            assert!(wrong.parse::<TagPattern>().is_err(), "{wrong}");
        }
        assert_eq!("a*b*".parse::<TagPattern>().unwrap().wildcards(), 2);
    }

    /// The definition, slowly.
    fn slow(pattern: &[u8], tag: &[u8]) -> bool {
        match pattern.split_first() {
            None => tag.is_empty(),
            Some((b'*', rest)) => (0..=tag.len()).any(|at| slow(rest, &tag[at..])),
            Some((byte, rest)) => tag.first() == Some(byte) && slow(rest, &tag[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(pattern in "[ab*]{1,7}", tag in "[ab]{1,7}") {
            let is = matches(&pattern, &tag);
            prop_assert_eq!(is, slow(pattern.as_bytes(), tag.as_bytes()));
        }
    }
}
