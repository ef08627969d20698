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
    /// Why one service is part of the run.
    Affected {
        service: String,
        change: String,
        why: String,
    },
    /// No service needs to be deployed.
    NothingToDo { reason: String },
    /// A module's build command was started.
    BuildStarted { module: String, command: String },
    /// A module's build command ended well.
    Built { module: String, seconds: f64 },
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
