//! What SonarQube calls its things.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::text;

/// SonarQube's own limit for a project's key; nothing else is longer.
const LONGEST: usize = 400;

/// Why a text is no name of that kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no {kind}: it must be 1 to 400 characters on one line, without spaces around them"
)]
pub struct InvalidName {
    kind: &'static str,
    text: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as the server writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let shown = text::clean(text, LONGEST);
                if text.is_empty() || text.trim() != text || shown != text {
                    let text = text::clean(text, 80);
                    return Err(InvalidName { kind: $kind, text });
                }
                Ok(Self(shown))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name!(
    /// A project, such as `org.example:user-service`.
    ProjectKey,
    "project key"
);
name!(
    /// A task of the server's compute engine, in which an analysis is worked up.
    TaskId,
    "task id"
);
name!(
    /// One analysis of a project.
    AnalysisId,
    "analysis id"
);
name!(
    /// A measure's kind, such as `coverage`.
    MetricKey,
    "metric key"
);
name!(
    /// A quality gate on the server.
    GateName,
    "name of a quality gate"
);
name!(
    /// A condition of a quality gate on the server.
    ConditionId,
    "condition id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_visible_line() {
        for good in ["org.example:user-service", "AU-TpxcA-iU5OvuD2FLz", "a b"] {
            assert_eq!(good.parse::<ProjectKey>().unwrap().as_str(), good);
        }
        for bad in ["", " a", "a\n", "a\u{1b}[31m", &"x".repeat(401)] {
            assert!(bad.parse::<MetricKey>().is_err(), "{bad:?}");
        }
        let error = "\n".parse::<TaskId>().unwrap_err().to_string();
        assert!(error.starts_with("`\u{fffd}` is no task id"), "{error}");
    }
}
