//! Errors of the SDKs, in the crate's words.

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::deployment::{ServiceRef, ViewError};

/// A call, for errors: what it does, and the IAM action that it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
}

impl Call {
    /// The call was answered in a way that cannot be understood.
    pub(super) fn garbled(self, what: &'static str) -> ViewError {
        ViewError::Unreachable {
            operation: self.operation,
            source: what.into(),
        }
    }

    /// The call failed. AWS's code, message and request id are kept: SDK errors show none of them by themselves.
    fn failed<E>(self, error: SdkError<E, HttpResponse>, request_id: Option<String>) -> ViewError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let (code, message, status) = match &error {
            SdkError::ServiceError(context) => (
                context.err().code().map(str::to_owned),
                context.err().message().map(str::to_owned),
                context.raw().status(),
            ),
            _ => {
                return ViewError::Unreachable {
                    operation: self.operation,
                    source: Box::new(error),
                };
            }
        };
        match code.as_deref().unwrap_or_default() {
            "AccessDeniedException"
            | "AccessDenied"
            | "UnauthorizedOperation"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken"
            | "InvalidClientTokenId" => ViewError::Denied {
                operation: self.operation,
                action: self.action,
                code,
                message,
                request_id,
            },
            word if status.is_server_error()
                || word.contains("Throttl")
                || word == "RequestLimitExceeded" =>
            {
                ViewError::Unreachable {
                    operation: self.operation,
                    source: Box::new(error),
                }
            }
            _ => ViewError::Refused {
                operation: self.operation,
                code,
                message,
                request_id,
            },
        }
    }
}

/// An error of ECS, in which a missing cluster and a missing service are told from other refusals.
pub(super) fn ecs<E>(
    call: Call,
    service: &ServiceRef,
    error: SdkError<E, HttpResponse>,
) -> ViewError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    SdkError<E, HttpResponse>: aws_sdk_ecs::operation::RequestId,
{
    let id = aws_sdk_ecs::operation::RequestId::request_id(&error).map(str::to_owned);
    match call.failed(error, id) {
        ViewError::Refused {
            code: Some(code), ..
        } if matches!(
            code.as_str(),
            "ClusterNotFoundException" | "ServiceNotFoundException" | "ServiceNotActiveException"
        ) =>
        {
            ViewError::NotFound {
                service: service.clone(),
            }
        }
        other => other,
    }
}

/// An error of Elastic Load Balancing.
pub(super) fn elb<E>(call: Call, error: SdkError<E, HttpResponse>) -> ViewError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    SdkError<E, HttpResponse>: aws_sdk_ecs::operation::RequestId,
{
    let id = aws_sdk_ecs::operation::RequestId::request_id(&error).map(str::to_owned);
    call.failed(error, id)
}
