//! How a served registry departs from the protocol, and how it fails.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::StatusCode;

use super::when::{Asked, Counter};
use super::{Auth, RequestKind, When};
use crate::Tag;

/// How a served registry departs from the protocol, and how it fails. Nothing is on at first.
///
/// Faults are asked in the order in which they were added, and the first one that hits a request decides; only delays add up.
///
/// ```
/// use image_tagger::sim::server::{Quirks, Throttle, When};
///
/// // As ECR, which turns every fifth request away, with the connection lost in the middle of two uploads.
/// let quirks = Quirks::ecr()
///     .throttle(Throttle::unavailable(), When::every(5))
///     .cut_upload(64 * 1024, 2);
/// # let _ = quirks;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Quirks {
    pub(super) drops_later_patches: bool,
    pub(super) ends_failed_sessions: bool,
    pub(super) refuses_mounts: bool,
    pub(super) omits_location: bool,
    pub(super) redirects_downloads: bool,
    pub(super) requires_repositories: bool,
    /// The tags that may move, where the others may not.
    pub(super) immutable_except: Option<BTreeSet<Tag>>,
    pub(super) auth: Option<Auth>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    when: When,
    fault: Fault,
    counter: Counter,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Throttle(Throttle),
    /// The connection is cut after so many bytes of the request's body, and nothing has happened.
    CutRequest(u64),
    /// The connection is cut instead of an answer, and what was asked for has happened.
    LoseAnswer,
    /// The connection is cut after so many bytes of the answer's body.
    CutAnswer(u64),
    Delay(Duration),
}

/// How a registry turns requests away that it may take later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
}

