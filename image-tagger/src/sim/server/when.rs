//! Which requests a fault hits.

use std::collections::BTreeSet;

use super::RequestKind;

/// Which requests a fault hits: those of a method or a kind, each, each k-th, or the first n of them.
///
/// Requests are counted as they arrive, so the same client that sends one request after the other meets the same faults each
/// time. Without [`kind`](Self::kind) the token endpoint is spared.
///
/// ```
/// use image_tagger::sim::server::{RequestKind, When};
///
/// // The second and the fourth PUT of a manifest.
/// let when = When::every(2).at_most(2).kind(RequestKind::ManifestPut);
/// # let _ = when;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    method: Option<String>,
    /// None means all but the token endpoint.
    kinds: BTreeSet<RequestKind>,
    every: u64,
    skip: u64,
    times: Option<u64>,
}

/// What a rule is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) kind: RequestKind,
    /// The length of the body in bytes, if it was announced.
    pub(super) length: Option<u64>,
}

/// How often a fault was asked for and came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counter {
    seen: u64,
    fired: u64,
}

impl When {
    /// Every request.
    pub const fn always() -> Self {
        Self::every(1)
    }

    /// Every `k`-th request; 0 counts as 1.
    pub const fn every(k: u64) -> Self {
        Self {
            method: None,
            kinds: BTreeSet::new(),
            every: if k == 0 { 1 } else { k },
            skip: 0,
            times: None,
        }
    }

    /// The first `n` requests.
    pub const fn times(n: u64) -> Self {
        Self::always().at_most(n)
    }

    /// Only the first `n` requests of those that it would be.
    #[must_use]
    pub const fn at_most(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    /// None of the first `n` requests; counting begins after them.
    #[must_use]
    pub const fn after(mut self, n: u64) -> Self {
        self.skip = n;
        self
    }

    /// Only requests of this method, such as `PUT`.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only requests of this kind; may be said of several.
    #[must_use]
    pub fn kind(mut self, kind: RequestKind) -> Self {
        self.kinds.insert(kind);
        self
    }

    fn is_about(&self, asked: &Asked<'_>) -> bool {
        let kind = if self.kinds.is_empty() {
            asked.kind != RequestKind::Token
        } else {
            self.kinds.contains(&asked.kind)
        };
        let method = self.method.as_deref();
        kind && method.is_none_or(|method| method.eq_ignore_ascii_case(asked.method))
    }

    /// Counts a request, and says whether it is hit.
    pub(super) fn hits(&self, counter: &mut Counter, asked: &Asked<'_>) -> bool {
        if !self.is_about(asked) || self.times.is_some_and(|times| counter.fired >= times) {
            return false;
        }
        counter.seen += 1;
        let hit = counter.seen > self.skip && (counter.seen - self.skip).is_multiple_of(self.every);
        counter.fired += u64::from(hit);
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(when: &When, requests: &[(&str, RequestKind)]) -> Vec<bool> {
        let mut counter = Counter::default();
        let asked = requests.iter().map(|&(method, kind)| Asked {
            method,
            kind,
            length: None,
        });
        asked.map(|asked| when.hits(&mut counter, &asked)).collect()
    }

    #[test]
    fn faults_are_counted_down() {
        let put = ("PUT", RequestKind::ManifestPut);
        let get = ("GET", RequestKind::ManifestGet);
        let when = When::times(2).method("put");
        assert_eq!(
            hits(&when, &[put, get, put, put]),
            [true, false, true, false]
        );
        let when = When::every(2).after(1).at_most(1);
        assert_eq!(
            hits(&when, &[put, put, get, put, put]),
            [false, false, true, false, false]
        );
        assert_eq!(hits(&When::every(0), &[put, put]), [true, true]);
    }

    #[test]
    fn the_token_endpoint_is_spared_unless_it_is_meant() {
        let token = ("GET", RequestKind::Token);
        assert_eq!(hits(&When::always(), &[token]), [false]);
        let meant = When::always().kind(RequestKind::Token);
        assert_eq!(hits(&meant, &[token]), [true]);
        let put = ("PUT", RequestKind::ManifestPut);
        let both = meant.kind(RequestKind::ManifestPut);
        assert_eq!(hits(&both, &[token, put]), [true, true]);
    }
}
