//! How to refresh.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Basis, Budget, Period, RunId, SeriesCap, SharedCosts, TagKey};

/// How to refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The tag that names the environment.
    pub tag: TagKey,
    /// The bases to ask for.
    pub bases: Vec<Basis>,
    /// The basis of the forecast, of budgets and of the chargeback.
    pub main_basis: Basis,
    /// The days to export; without them the month so far, and days before it that may still change.
    pub period: Option<Period>,
    /// Whether to ask for a forecast.
    pub forecast: bool,
    /// How sure the forecast's interval is to hold the cost, in percent: 51 to 99.
    pub level: u8,
    /// How many requests to Cost Explorer a refresh may take.
    pub most_requests: u32,
    /// How many requests a month may take; the ledger counts them.
    pub most_month_requests: u64,
    /// How many series there may be.
    pub cap: SeriesCap,
    /// Which costs are shared, and how.
    pub shared: SharedCosts,
    /// The budgets to watch.
    pub budgets: Vec<Budget>,
    /// The run's id, for whoever may have to [`abandon`](crate::abandon) it; without one it is made up.
    pub run: Option<RunId>,
    /// The time on the clock, where the costs are of another moment.
    pub clock: Option<Timestamp>,
    /// How long the ledger is locked for others, at most [`Options::LONGEST_LEASE`]: before each request and again before
    /// costs are published. Publishing takes no longer.
    pub lease: Duration,
    /// When the refresh is over at the latest, counted from its beginning, because whoever runs it ends it then. The ledger is
    /// never locked for longer, and nothing is asked or put afterwards.
    pub ends_after: Option<Duration>,
    /// How long the refresh may take; what it can go on without is then left out in time.
    pub within: Option<Duration>,
}

impl Default for Options {
    /// The month so far by the tag `Environment`, in five bases, for at most 6 requests a refresh and 500 a month ($5).
    fn default() -> Self {
        Self {
            tag: "Environment".parse().expect("the word is a tag key"),
            bases: Basis::ALL.to_vec(),
            main_basis: Basis::Unblended,
            period: None,
            forecast: true,
            level: 80,
            most_requests: 6,
            most_month_requests: 500,
            cap: SeriesCap::default(),
            shared: SharedCosts::default(),
            budgets: Vec::new(),
            run: None,
            clock: None,
            lease: Duration::from_secs(600),
            ends_after: None,
            within: None,
        }
    }
}

impl Options {
    /// For how long a refresh can lock the ledger at the most. A lock that is to last longer comes from a wrong clock.
    pub const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

    /// Reads environments from this tag.
    #[must_use]
    pub fn tag(mut self, tag: TagKey) -> Self {
        self.tag = tag;
        self
    }

    /// Asks for these bases; the first one is that of forecast, budgets and chargeback. None leaves them as they are.
    #[must_use]
    pub fn bases(mut self, bases: Vec<Basis>) -> Self {
        if let Some(first) = bases.first() {
            self.main_basis = *first;
            self.bases = bases;
        }
        self
    }

    /// Exports these days.
    #[must_use]
    pub const fn period(mut self, period: Period) -> Self {
        self.period = Some(period);
        self
    }

    /// Asks for a forecast, or not.
    #[must_use]
    pub const fn forecast(mut self, wanted: bool) -> Self {
        self.forecast = wanted;
        self
    }

    /// Sets how sure the forecast's interval is, in percent; kept within 51 and 99.
    #[must_use]
    pub fn level(mut self, percent: u8) -> Self {
        self.level = percent.clamp(51, 99);
        self
    }

    /// Allows so many requests a refresh, and so many a month.
    #[must_use]
    pub const fn requests(mut self, refresh: u32, month: u64) -> Self {
        (self.most_requests, self.most_month_requests) = (refresh, month);
        self
    }

    /// Allows so many series.
    #[must_use]
    pub const fn cap(mut self, cap: SeriesCap) -> Self {
        self.cap = cap;
        self
    }

    /// Splits shared costs so.
    #[must_use]
    pub fn shared(mut self, shared: SharedCosts) -> Self {
        self.shared = shared;
        self
    }

    /// Watches these budgets.
    #[must_use]
    pub fn budgets(mut self, budgets: Vec<Budget>) -> Self {
        self.budgets = budgets;
        self
    }

    /// Runs under this id.
    #[must_use]
    pub fn run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// Says that the clock shows another time than the moment which the costs are of, as with saved ones.
    #[must_use]
    pub const fn clock(mut self, clock: Timestamp) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Locks the ledger for so long, but at most [`Options::LONGEST_LEASE`].
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Is ended after this time at the latest.
    #[must_use]
    pub const fn ends_after(mut self, time: Duration) -> Self {
        self.ends_after = Some(time);
        self
    }

    /// Takes no longer than this, as far as that can be helped.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}
