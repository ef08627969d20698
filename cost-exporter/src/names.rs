//! Names, each of a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text is no name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is no {kind}: {reason}")]
pub struct InvalidName {
    kind: &'static str,
    name: String,
    reason: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Option<&'static str> = $check;
                match check(text) {
                    None => Ok(Self(text.to_owned())),
                    Some(reason) => Err(InvalidName {
                        kind: $kind,
                        name: text.chars().take(80).collect(),
                        reason,
                    }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The key of a cost allocation tag, such as `Environment`.
    TagKey, "tag key",
    |text| match text {
        _ if text.trim().is_empty() => Some("it is empty"),
        _ if text.chars().count() > 128 => Some("it has more than 128 characters"),
        _ if text.contains('$') => Some("Cost Explorer writes `key$value`, so a `$` in it cannot be told apart"),
        _ if text.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    }
);
name!(
    /// An AWS service as the bill calls it, such as `Amazon Elastic Container Service`.
    BilledService, "billed service",
    |text| if text.is_empty() { Some("it is empty") } else { None }
);
name!(
    /// Whose bill costs are of, such as `account 123456789012`. A ledger is of one bill.
    BillName, "bill",
    |text| match text {
        _ if text.trim().is_empty() => Some("it is empty"),
        _ if text.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    }
);
name!(
    /// A currency's code, such as `USD`.
    Currency, "currency",
    |text| match text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => None,
        false => Some("a currency is three capital letters, such as USD"),
    }
);
name!(
    /// The name of a budget.
    BudgetName, "budget name",
    |text| match text {
        _ if text.trim().is_empty() => Some("it is empty"),
        _ if text.chars().any(char::is_control) => Some("it has a control character"),
        _ if text.chars().count() > 100 => Some("it has more than 100 characters"),
        _ => None,
    }
);
name!(
    /// The name under which the ledger keeps what a sink was given. Two sinks of one run have different ones.
    SinkName, "sink name",
    |text| match text {
        _ if text.is_empty() => Some("it is empty"),
        _ if text.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    }
);

/// What stands for costs without an environment tag.
pub(crate) const UNTAGGED: &str = "untagged";

/// Whose costs they are: the value of the environment tag, or none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CostEnvironment {
    /// Resources without the tag, with an empty value of it, and costs that cannot be tagged.
    Untagged,
    /// Resources with this value of the tag.
    Tagged(String),
}

impl CostEnvironment {
    /// The tag's value, or `untagged`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Untagged => UNTAGGED,
            Self::Tagged(value) => value,
        }
    }
}

impl From<String> for CostEnvironment {
    fn from(value: String) -> Self {
        // A tag whose value is the word itself means the same: the sums stay whole.
        match value.is_empty() || value == UNTAGGED {
            true => Self::Untagged,
            false => Self::Tagged(value),
        }
    }
}

impl From<&str> for CostEnvironment {
    fn from(value: &str) -> Self {
        value.to_owned().into()
    }
}

impl From<CostEnvironment> for String {
    fn from(environment: CostEnvironment) -> Self {
        environment.as_str().to_owned()
    }
}

impl fmt::Display for CostEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_are_refused_with_the_reason() {
        let error = "a$b".parse::<TagKey>().unwrap_err().to_string();
        assert!(error.contains("`a$b` is no tag key"), "{error}");
        assert!("usd".parse::<Currency>().is_err() && "USD".parse::<Currency>().is_ok());
        assert!(" ".parse::<BudgetName>().is_err());
    }

    #[test]
    fn an_empty_value_is_no_environment() {
        assert_eq!(CostEnvironment::from(""), CostEnvironment::Untagged);
        assert_eq!(CostEnvironment::from("untagged"), CostEnvironment::Untagged);
        assert_eq!(CostEnvironment::from("prod").as_str(), "prod");
    }
}
