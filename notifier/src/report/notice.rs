//! Words from elsewhere.

use serde::{Deserialize, Serialize};

use super::Severity;

/// A message of which only its words are known, such as a plain text that someone published to a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Notice {
    /// What it is about; any text will do.
    pub title: String,
    /// What it says. Lines stay lines, as far as there is room.
    #[serde(default)]
    pub text: String,
    /// How urgent it is.
    #[serde(default)]
    pub severity: Severity,
    /// Where it comes from, such as the name of a topic.
    pub source: Option<String>,
    /// Where there is more; only `http` and `https` become links.
    pub url: Option<String>,
}

impl Notice {
    /// A notice that asks for nothing.
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            text: text.into(),
            severity: Severity::Info,
            source: None,
            url: None,
        }
    }

    /// Says how urgent it is.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Says where it comes from.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says where there is more.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }
}
