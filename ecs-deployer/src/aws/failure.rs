//! Errors of the SDK, in the crate's words.

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{ClusterName, Error, ServiceName};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A call, for errors: what it does, and the IAM action that it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
}

impl Call {
    /// The call failed. AWS's code, message and request id are kept: SDK errors show none of them by themselves.
    pub(super) fn failed<E>(self, error: SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let request_id = error.request_id().map(str::to_owned);
        let (code, message, status) = match &error {
            SdkError::ServiceError(context) => (
                context.err().code().map(str::to_owned),
                context.err().message().map(str::to_owned),
                context.raw().status(),
            ),
            _ if lacks_credentials(&error) => {
                return Error::NoCredentials {
                    operation: self.operation,
                    source: Box::new(error),
                };
            }
            _ => {
                return Error::Unreachable {
                    operation: self.operation,
                    source: Box::new(error),
                };
            }
        };
        match code.as_deref().unwrap_or_default() {
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException" => Error::Throttled {
                operation: self.operation,
                request_id,
            },
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "InvalidClientTokenId" => Error::Denied {
                operation: self.operation,
                action: self.action,
                code,
                message,
                request_id,
            },
            // ECS, or a proxy on the way to it, is in trouble; it has not judged the request.
            _ if status.is_server_error() => Error::Unreachable {
                operation: self.operation,
                source: Box::new(error),
            },
            _ => Error::Refused {
                operation: self.operation,
                code,
                message,
                request_id,
            },
        }
    }

    /// The call was answered in a way that cannot be understood.
    pub(super) const fn garbled(self, source: BoxError) -> Error {
        Error::Unreachable {
            operation: self.operation,
            source,
        }
    }
}

/// Whether a call was not sent for want of credentials. The SDK tells it only in the texts of its errors' sources.
fn lacks_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if text.contains("the credential provider was not enabled")
            || text.contains("no providers in chain provided credentials")
            || text.contains("failed to select an auth scheme")
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether AWS refused with one of these codes.
#[cfg(feature = "aws-account")]
pub(super) fn has_code<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    codes: &[&str],
) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}

/// Tells a missing cluster and a missing service from other refusals.
pub(super) fn not_found(
    error: Error,
    cluster: &ClusterName,
    service: Option<&ServiceName>,
) -> Error {
    let Error::Refused {
        code: Some(code), ..
    } = &error
    else {
        return error;
    };
    match (code.as_str(), service) {
        ("ClusterNotFoundException", _) => Error::ClusterNotFound {
            cluster: cluster.clone(),
        },
        ("ServiceNotFoundException" | "ServiceNotActiveException", Some(service)) => {
            Error::ServiceNotFound {
                cluster: cluster.clone(),
                service: service.clone(),
            }
        }
        _ => error,
    }
}
