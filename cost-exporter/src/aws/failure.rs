//! Errors of the SDKs, in the crate's words.

use std::io;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::Error;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A call, for errors: what it does, and the IAM action that it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
}

/// A failed call, and whether the other side can have acted on it.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Error,
    /// The HTTP status of the answer, if there was one.
    pub(super) status: Option<u16>,
    /// Whether it certainly did nothing.
    pub(super) without_effect: bool,
}

impl Call {
    /// The call failed. AWS's code, message and request id are kept: SDK errors show none of them by themselves.
    pub(super) fn failed<E>(self, error: SdkError<E, HttpResponse>) -> Failed
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let operation = self.operation;
        let SdkError::ServiceError(context) = &error else {
            let without_effect = never_sent(&error);
            let error = Error::Unreachable {
                operation,
                source: Box::new(error),
            };
            return Failed {
                error,
                status: None,
                without_effect,
            };
        };
        let status = context.raw().status();
        let meta = context.err().meta();
        let code = meta.code().map(str::to_owned);
        let message = meta.message().map(str::to_owned);
        let request_id = meta
            .extra("aws_request_id")
            .or_else(|| context.raw().headers().get("x-amzn-requestid"))
            .or_else(|| context.raw().headers().get("x-amz-request-id"))
            .map(str::to_owned);
        let error = match code.as_deref().unwrap_or_default() {
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "LimitExceededException"
            | "SlowDown" => Error::Throttled {
                operation,
                request_id,
            },
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "InvalidAccessKeyId"
            | "MissingAuthenticationTokenException"
            | "InvalidClientTokenId" => Error::Denied {
                operation,
                action: self.action,
                code,
                message,
                request_id,
            },
            "DataUnavailableException"
            | "BillExpirationException"
            | "ResourceNotFoundException"
            | "BillingViewHealthStatusException" => Error::DataUnavailable {
                operation,
                code,
                message,
            },
            "InvalidNextTokenException" | "RequestChangedException" => {
                Error::PagesChanged { code, message }
            }
            // The service, or a proxy on the way to it, is in trouble; it has not judged the request.
            _ if status.is_server_error() => Error::Unreachable {
                operation,
                source: answered(status.as_u16(), code, message),
            },
            _ => Error::Refused {
                operation,
                code,
                message,
                request_id,
            },
        };
        let without_effect = !matches!(error, Error::Unreachable { .. });
        Failed {
            error,
            status: Some(status.as_u16()),
            without_effect,
        }
    }

    /// The call was answered in a way that cannot be understood.
    pub(super) fn garbled(self, problem: impl Into<String>) -> Error {
        Error::Inconsistent {
            problem: format!("{} ({})", problem.into(), self.operation),
        }
    }
}

fn answered(status: u16, code: Option<String>, message: Option<String>) -> BoxError {
    let words: Vec<String> = [Some(format!("status {status}")), code, message]
        .into_iter()
        .flatten()
        .collect();
    words.join(": ").into()
}

/// Whether no byte of the request can have been read by the other side.
fn never_sent<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: std::error::Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(_) => {
            let first: &(dyn std::error::Error + 'static) = error;
            std::iter::successors(Some(first), |error| error.source()).any(|error| {
                let refused = error
                    .downcast_ref::<io::Error>()
                    .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
                // hyper's word for a connection that was not made, and the SDK's for credentials that were not found.
                refused
                    || error.to_string().contains("(Connect)")
                    || error.to_string().contains("credentials")
            })
        }
        _ => false,
    }
}
