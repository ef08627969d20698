//! What a refresh ended with.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::{Amount, Basis, BudgetState, Currency, Forecast, Period, Published, SinkName};

/// What a refresh ended with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// When it ran.
    pub at: Timestamp,
    /// The day that the numbers are of: today, or the last day that was asked for.
    pub today: Date,
    /// The days that were asked for.
    pub period: Period,
    /// What was asked of Cost Explorer, and what that cost.
    pub spending: Spending,
    /// The days that changed since they were last seen, in order.
    pub corrected: Vec<Date>,
    /// How many days of the month are still estimated.
    pub estimated_days: usize,
    /// The month so far, by basis and currency.
    pub month: Vec<MonthTotal>,
    /// The forecast of the rest of the month.
    pub forecast: Option<Forecast>,
    /// Why there is no forecast, if one was wanted.
    pub no_forecast: Option<String>,
    /// What the month will have cost at its end.
    pub projected: Option<Projection>,
    /// How the budgets stand.
    pub budgets: Vec<BudgetState>,
    /// What became of each sink, in the order they were given.
    pub sinks: Vec<SinkOutcome>,
}

/// What was asked of Cost Explorer, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Spending {
    /// Requests of this refresh, with those that failed.
    pub requests: u32,
    /// How many it might have taken.
    pub most_requests: u32,
    /// What they cost, in dollars.
    pub dollars: Amount,
    /// Requests of this month, with those of this refresh.
    pub month_requests: u64,
    /// What those cost, in dollars.
    pub month_dollars: Amount,
}

/// What the month has cost so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MonthTotal {
    /// The basis.
    pub basis: Basis,
    /// The currency.
    pub currency: Currency,
    /// Days that are final.
    pub is_final: Amount,
    /// Days that are still estimated.
    pub estimated: Amount,
    /// Both.
    pub total: Amount,
}

/// What the month will have cost at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Projection {
    /// The likeliest cost.
    pub mean: Amount,
    /// The lower end of the interval.
    pub lower: Amount,
    /// The upper end of the interval.
    pub upper: Amount,
    /// The currency.
    pub currency: Currency,
    /// The basis.
    pub basis: Basis,
    /// How sure the interval is to hold the cost, in percent.
    pub level: u8,
}

/// What became of a sink.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SinkOutcome {
    /// The sink.
    pub sink: SinkName,
    /// How many numbers of the present it was given.
    pub samples: usize,
    /// How many series of days it was given.
    pub days: usize,
    /// How many series of days are too old for it, which it never had anything of. They are told once.
    pub too_old: usize,
    /// How many corrections of days it has came too late for it. They are told once.
    pub lost: usize,
    /// Whether it was left as it is, because it shows the present and the days are past.
    pub left_alone: bool,
    /// What it took.
    pub published: Option<Published>,
    /// Why it took nothing.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
}

impl SinkOutcome {
    /// Whether it has all it was given, and all there was to give.
    pub fn complete(&self) -> bool {
        self.error.is_none()
            && self.lost == 0
            && self
                .published
                .as_ref()
                .is_none_or(|published| published.rejected.is_empty())
    }

    /// Whether it took nothing of what it was given.
    pub fn failed(&self) -> bool {
        let given = self.samples + self.days;
        let rejected = self
            .published
            .as_ref()
            .map_or(0, |published| published.rejected.len());
        self.error.is_some() || (given > 0 && rejected == given)
    }
}

impl Outcome {
    /// Whether every sink has all it was given.
    pub fn complete(&self) -> bool {
        self.sinks.iter().all(SinkOutcome::complete)
    }
}
