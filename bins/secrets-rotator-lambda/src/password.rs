//! The password that is rotated.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// The longest password that is taken, in characters.
const MOST: usize = 256;

/// A password, which shows itself to nobody by accident.
///
/// Printable ASCII alone: what more there is, MongoDB and its clients each prepare in their way before they use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why a text is not taken for a password. It never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It is longer than services take.
    #[error("it is longer than {MOST} characters")]
    TooLong,
    /// Something in it is no printable ASCII, such as the line break of an editor.
    #[error("it holds characters other than printable ASCII, such as a line break")]
    Unprintable,
    /// It is a document and not a password.
    #[error("it is a JSON document, where the password alone is expected")]
    Document,
    /// It is bytes and not text.
    #[error("it is binary, where a text is expected")]
    Binary,
}

impl Password {
    /// The password itself. It belongs into what is sent to a service, and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = InvalidPassword;

    fn from_str(text: &str) -> Result<Self, InvalidPassword> {
        if text.is_empty() {
            return Err(InvalidPassword::Empty);
        }
        if !text.chars().all(|character| matches!(character, ' '..='~')) {
            return Err(InvalidPassword::Unprintable);
        }
        if text.len() > MOST {
            return Err(InvalidPassword::TooLong);
        }
        if serde_json::from_str::<Map<String, Value>>(text).is_ok() {
            return Err(InvalidPassword::Document);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_printable_text_of_up_to_256_characters() {
        for text in ["a", " ", "p=a,ss{word}", "{", &"x".repeat(256)] {
            assert_eq!(text.parse::<Password>().unwrap().reveal(), text);
        }
        for (text, expected) in [
            ("", InvalidPassword::Empty),
            ("hunter2\n", InvalidPassword::Unprintable),
            ("hünter2", InvalidPassword::Unprintable),
            (&"x".repeat(257), InvalidPassword::TooLong),
            (r#"{"password": "hunter2"}"#, InvalidPassword::Document),
        ] {
            let error = text.parse::<Password>().unwrap_err();
            assert_eq!(error, expected);
            assert!(!format!("{error} {error:?}").contains("nter2"));
        }
    }

    #[test]
    fn nothing_shows_a_password() {
        let password: Password = "hunter2".parse().unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
    }
}
