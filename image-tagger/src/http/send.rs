//! Sending requests: credentials, repetition, and what an answer means.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::auth::{Challenge, Scope};
use crate::{Credentials, Digest, Error, Repository, Traffic};

/// How much of an error's body is read.
const PROBLEM_CAP: u64 = 64 * 1024;

/// What all exchanges of a client share.
#[derive(Debug)]
pub(super) struct Protocol {
    client: Client,
    scheme: &'static str,
    credentials: Option<Arc<dyn Credentials>>,
    retry_budget: Duration,
    /// The authorization that worked last, by host and repository.
    known: Mutex<BTreeMap<(String, String), HeaderValue>>,
}

impl Protocol {
    pub(super) fn new(
        client: Client,
        insecure_http: bool,
        credentials: Option<Arc<dyn Credentials>>,
        retry_budget: Duration,
    ) -> Self {
        let scheme = if insecure_http { "http" } else { "https" };
        Self {
            client,
            scheme,
            credentials,
            retry_budget,
            known: Mutex::default(),
        }
    }

    pub(super) fn url(&self, repository: &Repository, rest: &str) -> Result<Url, Error> {
        let text = format!(
            "{}://{}/v2/{}/{rest}",
            self.scheme,
            repository.registry(),
            repository.path()
        );
        text.parse()
            .map_err(|error: url::ParseError| Error::Unreachable {
                repository: repository.clone(),
                operation: "name the registry",
                source: error.into(),
            })
    }

    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    pub(super) fn retries(&self) -> Retries {
        Retries {
            next: Duration::from_millis(200),
            until: Instant::now() + self.retry_budget,
        }
    }
}

/// The waits between tries: they double, never fall below what the registry asks, and end with the budget.
#[derive(Debug)]
pub(super) struct Retries {
    next: Duration,
    until: Instant,
}

impl Retries {
    /// Waits before another try; `false` when the budget does not reach so far.
    pub(super) async fn wait(&mut self, asked: Option<Duration>) -> bool {
        // Jitter from the clock's low digits: pushes that were turned away together must not return together.
        let jitter = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0.0, |now| f64::from(now.subsec_nanos() % 1000) / 1000.0);
        let wait = self
            .next
            .mul_f64(0.5 + jitter)
            .max(asked.unwrap_or_default());
        if Instant::now() + wait > self.until {
            return false;
        }
        tokio::time::sleep(wait).await;
        self.next = (self.next * 2).min(Duration::from_secs(10));
        true
    }
}

/// Whether another try may help.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The seconds that the registry asks to wait.
pub(super) fn retry_after(answer: &Response) -> Option<Duration> {
    answer
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// One operation on one repository.
#[derive(Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) repository: &'a Repository,
    pub(super) operation: &'static str,
    pub(super) traffic: &'a Mutex<BTreeMap<Repository, Traffic>>,
}

