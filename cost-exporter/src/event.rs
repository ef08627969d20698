//! What a refresh tells as it goes.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::{BudgetName, Period, RunId, SinkName};

/// Something that happened during a refresh.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Event {
    /// The ledger is locked for longer than any run locks it, so by one with a wrong clock: the lock keeps nobody out.
    LockIgnored {
        /// The run that locked it.
        run: RunId,
        /// Until when, as it says.
        until: Timestamp,
        /// What to do about it.
        hint: String,
    },
    /// The refresh begins, with these days.
    Started {
        /// The days that are asked for.
        period: Period,
        /// How many requests it may take.
        most_requests: u32,
    },
    /// A request to Cost Explorer is sent.
    Asked {
        /// What is asked.
        operation: &'static str,
        /// How many requests there were so far, with this one.
        requests: u32,
    },
    /// A request never left this machine: it is not counted after all.
    NotSent {
        /// What was asked.
        operation: &'static str,
        /// How many requests there were so far, without this one.
        requests: u32,
    },
    /// A request failed and is sent again.
    Retried {
        /// What was asked.
        operation: &'static str,
        /// Why.
        reason: String,
        /// How long is waited before.
        wait_ms: u64,
    },
    /// The pages did not belong together any more and are read anew.
    Restarted {
        /// Why.
        reason: String,
    },
    /// A day is not what it was when it was last seen.
    Corrected {
        /// The day.
        date: Date,
        /// How often it was corrected so far.
        revision: u32,
    },
    /// A day will not change any more, as far as the source says.
    BecameFinal {
        /// The day.
        date: Date,
    },
    /// There is no forecast this time.
    NoForecast {
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// AWS's budgets could not be read.
    NoBudgets {
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The last run ended while it gave this to the sink; it is taken as given, to put nothing twice.
    Unsettled {
        /// The sink.
        sink: SinkName,
        /// How many series of days.
        items: usize,
    },
    /// Days lie too far back for a sink. Each is told once.
    TooOld {
        /// The sink.
        sink: SinkName,
        /// Series of days that the sink never had anything of, and will not have.
        never_sent: usize,
        /// Series of days that the sink has as they were: their corrections are lost to it.
        lost: usize,
    },
    /// A sink shows the present, and the days that were asked for are past: it was left as it is.
    LeftAlone {
        /// The sink.
        sink: SinkName,
    },
    /// A budget watches costs of which there are none, so that nothing can be said of it.
    BudgetUnknown {
        /// The budget.
        budget: BudgetName,
        /// What it watches.
        reason: String,
    },
    /// A sink has everything that it was given.
    Published {
        /// The sink.
        sink: SinkName,
        /// How many numbers of the present.
        samples: usize,
        /// How many series of days.
        days: usize,
    },
    /// A sink did not take something.
    Rejected {
        /// The sink.
        sink: SinkName,
        /// What.
        series: String,
        /// Why.
        reason: String,
        /// Whether it is certain that it was not taken.
        known: bool,
    },
    /// A sink could not be published to.
    SinkFailed {
        /// The sink.
        sink: SinkName,
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

/// Hears the events of a refresh.
pub trait Observer: Send + Sync {
    /// Takes note of an event. Must not block.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}
