//! What happens while a gate is checked.

use serde::Serialize;

use super::answer::TaskStatus;
use super::ensure::Change;
use super::name::{GateName, ProjectKey, TaskId};
use super::report::GateVerdict;

/// Is told what happens while a gate is checked.
pub trait GateObserver: Send + Sync {
    /// Takes an event. It is called within the check and should return soon.
    fn observe(&self, event: GateEvent);
}

impl<F: Fn(GateEvent) + Send + Sync> GateObserver for F {
    fn observe(&self, event: GateEvent) {
        self(event);
    }
}

/// Something that happened while a gate was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum GateEvent {
    /// A task is in another state than when it was last seen.
    TaskSeen {
        /// The project.
        project: ProjectKey,
        /// The task.
        task: TaskId,
        /// How far it is.
        status: TaskStatus,
    },
    /// A question had no answer and will be asked again.
    Retrying {
        /// About what: a project or a gate.
        about: String,
        /// What happened.
        reason: String,
        /// In how many milliseconds.
        wait_ms: u64,
    },
    /// A gate on the server was changed.
    GateChanged {
        /// Which gate.
        gate: GateName,
        /// How.
        #[serde(flatten)]
        change: Change,
    },
    /// A gate was judged.
    GateJudged {
        /// The project.
        project: ProjectKey,
        /// What became of it.
        verdict: GateVerdict,
        /// Why, unless it passed.
        reason: Option<String>,
    },
}
