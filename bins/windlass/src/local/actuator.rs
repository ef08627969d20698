//! What a local task answers over HTTP: the Spring Boot actuator's health and info.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The answers of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actuator {
    pub(super) service: String,
    pub(super) status: String,
    pub(super) revision: Option<String>,
}

impl Actuator {
    /// Serves until the future is dropped.
    pub(super) async fn serve(self, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let actuator = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = actuator.answer(request.uri().path());
                    async move { Ok::<_, Infallible>(response) }
                });
                // A client that hangs up early is its own business.
                let _ = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(5))
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let (status, body) = self.content(path);
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/vnd.spring-boot.actuator.v3+json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    fn content(&self, path: &str) -> (StatusCode, Value) {
        match path {
            // Spring maps DOWN and OUT_OF_SERVICE to 503 and everything else, UNKNOWN too, to 200.
            "/actuator/health" => match self.status.to_ascii_uppercase().as_str() {
                "DOWN" | "OUT_OF_SERVICE" => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    json!({"status": self.status, "components": {"db": {"status": self.status}, "ping": {"status": "UP"}}}),
                ),
                _ => (StatusCode::OK, json!({"status": self.status})),
            },
            "/actuator/info" => match &self.revision {
                Some(revision) => (StatusCode::OK, json!({"git": {"commit": {"id": revision}}})),
                None => (StatusCode::OK, json!({})),
            },
            "/" => (
                StatusCode::OK,
                json!({"service": self.service, "revision": self.revision}),
            ),
            _ => (
                StatusCode::NOT_FOUND,
                json!({"status": 404, "error": "Not Found", "path": path}),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actuator(status: &str) -> Actuator {
        Actuator {
            service: "user-service".into(),
            status: status.into(),
            revision: Some("3f2c91d".into()),
        }
    }

    #[test]
    fn statuses_map_to_codes_as_in_spring() {
        for (status, code) in [
            ("UP", 200),
            ("UNKNOWN", 200),
            ("DOWN", 503),
            ("OUT_OF_SERVICE", 503),
        ] {
            let (answered, body) = actuator(status).content("/actuator/health");
            assert_eq!(answered.as_u16(), code, "{status}");
            assert_eq!(body["status"], status);
        }
    }

    #[test]
    fn info_tells_the_commit() {
        let (_, body) = actuator("UP").content("/actuator/info");
        assert_eq!(body["git"]["commit"]["id"], "3f2c91d");
    }

    #[test]
    fn other_paths_are_not_found() {
        assert_eq!(actuator("UP").content("/login").0, StatusCode::NOT_FOUND);
    }
}
