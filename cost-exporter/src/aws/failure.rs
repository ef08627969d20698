//! Errors of the SDKs, in the crate's words.

use std::io;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

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
    /// Whether to try again may help.
    pub(super) is_passing: bool,
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
            // Without credentials or a region a further try is in vain; a connection may be had a moment later.
            let is_passing = !without_effect || was_on_the_way(&error);
            let source: BoxError = Box::new(error);
            let error = match without_effect {
                true => Error::NotSent { operation, source },
                false => Error::Unreachable { operation, source },
            };
            return Failed {
                error,
                status: None,
                without_effect,
                is_passing,
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
            // Who refuses like that need not be AWS: a proxy says nothing else.
            _ if matches!(status.as_u16(), 401 | 403 | 407) => Error::Denied {
                operation,
                action: self.action,
                code: code.or_else(|| Some(format!("status {}", status.as_u16()))),
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
        let is_passing = error.is_passing();
        Failed {
            error,
            status: Some(status.as_u16()),
            without_effect,
            is_passing,
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

/// The SDK's settings of a call that is sent once, with so much time for the answer.
pub(super) fn once(time: Duration) -> (RetryConfig, TimeoutConfig) {
    (RetryConfig::disabled(), patience(time))
}

/// So much time for each try of a call.
pub(super) fn patience(time: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(time)
        .build()
}

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether no byte of the request can have been read by the other side.
fn never_sent<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: std::error::Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => true,
        // What failed beside the way to the other side failed before it: credentials, region, endpoint, signature.
        SdkError::DispatchFailure(_) => !was_on_the_way(error) || was_not_connected(error),
        _ => false,
    }
}

/// Whether the connector had the request.
fn was_on_the_way<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: std::error::Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::DispatchFailure(failure) => {
            failure.is_io()
                || failure.is_timeout()
                // hyper's words for an answer that broke off, and for whatever else it cannot sort.
                || failure.as_other().is_some()
                || causes(error).any(|error| error.to_string().starts_with("client error ("))
        }
        _ => true,
    }
}

/// Whether there was never a connection: nobody listens, there is no such host, TLS was not agreed on, or it took too long.
fn was_not_connected<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: std::error::Error + 'static,
{
    causes(error).any(|error| {
        let refused = error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        // hyper's word for it, and the SDK's.
        refused
            || error.to_string().contains("(Connect)")
            || error.to_string().contains("HTTP connect")
    })
}

fn causes<E>(
    error: &SdkError<E, HttpResponse>,
) -> impl Iterator<Item = &(dyn std::error::Error + 'static)>
where
    E: std::error::Error + 'static,
{
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::client::retries::ErrorKind;

    use super::*;

    const CALL: Call = Call {
        operation: "put",
        action: "x:Put",
    };

    fn failed(error: ConnectorError) -> Failed {
        CALL.failed(SdkError::<PutMetricDataError, HttpResponse>::dispatch_failure(error))
    }

    #[test]
    fn what_fails_before_the_way_to_the_other_side_has_no_effect() {
        for text in [
            "missing signing region",
            "no credentials in the property bag",
            "invalid URI",
        ] {
            let failed = failed(ConnectorError::other(text.into(), None));
            assert!(failed.without_effect && !failed.is_passing, "{text}");
            assert!(matches!(failed.error, Error::NotSent { .. }));
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let failed = failed(ConnectorError::io(refused.into()));
        assert!(failed.without_effect && failed.is_passing);
    }

    #[test]
    fn what_fails_on_the_way_may_have_had_an_effect() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        for error in [
            ConnectorError::io(reset.into()),
            ConnectorError::timeout("HTTP read timeout occurred after 1s".into()),
            ConnectorError::other("incomplete".into(), Some(ErrorKind::TransientError)),
            ConnectorError::other("client error (SendRequest)".into(), None),
        ] {
            let failed = failed(error);
            assert!(!failed.without_effect, "{failed:?}");
            assert!(matches!(failed.error, Error::Unreachable { .. }));
        }
    }
}
