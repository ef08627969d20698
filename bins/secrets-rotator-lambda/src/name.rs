//! Names of secrets, their versions and users.

use std::fmt;
use std::str::FromStr;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: {rule}")]
pub struct InvalidName {
    text: String,
    what: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    // What is no name may be anything, and of any length.
                    let text = text.chars().filter(|c| !c.is_control()).take(100).collect();
                    Err(InvalidName { text, what: $what, rule: $rule })
                }
            }
        }
    };
}

name!(
    /// What Secrets Manager finds a secret by: its ARN, or its name.
    SecretId,
    "id of a secret",
    "an id is an ARN or a name, up to 2,048 printable characters without blanks",
    |text| is_graphic(text, 1, 2048)
);
name!(
    /// The name of a secret, such as `sdt/dev/redis-password`.
    SecretName,
    "name of a secret",
    "a name has up to 512 printable characters without blanks",
    |text| is_graphic(text, 1, 512)
);
name!(
    /// The version of a secret that a rotation makes, which Secrets Manager calls the client request token.
    VersionId,
    "version of a secret",
    "a version is a text of 32 to 64 printable characters without blanks",
    |text| is_graphic(text, 32, 64)
);
name!(
    /// The user whose password is rotated.
    UserName,
    "name of a user",
    "a name has up to 128 printable characters without blanks and colons",
    |text| is_graphic(text, 1, 128) && !text.contains(':')
);

fn is_graphic(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What shows Secrets Manager, in a rotation across accounts, on whose behalf a function speaks. A secret itself.
#[derive(Clone, PartialEq, Eq)]
pub struct RotationToken(String);

impl RotationToken {
    /// Takes whatever the event holds.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for Secrets Manager alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RotationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotationToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_32_to_64_characters() {
        for length in [32, 64] {
            assert!("a".repeat(length).parse::<VersionId>().is_ok());
        }
        for text in ["a".repeat(31), "a".repeat(65), "a b".repeat(12)] {
            let error = text.parse::<VersionId>().unwrap_err().to_string();
            assert!(
                error.contains(&text) && error.contains("32 to 64"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_no_name_is_shown_without_its_control_characters_and_not_whole() {
        let error = format!("\u{1b}[1m{}", "x".repeat(5000))
            .parse::<SecretId>()
            .unwrap_err();
        assert!(!error.to_string().contains('\u{1b}') && error.to_string().len() < 300);
    }
}
