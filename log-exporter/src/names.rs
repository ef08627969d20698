//! The names of accounts, regions and log groups.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is not a name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {kind}: {rule}")]
pub struct InvalidName {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { text: text.to_owned(), kind: $kind, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A log group's name.
    LogGroup, "a log group",
    "it takes 1 to 512 letters, digits, `_`, `-`, `/`, `.` and `#`",
    |text| (1..=512).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/.#".contains(&b))
);
name!(
    /// An AWS account.
    AccountId, "an AWS account", "it takes 12 digits",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// An AWS region.
    Region, "an AWS region", "it takes lower-case letters, digits and `-`, such as `us-east-1`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

/// A log group and where it is: the same name in two accounts is two groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The group.
    pub group: LogGroup,
}

impl Place {
    /// A group of an account in a region.
    pub const fn new(account: AccountId, region: Region, group: LogGroup) -> Self {
        Self {
            account,
            region,
            group,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}

/// Whose logs a source reads: those of one account in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Home {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl Home {
    /// Where a group is.
    pub fn of(place: &Place) -> Self {
        Self {
            account: place.account.clone(),
            region: place.region.clone(),
        }
    }

    /// Whether a group is here.
    pub fn is_of(&self, place: &Place) -> bool {
        self.account == place.account && self.region == place.region
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the account {}", self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_checked_at_their_limits() {
        assert!("/aws/lambda/a_b-c.d#1".parse::<LogGroup>().is_ok());
        assert!("a".repeat(512).parse::<LogGroup>().is_ok());
        for bad in [
            String::new(),
            "a".repeat(513),
            "a b".to_owned(),
            "a~b".to_owned(),
        ] {
            assert!(bad.parse::<LogGroup>().is_err(), "{bad}");
        }
        assert!("12345678901".parse::<AccountId>().is_err());
        assert!("US East".parse::<Region>().is_err());
    }
}
