//! What a target is called.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The most characters of a name.
const LONGEST: usize = 200;

/// What people call a target: one line of 1 to 200 characters, without spaces around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetName(String);

/// Why a text is no [`TargetName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a target's name: a name is one line of 1 to 200 characters without spaces around it"
)]
pub struct InvalidTargetName {
    text: String,
}

impl TargetName {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TargetName {
    type Err = InvalidTargetName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cleaned = crate::text::clean(text, LONGEST);
        if text.is_empty() || text.trim() != text || cleaned != text {
            return Err(InvalidTargetName {
                text: crate::text::clean(text, 80),
            });
        }
        Ok(Self(cleaned))
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TargetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_visible_line() {
        for good in [
            "user-service",
            "alb.example.com/api/users",
            "Zahlungen (neu)",
            &"x".repeat(200),
        ] {
            assert_eq!(good.parse::<TargetName>().unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a\n", "a\u{1b}[2J", &"x".repeat(201)] {
            assert!(bad.parse::<TargetName>().is_err(), "{bad:?}");
        }
    }
}
