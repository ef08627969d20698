//! Who is at work on the ledger.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A run, told apart from every other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// An id that no other run has, but by the rarest of chances.
    pub fn random() -> Self {
        // The standard library seeds each of these anew, out of the system's randomness.
        let word = || RandomState::new().hash_one(std::process::id());
        Self(format!("{:016x}{:016x}", word(), word()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The run that is at work, and until when nobody else may be. A run that is cut off leaves it behind; its time ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveRun {
    /// The run.
    pub id: RunId,
    /// The end of its time.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_runs_have_one_id() {
        assert_ne!(RunId::random(), RunId::random());
        assert_eq!(RunId::random().to_string().len(), 32);
    }
}
