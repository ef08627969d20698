//! Errors of the SDK, in the crate's words.

use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{Error, Repository};

/// A call, for errors: what it does, and the IAM action that it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
}

impl Call {
    /// The call failed. AWS's code, message and request id are kept: SDK errors show none of them by themselves.
    pub(super) fn failed<E>(
        self,
        repository: &Repository,
        error: SdkError<E, HttpResponse>,
    ) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let repository = repository.clone();
        let operation = self.operation;
        let SdkError::ServiceError(context) = &error else {
            // The whole chain in one text: an SDK error by itself says "dispatch failure" and no more.
            let source = DisplayErrorContext(&error).to_string().into();
            return Error::Unreachable {
                repository,
                operation,
                source,
            };
        };
        // What has no code was not said by ECR, but by something on the way to it.
        let Some(code) = context.err().code() else {
            let source = DisplayErrorContext(&error).to_string().into();
            return Error::Unreachable {
                repository,
                operation,
                source,
            };
        };
        let source = said(code, context.err().message(), error.request_id()).into();
        match code {
            "RepositoryNotFoundException" => Error::RepositoryNotFound { repository },
            "AccessDeniedException" | "AccessDenied" => Error::ActionDenied {
                repository,
                operation,
                action: self.action,
                source,
            },
            "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "InvalidClientTokenId" => Error::Credentials {
                host: repository.registry().to_owned(),
                remedy: Some(
                    "the AWS credentials have expired or are not valid: log in again".to_owned(),
                ),
                source,
            },
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException" => Error::Unreachable {
                repository,
                operation,
                source,
            },
            // ECR is in trouble; it has not judged the request.
            _ if context.raw().status().is_server_error() => Error::Unreachable {
                repository,
                operation,
                source,
            },
            _ => Error::Refused {
                repository,
                operation,
                source,
            },
        }
    }

    /// The call was answered in a way that cannot be understood.
    pub(super) fn garbled(self, repository: &Repository, problem: impl Into<String>) -> Error {
        Error::Refused {
            repository: repository.clone(),
            operation: self.operation,
            source: problem.into().into(),
        }
    }
}

/// What AWS said, on one line.
fn said(code: &str, message: Option<&str>, request: Option<&str>) -> String {
    let mut text = code.to_owned();
    if let Some(message) = message {
        text.push_str(": ");
        text.push_str(message);
    }
    if let Some(request) = request {
        text.push_str(&format!(" (request {request})"));
    }
    text
}
