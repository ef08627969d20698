//! Sending requests: credentials, repetition, and what an answer means.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::auth::{Bearer, Challenge, NoToken, Scope};
use super::limit::Limit;
use crate::{Credential, Credentials, Digest, Error, Repository, Traffic};

/// How much of an error's body is read.
const PROBLEM_CAP: u64 = 64 * 1024;

/// What all exchanges of a client share.
#[derive(Debug)]
pub(super) struct Protocol {
    client: Client,
    /// Without a limit on the wait for an answer: it begins with the request, and a blob may take longer to send.
    uploads: Client,
    scheme: &'static str,
    credentials: Option<Arc<dyn Credentials>>,
    retry_budget: Duration,
    /// The authorization that worked last, by host and repository.
    known: Mutex<BTreeMap<(String, String), HeaderValue>>,
    limit: Limit,
}

impl Protocol {
    pub(super) fn new(
        client: Client,
        uploads: Client,
        insecure_http: bool,
        credentials: Option<Arc<dyn Credentials>>,
        retry_budget: Duration,
    ) -> Self {
        let scheme = if insecure_http { "http" } else { "https" };
        Self {
            client,
            uploads,
            scheme,
            credentials,
            retry_budget,
            known: Mutex::default(),
            limit: Limit::default(),
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

    /// A PUT of content that is this long, in bytes.
    pub(super) fn upload(&self, url: Url, size: u64) -> RequestBuilder {
        self.uploads.put(url).timeout(upload_limit(size))
    }

    pub(super) fn retries(&self) -> Retries {
        Retries {
            next: Duration::from_millis(200),
            until: Instant::now() + self.retry_budget,
        }
    }
}

/// How long an upload may take: at least 64 KiB/s are expected, and a minute for the answer.
fn upload_limit(size: u64) -> Duration {
    Duration::from_secs(60 + size / (64 * 1024))
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
        // Jitter: pushes that were turned away together must not return together. A new hasher is seeded at random.
        let jitter = (RandomState::new().hash_one(0) % 1000) as f64 / 1000.0;
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

    /// Gives back time that went into sending content: a long upload that is cut at its end deserves another try.
    pub(super) fn give_back(&mut self, time: Duration) {
        self.until += time;
    }
}

/// How often a call got another authorization. Pushes side by side use up each other's token, so that one renewal may not be
/// enough; with wrong credentials none is.
#[derive(Debug, Default)]
pub(super) struct Renewals(u32);

impl Renewals {
    /// Whether there may be another one.
    pub(super) const fn are_left(&self) -> bool {
        self.0 < 4
    }
}

/// Whether another try may help.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long the registry asks to wait: in seconds, or until a date, counted from the answer's own.
pub(super) fn retry_after(answer: &Response) -> Option<Duration> {
    let text = |name| answer.headers().get(name)?.to_str().ok();
    wait_of(text(RETRY_AFTER)?, text(DATE))
}

fn wait_of(asked: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = asked.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| {
        let time = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
        Some(time.timestamp())
    };
    let wait = time(asked)?.duration_since(time(date?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
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
        request: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<Response, Error> {
        self.repeat_within(&mut self.protocol.retries(), request)
            .await
    }

    /// As [`Self::repeat`], within what is left of a budget.
    pub(super) async fn repeat_within(
        &self,
        retries: &mut Retries,
        request: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<Response, Error> {
        let mut renewals = Renewals::default();
        loop {
            let answer = self.once(request()).await;
            let (wait, error) = match answer {
                Ok(answer) if self.is_refusal(&answer) && renewals.are_left() => {
                    self.renew(answer, &mut renewals, retries).await?;
                    continue;
                }
                Ok(answer) if is_passing(answer.status()) => {
                    (retry_after(&answer), self.failure(answer).await)
                }
                Ok(answer) => return Ok(answer),
                Err(error) => (None, error),
            };
            self.wait(retries, wait, error).await?;
        }
    }

    /// Asks for something small that is read as a whole; an answer that is cut is asked for again. An answer that is no
    /// success comes back as it is.
    pub(super) async fn fetch(
        &self,
        request: impl Fn() -> RequestBuilder + Send + Sync,
        cap: u64,
    ) -> Result<Fetched, Error> {
        let mut retries = self.protocol.retries();
        loop {
            let answer = self.repeat_within(&mut retries, &request).await?;
            if answer.status() != StatusCode::OK {
                return Ok(Fetched::Other(answer));
            }
            let (url, headers) = (answer.url().clone(), answer.headers().clone());
            match self.bytes(answer, cap).await {
                Ok(bytes) => {
                    return Ok(Fetched::Whole {
                        url,
                        headers,
                        bytes,
                    });
                }
                Err(error @ Error::Unreachable { .. }) => {
                    self.wait(&mut retries, None, error).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits before another try, or fails with what the last one came to.
    pub(super) async fn wait(
        &self,
        retries: &mut Retries,
        asked: Option<Duration>,
        error: Error,
    ) -> Result<(), Error> {
        if !retries.wait(asked).await {
            return Err(error);
        }
        self.count(|traffic| traffic.retries += 1);
        Ok(())
    }

    /// Sends a request once, with the authorization that worked last if it goes to the registry itself.
    pub(super) async fn once(&self, request: RequestBuilder) -> Result<Response, Error> {
        self.count(|traffic| traffic.requests += 1);
        let known = self.known().get(&self.key()).cloned();
        let (client, request) = request.build_split();
        let mut request = request.map_err(|error| self.unreachable(error.without_url()))?;
        // An upload session may be anywhere; what proves who we are is for the registry alone.
        if let Some(authorization) = known.filter(|_| self.is_registry(request.url())) {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let place = self.protocol.limit.place().await;
        let answer = client
            .execute(request)
            .await
            .map_err(|error| self.unreachable(error.without_url()))?;
        drop(place);
        match answer.status().as_u16() {
            429 | 503 => self.protocol.limit.throttled(),
            _ => self.protocol.limit.went_well(),
        }
        Ok(answer)
    }

    fn is_registry(&self, url: &Url) -> bool {
        let own = self.protocol.url(self.repository, "");
        own.is_ok_and(|own| own.origin() == url.origin())
    }

    /// Whether the registry itself, and not a host that a redirect or a session leads to, does not let us.
    pub(super) fn is_refusal(&self, answer: &Response) -> bool {
        matches!(
            answer.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) && self.is_registry(answer.url())
    }

    /// Gets another authorization after a refusal, or fails with what the registry said. A registry asks with 401; ECR says
    /// with 403 that a token ran out, and asks when it is then left away.
    pub(super) async fn renew(
        &self,
        answer: Response,
        renewals: &mut Renewals,
        retries: &mut Retries,
    ) -> Result<(), Error> {
        renewals.0 += 1;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return self.answer_challenge(answer, retries).await;
        }
        let problem = self.problem(answer).await;
        let was_known = self.known().remove(&self.key()).is_some();
        // The answer to a HEAD says nothing: whether it ran out shows without it.
        if was_known && (problem.errors.is_empty() || problem.is_expired()) {
            return Ok(());
        }
        Err(self.judge(StatusCode::FORBIDDEN, &problem))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(String, String), HeaderValue>> {
        let known = &self.protocol.known;
        known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self) -> (String, String) {
        (
            self.repository.registry().to_owned(),
            self.repository.path().to_owned(),
        )
    }

    /// Gets the authorization that the registry asks for.
    async fn answer_challenge(&self, answer: Response, retries: &mut Retries) -> Result<(), Error> {
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
        let denied = |source| Error::Denied {
            repository: self.repository.clone(),
            operation: self.operation,
            source: Some(source),
        };
        let authorization = match (challenge, credential) {
            (Some(Challenge::Bearer(bearer)), credential) => {
                self.token(&bearer, credential.as_ref(), retries).await?
            }
            (Some(Challenge::Basic), Some(credential)) => {
                let basic = super::auth::basic(&credential);
                // The same again would be refused again.
                if self.known().get(&self.key()) == Some(&basic) {
                    return Err(self.failure(answer).await);
                }
                basic
            }
            (Some(Challenge::Basic), None) => {
                let problem = "it asks for credentials, and there are none for it";
                return Err(denied(problem.into()));
            }
            (None, _) => {
                let problem = "it asks for credentials in a way that is not known";
                return Err(denied(problem.into()));
            }
        };
        self.known().insert(self.key(), authorization);
        Ok(())
    }

    async fn token(
        &self,
        bearer: &Bearer,
        credential: Option<&Credential>,
        retries: &mut Retries,
    ) -> Result<HeaderValue, Error> {
        let scope = Scope::push_and_pull(self.repository.path());
        let Protocol { client, scheme, .. } = self.protocol;
        loop {
            self.count(|traffic| traffic.requests += 1);
            match bearer.fetch(client, scheme, &scope, credential).await {
                Ok(token) => return Ok(token),
                Err(NoToken::Passing(source, wait)) => {
                    self.wait(retries, wait, self.unreachable(source)).await?;
                }
                Err(NoToken::Final(source)) => {
                    return Err(Error::Denied {
                        repository: self.repository.clone(),
                        operation: self.operation,
                        source: Some(source),
                    });
                }
            }
        }
    }

    fn count(&self, change: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        change(traffic.entry(self.repository.clone()).or_default());
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
            // A session that the registry forgot is begun again.
            status if is_passing(status) || problem.has("BLOB_UPLOAD_UNKNOWN") => {
                Error::Unreachable {
                    repository,
                    operation,
                    source: problem.to_string().into(),
                }
            }
            StatusCode::NOT_FOUND => Error::RepositoryNotFound { repository },
            _ => Error::Refused {
                repository,
                operation,
                source: problem.to_string().into(),
            },
        }
    }
}

/// What came of asking for something small.
#[derive(Debug)]
pub(super) enum Fetched {
    /// It is here.
    Whole {
        /// Where it came from, after redirects.
        url: Url,
        headers: HeaderMap,
        bytes: Vec<u8>,
    },
    /// An answer that is no success.
    Other(Response),
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

    fn has(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code == code)
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

    /// Whether the authorization ran out: "Your authorization token has expired", says ECR.
    pub(super) fn is_expired(&self) -> bool {
        self.errors
            .iter()
            .any(|error| error.message.to_lowercase().contains("expired"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_as_long_as_its_length_takes() {
        assert_eq!(upload_limit(0), Duration::from_secs(60));
        // A layer of 300 MB at 1 MB/s takes five minutes.
        assert!(upload_limit(300_000_000) > Duration::from_secs(300));
        assert!(upload_limit(u64::MAX) > Duration::from_secs(300));
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(wait_of("7", date), Some(Duration::from_secs(7)));
        let until = "Wed, 21 Oct 2015 07:28:30 GMT";
        assert_eq!(wait_of(until, date), Some(Duration::from_secs(30)));
        assert_eq!(wait_of(until, None), None);
        let past = "Wed, 21 Oct 2015 07:27:00 GMT";
        assert_eq!(wait_of(past, date), Some(Duration::ZERO));
        assert_eq!(wait_of("soon", date), None);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_end_with_the_budget() {
        let started = Instant::now();
        let mut retries = Retries {
            next: Duration::from_millis(200),
            until: started + Duration::from_secs(60),
        };
        let mut waits = 0;
        while retries.wait(None).await {
            waits += 1;
        }
        assert!((6..60).contains(&waits), "{waits}");
        assert!(started.elapsed() <= Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_asked_for_is_kept_or_refused() {
        let started = Instant::now();
        let mut retries = Retries {
            next: Duration::from_millis(200),
            until: started + Duration::from_secs(60),
        };
        assert!(retries.wait(Some(Duration::from_secs(40))).await);
        assert!(started.elapsed() >= Duration::from_secs(40));
        assert!(!retries.wait(Some(Duration::from_secs(40))).await);
        retries.give_back(Duration::from_secs(30));
        assert!(retries.wait(Some(Duration::from_secs(40))).await);
    }
}
