//! What happens while a check runs.

use std::net::SocketAddr;

use serde::Serialize;

use crate::name::TargetName;
use crate::probe::State;
use crate::report::Verdict;
use crate::revision::Revision;

/// Is told what happens while a check runs.
pub trait Observer: Send + Sync {
    /// Takes an event. It is called within the check and should return soon.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}

/// Something that happened while a check ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Event {
    /// A target was asked once.
    Probed {
        /// Which one.
        target: TargetName,
        /// Which of its addresses was asked, if that is known.
        address: Option<SocketAddr>,
        /// How many times it has been asked, this time included; the same for all addresses that are asked together.
        attempt: u32,
        /// How many successes in a row it has now.
        consecutive: u32,
        /// How many it needs.
        needed: u32,
        /// What it showed.
        #[serde(flatten)]
        state: State,
        /// How long the answer took, in milliseconds.
        latency_ms: u64,
        /// The build that answered, if it said so.
        revision: Option<Revision>,
        /// The right build answered, or none in particular is expected. `false` if another build answered or if it could
        /// not be told which.
        expected: bool,
        /// Why the answer does not count as a success: a fragment that completes a sentence about the target.
        objection: Option<String>,
    },
    /// A target will not be asked again.
    TargetFinished {
        /// Which one.
        target: TargetName,
        /// What became of it.
        verdict: Verdict,
        /// Why, unless it is healthy.
        reason: Option<String>,
    },
}
