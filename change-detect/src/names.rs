//! The names of commits and modules.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::path::always_quoted;

/// The full id of a commit: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
///
/// Upper-case digits are accepted and made lower-case. Abbreviations and names are not ids:
/// [`DiffSource::resolve`](crate::DiffSource::resolve) turns them into one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(String);

/// Text that is not the full id of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{id}` is not a full commit id: it takes 40 or 64 hexadecimal digits")]
pub struct InvalidCommitId {
    id: String,
}

impl CommitId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl FromStr for CommitId {
    type Err = InvalidCommitId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        if matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(id.to_ascii_lowercase()))
        } else {
            Err(InvalidCommitId { id: id.to_owned() })
        }
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for CommitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The name of a module, unique among the modules of one commit.
///
/// Layout `directories` names a module after its folder, `maven` after its artifactId. Where two would get the same name,
/// each is named in full instead: by its path, or as `groupId:artifactId`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(String);

/// Text that cannot be the name of a module.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is not a module name: it is empty, begins or ends with a space, or has control characters", name.escape_debug())]
pub struct InvalidModuleName {
    name: String,
}

impl ModuleName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that a text gives, quoted as git quotes paths if it could not stand as it is.
    pub(crate) fn of(text: &str) -> Self {
        text.parse()
            .unwrap_or_else(|_| Self(always_quoted(text.as_bytes())))
    }

    /// Whether both could name the same module, one more fully than the other: `api` and `services/api`, `g:api` and
    /// `g:api:1`. That of a path that is quoted as well.
    pub(crate) fn is_form_of(&self, other: &Self) -> bool {
        let parts = |name: &Self| -> Vec<String> {
            let parts = name.0.trim_matches('"').split(['/', ':']);
            parts
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let (mine, others) = (parts(self), parts(other));
        let (short, long) = if mine.len() <= others.len() {
            (&mine, &others)
        } else {
            (&others, &mine)
        };
        // With a version at the end that is another.
        let coordinates = |parts: &[String]| parts.len() == 3;
        long.windows(short.len().max(1)).any(|part| part == short)
            || (coordinates(&mine) && coordinates(&others) && mine[..2] == others[..2])
    }
}

impl FromStr for ModuleName {
    type Err = InvalidModuleName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
            Err(InvalidModuleName {
                name: name.to_owned(),
            })
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for ModuleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_id_has_40_or_64_digits() {
        for digits in [0, 7, 39, 41, 63, 65] {
            assert!(
                "a".repeat(digits).parse::<CommitId>().is_err(),
                "{digits} digits"
            );
        }
        for digits in [40, 64] {
            assert_eq!(
                "a".repeat(digits)
                    .parse::<CommitId>()
                    .unwrap()
                    .as_str()
                    .len(),
                digits
            );
        }
    }

    #[test]
    fn a_commit_id_is_hexadecimal_and_lower_case() {
        assert!("g".repeat(40).parse::<CommitId>().is_err());
        assert!("é".repeat(20).parse::<CommitId>().is_err());
        let id: CommitId = "ABCDEF0".repeat(8)[..40].parse().unwrap();
        assert_eq!(id.short(), "abcdef0");
    }

    #[test]
    fn what_cannot_stand_as_it_is_is_quoted() {
        for (text, name) in [
            ("a b", "a b"),
            (" a", "\" a\""),
            ("a\n", "\"a\\n\""),
            ("", "\"\""),
        ] {
            assert_eq!(ModuleName::of(text).as_str(), name);
            assert_eq!(ModuleName::of(text), name.parse().unwrap());
        }
    }

    #[test]
    fn a_name_can_be_a_form_of_another() {
        let name = |name: &str| name.parse::<ModuleName>().unwrap();
        for (one, other, expected) in [
            ("api", "services/api", true),
            ("services/api", "api", true),
            ("\"caf\\351\"", "\"a/caf\\351\"", true),
            ("api", "g:api:1", true),
            ("g:api:1", "g:api:2", true),
            ("api", ":libs:api", true),
            ("api", "services/apis", false),
            ("api", "web", false),
        ] {
            assert_eq!(
                name(one).is_form_of(&name(other)),
                expected,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_module_name_is_one_line_of_visible_text() {
        for name in ["", " ", "a\nb", "a\u{1b}[1m", " a", "a "] {
            assert!(name.parse::<ModuleName>().is_err(), "{name:?}");
        }
        assert_eq!(
            "com.acme:user-service"
                .parse::<ModuleName>()
                .unwrap()
                .to_string(),
            "com.acme:user-service"
        );
    }
}
