//! What a run tells as it goes: one stream feeds the terminal, the event log and whoever else listens.

use serde::Serialize;

use crate::verdict::Verdict;

/// A fact of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
pub(crate) enum Event {
    /// The services that the change affects are known.
    Detected {
        base: Option<String>,
        head: String,
        confidence: String,
        services: Vec<String>,
        removed: Vec<String>,
    },
    /// The services that were asked for are known, and the images that they are to run.
    Chosen {
        command: String,
        from: Option<String>,
        services: Vec<String>,
    },
    /// Why one service is part of the run.
    Affected {
        service: String,
        change: String,
        why: String,
    },
    /// The image that a service is to run is known by its digest.
    Resolved {
        service: String,
        image: String,
        commit: Option<String>,
    },
    /// The revision that a service goes back to is known.
    GoingBack {
        service: String,
        to: String,
        image: Option<String>,
        commit: Option<String>,
    },
    /// Something that people should know and that stops nothing.
    Warning { message: String },
    /// The lock of the environment is held by another run, which is waited for.
    LockBusy { environment: String, holder: String },
    /// The lock of the environment is held.
    LockTaken { environment: String },
    /// The lock of a run that had ended without letting go was taken over.
    LockTakenOver { environment: String, holder: String },
    /// A service of the environment that is promoted from is asked for its health.
    SourceChecking { service: String },
    /// A service of the environment that is promoted from answers, or does not.
    SourceChecked {
        service: String,
        healthy: bool,
        reason: Option<String>,
    },
    /// What a service was seen to run.
    Seen {
        environment: String,
        service: String,
        image: Option<String>,
        commit: Option<String>,
        health: Option<String>,
    },
    /// The lock of an environment was looked at, and removed if somebody held it.
    Unlocked {
        environment: String,
        removed: bool,
        holder: Option<String>,
    },
    /// No service needs to be deployed.
    NothingToDo { reason: String },
    /// A module's build command was started.
    BuildStarted { module: String, command: String },
    /// A module's build command ended well.
    Built {
        module: String,
        seconds: f64,
        log: String,
    },
    /// A module's build command failed.
    BuildFailed {
        module: String,
        seconds: f64,
        log: String,
        reason: String,
    },
    /// A module was not built because of another one.
    BuildSkipped { module: String, reason: String },
    /// The quality gate of an analysis is asked for.
    GateChecking { project: String },
    /// What the quality gate said: `passed`, `failed` or `unknown`.
    GateChecked {
        project: String,
        verdict: String,
        reason: Option<String>,
    },
    /// Progress of a push.
    Push {
        service: String,
        detail: image_tagger::Event,
    },
    /// The image stands in the registry under all its tags, read back.
    Pushed {
        service: String,
        pinned: String,
        bytes_pushed: u64,
        held_back: bool,
    },
    /// The image could not be pushed.
    PushFailed { service: String, reason: String },
    /// Progress of a rollout.
    Rollout {
        service: String,
        detail: ecs_deployer::Event,
    },
    /// A health probe; `watching` while the rollout still runs, when answers do not count yet.
    Health {
        service: String,
        watching: bool,
        detail: health_checker::Event,
    },
    /// Nobody said where a service is asked for its health: that it serves was not seen.
    NotAsked { service: String },
    /// The old revision is brought back.
    RollingBack { service: String, reason: String },
    /// A service's part of the run has ended.
    Finished {
        service: String,
        verdict: Verdict,
        reason: Option<String>,
        seconds: f64,
    },
    /// No service has anything left to do.
    Ended,
    /// A message was delivered, or was not.
    Notified {
        channel: String,
        error: Option<String>,
    },
    /// The run was asked to stop.
    Interrupted { signal: String },
}

/// Hears the events of a run.
pub(crate) trait Listener: Send + Sync {
    /// Takes note of one event. Must not block.
    fn hear(&self, event: &Event);
}

/// Everybody who listens.
pub(crate) struct Listeners<'a>(pub(crate) Vec<&'a dyn Listener>);

impl Listeners<'_> {
    /// Tells everybody.
    pub(crate) fn tell(&self, event: &Event) {
        for listener in &self.0 {
            listener.hear(event);
        }
    }
}

impl Listener for windlass_cli::EventLog {
    fn hear(&self, event: &Event) {
        self.write(event);
    }
}
