//! From a request to its answer: faults, credentials, and what the request is for.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{Answer, Counted, Refusal, Stop, json_answer};
use super::auth::{Access, Gate};
use super::intake::Intake;
use super::log::Log;
use super::quirks::{Fault, Quirks};
use super::route::{Place, Query, Route};
use super::session::Sessions;
use super::when::Asked;
use crate::{Registry, Repository};

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) registry: Arc<dyn Registry>,
    /// The host of the repositories in the registry behind.
    pub(super) host: String,
    /// The server's own address.
    pub(super) address: SocketAddr,
    pub(super) quirks: Mutex<Quirks>,
    /// The paths of the repositories that were created.
    pub(super) repositories: Mutex<BTreeSet<String>>,
    pub(super) gate: Gate,
    pub(super) sessions: Sessions,
    pub(super) log: Arc<Log>,
}

/// A request to a repository that may be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a Query,
    pub(super) quirks: &'a Quirks,
    pub(super) repository: &'a Repository,
}

/// The connection ends without an answer.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was cut")
    }
}

impl std::error::Error for Cut {}

impl Service {
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Counted>, Cut> {
        let (head, body) = request.into_parts();
        let query = Query::parse(head.uri.query());
        let route = Route::parse(head.uri.path());
        let kind = route.kind(&head.method, &query);
        let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let line = self.log.begin(head.method.as_str(), target, kind);
        let asked = Asked {
            method: head.method.as_str(),
            kind,
            length: body.size_hint().exact(),
        };
        let (delay, fault, quirks) = {
            let mut quirks = self.quirks.lock().unwrap_or_else(PoisonError::into_inner);
            let (delay, fault) = quirks.strike(&asked);
            (delay, fault, quirks.clone())
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let cut_after = match fault {
            Some(Fault::CutRequest(0)) => return Err(Cut),
            Some(Fault::CutRequest(bytes)) => Some(bytes),
            _ => None,
        };
        let mut intake = Intake::new(body, line.clone(), cut_after);
        let outcome = match &fault {
            Some(Fault::Throttle(throttle)) => Err(Refusal::throttled(throttle).into()),
            _ => {
                self.handle(&head, &route, &query, &quirks, &mut intake)
                    .await
            }
        };
        let outcome = intake.drain().await.and(outcome);
        if let Route::Repository(path, Place::Session { id }) = &route
            && head.method == Method::PUT
            && quirks.ends_failed_sessions
            && outcome.is_err()
        {
            self.sessions.fail(path, id);
        }
        let mut answer = match outcome {
            _ if fault == Some(Fault::LoseAnswer) => return Err(Cut),
            Ok(answer) => answer,
            Err(Stop::Refused(refusal)) => refusal.answer(),
            Err(Stop::Cut) => return Err(Cut),
        };
        line.answered(answer.status().as_u16());
        let version = HeaderName::from_static("docker-distribution-api-version");
        let value = HeaderValue::from_static("registry/2.0");
        answer.headers_mut().insert(version, value);
        let length = answer.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        let cut_after = match length {
            Some(length) if fault.is_none() && head.method != Method::HEAD => {
                let mut quirks = self.quirks.lock().unwrap_or_else(PoisonError::into_inner);
                quirks.strike_answer(&asked, length)
            }
            _ => None,
        };
        Ok(Counted::answer(answer, line, cut_after))
    }

    async fn handle(
        &self,
        head: &Parts,
        route: &Route,
        query: &Query,
        quirks: &Quirks,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        let (needs, target) = match route {
            Route::Ping => (Vec::new(), None),
            Route::Repository(path, place) => {
                let needs = needs(&head.method, path, place, query);
                (needs, Some((path, place)))
            }
            Route::Token if let Some(auth) = &quirks.auth => {
                return Ok(self.gate.issue(auth, &head.headers, query)?);
            }
            Route::Storage { path, digest } if quirks.redirects_downloads => {
                return self.stored(head, query, quirks, path, digest).await;
            }
            Route::Token | Route::Storage { .. } | Route::Unknown => {
                let message = "the OCI distribution protocol has no such path";
                return Err(Refusal::not_found("UNSUPPORTED", message).into());
            }
        };
        if let Some(auth) = &quirks.auth {
            self.gate.enter(auth, &head.headers, &needs, self.address)?;
        }
        let Some((path, place)) = target else {
            return Ok(json_answer(StatusCode::OK, "{}".to_owned()));
        };
        let call = Call {
            method: &head.method,
            headers: &head.headers,
            query,
            quirks,
            repository: &self.repository(path, quirks)?,
        };
        match place {
            Place::Manifest { reference } => self.manifest(call, reference, intake).await,
            Place::Blob { digest } => self.blob(call, digest).await,
            Place::Uploads => self.begin_upload(call, intake).await,
            Place::Session { id } => self.upload(call, id, intake).await,
            Place::Tags => self.tags(call).await,
            Place::Referrers { subject } => self.referrers(call, subject).await,
        }
    }

    /// Answers as the storage behind a registry. What proves who the client is has no business there: S3 refuses it.
    async fn stored(
        &self,
        head: &Parts,
        query: &Query,
        quirks: &Quirks,
        path: &str,
        digest: &str,
    ) -> Result<Answer, Stop> {
        if head.headers.contains_key(AUTHORIZATION) {
            let message = "only one way to prove who asks is allowed, and the URL has one";
            return Err(Refusal::bad_request("InvalidArgument", message).into());
        }
        let call = Call {
            method: &head.method,
            headers: &head.headers,
            query,
            quirks,
            repository: &self.repository(path, quirks)?,
        };
        self.stored_blob(call, digest).await
    }

    /// The repository of a path, if there is one.
    pub(super) fn repository(&self, path: &str, quirks: &Quirks) -> Result<Repository, Refusal> {
        let parsed = format!("{}/{path}", self.host).parse();
        let repository: Repository = parsed.map_err(|error: crate::InvalidRepository| {
            Refusal::bad_request("NAME_INVALID", error.to_string())
        })?;
        let created = self.repositories.lock();
        let created = created.unwrap_or_else(PoisonError::into_inner);
        if quirks.requires_repositories && !created.contains(path) {
            let message = format!("the repository with name '{path}' does not exist");
            return Err(Refusal::not_found("NAME_UNKNOWN", message));
        }
        Ok(repository)
    }
}

/// What a token has to open for a request.
fn needs<'a>(method: &Method, path: &'a str, place: &Place, query: &'a Query) -> Vec<Access<'a>> {
    match (method.as_str(), place) {
        ("GET" | "HEAD", Place::Session { .. }) => vec![(path, "push")],
        ("GET" | "HEAD", _) => vec![(path, "pull")],
        ("DELETE", Place::Manifest { .. } | Place::Blob { .. }) => vec![(path, "delete")],
        ("POST", Place::Uploads) => {
            // A mount reads the other repository.
            let from = query.get("mount").and_then(|_| query.get("from"));
            let from = from.map(|from| (from, "pull"));
            [(path, "push")].into_iter().chain(from).collect()
        }
        _ => vec![(path, "push")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_needs_to_read_the_other_repository() {
        let query = Query::parse(Some("mount=sha256:x&from=b/c"));
        let needed = needs(&Method::POST, "a", &Place::Uploads, &query);
        assert_eq!(needed, [("a", "push"), ("b/c", "pull")]);
        let query = Query::parse(Some("from=b/c"));
        let needed = needs(&Method::POST, "a", &Place::Uploads, &query);
        assert_eq!(needed, [("a", "push")]);
        let manifest = Place::Manifest {
            reference: "v1".into(),
        };
        let needed = |method| needs(method, "a", &manifest, &query);
        assert_eq!(needed(&Method::HEAD), [("a", "pull")]);
        assert_eq!(needed(&Method::PUT), [("a", "push")]);
        assert_eq!(needed(&Method::DELETE), [("a", "delete")]);
    }
}
