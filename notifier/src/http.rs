//! One POST, and what is known after it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, redirect};
use url::Url;

use crate::error::Error;
use crate::options::DeliveryOptions;
use crate::secret_url::SecretUrl;

/// How much of an answer is read; webhooks answer a word.
const LONGEST_ANSWER: usize = 4096;

/// Posts JSON to one secret URL, or to the methods below it.
#[derive(Debug, Clone)]
pub(crate) struct Poster {
    client: Client,
    url: SecretUrl,
    /// Marked as sensitive, so that neither this nor the client shows it.
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// An answer that arrived whole.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: String,
}

/// A POST without an answer.
#[derive(Debug)]
pub(crate) enum PostError {
    /// No connection was made, so nothing was sent.
    NotSent(reqwest::Error),
    /// The request may have arrived.
    Unclear(reqwest::Error),
}

impl Poster {
    /// A poster for the channel of this name.
    pub(crate) fn new(
        channel: &str,
        url: SecretUrl,
        options: &DeliveryOptions,
    ) -> Result<Self, Error> {
        if url.is_https() && !cfg!(feature = "tls") {
            return Err(Error::TlsUnavailable {
                channel: channel.to_owned(),
            });
        }
        let client = Client::builder()
            .user_agent(concat!("deploy-notifier/", env!("CARGO_PKG_VERSION")))
            // Shorter than the whole try, so that a connection that is not made is known as such.
            .connect_timeout(options.timeout / 2)
            // A redirected POST would hand the message, and perhaps the secret, to another host.
            .redirect(redirect::Policy::none())
            // Posts are rare: a connection kept from the last one is as likely as not to be dead, and a request lost on
            // it could not be told from one that arrived.
            .pool_max_idle_per_host(0)
            // The environment is the binary's to read.
            .no_proxy()
            .build()
            .map_err(|source| Error::Client {
                channel: channel.to_owned(),
                source: source.without_url().into(),
            })?;
        Ok(Self {
            client,
            url,
            authorization: None,
            timeout: options.timeout,
        })
    }

    /// The same, showing a bearer token to whoever answers.
    pub(crate) fn bearer(mut self, mut authorization: HeaderValue) -> Self {
        authorization.set_sensitive(true);
        self.authorization = Some(authorization);
        self
    }

    /// Posts a JSON document once.
    pub(crate) async fn post(&self, body: Vec<u8>) -> Result<Response, PostError> {
        self.post_to(self.url.expose().clone(), body).await
    }

    /// Posts a JSON document once to what is called `method` below the URL.
    pub(crate) async fn call(&self, method: &str, body: Vec<u8>) -> Result<Response, PostError> {
        let mut url = self.url.expose().clone();
        let path = format!("{}/{method}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        self.post_to(url, body).await
    }

    async fn post_to(&self, url: Url, body: Vec<u8>) -> Result<Response, PostError> {
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .timeout(self.timeout)
            .body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let mut response = request.send().await.map_err(|error| {
            // The client writes the URL into its errors.
            let error = error.without_url();
            if error.is_connect() || error.is_builder() {
                PostError::NotSent(error)
            } else {
                PostError::Unclear(error)
            }
        })?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| seconds(value.to_str().ok()?));
        let mut body = Vec::new();
        while body.len() < LONGEST_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(PostError::Unclear(error.without_url())),
            }
        }
        body.truncate(LONGEST_ANSWER);
        Ok(Response {
            status,
            retry_after,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// `Retry-After` in its form of seconds; a date is taken as absent, because clocks differ.
fn seconds(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}
