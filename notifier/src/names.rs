//! The names that could be mixed up: the environment and the commit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::clean::is_unprintable;

/// The name of the environment a report is about, as people call it: `dev`, `staging`, `eu-production`.
///
/// At most 64 characters on one line, so that it fits a title; any script is welcome.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Environment(String);

/// The name given for an environment cannot be shown in a title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an environment's name is 1 to 64 characters on one line without spaces at its ends, not `{}`", .0.escape_debug())]
pub struct InvalidEnvironment(String);

impl InvalidEnvironment {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("call it as people do, such as `dev` or `eu-production`".to_owned())
    }
}

impl Environment {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Environment {
    type Err = InvalidEnvironment;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let fits = !name.is_empty() && name.chars().nth(Self::MAX_CHARS).is_none();
        if fits && name.trim() == name && !name.chars().any(is_unprintable) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidEnvironment(name.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Environment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A git commit, by its full name or an abbreviation of it: 4 to 64 hexadecimal digits, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Commit(String);

/// The text given for a commit is not a commit's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a commit is 4 to 64 hexadecimal digits, not `{}`", .0.escape_debug())]
pub struct InvalidCommit(String);

impl InvalidCommit {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("give a commit's id, as `git rev-parse HEAD` prints it".to_owned())
    }
}

impl Commit {
    /// The name as it was given, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, which is what people read.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl FromStr for Commit {
    type Err = InvalidCommit;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if (4..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(name.to_ascii_lowercase()))
        } else {
            Err(InvalidCommit(name.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Commit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_one_short_line() {
        for name in ["dev", "EU production", "größe-1", &"e".repeat(64)] {
            assert_eq!(name.parse::<Environment>().unwrap().as_str(), name);
        }
        for name in [
            "",
            " dev",
            "dev ",
            "de\nv",
            "de\u{1b}v",
            "de\u{202e}v",
            &"e".repeat(65),
        ] {
            assert!(name.parse::<Environment>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_commit_is_hexadecimal_and_has_a_short_form() {
        let commit: Commit = "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12".parse().unwrap();
        assert_eq!(commit.as_str(), "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12");
        assert_eq!(commit.short(), "2fd4e1c");
        assert_eq!("2fd4".parse::<Commit>().unwrap().short(), "2fd4");
        assert!("main".parse::<Commit>().unwrap_err().hint().is_some());
        for name in ["", "2fd", "main", "2fd4e1c6 ", &"a".repeat(65)] {
            assert!(name.parse::<Commit>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_name_read_from_json_is_validated_too() {
        assert!(serde_json::from_str::<Environment>("\"de\\nv\"").is_err());
        assert!(serde_json::from_str::<Commit>("\"main\"").is_err());
        assert_eq!(
            serde_json::from_str::<Commit>("\"ABCD\"").unwrap().as_str(),
            "abcd"
        );
    }
}
