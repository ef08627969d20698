//! One request, and what its answer means.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::quality_gate::error::SonarError;
use crate::quality_gate::server::{ServerUrl, Token};
use crate::quality_gate::words::rough;
use crate::text;

/// The most bytes of an answer that are read. A hundred analyses with their events have some tens of thousands.
const BODY_CAP: usize = 4 << 20;

/// What stands in place of the token.
const HIDDEN: &str = "[token]";

/// What is asked of the server.
#[derive(Debug)]
pub(super) struct Call<'a> {
    method: Method,
    path: &'static str,
    doing: String,
    permission: &'static str,
    parameters: Vec<(&'static str, Cow<'a, str>)>,
    /// How the token is shown, if at all.
    bearer: Option<bool>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'static str, doing: String) -> Self {
        Self {
            method,
            path,
            doing,
            permission: "",
            parameters: Vec::new(),
            bearer: None,
        }
    }

    pub(super) fn needing(mut self, permission: &'static str) -> Self {
        self.permission = permission;
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.parameters.push((name, Cow::Owned(value.to_owned())));
        self
    }

    pub(super) fn authorized(mut self, is_bearer: bool) -> Self {
        self.bearer = Some(is_bearer);
        self
    }
}

/// Sends requests to one server.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) server: ServerUrl,
    pub(super) token: Option<Token>,
    pub(super) timeout: Duration,
}