impl Throttle {
    /// 503, as ECR does.
    pub const fn unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
        }
    }

    /// 429 with `TOOMANYREQUESTS`.
    pub const fn too_many_requests() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: None,
        }
    }

    /// Another status from 400 to 599, such as 500 or 504; others are not taken over.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        if let Some(status) = StatusCode::from_u16(status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
        {
            self.status = status;
        }
        self
    }

    /// Says in `Retry-After` when to come back, in whole seconds.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl Quirks {
    /// None: the protocol as it is written.
    pub fn new() -> Self {
        Self::default()
    }

    /// As Amazon ECR: each PATCH after a session's first one is dropped, a PUT that failed ends its session, mounts are
    /// refused, the answer to a manifest has no `Location`, blobs are read elsewhere, and repositories have to be created.
    ///
    /// Sources: aws/containers-roadmap#2831 (PATCH) and #2860 (mounts), apple/containerization#790 (sessions). That `Location`
    /// may be missing is what clients report; nobody promises it. Immutable tags and credentials are settings there, and so
    /// they are here.
    pub fn ecr() -> Self {
        Self::new()
            .drop_later_patches(true)
            .end_failed_sessions(true)
            .refuse_mounts(true)
            .omit_manifest_location(true)
            .redirect_downloads(true)
            .require_repositories(true)
    }

    /// Drops the content of every PATCH after the first one of a session. As on ECR, it is answered with 201 and a `Range` that
    /// does not advance.
    #[must_use]
    pub const fn drop_later_patches(mut self, drop: bool) -> Self {
        self.drops_later_patches = drop;
        self
    }

    /// Ends an upload session whose PUT failed, for whatever reason: it answers 416 from then on.
    #[must_use]
    pub const fn end_failed_sessions(mut self, end: bool) -> Self {
        self.ends_failed_sessions = end;
        self
    }

    /// Answers every mount with an upload session.
    #[must_use]
    pub const fn refuse_mounts(mut self, refuse: bool) -> Self {
        self.refuses_mounts = refuse;
        self
    }

    /// Leaves `Location` out of the answer to a manifest's PUT.
    #[must_use]
    pub const fn omit_manifest_location(mut self, omit: bool) -> Self {
        self.omits_location = omit;
        self
    }

    /// Answers the `GET` of a blob with 307 and a URL on the host `localhost`, where a request with an `Authorization` header is
    /// refused, as S3 does.
    #[must_use]
    pub const fn redirect_downloads(mut self, redirect: bool) -> Self {
        self.redirects_downloads = redirect;
        self
    }

    /// Knows only the repositories that were created with the server or by
    /// [`RegistryServer::create_repository`](super::RegistryServer::create_repository); others answer 404 and `NAME_UNKNOWN`.
    #[must_use]
    pub const fn require_repositories(mut self, require: bool) -> Self {
        self.requires_repositories = require;
        self
    }

    /// Makes all tags immutable but those given. Putting a tag that exists is refused with `TAG_INVALID`, even when it names
    /// this image already, as ECR does (moby/buildkit#3776, aws/containers-roadmap#2179).
    #[must_use]
    pub fn immutable_except(mut self, exclusions: impl IntoIterator<Item = Tag>) -> Self {
        self.immutable_except = Some(exclusions.into_iter().collect());
        self
    }

    /// Wants credentials.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Turns requests away.
    #[must_use]
    pub fn throttle(self, throttle: Throttle, when: When) -> Self {
        self.rule(Fault::Throttle(throttle), when)
    }

    /// Cuts the connection after so many bytes of a blob, in the first `times` of the PUT, PATCH and POST requests that bring as
    /// many.
    #[must_use]
    pub fn cut_upload(self, after_bytes: u64, times: u64) -> Self {
        let when = When::times(times)
            .kind(RequestKind::UploadFinish)
            .kind(RequestKind::UploadChunk)
            .kind(RequestKind::UploadWhole);
        self.cut_request(after_bytes, when)
    }

    /// Cuts the connection after so many bytes of a request's body; nothing has happened then, but that a PATCH keeps what
    /// came. Requests that say that they are shorter are passed over; one that does not say it and is shorter is cut at its
    /// end.
    #[must_use]
    pub fn cut_request(self, after_bytes: u64, when: When) -> Self {
        self.rule(Fault::CutRequest(after_bytes), when)
    }

    /// Does what is asked for and cuts the connection instead of answering.
    #[must_use]
    pub fn lose_answer(self, when: When) -> Self {
        self.rule(Fault::LoseAnswer, when)
    }

    /// Cuts the connection after so many bytes of a blob that is read, the first `times` of those that are at least as long.
    #[must_use]
    pub fn cut_download(self, after_bytes: u64, times: u64) -> Self {
        let when = When::times(times)
            .kind(RequestKind::BlobGet)
            .kind(RequestKind::Storage);
        self.cut_answer(after_bytes, when)
    }

    /// Cuts the connection after so many bytes of an answer's body; shorter answers are passed over.
    #[must_use]
    pub fn cut_answer(self, after_bytes: u64, when: When) -> Self {
        self.rule(Fault::CutAnswer(after_bytes), when)
    }

    /// Waits before a request is looked at.
    #[must_use]
    pub fn delay(self, time: Duration, when: When) -> Self {
        self.rule(Fault::Delay(time), when)
    }

    fn rule(mut self, fault: Fault, when: When) -> Self {
        self.rules.push(Rule {
            when,
            fault,
            counter: Counter::default(),
        });
        self
    }

    /// Counts a request; returns how long it has to wait and what goes wrong with it.
    pub(super) fn strike(&mut self, asked: &Asked<'_>) -> (Duration, Option<Fault>) {
        let (mut delay, mut struck) = (Duration::ZERO, None);
        for rule in &mut self.rules {
            match &rule.fault {
                Fault::Delay(time) => {
                    if rule.when.hits(&mut rule.counter, asked) {
                        delay += *time;
                    }
                }
                // It is asked when there is an answer.
                Fault::CutAnswer(_) => {}
                // A fault that cannot come is not used up.
                Fault::CutRequest(after) if asked.length.is_some_and(|length| length < *after) => {}
                fault => {
                    if struck.is_none() && rule.when.hits(&mut rule.counter, asked) {
                        struck = Some(fault.clone());
                    }
                }
            }
        }
        (delay, struck)
    }

    /// Counts an answer whose body has so many bytes; returns after how many of them it is cut.
    pub(super) fn strike_answer(&mut self, asked: &Asked<'_>, length: u64) -> Option<u64> {
        self.rules.iter_mut().find_map(|rule| match rule.fault {
            Fault::CutAnswer(after) if length >= after => {
                rule.when.hits(&mut rule.counter, asked).then_some(after)
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(length: u64) -> Asked<'static> {
        Asked {
            method: "PUT",
            kind: RequestKind::UploadFinish,
            length: Some(length),
        }
    }

    #[test]
    fn the_first_fault_that_hits_decides_and_the_others_are_kept() {
        let mut quirks = Quirks::new()
            .throttle(Throttle::unavailable(), When::times(1))
            .lose_answer(When::times(1))
            .delay(Duration::from_secs(1), When::always())
            .delay(Duration::from_secs(2), When::times(1));
        let (delay, first) = quirks.strike(&put(1));
        assert_eq!(delay, Duration::from_secs(3));
        assert_eq!(first, Some(Fault::Throttle(Throttle::unavailable())));
        let (delay, second) = quirks.strike(&put(1));
        assert_eq!(delay, Duration::from_secs(1));
        assert_eq!(second, Some(Fault::LoseAnswer));
        assert_eq!(quirks.strike(&put(1)).1, None);
    }

    #[test]
    fn an_upload_that_is_too_short_to_be_cut_uses_no_fault_up() {
        let mut quirks = Quirks::new().cut_upload(100, 1);
        assert_eq!(quirks.strike(&put(99)).1, None);
        assert_eq!(quirks.strike(&put(100)).1, Some(Fault::CutRequest(100)));
        assert_eq!(quirks.strike(&put(100)).1, None);
    }

    #[test]
    fn an_answer_that_is_too_short_to_be_cut_uses_no_fault_up() {
        let mut quirks = Quirks::new().cut_answer(100, When::times(1));
        assert_eq!(quirks.strike(&put(1)).1, None);
        assert_eq!(quirks.strike_answer(&put(1), 99), None);
        assert_eq!(quirks.strike_answer(&put(1), 100), Some(100));
        assert_eq!(quirks.strike_answer(&put(1), 100), None);
    }
}
