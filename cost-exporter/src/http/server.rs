//! A sink that Prometheus scrapes.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::prometheus::{exposition, style};
use crate::{Error, MetricSink, Publication, Published, SinkKind, SinkName, SinkStyle};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How many connections are served at once; others wait.
const CONNECTIONS: usize = 64;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// The samples of the last refresh that succeeded, for whoever asks for `/metrics`.
///
/// They stay as they are until others take their place, however many refreshes fail in between; that they are old can be seen
/// in the server's own metrics: `aws_cost_exporter_up` and `aws_cost_exporter_last_success_timestamp_seconds`. `/-/healthy`
/// says that the server serves, `/-/ready` that it has samples.
#[derive(Debug, Clone)]
pub struct MetricsServer {
    name: SinkName,
    page: Arc<RwLock<Page>>,
}

#[derive(Debug, Default)]
struct Page {
    samples: Option<String>,
    last_success: Option<Timestamp>,
    up: bool,
    succeeded: u64,
    failed: u64,
    requests: u64,
}

impl MetricsServer {
    /// A server that has no samples yet.
    pub fn new(name: SinkName) -> Self {
        Self {
            name,
            page: Arc::default(),
        }
    }

    /// Takes down that a refresh failed, and how many requests to Cost Explorer it took.
    pub fn refresh_failed(&self, requests: u32) {
        self.update(|page| {
            page.up = false;
            page.failed += 1;
            page.requests += u64::from(requests);
        });
    }

    /// Takes down how many requests to Cost Explorer a refresh took that succeeded.
    pub fn refresh_succeeded(&self, requests: u32) {
        self.update(|page| page.requests += u64::from(requests));
    }

    /// The page at `/metrics`.
    pub fn text(&self) -> String {
        let page = self
            .page
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        page.text()
    }

    /// Answers on this socket, until the future is dropped.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let permit = Arc::clone(&room)
                .acquire_owned()
                .await
                .map_err(io::Error::other)?;
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // A client that is gone before it was accepted, or no file to be had for now.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let server = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request: Request<_>| {
                    let answer = server.answer(request.method(), request.uri().path());
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .serve_connection(TokioIo::new(stream), service);
                // A client that breaks off has what it wanted.
                let _ = connection.await;
                drop(permit);
            });
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, text) = match path {
            _ if method != Method::GET && method != Method::HEAD => {
                let mut answer = answer(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
                answer
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                return answer;
            }
            "/metrics" => (StatusCode::OK, self.text()),
            "/-/healthy" => (StatusCode::OK, "healthy\n".to_owned()),
            "/-/ready" if self.has_samples() => (StatusCode::OK, "ready\n".to_owned()),
            "/-/ready" => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no refresh has succeeded yet\n".to_owned(),
            ),
            "/" => (StatusCode::OK, "cost-exporter: see /metrics\n".to_owned()),
            _ => (
                StatusCode::NOT_FOUND,
                "there is only /metrics, /-/healthy and /-/ready\n".to_owned(),
            ),
        };
        answer(status, text)
    }

    fn has_samples(&self) -> bool {
        self.page
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .samples
            .is_some()
    }

    fn update(&self, change: impl FnOnce(&mut Page)) {
        change(
            &mut self
                .page
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
    }
}

fn answer(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    answer
}

impl Page {
    fn text(&self) -> String {
        let mut text = self.samples.clone().unwrap_or_default();
        let mut family = |name: &str, kind: &str, help: &str, series: &[(&str, String)]| {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            for (labels, value) in series {
                text.push_str(&format!("{name}{labels} {value}\n"));
            }
        };
        family(
            "aws_cost_exporter_up",
            "gauge",
            "1 when the last refresh succeeded, 0 when it failed or there was none yet.",
            &[("", u8::from(self.up).to_string())],
        );
        if let Some(at) = self.last_success {
            family(
                "aws_cost_exporter_last_success_timestamp_seconds",
                "gauge",
                "When the last refresh succeeded, as Unix time.",
                &[("", at.as_second().to_string())],
            );
        }
        family(
            "aws_cost_exporter_refreshes_total",
            "counter",
            "Refreshes since the exporter was started.",
            &[
                ("{result=\"failed\"}", self.failed.to_string()),
                ("{result=\"succeeded\"}", self.succeeded.to_string()),
            ],
        );
        family(
            "aws_cost_exporter_requests_total",
            "counter",
            "Requests to Cost Explorer since the exporter was started, each $0.01.",
            &[("", self.requests.to_string())],
        );
        text
    }
}

#[async_trait]
impl MetricSink for MetricsServer {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        style(SinkKind::Snapshot)
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        let text = exposition(&publication.samples);
        self.update(|page| {
            page.samples = Some(text);
            page.last_success = Some(publication.at);
            page.up = true;
            page.succeeded += 1;
        });
        Ok(Published::default())
    }
}
