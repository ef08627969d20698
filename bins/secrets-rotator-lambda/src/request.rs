//! What Secrets Manager asks for.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::name::{InvalidName, RotationToken, SecretId, VersionId};

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Makes a password and keeps it as the pending version.
    Create,
    /// Makes the service take the pending password.
    Set,
    /// Tries the pending password.
    Test,
    /// Makes the pending version the current one.
    Finish,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// What Secrets Manager calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Step {
    type Err = InvalidRequest;

    fn from_str(text: &str) -> Result<Self, InvalidRequest> {
        let step = Self::ALL.into_iter().find(|step| step.as_str() == text);
        step.ok_or_else(|| InvalidRequest::UnknownStep {
            step: text.chars().filter(|c| !c.is_control()).take(50).collect(),
        })
    }
}

/// A step that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Which step.
    pub step: Step,
    /// Of which secret.
    pub secret: SecretId,
    /// Which of its versions becomes the current one.
    pub version: VersionId,
    /// What has to be shown when the new version is put, if something has.
    pub token: Option<RotationToken>,
}

/// Why an event asks for nothing that can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A key is not there or holds no text.
    #[error("the event holds no text under `{key}`: it is none of Secrets Manager's rotation")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// No step has this name.
    #[error(
        "`{step}` is no step: a rotation has createSecret, setSecret, testSecret and finishSecret"
    )]
    UnknownStep {
        /// The name.
        step: String,
    },
    /// A name is none.
    #[error("the event holds no usable `{key}`")]
    Name {
        /// The key it stands under.
        key: &'static str,
        /// What is wrong with it.
        source: InvalidName,
    },
}

impl Request {
    /// A step of a rotation within one account.
    #[must_use]
    pub const fn new(step: Step, secret: SecretId, version: VersionId) -> Self {
        Self {
            step,
            secret,
            version,
            token: None,
        }
    }

    /// Reads the event that Secrets Manager calls a function with.
    pub fn from_event(event: &Value) -> Result<Self, InvalidRequest> {
        let text = |key: &'static str| {
            let text = event.get(key).and_then(Value::as_str);
            text.ok_or(InvalidRequest::Missing { key })
        };
        let wrong = |key| move |source| InvalidRequest::Name { key, source };
        Ok(Self {
            step: text("Step")?.parse()?,
            secret: text("SecretId")?.parse().map_err(wrong("SecretId"))?,
            version: text("ClientRequestToken")?
                .parse()
                .map_err(wrong("ClientRequestToken"))?,
            token: text("RotationToken").ok().map(RotationToken::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_read_with_the_names_that_secrets_manager_gives() {
        for step in Step::ALL {
            let event = json!({"Step": step.as_str(), "SecretId": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf", "ClientRequestToken": "0".repeat(32), "RotationToken": "hunter2"});
            let request = Request::from_event(&event).unwrap();
            assert_eq!(request.step, step);
            assert_eq!(request.token.as_ref().unwrap().reveal(), "hunter2");
            assert!(!format!("{request:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_wrong_with_an_event_is_named() {
        let version = "0".repeat(32);
        for (event, part) in [
            (json!(null), "`Step`"),
            (json!({"Step": "dropSecret"}), "`dropSecret`"),
            (json!({"Step": "setSecret", "SecretId": 1}), "`SecretId`"),
            (
                json!({"Step": "setSecret", "SecretId": "a b", "ClientRequestToken": version}),
                "`SecretId`",
            ),
            (
                json!({"Step": "setSecret", "SecretId": "a", "ClientRequestToken": "short"}),
                "`ClientRequestToken`",
            ),
        ] {
            let error = Request::from_event(&event).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
