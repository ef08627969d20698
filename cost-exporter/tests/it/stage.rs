//! A refresh over simulated systems.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cost_exporter::sim::{MemoryLedger, SimBill, SimForecast, SimSource};
use cost_exporter::{
    Amount, Error, Event, Forecast, Label, Ledger, LedgerState, LedgerVersion, Metric, MetricSink,
    Options, Outcome, Parts, Period, Sample, day, refresh,
};
use jiff::Timestamp;

/// The moment of most refreshes.
pub(crate) const NOON: &str = "2026-03-10T12:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// What a refresh ended with, and what it told.
pub(crate) struct Ran {
    pub(crate) outcome: Result<Outcome, Error>,
    pub(crate) events: Vec<Event>,
}

impl Ran {
    pub(crate) fn ok(self) -> Outcome {
        self.outcome.unwrap()
    }
}

/// Refreshes at the source's moment.
pub(crate) async fn run(
    source: &SimSource,
    ledger: &dyn Ledger,
    sinks: &[&dyn MetricSink],
    options: &Options,
    now: &str,
) -> Ran {
    source.set_now(at(now));
    let events = Mutex::new(Vec::new());
    let parts = Parts {
        source,
        budgets: Some(source),
        ledger,
        sinks,
    };
    let outcome = refresh(&parts, options, at(now), &|event| {
        events.lock().unwrap().push(event)
    })
    .await;
    Ran {
        outcome,
        events: events.into_inner().unwrap(),
    }
}

/// Refreshes with the options that there are without any.
pub(crate) async fn run_plainly(
    source: &SimSource,
    ledger: &dyn Ledger,
    sinks: &[&dyn MetricSink],
    now: &str,
) -> Ran {
    run(source, ledger, sinks, &Options::default(), now).await
}

pub(crate) fn source(bill: SimBill) -> SimSource {
    SimSource::new(bill, at(NOON))
}

pub(crate) fn ledger() -> MemoryLedger {
    MemoryLedger::default()
}

/// How many requests are written down.
pub(crate) fn spent(ledger: &MemoryLedger) -> u64 {
    let day = day("2026-03-10").unwrap();
    ledger.state().unwrap().requests_in(day)
}

/// A ledger that saves once and says something else.
#[derive(Debug)]
pub(crate) struct Forgetful<L> {
    ledger: L,
    says: fn() -> Error,
    forgot: AtomicBool,
}

impl<L> Forgetful<L> {
    /// It says that somebody else saved.
    pub(crate) fn new(ledger: L) -> Self {
        Self::saying(ledger, || Error::LedgerConflict)
    }

    pub(crate) fn saying(ledger: L, says: fn() -> Error) -> Self {
        Self {
            ledger,
            says,
            forgot: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl<L: Ledger> Ledger for Forgetful<L> {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        self.ledger.load().await
    }

    async fn save(
        &self,
        state: &LedgerState,
        over: &LedgerVersion,
    ) -> Result<LedgerVersion, Error> {
        let saved = self.ledger.save(state, over).await?;
        match self.forgot.swap(true, Ordering::Relaxed) {
            true => Ok(saved),
            false => Err((self.says)()),
        }
    }
}

/// The values of a metric, by the labels that are named.
pub(crate) fn values(samples: &[Sample], metric: Metric, labels: &[(Label, &str)]) -> Vec<Amount> {
    samples
        .iter()
        .filter(|sample| sample.metric == metric)
        .filter(|sample| {
            labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label) == Some(value))
        })
        .map(|sample| sample.value)
        .collect()
}

/// The sum of a metric over the series with these labels.
pub(crate) fn sum(samples: &[Sample], metric: Metric, labels: &[(Label, &str)]) -> Amount {
    Amount::sum(values(samples, metric, labels)).unwrap()
}

/// Sums of a metric by the value of a label, in a basis.
pub(crate) fn by(
    samples: &[Sample],
    metric: Metric,
    basis: &str,
    label: Label,
) -> BTreeMap<String, Amount> {
    let mut sums = BTreeMap::<String, Amount>::new();
    for sample in samples {
        if sample.metric == metric && sample.labels.get(Label::Basis) == Some(basis) {
            let sum = sums
                .entry(sample.labels.get(label).unwrap_or("").to_owned())
                .or_default();
            *sum = sum.plus(sample.value).unwrap();
        }
    }
    sums
}

pub(crate) fn forecast(mean: &str, lower: &str, upper: &str) -> SimForecast {
    SimForecast::Known(Box::new(Forecast {
        mean: amount(mean),
        lower: amount(lower),
        upper: amount(upper),
        currency: "USD".parse().unwrap(),
    }))
}

/// Each day of February and of March up to the 10th costs 10.01, most of it in production.
pub(crate) fn bill() -> SimBill {
    let mut bill = SimBill::new();
    let period = Period::new(day("2026-02-01").unwrap(), day("2026-03-11").unwrap()).unwrap();
    for date in period.days() {
        for (service, environment, cost) in [
            ("Amazon EC2", "prod", "7"),
            ("Amazon EC2", "dev", "2"),
            ("Amazon S3", "prod", "1"),
            ("Tax", "", "0.01"),
        ] {
            bill = bill.charge(&date.to_string(), service, environment, cost);
        }
    }
    bill
}