impl Sender {
    /// Whether it is the vendor's own service, which says that it is version 8 and takes bearer tokens.
    pub(super) fn is_cloud(&self) -> bool {
        let host = self.server.url().host_str().unwrap_or_default();
        ["sonarcloud.io", "sonarqube.us"]
            .iter()
            .any(|cloud| host == *cloud || host.ends_with(&format!(".{cloud}")))
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, SonarError> {
        let body = self.body(call).await?;
        serde_json::from_slice(&body).map_err(|source| SonarError::Unreadable {
            doing: call.doing.clone(),
            reason: match body.trim_ascii_start().first() {
                None => "the answer is empty".to_owned(),
                Some(b'<') => "the answer is a web page, not SonarQube's JSON".to_owned(),
                Some(_) => "the answer is not what SonarQube answers".to_owned(),
            },
            source: Some(source.into()),
        })
    }

    pub(super) async fn text(&self, call: &Call<'_>) -> Result<String, SonarError> {
        let body = self.body(call).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    async fn body(&self, call: &Call<'_>) -> Result<Vec<u8>, SonarError> {
        let mut url = self.server.join(call.path);
        let parameters = call.parameters.iter().map(|(name, value)| (*name, value));
        let mut request = match call.method {
            Method::GET => {
                if !call.parameters.is_empty() {
                    url.query_pairs_mut().extend_pairs(parameters);
                }
                self.client.get(url)
            }
            _ => {
                let form = Serializer::new(String::new())
                    .extend_pairs(parameters)
                    .finish();
                self.client
                    .request(call.method.clone(), url)
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form)
            }
        };
        request = request
            .header(ACCEPT, "application/json")
            .timeout(self.timeout);
        if let Some(header) = self.authorization(call)? {
            request = request.header(AUTHORIZATION, header);
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| self.trouble(call, error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.trouble(call, error))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_CAP {
                return Err(SonarError::Unreadable {
                    doing: call.doing.clone(),
                    reason: "the answer is longer than 4 MiB".to_owned(),
                    source: None,
                });
            }
        }
        match status {
            200..=299 => Ok(body),
            _ => Err(self.refusal(call, status, &headers, &body)),
        }
    }

    /// Words of the server, in which it may repeat what it was shown.
    fn without_token(&self, said: String) -> String {
        let Some(token) = &self.token else {
            return said;
        };
        said.replace(&basic(token), HIDDEN)
            .replace(token.expose(), HIDDEN)
    }

    fn authorization(&self, call: &Call<'_>) -> Result<Option<HeaderValue>, SonarError> {
        let (Some(is_bearer), Some(token)) = (call.bearer, &self.token) else {
            return Ok(None);
        };
        let value = match is_bearer {
            true => format!("Bearer {}", token.expose()),
            false => format!("Basic {}", basic(token)),
        };
        let mut value = HeaderValue::from_str(&value).map_err(|source| SonarError::Client {
            server: self.server.origin(),
            source: source.into(),
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// What a request without a whole answer means.
    fn trouble(&self, call: &Call<'_>, error: reqwest::Error) -> SonarError {
        let doing = call.doing.clone();
        // The client writes the URL into its errors; what was tried says enough.
        let error = error.without_url();
        if error.is_connect() && text::chain(&error).contains("certificate") {
            return SonarError::Untrusted {
                doing,
                server: self.server.origin(),
                source: error.into(),
            };
        }
        let server = self.server.origin();
        let reason = if error.is_timeout() {
            format!("{server} gave no answer within {}", rough(self.timeout))
        } else if error.is_connect() {
            format!("{server} cannot be reached")
        } else {
            format!("{server} broke the connection off")
        };
        SonarError::Transient {
            doing,
            reason,
            retry_after: None,
            source: Some(error.into()),
        }
    }

    /// What an answer that is not a success means.
    fn refusal(
        &self,
        call: &Call<'_>,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> SonarError {
        let doing = call.doing.clone();
        let message = message(body, |said| self.without_token(said));
        match status {
            300..=399 => self.redirected(doing, status, headers),
            401 => SonarError::Unauthorized {
                doing,
                has_token: call.bearer.is_some(),
            },
            403 => SonarError::Forbidden {
                doing,
                permission: call.permission,
                message,
            },
            404 => SonarError::NotFound { doing, message },
            429 | 502 | 503 | 504 => SonarError::Transient {
                doing,
                reason: format!("{} answers {status}", self.server.origin()),
                retry_after: retry_after(headers),
                source: None,
            },
            _ => SonarError::Refused {
                doing,
                status,
                message,
            },
        }
    }

    fn redirected(&self, doing: String, status: u16, headers: &HeaderMap) -> SonarError {
        let here = self.server.url();
        let target = headers
            .get(LOCATION)
            .and_then(|value| here.join(value.to_str().ok()?).ok())
            .filter(|target| target.has_host());
        let Some(target) = target else {
            return SonarError::Refused {
                doing,
                status,
                message: None,
            };
        };
        let is_upgrade = here.scheme() == "http"
            && target.scheme() == "https"
            && here.host_str() == target.host_str();
        SonarError::Redirected {
            doing,
            to: text::clean(&origin(&target), 200),
            is_upgrade,
        }
    }
}

/// A token as basic authentication writes it: a user name without password.
fn basic(token: &Token) -> String {
    STANDARD.encode(format!("{}:", token.expose()))
}

/// Scheme, host and port: a path, a query or a user may be secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// `Retry-After` in its form of seconds; a date is taken as absent, because clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

/// What SonarQube says is wrong: `errors[].msg`, or `message` in its second API.
fn message(body: &[u8], hide: impl Fn(String) -> String) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        errors: Vec<One>,
        message: Option<String>,
    }
    #[derive(Deserialize)]
    struct One {
        msg: String,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let mut said: Vec<String> = refusal.errors.into_iter().map(|one| one.msg).collect();
    said.extend(refusal.message);
    // Hidden before it is cut, or the cut would leave a part of it.
    (!said.is_empty()).then(|| text::clean(&hide(said.join("; ")), 300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_token_does_not_make_it_known() {
        let sender = Sender {
            client: Client::new(),
            server: "http://sonar".parse().unwrap(),
            token: Some("hunter2".parse().unwrap()),
            timeout: Duration::from_secs(1),
        };
        let call = Call::new(Method::GET, "api/x", "ask".to_owned());
        let long = "x".repeat(296);
        for said in [
            "no hunter2",
            "no Basic aHVudGVyMjo=",
            &format!("{long}hunter2"),
        ] {
            let body = serde_json::json!({"errors": [{"msg": said}]}).to_string();
            for status in [400, 403, 404] {
                let refusal = sender.refusal(&call, status, &HeaderMap::new(), body.as_bytes());
                let shown = format!("{refusal} {refusal:?}");
                for secret in ["hunt", "aHVudGVyMjo"] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    }

    #[test]
    fn the_servers_words_are_found_and_made_harmless() {
        let message = |body: &str| message(body.as_bytes(), |said| said);
        assert_eq!(
            message("{\"errors\":[{\"msg\":\"No\\u001b[2J such\"}]}").unwrap(),
            "No\u{fffd}[2J such"
        );
        assert_eq!(message("{\"message\":\"gone\"}").unwrap(), "gone");
        for none in ["", "{}", "<html>", "{\"errors\":[]}"] {
            assert_eq!(message(none), None);
        }
    }
}
