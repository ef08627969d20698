//! Requests and responses as the bytes that go over the wire.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// Keeps the body of the last response.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {
    body: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// The response's JSON document.
    pub(super) fn document(&self) -> Result<Value, BoxError> {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(serde_json::from_slice(&body)?)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "RawResponseRecorder"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Only now the body is in memory: before, it is a stream that the connector has not read yet.
        if let Some(bytes) = context.response().body().bytes() {
            *self.body.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        }
        Ok(())
    }
}

/// Sends another body than the SDK made, before the request is signed.
pub(super) fn replace_body(request: &mut HttpRequest, body: &str) {
    *request.body_mut() = SdkBody::from(body);
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
}
