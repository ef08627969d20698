//! The identity of a build.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The fewest characters that tell one commit from another: what git itself abbreviates to.
const SHORTEST: usize = 7;

/// The most characters of a commit id: SHA-256 in hexadecimal.
const LONGEST: usize = 64;

/// The commit that a build was made from, abbreviated or full: 7 to 64 hexadecimal digits, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(String);

/// Why a text is no [`Revision`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a revision: a revision is 7 to 64 hexadecimal digits")]
pub struct InvalidRevision {
    text: String,
}

impl InvalidRevision {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("give a commit id, as `git rev-parse HEAD` prints it".to_owned())
    }
}

impl Revision {
    /// The digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..SHORTEST]
    }

    /// Whether both name the same commit: the shorter one is the beginning of the longer one.
    ///
    /// Builds tell an abbreviated id or a full one, depending on how they were configured, so equality is not enough.
    ///
    /// ```
    /// use health_checker::Revision;
    ///
    /// let full: Revision = "9ab01cd5e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6".parse()?;
    /// assert!(full.matches(&"9ab01cd".parse()?));
    /// assert!(!full.matches(&"9ab01ce".parse()?));
    /// # Ok::<(), health_checker::InvalidRevision>(())
    /// ```
    pub fn matches(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (SHORTEST..=LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_hexdigit());
        if fits {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidRevision {
                text: crate::text::clean(text, 80),
            })
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seven_to_sixty_four_hexadecimal_digits_are_a_revision() {
        for good in ["9ab01cd", &"a".repeat(40), &"0".repeat(64)] {
            assert_eq!(good.parse::<Revision>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "9ab01c",
            &"a".repeat(65),
            "9ab01cg",
            "9ab01cd ",
            "9ab01cd-dirty",
            "äöüäöüä",
        ] {
            assert!(bad.parse::<Revision>().is_err(), "{bad}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        let (upper, lower): (Revision, Revision) =
            ("9AB01CD".parse().unwrap(), "9ab01cd".parse().unwrap());
        assert_eq!(upper, lower);
    }

    proptest! {
        #[test]
        fn a_revision_matches_each_of_its_abbreviations_and_no_other(full in "[0-9a-f]{40}", cut in 7_usize..40, digit in 0_usize..7) {
            let whole: Revision = full.parse().unwrap();
            let short: Revision = full[..cut].parse().unwrap();
            prop_assert!(whole.matches(&short) && short.matches(&whole));
            let mut other = full.into_bytes();
            other[digit] = if other[digit] == b'0' { b'1' } else { b'0' };
            let other: Revision = String::from_utf8(other).unwrap().parse().unwrap();
            prop_assert!(!other.matches(&short) && !short.matches(&other));
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = text.parse::<Revision>();
        }
    }
}
