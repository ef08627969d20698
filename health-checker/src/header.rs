//! Headers that go along with a question.

use std::fmt;
use std::str::FromStr;

use crate::text;

/// The most bytes of a value.
const LONGEST: usize = 8 * 1024;

/// A header of a request, written `Name: value`. The value may be a secret: `Debug` does not show it, and there is no
/// `Display`.
///
/// ```
/// use health_checker::Header;
///
/// let header: Header = "Authorization: Bearer s3cret".parse()?;
/// assert_eq!(header.name(), "Authorization");
/// assert!(!format!("{header:?}").contains("s3cret"));
/// # Ok::<(), health_checker::InvalidHeader>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: String,
}

/// Why a text is no [`Header`]. It never shows the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// There is no colon between a name and a value.
    #[error("the header has no colon: write `Name: value`")]
    NoColon,
    /// The name is none.
    #[error("`{name}` is not a header's name")]
    Name {
        /// The name, as far as it may be shown.
        name: String,
    },
    /// The value holds what a header cannot carry, or more than 8 KiB.
    #[error(
        "the value of the header `{name}` cannot be sent: it is one line of visible ASCII, of at most 8 KiB"
    )]
    Value {
        /// The header's name.
        name: String,
    },
}

impl Header {
    /// A header of this name and value.
    ///
    /// # Errors
    /// When either cannot be sent.
    pub fn new(name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > 100 || !name.bytes().all(is_token) {
            return Err(InvalidHeader::Name {
                name: text::clean(name, 40),
            });
        }
        let is_sendable = |b: u8| b == b'\t' || (b' '..=b'~').contains(&b);
        if value.len() > LONGEST || !value.bytes().all(is_sendable) {
            return Err(InvalidHeader::Value {
                name: name.to_owned(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }

    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    #[cfg(feature = "http")]
    pub(crate) fn for_hyper(
        &self,
    ) -> Option<(hyper::header::HeaderName, hyper::header::HeaderValue)> {
        let name = self.name.parse().ok()?;
        let mut value: hyper::header::HeaderValue = self.value.parse().ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

impl FromStr for Header {
    type Err = InvalidHeader;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once(':').ok_or(InvalidHeader::NoColon)?;
        Self::new(name.trim(), value.trim())
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({}: …)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_is_a_name_a_colon_and_a_line() {
        for good in ["X-Env: dev", "x:1", "A:", "Cookie: a=b; c=d"] {
            assert!(good.parse::<Header>().is_ok(), "{good}");
        }
        for bad in ["", "X-Env", ": v", "X Env: v", "X: a\nY: b", "X: ä"] {
            assert!(bad.parse::<Header>().is_err(), "{bad:?}");
        }
        let over = format!("X: {}", "x".repeat(LONGEST + 1));
        assert!(over.parse::<Header>().is_err());
        assert!(over[..over.len() - 1].parse::<Header>().is_ok());
    }

    proptest! {
        #[test]
        fn no_text_of_it_shows_the_value(name in "[A-Za-z -]{0,12}", end in "[\n\u{7f}]{0,1}") {
            let shown = match format!("{name}: hunter2{end}").parse::<Header>() {
                Ok(header) => format!("{header:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("hunter2"));
        }
    }
}
