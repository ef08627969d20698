//! What a fan-out tells while it works.

use serde::Serialize;

/// Something that happened while a report went out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Event {
    /// A channel begins to deliver a report.
    Sending {
        /// The channel's name.
        channel: String,
        /// The report's kind, such as `deployment-failed`.
        report: &'static str,
    },
    /// A channel delivered the report.
    Delivered {
        /// The channel's name.
        channel: String,
        /// How often it was tried.
        attempts: u32,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// A channel did not deliver the report, or does not know.
    NotDelivered {
        /// The channel's name.
        channel: String,
        /// Why: the error and what caused it, from the outermost in.
        reasons: Vec<String>,
        /// Whether the report certainly did not arrive.
        outcome_known: bool,
        /// What to do about it, where that is known.
        hint: Option<String>,
    },
}

/// Whoever wants to know what happens, as it happens.
pub trait Observer: Send + Sync {
    /// Takes one event. It is called from the engine's own task: do not block in it.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}
