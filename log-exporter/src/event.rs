//! What an export tells as it goes.

use serde::Serialize;

use crate::{LogGroup, Window, WindowOutcome};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Event {
    /// So many windows are to be read.
    Planned {
        /// Windows.
        windows: usize,
    },
    /// A page of events was read.
    Page {
        /// The group.
        group: LogGroup,
        /// The window.
        window: Window,
        /// Events of the page.
        events: u64,
        /// Bytes of their messages.
        bytes: u64,
    },
    /// A part is in the archive. It counts only once a manifest names it.
    PartWritten {
        /// The group.
        group: LogGroup,
        /// The window.
        window: Window,
        /// Where.
        key: String,
        /// Its size, compressed.
        bytes: u64,
        /// Events of it.
        events: u64,
        /// Whether it was there before, with the same content.
        present: bool,
    },
    /// A part was stored with other content than was sent, and was stored again.
    PartRepaired {
        /// Where.
        key: String,
    },
    /// Another worker was first; its manifest counts.
    Overtaken {
        /// The group.
        group: LogGroup,
        /// The window.
        window: Window,
    },
    /// A window is done, or as far as it got.
    WindowDone {
        /// What became of it.
        outcome: WindowOutcome,
    },
    /// Requests were too fast; they go slower now.
    Throttled {
        /// What was tried.
        operation: &'static str,
        /// Requests a second from now on.
        rate: f64,
    },
    /// A call failed in a way that may pass, and is made again.
    Retried {
        /// Why.
        reason: String,
        /// Which attempt has failed, from 1.
        attempt: u32,
    },
    /// A window does not fit into the time that is left, and is read in halves.
    Split {
        /// The group.
        group: LogGroup,
        /// The window.
        window: Window,
    },
    /// Something to know that stops nothing.
    Warning {
        /// What.
        text: String,
    },
}

/// Hears events. Closures are observers.
pub trait Observer: Send + Sync {
    /// Hears an event. It is called from within the engine and should return soon.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}
