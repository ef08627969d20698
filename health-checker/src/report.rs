//! What a check found.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use url::Url;

use crate::name::TargetName;
use crate::revision::Revision;

/// What a check found, target by target, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// One entry for each target.
    pub targets: Vec<TargetReport>,
}

impl Report {
    /// The worst verdict of all targets, `None` if there were none: nothing checked is not the same as healthy.
    pub fn verdict(&self) -> Option<Verdict> {
        self.targets.iter().map(|target| target.verdict).max()
    }
}

/// What a check found about one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TargetReport {
    /// What people call it.
    pub name: TargetName,
    /// Where it was asked, without user name and password.
    pub url: Url,
    /// What became of it.
    pub verdict: Verdict,
    /// How many times it was asked: rounds, in each of which every address is asked once.
    pub attempts: u32,
    /// How many successes in a row it had at the end.
    pub consecutive: u32,
    /// The last probe, if there was time for one.
    pub last: Option<LastProbe>,
    /// The build that answered last, as far as it said so.
    pub revision: Option<Revision>,
    /// Why it is not healthy: a sentence about the target without subject and full stop.
    pub reason: Option<String>,
    /// What people should know although it changed nothing, such as an address that refused.
    pub note: Option<String>,
    /// How many probes that were: each a connection of its own, or the try of one.
    pub probes: u32,
    /// From the start of the check to the last answer, in milliseconds.
    pub took_ms: u64,
    /// Which builds answered how often.
    pub seen: Seen,
}

impl TargetReport {
    /// Whether the time ran out while nothing was known against the target: more time might have proven it healthy.
    pub fn ran_out(&self) -> bool {
        self.verdict == Verdict::Inconclusive && (self.consecutive > 0 || self.attempts == 0)
    }
}

/// The last probe of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastProbe {
    /// Which of the target's addresses was asked, if that is known.
    pub address: Option<SocketAddr>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The status that the body named, such as `UP`.
    pub body_status: Option<String>,
    /// From the start of the connection to the end of the answer, in milliseconds.
    pub latency_ms: u64,
    /// The technical error, if the network or the protocol failed.
    pub error: Option<String>,
}

/// Which builds answered how often. Without an expected revision, `new` and `old` stay 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Seen {
    /// Answers of the expected build.
    pub new: u32,
    /// Answers of other builds.
    pub old: u32,
    /// Answers of each build that said which one it is; of more than 16 builds, the first 16.
    pub builds: BTreeMap<Revision, u32>,
}

/// What became of a target. The order is from good to bad: the worst of several is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Enough successes in a row, each on a connection of its own, from the expected build alone.
    Healthy,
    /// It could not be told: never reached, not allowed to ask, its build not named, or no time.
    Inconclusive,
    /// Another build than the expected one still answers.
    Stale,
    /// It was reached and does not serve well enough.
    Unhealthy,
}

impl Verdict {
    /// The word that JSON has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Inconclusive => "inconclusive",
            Self::Stale => "stale",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