impl Exchange<'_> {
    /// Sends a request that can be made again, with credentials, until it is answered for good.
    pub(super) async fn repeat(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Error> {
        let mut retries = self.protocol.retries();
        let mut challenged = false;
        loop {
            let answer = self.once(request()).await;
            let (wait, error) = match answer {
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && !challenged => {
                    challenged = true;
                    self.answer_challenge(&answer).await?;
                    continue;
                }
                Ok(answer) if is_passing(answer.status()) => {
                    (retry_after(&answer), self.failure(answer).await)
                }
                Ok(answer) => return Ok(answer),
                Err(error) => (None, error),
            };
            if !retries.wait(wait).await {
                return Err(error);
            }
            self.count_retry();
        }
    }

    /// Sends a request once, with the authorization that worked last.
    pub(super) async fn once(&self, request: RequestBuilder) -> Result<Response, Error> {
        self.count(|traffic| traffic.requests += 1);
        let known = self
            .protocol
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&self.key())
            .cloned();
        let request = match known {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        };
        request
            .send()
            .await
            .map_err(|error| self.unreachable(error.without_url()))
    }

    fn key(&self) -> (String, String) {
        (
            self.repository.registry().to_owned(),
            self.repository.path().to_owned(),
        )
    }

    /// Gets the authorization that the registry asks for.
    async fn answer_challenge(&self, answer: &Response) -> Result<(), Error> {
        let challenges = answer
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let challenge = challenges.filter_map(Challenge::parse).next();
        let host = self.repository.registry();
        let credential = match &self.protocol.credentials {
            Some(credentials) => credentials.credential(host).await?,
            None => None,
        };
        let denied = |problem: &str| Error::Denied {
            repository: self.repository.clone(),
            operation: self.operation,
            source: Some(problem.to_owned().into()),
        };
        let authorization = match (challenge, credential) {
            (Some(Challenge::Bearer(bearer)), credential) => {
                self.count(|traffic| traffic.requests += 1);
                let scope = Scope::push_and_pull(self.repository.path());
                bearer
                    .fetch(
                        &self.protocol.client,
                        self.protocol.scheme,
                        &scope,
                        credential.as_ref(),
                    )
                    .await
                    .map_err(|source| Error::Denied {
                        repository: self.repository.clone(),
                        operation: self.operation,
                        source: Some(source),
                    })?
            }
            (Some(Challenge::Basic), Some(credential)) => super::auth::basic(&credential),
            (Some(Challenge::Basic), None) => {
                return Err(denied("it asks for credentials, and there are none for it"));
            }
            (None, _) => return Err(denied("it asks for credentials in a way that is not known")),
        };
        self.protocol
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.key(), authorization);
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        change(traffic.entry(self.repository.clone()).or_default());
    }

    pub(super) fn count_retry(&self) {
        self.count(|traffic| traffic.retries += 1);
    }

    pub(super) fn unreachable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Unreachable {
            repository: self.repository.clone(),
            operation: self.operation,
            source: source.into(),
        }
    }

    pub(super) fn refused(&self, problem: &str) -> Error {
        let source = problem.to_owned().into();
        Error::Refused {
            repository: self.repository.clone(),
            operation: self.operation,
            source,
        }
    }

    /// A whole body, up to a length.
    pub(super) async fn bytes(&self, mut answer: Response, cap: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.unreachable(error.without_url()))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > cap {
                return Err(self.refused(&format!("the answer is longer than {cap} bytes")));
            }
        }
        Ok(bytes)
    }

    /// What an answer that is no success says.
    pub(super) async fn problem(&self, answer: Response) -> Problem {
        let status = answer.status();
        let bytes = self.bytes(answer, PROBLEM_CAP).await.unwrap_or_default();
        Problem::parse(status, &bytes)
    }

    pub(super) async fn failure(&self, answer: Response) -> Error {
        let status = answer.status();
        let problem = self.problem(answer).await;
        self.judge(status, &problem)
    }

    pub(super) fn judge(&self, status: StatusCode, problem: &Problem) -> Error {
        let (repository, operation) = (self.repository.clone(), self.operation);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Denied {
                repository,
                operation,
                source: Some(problem.to_string().into()),
            },
            StatusCode::NOT_FOUND => Error::RepositoryNotFound { repository },
            status if is_passing(status) => Error::Unreachable {
                repository,
                operation,
                source: problem.to_string().into(),
            },
            _ => Error::Refused {
                repository,
                operation,
                source: problem.to_string().into(),
            },
        }
    }
}

/// A registry's answer that is no success.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    errors: Vec<RegistryError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RegistryError {
    code: String,
    message: String,
    detail: Value,
}

impl Problem {
    fn parse(status: StatusCode, bytes: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Body {
            errors: Vec<RegistryError>,
        }
        let body: Body = serde_json::from_slice(bytes).unwrap_or_default();
        Self {
            status,
            errors: body.errors,
        }
    }

    /// The blobs and manifests that the registry says it lacks.
    pub(super) fn missing_blobs(&self) -> Vec<Digest> {
        let missing = self.errors.iter().filter(|error| {
            matches!(
                error.code.as_str(),
                "MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN"
            )
        });
        let mut digests: Vec<Digest> = missing
            .filter_map(|error| {
                // `{"digest": …}`, or the digest alone.
                let text = error
                    .detail
                    .get("digest")
                    .unwrap_or(&error.detail)
                    .as_str()?;
                text.parse().ok()
            })
            .collect();
        digests.sort_unstable();
        digests.dedup();
        digests
    }

    /// Whether a tag may not be moved: ECR's `ImageTagAlreadyExistsException` comes as `TAG_INVALID`.
    pub(super) fn is_immutable_tag(&self) -> bool {
        self.errors.iter().any(|error| {
            error.code == "TAG_INVALID" || error.message.to_lowercase().contains("immutable")
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answers {}", self.status)?;
        for error in &self.errors {
            write!(f, ", {}", error.code)?;
            if !error.message.is_empty() {
                write!(f, " ({})", error.message)?;
            }
        }
        Ok(())
    }
}
