//! What came of a command: the JSON document and the exit code.

use std::collections::BTreeMap;

use ecs_deployer::{
    DeploymentId, Error, ImageRef, Preflight, ServiceName, ServiceOutcome, StoppedTask,
    TaskDefinitionArn, Verdict,
};
use serde::Serialize;
use windlass_cli::Exit;

use crate::failures;
use crate::track::Track;

/// What a verdict is called that nobody knows.
pub(crate) const UNKNOWN: &str = "unknown";

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    pub(crate) services: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) preflight: Vec<Preflight>,
    pub(crate) api_calls: BTreeMap<String, u64>,
}

/// One service in it. All keys are there, whatever is known.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) service: ServiceName,
    /// A verdict of the library, or `unknown`.
    pub(crate) verdict: &'static str,
    pub(crate) deployment: Option<DeploymentId>,
    pub(crate) task_definition: Option<TaskDefinitionArn>,
    pub(crate) previous_task_definition: Option<TaskDefinitionArn>,
    pub(crate) image: Option<ImageRef>,
    pub(crate) reason: Option<String>,
    pub(crate) stopped_tasks: Vec<StoppedTask>,
    pub(crate) superseded_by: Option<DeploymentId>,
    pub(crate) notes: Vec<String>,
    pub(crate) seconds: f64,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    #[serde(skip)]
    pub(crate) exit: Exit,
}

impl From<ServiceOutcome> for Entry {
    fn from(outcome: ServiceOutcome) -> Self {
        Self {
            service: outcome.service,
            verdict: outcome.verdict.as_str(),
            deployment: outcome.deployment,
            task_definition: outcome.task_definition,
            previous_task_definition: outcome.previous_task_definition,
            image: outcome.image,
            reason: outcome.reason,
            stopped_tasks: outcome.stopped_tasks,
            superseded_by: outcome.superseded_by,
            notes: outcome.notes,
            seconds: outcome.seconds,
            hint: None,
            exit: exit(outcome.verdict),
        }
    }
}

impl Entry {
    /// A service of which nothing is known but how far it had come.
    pub(crate) fn of(service: &ServiceName, track: Option<&Track>) -> Self {
        Self {
            service: service.clone(),
            verdict: UNKNOWN,
            deployment: track.and_then(|track| track.deployment.clone()),
            task_definition: track.and_then(|track| track.task_definition.clone()),
            previous_task_definition: track
                .and_then(|track| track.back.as_ref())
                .and_then(|back| back.to.clone()),
            image: track.and_then(|track| track.image.clone()),
            reason: None,
            stopped_tasks: track.map_or_else(Vec::new, |track| track.stopped_tasks.clone()),
            superseded_by: None,
            notes: Vec::new(),
            seconds: track.map_or(0.0, Track::seconds),
            hint: None,
            exit: Exit::Unreachable,
        }
    }

    /// A service that an error left alone.
    pub(crate) fn broken_off(service: &ServiceName, track: Option<&Track>, error: &Error) -> Self {
        let mut entry = Self::of(service, track);
        entry.reason = Some(error.to_string());
        entry.hint = error.hint();
        // Whoever is refused knows that nothing was begun; an answer that was lost tells nothing.
        let refused = error.is_usage()
            || matches!(
                error,
                Error::Denied { .. } | Error::NoCredentials { .. } | Error::Refused { .. }
            );
        let begun = track.is_some_and(|track| track.deployment.is_some() || track.back.is_some());
        if !begun {
            entry.exit = failures::exit(error);
            if refused || !track.is_some_and(|track| track.updating) {
                entry.verdict = Verdict::Cancelled.as_str();
            }
        }
        entry
    }

    /// The same with a verdict.
    pub(crate) fn with_verdict(mut self, verdict: Verdict, reason: Option<String>) -> Self {
        self.verdict = verdict.as_str();
        self.exit = exit(verdict);
        self.reason = reason;
        self
    }

    pub(crate) fn is_good(&self) -> bool {
        self.exit == Exit::Done
    }

    /// Not begun, because of another one.
    fn is_left_out(&self) -> bool {
        self.verdict == Verdict::Cancelled.as_str()
            && self.exit == Exit::Negative
            && self.deployment.is_none()
    }
}

/// The exit code of a verdict.
pub(crate) const fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Deployed | Verdict::Unchanged => Exit::Done,
        Verdict::RolledBack => Exit::RolledBack,
        Verdict::RollbackFailed => Exit::RollbackFailed,
        Verdict::Superseded => Exit::Superseded,
        Verdict::TimedOut => Exit::TimedOut,
        // A verdict that this program does not know is no success.
        _ => Exit::Negative,
    }
}

/// The exit code of several services together: partial when some succeeded, else the worst.
pub(crate) fn together(entries: &[Entry]) -> Exit {
    let decided: Vec<Exit> = entries
        .iter()
        .filter(|entry| !entry.is_left_out())
        .map(|entry| entry.exit)
        .collect();
    let good = decided.iter().filter(|exit| **exit == Exit::Done).count();
    if good == entries.len() {
        return Exit::Done;
    }
    if good > 0 {
        return Exit::Partial;
    }
    [
        Exit::RollbackFailed,
        Exit::Unreachable,
        Exit::TimedOut,
        Exit::Negative,
        Exit::Superseded,
        Exit::RolledBack,
    ]
    .into_iter()
    .find(|exit| decided.contains(exit))
    .unwrap_or_else(|| decided.first().copied().unwrap_or(Exit::Negative))
}
