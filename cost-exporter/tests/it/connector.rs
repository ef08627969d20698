//! Clients of AWS over plain HTTP to loopback: the SDKs have no connector without TLS stacks of their own.

use std::fmt;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

#[derive(Clone)]
pub(crate) struct Connector(reqwest::Client);

impl Connector {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().build().unwrap())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut asked = self
            .0
            .request(request.method().parse().unwrap(), request.uri());
        for (name, value) in request.headers() {
            asked = asked.header(name, value);
        }
        let asked = asked.body(request.body().bytes().unwrap().to_vec());
        HttpConnectorFuture::new(async move {
            let failed = |error: reqwest::Error| ConnectorError::io(error.into());
            let answer = asked.send().await.map_err(failed)?;
            let mut response = HttpResponse::new(
                answer.status().as_u16().try_into().unwrap(),
                SdkBody::empty(),
            );
            for (name, value) in answer.headers() {
                response
                    .headers_mut()
                    .insert(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
            }
            *response.body_mut() = SdkBody::from(answer.bytes().await.map_err(failed)?);
            Ok(response)
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        pub(crate) fn $name(url: &str) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("AKIDEXAMPLE", "none", None, None, "test"))
                .endpoint_url(url)
                .http_client(Connector::new())
                .build();
            $sdk::Client::from_conf(config)
        }
    };
}

client!(budgets, aws_sdk_budgets);
client!(cloudwatch, aws_sdk_cloudwatch);
client!(cost_explorer, aws_sdk_costexplorer);
client!(sts, aws_sdk_sts);

pub(crate) fn s3(url: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "none", None, None, "test"))
        .endpoint_url(url)
        .force_path_style(true)
        .http_client(Connector::new())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
