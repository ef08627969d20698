//! What came of an export.

use serde::{Deserialize, Serialize};

use crate::{Millis, Place, Sweep, Window};

/// A window that is to be read: one message of a queue, one item of a map. Working on it twice, or by two at once, is harmless.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unit {
    /// The group.
    #[serde(flatten)]
    pub place: Place,
    /// The hour.
    pub window: Window,
    /// Which reading is due.
    pub sweep: Sweep,
    /// Readings that began earlier do not count.
    pub due: Millis,
    /// From when on the group's retention may have deleted some of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

impl Unit {
    /// A window of a group, with the reading that is due and since when.
    pub const fn new(place: Place, window: Window, sweep: Sweep, due: Millis) -> Self {
        Self {
            place,
            window,
            sweep,
            due,
            expires: None,
        }
    }

    /// Kept by its group until this time.
    #[must_use]
    pub const fn expires(mut self, expires: Option<Millis>) -> Self {
        self.expires = expires;
        self
    }
}

/// What became of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WindowState {
    /// It was read and is in the archive.
    Written,
    /// It was read again and had nothing that is not in the archive.
    NothingNew,
    /// It had been read already.
    AlreadyRead,
    /// The time was over; what was committed stays, and the rest is to be read by another run.
    Unfinished,
    /// The group is not there any more; what was read of it before is in the archive.
    GroupGone,
    /// It could not be read or written.
    Failed,
}

/// Where a failure lies, and so what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// In the archive: an object is not what it should be.
    Archive,
    /// In the credentials: a permission is missing, or they are not accepted.
    Credentials,
    /// In what was asked for: a group or a bucket that is not there, or is somewhere else.
    Request,
    /// On this machine: a folder cannot be read or written.
    Disk,
    /// In AWS or the network: it may pass.
    Service,
}

/// What became of a window, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WindowOutcome {
    /// The window.
    #[serde(flatten)]
    pub unit: Unit,
    /// What became of it.
    pub state: WindowState,
    /// Events that were added to the archive.
    pub events: u64,
    /// The size of their lines.
    pub raw_bytes: u64,
    /// The size of their parts.
    pub bytes: u64,
    /// How many parts.
    pub parts: usize,
    /// Why it is not whole, if so.
    pub reason: Option<String>,
    /// Where the failure lies, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl WindowOutcome {
    pub(crate) const fn new(unit: Unit, state: WindowState) -> Self {
        Self {
            unit,
            state,
            events: 0,
            raw_bytes: 0,
            bytes: 0,
            parts: 0,
            reason: None,
            fault: None,
        }
    }

    pub(crate) fn failed(unit: Unit, error: &crate::Error) -> Self {
        let mut reason = crate::engine::chain_of(error);
        // A missing permission is named, and so is what else helps.
        if let Some(hint) = error.hint() {
            reason.push_str(&format!(" ({hint})"));
        }
        Self {
            reason: Some(reason),
            fault: Some(error.fault()),
            ..Self::new(unit, WindowState::Failed)
        }
    }

    /// Whether nothing is left to do for this reading.
    pub const fn is_done(&self) -> bool {
        matches!(
            self.state,
            WindowState::Written | WindowState::NothingNew | WindowState::AlreadyRead
        )
    }
}

/// What came of an export.
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The windows that were worked on, by group and hour.
    pub windows: Vec<WindowOutcome>,
    /// What is left to do: windows that were not begun, not finished, or failed.
    pub remaining: Vec<Unit>,
    /// Events that were added to the archive.
    pub events: u64,
    /// The size of their lines.
    pub raw_bytes: u64,
    /// The size of their parts.
    pub bytes: u64,
    /// Why the run ended early, if it did.
    #[serde(skip)]
    pub stopped: Option<crate::Error>,
}

impl Report {
    /// One more window has come to its end.
    pub(crate) fn add(&mut self, outcome: WindowOutcome, observer: &dyn crate::Observer) {
        self.events += outcome.events;
        self.raw_bytes += outcome.raw_bytes;
        self.bytes += outcome.bytes;
        if matches!(outcome.state, WindowState::Failed | WindowState::Unfinished) {
            self.remaining.push(outcome.unit.clone());
        }
        observer.observe(crate::Event::WindowDone {
            outcome: outcome.clone(),
        });
        self.windows.push(outcome);
    }

    /// Whether all that was asked for is in the archive, and whole.
    pub fn is_complete(&self) -> bool {
        self.remaining.is_empty()
            && self
                .windows
                .iter()
                .all(|window| window.is_done() && window.reason.is_none())
    }

    /// How many windows ended like this.
    pub fn count(&self, state: WindowState) -> usize {
        self.windows
            .iter()
            .filter(|window| window.state == state)
            .count()
    }
}
