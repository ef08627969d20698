//! What a registry asks for, and how it is answered (RFC 9110, and Docker's token protocol).

use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use url::Url;

use super::send::{is_passing, retry_after};
use crate::Credential;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from another server.
    Bearer(Bearer),
}

/// Where a token is to be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    realm: String,
    service: Option<String>,
    /// What the registry says the request needs, `repository:a:pull repository:b:pull`.
    scope: Option<String>,
}

/// What a token shall allow.
#[derive(Debug)]
pub(super) struct Scope(String);

impl Scope {
    pub(super) fn push_and_pull(path: &str) -> Self {
        Self(format!("repository:{path}:pull,push"))
    }
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header; one that is not known is none.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (key, value) in parameters(rest) {
            match key.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer(Bearer {
            realm: realm?,
            service,
            scope,
        }))
    }
}

/// `key="value", key=value`, where a quoted value may hold commas and escapes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut chars = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((index, c)) = chars.next() {
                    match c {
                        '"' => {
                            end = index + 1;
                            break;
                        }
                        '\\' => value.extend(chars.next().map(|(_, c)| c)),
                        c => value.push(c),
                    }
                }
                (value, &quoted[end..])
            }
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        found.push((key.to_owned(), value));
        rest = next;
    }
    found
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum NoToken {
    /// Another try may help, after a wait that is asked for.
    Passing(BoxError, Option<Duration>),
    /// None will.
    Final(BoxError),
}

impl<E: Into<BoxError>> From<E> for NoToken {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

impl Bearer {
    /// Fetches a token. Over https, the token server must be asked over https too: credentials go there.
    pub(super) async fn fetch(
        &self,
        client: &Client,
        scheme: &str,
        scope: &Scope,
        credential: Option<&Credential>,
    ) -> Result<HeaderValue, NoToken> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let mut url: Url = self.realm.parse()?;
        if scheme == "https" && url.scheme() != "https" {
            return Err("the registry names a token server without https".into());
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &scope.0);
            // A mount needs more than its own repository: the other one, to read from it.
            let asked = self.scope.iter().flat_map(|asked| asked.split(' '));
            for other in asked.filter(|other| !other.is_empty() && *other != scope.0) {
                query.append_pair("scope", other);
            }
        }
        let mut request = client.get(url);
        if let Some(credential) = credential {
            request = request.basic_auth(credential.username(), Some(credential.secret()));
        }
        let lost = |error: reqwest::Error| NoToken::Passing(error.without_url().into(), None);
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        if status != StatusCode::OK {
            let problem = format!("the token server answers {status}").into();
            return Err(if is_passing(status) {
                NoToken::Passing(problem, retry_after(&answer))
            } else {
                NoToken::Final(problem)
            });
        }
        let bytes = answer.bytes().await.map_err(lost)?;
        let answer: Answer = serde_json::from_slice(&bytes)?;
        let token = answer
            .token
            .or(answer.access_token)
            .ok_or("the token server's answer has no token")?;
        Ok(secret_header(format!("Bearer {token}"))?)
    }
}

/// The header for a user name and a password.
pub(super) fn basic(credential: &Credential) -> HeaderValue {
    let pair = format!("{}:{}", credential.username(), credential.secret());
    secret_header(format!("Basic {}", base64(pair.as_bytes()))).expect("base64 is a header's text")
}

fn secret_header(text: String) -> Result<HeaderValue, BoxError> {
    let mut value = HeaderValue::from_str(&text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_with_their_quotes() {
        let header = r#"Bearer realm="https://auth.example/token?a=b,c",service="registry.example",scope="repository:a:pull""#;
        let expected = Bearer {
            realm: "https://auth.example/token?a=b,c".to_owned(),
            service: Some("registry.example".to_owned()),
            scope: Some("repository:a:pull".to_owned()),
        };
        assert_eq!(Challenge::parse(header), Some(Challenge::Bearer(expected)));
        assert_eq!(
            Challenge::parse("Basic realm=\"x\""),
            Some(Challenge::Basic)
        );
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(Challenge::parse("Bearer service=\"x\""), None);
    }

    #[test]
    fn a_secret_header_is_not_shown() {
        let header = basic(&Credential::new("AWS", "password"));
        assert_eq!(header, "Basic QVdTOnBhc3N3b3Jk");
        assert!(!format!("{header:?}").contains("QVdT"));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(text in ".{0,100}") {
            let _ = Challenge::parse(&text);
            let _ = Challenge::parse(&format!("Bearer {text}"));
        }
    }
}
