//! What a served registry was asked, so that clients can be counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::RequestKind;

/// A request that a served registry got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The method, such as `PUT`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// What it does.
    pub kind: RequestKind,
    /// The answer's status; `None` while there is no answer, and for good when the connection was cut before it.
    pub status: Option<u16>,
    /// Bytes of the request's body that were read.
    pub bytes_received: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes_sent: u64,
}

/// How many requests of a kind there were, and what they moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RequestCount {
    /// Requests.
    pub requests: u64,
    /// Of these, how many were answered with 400 or more, or not at all.
    pub failed: u64,
    /// Bytes of the requests' bodies that were read.
    pub bytes_received: u64,
    /// Bytes of the answers' bodies that were sent.
    pub bytes_sent: u64,
}

impl RequestCount {
    fn add(&mut self, request: &LoggedRequest) {
        self.requests += 1;
        self.failed += u64::from(request.status.is_none_or(|status| status >= 400));
        self.bytes_received += request.bytes_received;
        self.bytes_sent += request.bytes_sent;
    }
}

/// What a client cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RequestSummary {
    /// Everything.
    pub total: RequestCount,
    /// By what the requests do; kinds that did not come are left out.
    pub by_kind: BTreeMap<RequestKind, RequestCount>,
}

impl RequestSummary {
    pub(super) fn of(requests: &[LoggedRequest]) -> Self {
        let mut summary = Self::default();
        for request in requests {
            summary.total.add(request);
            summary
                .by_kind
                .entry(request.kind)
                .or_default()
                .add(request);
        }
        summary
    }

    /// The requests of a kind; zeros when none came.
    pub fn of_kind(&self, kind: RequestKind) -> RequestCount {
        self.by_kind.get(&kind).copied().unwrap_or_default()
    }
}

/// All requests, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    requests: BTreeMap<u64, LoggedRequest>,
}

/// The line of one request, which grows until it is answered.
#[derive(Debug, Clone)]
pub(super) struct Line {
    log: Arc<Log>,
    number: u64,
}

impl Log {
    pub(super) fn begin(self: &Arc<Self>, method: &str, path: &str, kind: RequestKind) -> Line {
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        let request = LoggedRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            kind,
            status: None,
            bytes_received: 0,
            bytes_sent: 0,
        };
        entries.requests.insert(number, request);
        Line {
            log: Arc::clone(self),
            number,
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().requests.values().cloned().collect()
    }

    pub(super) fn forget(&self) {
        self.lock().requests.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    pub(super) fn received(&self, bytes: u64) {
        self.change(|request| request.bytes_received += bytes);
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.change(|request| request.bytes_sent += bytes);
    }

    pub(super) fn answered(&self, status: u16) {
        self.change(|request| request.status = Some(status));
    }

    fn change(&self, change: impl FnOnce(&mut LoggedRequest)) {
        // It may have been forgotten meanwhile.
        if let Some(request) = self.log.lock().requests.get_mut(&self.number) {
            change(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_summed_by_kind_and_may_be_forgotten() {
        let log = Arc::new(Log::default());
        let first = log.begin("PUT", "/v2/a/manifests/x", RequestKind::ManifestPut);
        first.received(10);
        first.answered(201);
        let cut = log.begin("PUT", "/v2/a/manifests/y", RequestKind::ManifestPut);
        cut.received(5);
        let summary = RequestSummary::of(&log.requests());
        let puts = summary.of_kind(RequestKind::ManifestPut);
        assert_eq!(
            (puts.requests, puts.failed, puts.bytes_received),
            (2, 1, 15)
        );
        assert_eq!(summary.total, puts);
        assert_eq!(
            summary.of_kind(RequestKind::BlobGet),
            RequestCount::default()
        );
        log.forget();
        cut.answered(201);
        assert_eq!(log.requests(), []);
    }
}
