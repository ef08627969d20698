//! The errors of the API.

use serde_json::{Value, json};

use crate::Error;

/// Why a call is not answered with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

/// A call's answer, or why there is none.
pub(super) type Answer = Result<Value, Refusal>;

impl Refusal {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(super) fn server(message: impl Into<String>) -> Self {
        Self {
            status: 500,
            ..Self::new("ServerException", message)
        }
    }

    pub(super) fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    pub(super) fn no_cluster() -> Self {
        Self::new("ClusterNotFoundException", "Cluster not found.")
    }

    pub(super) fn no_service() -> Self {
        Self::new("ServiceNotFoundException", "Service not found.")
    }

    pub(super) fn body(&self) -> Value {
        json!({"__type": self.code, "message": self.message})
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::ClusterNotFound { .. } => Self::no_cluster(),
            Error::ServiceNotFound { .. } => Self::no_service(),
            Error::TaskDefinitionNotFound { .. } => Self::client("TaskDefinition not found."),
            Error::Refused { code, message, .. } => Self::new(
                code.as_deref().unwrap_or("ClientException"),
                message.unwrap_or_default(),
            ),
            Error::Throttled { .. } => Self::throttled(),
            other => Self::server(other.to_string()),
        }
    }
}
