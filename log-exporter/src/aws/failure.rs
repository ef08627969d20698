//! Errors of the SDKs, in the crate's words.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::Error;

/// A call, for errors: what it does, and the IAM action that it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
}

/// An error with all its causes: an SDK error by itself says "dispatch failure" and no more.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |error| error.source()) {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

/// What AWS said.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    request_id: Option<String>,
}

impl Call {
    /// What AWS said, or the error if it said nothing.
    pub(super) fn said<E>(self, error: SdkError<E, HttpResponse>) -> Result<Said, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let SdkError::ServiceError(context) = &error else {
            return Err(self.lost(chain(&error)));
        };
        if context.raw().status().is_success() {
            return Err(self.lost(chain(&error)));
        }
        Ok(Said {
            status: context.raw().status().as_u16(),
            code: context.err().code().map(str::to_owned),
            message: context.err().message().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
        })
    }

    /// The call failed.
    pub(super) fn failed(self, said: Said) -> Error {
        let Self { operation, action } = self;
        let Said {
            status,
            code,
            message,
            request_id,
        } = said;
        match (code.as_deref(), status) {
            (
                Some(
                    "ThrottlingException"
                    | "Throttling"
                    | "ThrottledException"
                    | "SlowDown"
                    | "RequestLimitExceeded"
                    | "TooManyRequestsException",
                ),
                _,
            )
            | (_, 429) => Error::Throttled {
                operation,
                request_id,
            },
            (
                Some(
                    "AccessDeniedException"
                    | "AccessDenied"
                    | "UnrecognizedClientException"
                    | "ExpiredTokenException"
                    | "ExpiredToken"
                    | "RequestExpired"
                    | "InvalidSignatureException"
                    | "SignatureDoesNotMatch"
                    | "InvalidAccessKeyId"
                    | "MissingAuthenticationTokenException"
                    | "InvalidClientTokenId"
                    | "Forbidden",
                ),
                _,
            )
            | (None, 401 | 403) => Error::Denied {
                operation,
                action,
                code,
                message,
                request_id,
            },
            // The request did not arrive as it was sent. What was sent is right, as the digest is computed here.
            (
                Some(
                    "RequestTimeout" | "BadDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody",
                ),
                _,
            )
            // AWS is in trouble, or two conditional writes met; in neither case was the request judged.
            | (_, 409 | 500..) => {
                let code = code.unwrap_or_else(|| status.to_string());
                let mut text = code;
                let request = request_id.map(|id| format!("request {id}"));
                for part in [message, request].into_iter().flatten() {
                    text.push_str(": ");
                    text.push_str(&part);
                }
                self.lost(text)
            }
            _ => Error::Refused {
                operation,
                code: code.or_else(|| Some(status.to_string())),
                message,
                request_id,
            },
        }
    }

    /// There was no answer, or none that can be understood.
    pub(super) fn lost(self, why: impl Into<String>) -> Error {
        Error::Unreachable {
            operation: self.operation,
            source: why.into().into(),
        }
    }
}
