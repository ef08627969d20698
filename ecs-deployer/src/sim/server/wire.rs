//! From an HTTP request to its answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;

use super::api::{Api, Ended};
use super::control;
use super::refusal::Refusal;

/// How large a request may be; ECS's own limit for a task definition is 64 KiB.
const LARGEST: usize = 1024 * 1024;

/// The services whose protocol is spoken, by the beginning of the target.
const SERVICES: [&str; 3] = [
    "AmazonEC2ContainerServiceV20141113",
    "Logs_20140328",
    "GraniteServiceVersion20100801",
];

/// The connection ends without an answer.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was cut")
    }
}

impl std::error::Error for Cut {}

pub(super) async fn answer(
    api: Arc<Api>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        let refusal = Refusal::invalid(format!("The request is larger than {LARGEST} bytes."));
        return Ok(refuse(&refusal));
    };
    let body = body.to_bytes();
    if let Some(path) = head.uri.path().strip_prefix("/_windlass/") {
        let query = head.uri.query().unwrap_or_default();
        let (status, document) = control::answer(&api, &head.method, path, query, &body);
        return Ok(json(status, &document, "application/json"));
    }
    if head.method != Method::POST {
        let refusal = Refusal::new(
            "UnknownOperationException",
            "Calls of the API are POST requests to / with the header X-Amz-Target.",
        );
        return Ok(refuse(&refusal));
    }
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let action = match target.split_once('.') {
        Some((service, action)) if SERVICES.contains(&service) => action,
        _ => {
            let message = format!("The target `{target}` is of no service that is simulated.");
            return Ok(refuse(&Refusal::new("UnknownOperationException", message)));
        }
    };
    let document: Value = if body.is_empty() {
        Value::Object(serde_json::Map::new())
    } else {
        match serde_json::from_slice(&body) {
            Ok(document @ Value::Object(_)) => document,
            _ => {
                let refusal = Refusal::new("SerializationException", "The body is no JSON object.");
                return Ok(refuse(&refusal));
            }
        }
    };
    match api.call(action, &document) {
        Ended::Answered(Ok(document)) => Ok(json(200, &document, "application/x-amz-json-1.1")),
        Ended::Answered(Err(refusal)) => Ok(refuse(&refusal)),
        Ended::Lost => Err(Cut),
    }
}

fn refuse(refusal: &Refusal) -> Response<Full<Bytes>> {
    json(
        refusal.status,
        &refusal.body(),
        "application/x-amz-json-1.1",
    )
}

fn json(status: u16, document: &Value, kind: &'static str) -> Response<Full<Bytes>> {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::new(Full::new(Bytes::from(document.to_string())));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
