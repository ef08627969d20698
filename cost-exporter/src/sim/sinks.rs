//! Sinks that remember.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::prometheus::style;
use crate::{
    Amount, Error, Grouping, Item, Labels, MetricSink, Publication, Published, Rejected, Sample,
    SinkKind, SinkName, SinkStyle,
};

/// A sink that keeps what it is given the way its kind does.
#[derive(Debug)]
pub struct SimSink {
    name: SinkName,
    style: SinkStyle,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    samples: Vec<Sample>,
    days: BTreeMap<(Date, Labels), (u32, Amount)>,
    publications: Vec<Publication>,
    faults: VecDeque<Fault>,
}

#[derive(Debug)]
enum Fault {
    Down,
    Reject(Item, bool),
}

impl SimSink {
    /// A sink of a kind, by service and environment.
    pub fn new(name: SinkName, kind: SinkKind) -> Self {
        Self {
            name,
            style: style(kind),
            inner: Mutex::default(),
        }
    }

    /// One that shows the present.
    pub fn snapshot() -> Self {
        Self::new("snapshot".parse().expect("a name"), SinkKind::Snapshot)
    }

    /// One that adds up, as CloudWatch does: two weeks back, and the present once an hour.
    pub fn additive() -> Self {
        let kind = SinkKind::Additive {
            reach: SignedDuration::from_hours(14 * 24),
            every: SignedDuration::from_hours(1),
        };
        Self::new("additive".parse().expect("a name"), kind)
    }

    /// One that keeps days.
    pub fn history() -> Self {
        Self::new("history".parse().expect("a name"), SinkKind::History)
    }

    /// Adds costs up in these ways.
    #[must_use]
    pub fn groupings(mut self, groupings: Vec<Grouping>) -> Self {
        self.style.groupings = groupings;
        self
    }

    /// Takes nothing of the next publication.
    pub fn fail_next(&self) {
        self.lock().faults.push_back(Fault::Down);
    }

    /// Does not take one item of the next publication; when that is not known, it has taken it.
    pub fn reject_next(&self, item: Item, known: bool) {
        self.lock().faults.push_back(Fault::Reject(item, known));
    }

    /// What it shows.
    pub fn samples(&self) -> Vec<Sample> {
        self.lock().samples.clone()
    }

    /// What it has of each day.
    pub fn days(&self) -> BTreeMap<(Date, Labels), Amount> {
        let inner = self.lock();
        inner
            .days
            .iter()
            .map(|(key, (_, amount))| (key.clone(), *amount))
            .collect()
    }

    /// Everything it was given.
    pub fn publications(&self) -> Vec<Publication> {
        self.lock().publications.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MetricSink for SimSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        self.style.clone()
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        let mut inner = self.lock();
        let mut published = Published {
            requests: 1,
            rejected: Vec::new(),
        };
        let mut refused = None;
        match inner.faults.pop_front() {
            Some(Fault::Down) => {
                let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                return Err(Error::Unreachable {
                    operation: "publish",
                    source: Box::new(source),
                });
            }
            Some(Fault::Reject(item, known)) => {
                refused = known.then_some(item);
                let reason = "simulated".to_owned();
                published.rejected.push(Rejected {
                    item,
                    series: String::new(),
                    reason,
                    known,
                });
            }
            None => {}
        }
        inner.publications.push(publication.clone());
        if self.style.kind != SinkKind::History && !publication.samples.is_empty() {
            inner.samples.clone_from(&publication.samples);
        }
        for (index, day) in publication.days.iter().enumerate() {
            if refused == Some(Item::Day(index)) {
                continue;
            }
            let (revision, amount) = inner
                .days
                .entry((day.date, day.labels.clone()))
                .or_default();
            match self.style.kind {
                SinkKind::Additive { .. } => {
                    let inexact = Error::inexact("the simulated sink");
                    *amount = amount.plus(day.change).map_err(inexact)?;
                }
                _ if day.revision >= *revision => (*revision, *amount) = (day.revision, day.value),
                _ => {}
            }
        }
        Ok(published)
    }
}
