//! What became of a deployment.

use std::fmt;

use serde::Serialize;

/// What looking at a deployment has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeploymentReport {
    /// The cluster, as it was given.
    pub cluster: String,
    /// The service, as it was given.
    pub service: String,
    /// The deployment's id, once it was seen.
    pub deployment: Option<String>,
    /// Its task definition.
    pub task_definition: Option<String>,
    /// What became of it.
    pub verdict: DeploymentVerdict,
    /// Why it does not serve: a sentence about the deployment without subject and full stop.
    pub reason: Option<String>,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// What people should know although it changes nothing.
    pub note: Option<String>,
    /// How many of its tasks ran at the last look.
    pub running: Option<u32>,
    /// How many it is to have.
    pub desired: Option<u32>,
    /// How many times it was looked at.
    pub looks: u32,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
}

/// What became of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeploymentVerdict {
    /// Its tasks, and no others, are the ones that requests reach.
    Serving,
    /// Something is known to be wrong with it, and did not get better in time.
    NotServing,
    /// It failed, or was rolled back.
    Failed,
    /// Another deployment took its place.
    Superseded,
    /// It was not finished when the time was up.
    TimedOut,
    /// It could not be told.
    Unknown,
    /// There is no such service.
    NotFound,
}

impl DeploymentVerdict {
    /// The word that JSON has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::NotServing => "not-serving",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed-out",
            Self::Unknown => "unknown",
            Self::NotFound => "not-found",
        }
    }
}

impl fmt::Display for DeploymentVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
