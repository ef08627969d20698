//! A sink that pushes to a Pushgateway.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode, redirect};
use thiserror::Error;
use url::Url;

use crate::prometheus::{exposition, style};
use crate::{Error, MetricSink, Publication, Published, SinkKind, SinkName, SinkStyle};

const OPERATION: &str = "push the metrics";
/// How often the whole set is pushed at most. To push it twice is no harm: it replaces itself.
const TRIES: u32 = 3;
/// How much of an answer is shown.
const LONGEST_ANSWER: usize = 300;

/// Where a group of a Pushgateway is. A user and a password in it are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayUrl(Url);

/// A text is no URL of a Pushgateway. It is not repeated, because it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the Pushgateway's URL {reason}")]
pub struct InvalidGatewayUrl {
    reason: &'static str,
}

impl FromStr for GatewayUrl {
    type Err = InvalidGatewayUrl;

    /// Reads the gateway's own URL (`http://127.0.0.1:9091`), to which the job `aws_cost` is added, or that of a group
    /// (`http://127.0.0.1:9091/metrics/job/costs/instance/eu`).
    fn from_str(text: &str) -> Result<Self, InvalidGatewayUrl> {
        let invalid = |reason| InvalidGatewayUrl { reason };
        let mut url = Url::parse(text.trim()).map_err(|_| invalid("is not a URL"))?;
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return Err(invalid(
                    "is https, which this build cannot speak (feature `tls`)",
                ));
            }
            _ => return Err(invalid("is neither http nor https")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(
                "has a query or a fragment, which a Pushgateway has no use for",
            ));
        }
        if !url.path().contains("/metrics/job/") {
            let path = format!("{}/metrics/job/aws_cost", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        if !url.username().is_empty() || url.password().is_some() {
            // Neither fails for http.
            let _ = url.set_password(None);
            let _ = url.set_username("redacted");
        }
        url.fmt(f)
    }
}

impl fmt::Debug for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GatewayUrl({self})")
    }
}

/// Puts the full set of samples into a group of a Pushgateway, in the place of what was there: what is gone from the bill is
/// gone from the gateway too.
#[derive(Debug, Clone)]
pub struct Pushgateway {
    name: SinkName,
    url: GatewayUrl,
    client: Client,
}

impl Pushgateway {
    /// A sink for this group, with so much time for one try.
    ///
    /// # Errors
    /// When the TLS of this machine cannot be set up.
    pub fn new(name: SinkName, url: GatewayUrl, timeout: Duration) -> Result<Self, Error> {
        let client = Client::builder()
            .user_agent(concat!("cost-exporter/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            // The environment is the binary's to read.
            .no_proxy()
            .build()
            .map_err(|error| Error::Unreachable {
                operation: OPERATION,
                source: error.without_url().into(),
            })?;
        Ok(Self { name, url, client })
    }

    async fn put(&self, text: &str) -> Result<(), Error> {
        let unreachable = |error: reqwest::Error| Error::Unreachable {
            operation: OPERATION,
            source: error.without_url().into(),
        };
        let request = self
            .client
            .put(self.url.0.clone())
            .header("content-type", "text/plain; version=0.0.4");
        let answer = request
            .body(text.to_owned())
            .send()
            .await
            .map_err(unreachable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let body = answer.text().await.unwrap_or_default();
        let message: String = body.trim().chars().take(LONGEST_ANSWER).collect();
        let code = format!("status {}", status.as_u16());
        let message = Some(message).filter(|message| !message.is_empty());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::Denied {
                operation: OPERATION,
                action: "PUT to the Pushgateway (user and password in its URL)",
                code: Some(code),
                message,
                request_id: None,
            }),
            StatusCode::TOO_MANY_REQUESTS => Err(Error::Throttled {
                operation: OPERATION,
                request_id: None,
            }),
            status if status.is_server_error() => {
                let reason = format!("{code} {}", message.unwrap_or_default());
                Err(Error::Unreachable {
                    operation: OPERATION,
                    source: reason.into(),
                })
            }
            _ => Err(Error::Refused {
                operation: OPERATION,
                code: Some(code),
                message,
                request_id: None,
            }),
        }
    }
}

#[async_trait]
impl MetricSink for Pushgateway {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        style(SinkKind::Snapshot)
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        let text = exposition(&publication.samples);
        let mut requests = 0;
        loop {
            requests += 1;
            match self.put(&text).await {
                Ok(()) => {
                    return Ok(Published {
                        requests,
                        rejected: Vec::new(),
                    });
                }
                Err(error) if error.is_passing() && requests < TRIES => {
                    tokio::time::sleep(Duration::from_millis(300 * u64::from(requests))).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_gets_a_job_and_shows_no_password() {
        let url: GatewayUrl = "http://me:hunter2@gateway.example:9091/".parse().unwrap();
        assert_eq!(
            url.to_string(),
            "http://redacted@gateway.example:9091/metrics/job/aws_cost"
        );
        assert!(!format!("{url:?}").contains("hunter2"));
        let group = "http://gateway.example/metrics/job/costs/instance/eu";
        assert_eq!(group.parse::<GatewayUrl>().unwrap().to_string(), group);
        for bad in ["gateway.example:9091", "ftp://x/", "http://x/?a=hunter2"] {
            assert!(
                !bad.parse::<GatewayUrl>()
                    .unwrap_err()
                    .to_string()
                    .contains("hunter2"),
                "{bad}"
            );
        }
    }
}
