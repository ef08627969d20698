//! A change of infrastructure.

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::names::{Commit, Environment};

/// A change of what the services run on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InfrastructureChange {
    /// The environment that changes.
    pub environment: Environment,
    /// How far the change got.
    pub status: InfrastructureStatus,
    /// How many resources are added.
    #[serde(default)]
    pub added: u64,
    /// How many resources are changed in place.
    #[serde(default)]
    pub changed: u64,
    /// How many resources are destroyed, those to be replaced among them.
    #[serde(default)]
    pub destroyed: u64,
    /// The resources worth naming, in the order they should be named.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Why it failed, or what it is for.
    pub reason: Option<String>,
    /// Who asked for it.
    pub author: Option<String>,
    /// The commit that describes it.
    pub commit: Option<Commit>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// Where the run can be watched; only `http` and `https` become links.
    pub run_url: Option<String>,
}

/// How far a change of infrastructure got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InfrastructureStatus {
    /// It was worked out and waits for someone's word.
    Planned,
    /// It is in place.
    Applied,
    /// It is not in place, or only in part.
    Failed,
}

impl InfrastructureChange {
    /// A change of an environment, of no resource yet.
    pub fn new(environment: Environment, status: InfrastructureStatus) -> Self {
        Self {
            environment,
            status,
            added: 0,
            changed: 0,
            destroyed: 0,
            resources: Vec::new(),
            reason: None,
            author: None,
            commit: None,
            seconds: None,
            run_url: None,
        }
    }

    /// Says how many resources are added, changed in place and destroyed.
    #[must_use]
    pub fn counts(mut self, added: u64, changed: u64, destroyed: u64) -> Self {
        (self.added, self.changed, self.destroyed) = (added, changed, destroyed);
        self
    }

    /// Adds a resource worth naming after those added before.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Says why it failed, or what it is for.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says who asked for it.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// Names the commit that describes it.
    #[must_use]
    pub fn commit(mut self, commit: Commit) -> Self {
        self.commit = Some(commit);
        self
    }

    /// Says how long it took, in seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Says where the run can be watched.
    #[must_use]
    pub fn run_url(mut self, url: impl Into<String>) -> Self {
        self.run_url = Some(url.into());
        self
    }
}

impl InfrastructureStatus {
    /// How urgent the change is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Planned => Severity::Info,
            Self::Applied => Severity::Good,
            Self::Failed => Severity::Danger,
        }
    }

    /// The state in words that fit into a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Applied => "applied",
            Self::Failed => "failed",
        }
    }
}
