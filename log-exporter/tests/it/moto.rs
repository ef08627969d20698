//! The adapters against moto, over HTTP.

use std::fmt;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use log_exporter::aws::{CloudWatchLogs, S3Archive};
use log_exporter::testing::{archive_contract, log_source_contract};
use log_exporter::{LogEvent, Millis};

/// A connector over reqwest: the SDKs have none without TLS stacks of their own.
#[derive(Clone)]
struct Connector(reqwest::Client);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let method = request.method().parse().unwrap();
        let mut asked = self.0.request(method, request.uri());
        for (name, value) in request.headers() {
            asked = asked.header(name, value);
        }
        let asked = asked.body(request.body().bytes().unwrap_or_default().to_vec());
        HttpConnectorFuture::new(async move {
            let failed = |error: reqwest::Error| ConnectorError::io(error.into());
            let answer = asked.send().await.map_err(failed)?;
            let status = answer.status().as_u16();
            let headers = answer.headers().clone();
            let bytes = answer.bytes().await.map_err(failed)?;
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(bytes));
            for (name, value) in &headers {
                let value = value.to_str().unwrap().to_owned();
                response
                    .headers_mut()
                    .append(name.as_str().to_owned(), value);
            }
            Ok(response)
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The moto server that `cargo xtask test` starts.
#[expect(
    clippy::print_stdout,
    reason = "a test that skips itself says so, and is counted by this line"
)]
fn moto() -> Option<String> {
    let url = std::env::var("WINDLASS_TEST_MOTO")
        .ok()
        .filter(|url| !url.is_empty());
    if url.is_none() {
        println!("skipped: WINDLASS_TEST_MOTO is not set");
    }
    url
}

fn connector() -> Connector {
    Connector(reqwest::Client::builder().no_proxy().build().unwrap())
}

fn keys() -> Credentials {
    Credentials::new("testing", "testing", None, None, "test")
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    let Some(url) = moto() else { return };
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&url)
        .credentials_provider(keys())
        .http_client(connector())
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    client
        .create_bucket()
        .bucket("log-exporter-contract")
        .send()
        .await
        .unwrap();
    let archive = S3Archive::new(&client, "log-exporter-contract");
    archive_contract(&archive, "a/prefix").await;
}

#[tokio::test]
async fn log_groups_keep_the_contract() {
    let Some(url) = moto() else { return };
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&url)
        .credentials_provider(keys())
        .http_client(connector())
        .build();
    let client = aws_sdk_cloudwatchlogs::Client::from_conf(config);
    let group: log_exporter::LogGroup = "/log-exporter/contract".parse().unwrap();
    client
        .create_log_group()
        .log_group_name(group.as_str())
        .send()
        .await
        .unwrap();
    for stream in ["one", "two"] {
        let create = client.create_log_stream().log_group_name(group.as_str());
        create.log_stream_name(stream).send().await.unwrap();
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = Millis::from_epoch(i64::try_from(now.as_millis()).unwrap());
    let put = |events: Vec<LogEvent>| {
        let (client, group) = (client.clone(), group.clone());
        async move {
            for event in events {
                let input = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder()
                    .timestamp(event.timestamp)
                    .message(event.message)
                    .build()
                    .unwrap();
                let put = client.put_log_events().log_group_name(group.as_str());
                put.log_stream_name(event.stream)
                    .log_events(input)
                    .send()
                    .await
                    .unwrap();
            }
        }
    };
    log_source_contract(&CloudWatchLogs::new(&client), &group, now, put).await;
}
