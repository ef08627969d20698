//! The ledger as data.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ActiveRun;
use crate::{Amount, Basis, BillName, CellKey, DaySample, Error, Labels, SinkName, TagKey};

/// The schema that this version writes.
const SCHEMA: u32 = 2;

/// Everything that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerState {
    schema: u32,
    /// Whose bill the days are of, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<BillName>,
    /// The tag by which the days tell environments apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagKey>,
    /// The run that is at work on the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<ActiveRun>,
    /// The days as they were last seen.
    pub days: BTreeMap<Date, LedgerDay>,
    /// What each sink was given.
    pub sinks: BTreeMap<SinkName, SinkState>,
    /// What was told of each day to sinks that keep days. Whatever such a sink is called, what it wrote may be loaded into one
    /// database, so a day has one history. It is never forgotten: a day may be written anew at any time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub history: BTreeMap<Date, ToldDay>,
    /// How many requests were sent, by month (`2026-03`).
    pub requests: BTreeMap<String, u64>,
}

/// A day as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerDay {
    /// Whether the source may still change it.
    pub estimated: bool,
    /// How often it changed since it was first seen.
    pub revision: u32,
    /// The bases it was read in.
    pub bases: BTreeSet<Basis>,
    /// What it cost, each series once, in order.
    pub cells: Vec<LedgerCell>,
}

/// What a service cost in an environment on a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerCell {
    /// The service, the environment and the currency.
    #[serde(flatten)]
    pub key: CellKey,
    /// The amounts by basis.
    pub amounts: BTreeMap<Basis, Amount>,
}

/// What was given of a day, by series.
pub type SentDays = BTreeMap<Date, Vec<(Labels, Amount)>>;

/// What a sink was given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinkState {
    /// What the sink has of each day.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sent: SentDays,
    /// What is being given to it; if this is there when a run begins, the last one ended in the midst of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: SentDays,
    /// Since when it has the present, or was being given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<Timestamp>,
    /// Days that were too long ago before it had anything of them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub never_sent: BTreeSet<Date>,
    /// Corrections of days it has that came too late for it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: SentDays,
}

/// What was told of a day to sinks that keep days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldDay {
    /// How often that changed.
    pub revision: u32,
    /// The series.
    pub series: Vec<(Labels, Amount)>,
}

impl Default for LedgerState {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            bill: None,
            tag: None,
            run: None,
            days: BTreeMap::new(),
            sinks: BTreeMap::new(),
            history: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }
}

impl LedgerState {
    /// Reads what [`LedgerState::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is no ledger, or one of another version of this crate.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let invalid = |error: serde_json::Error| Error::InvalidLedger {
            problem: error.to_string(),
        };
        let Schema { schema } = serde_json::from_str(text).map_err(invalid)?;
        if schema != SCHEMA {
            let problem = format!("it has schema {schema}, and this version knows schema {SCHEMA}");
            return Err(Error::InvalidLedger { problem });
        }
        serde_json::from_str(text).map_err(invalid)
    }

    /// The ledger as a text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a ledger has only strings and numbers for keys")
    }

    /// How many requests were sent in the month of this day.
    pub fn requests_in(&self, day: Date) -> u64 {
        self.requests.get(&month(day)).copied().unwrap_or_default()
    }

    /// Whether the days are of this bill by this tag; what is not known, of either side, contradicts nothing.
    ///
    /// # Errors
    /// [`Error::ForeignLedger`] when they are of another one.
    pub fn check(&self, bill: Option<&BillName>, tag: &TagKey) -> Result<(), Error> {
        let differs = |kept: &str, wanted: &str| {
            Err(Error::ForeignLedger {
                kept: kept.to_owned(),
                wanted: wanted.to_owned(),
            })
        };
        match (&self.bill, bill) {
            (Some(kept), Some(wanted)) if kept != wanted => {
                return differs(&format!("the bill of {kept}"), &format!("that of {wanted}"));
            }
            _ => {}
        }
        match &self.tag {
            Some(kept) if kept != tag => differs(
                &format!("environments by the tag `{kept}`"),
                &format!("those by `{tag}`"),
            ),
            _ => Ok(()),
        }
    }

    /// Takes down that so many more requests were sent on this day, or fewer than was thought.
    pub(crate) fn count_requests(&mut self, day: Date, more: i64) {
        let count = self.requests.entry(month(day)).or_default();
        *count = count.saturating_add_signed(more);
    }

    /// Takes what every sink was being given when the last run ended as given, and says how many items that were.
    pub(crate) fn settle(&mut self) -> Result<Vec<(SinkName, usize)>, Error> {
        let mut settled = Vec::new();
        for (name, sink) in &mut self.sinks {
            let items = sink.settle()?;
            if items > 0 {
                settled.push((name.clone(), items));
            }
        }
        Ok(settled)
    }

    /// Forgets days before `first` that are final, all days before `oldest`, and what sinks were given of them.
    pub(crate) fn forget_before(&mut self, first: Date, oldest: Date) {
        self.days
            .retain(|date, day| *date >= first || (day.estimated && *date >= oldest));
        let oldest = self.days.keys().next().copied().unwrap_or(first).min(first);
        for sink in self.sinks.values_mut() {
            sink.sent.retain(|date, _| *date >= oldest);
            sink.never_sent.retain(|date| *date >= oldest);
            sink.lost.retain(|date, _| *date >= oldest);
        }
        let oldest = month(oldest);
        self.requests.retain(|month, _| *month >= oldest);
    }
}

fn month(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

impl SinkState {
    /// What a sink has of a day's series.
    pub(crate) fn sent_of(&self, date: Date) -> BTreeMap<Labels, Amount> {
        self.sent
            .get(&date)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Takes down what a sink now has of a day.
    pub(crate) fn set(&mut self, date: Date, series: BTreeMap<Labels, Amount>) {
        self.sent.insert(date, series.into_iter().collect());
    }

    /// Takes down that a sink was given changes of a day.
    pub(crate) fn add<'a>(
        &mut self,
        date: Date,
        changes: impl IntoIterator<Item = (&'a Labels, Amount)>,
    ) -> Result<(), Error> {
        let mut series = self.sent_of(date);
        for (labels, change) in changes {
            let sum = series.entry(labels.clone()).or_default();
            *sum = sum
                .plus(change)
                .map_err(Error::inexact(format!("{date}, {labels}")))?;
        }
        // A series of which there is nothing is one that was never sent.
        series.retain(|_, amount| !amount.is_zero());
        self.set(date, series);
        Ok(())
    }

    fn settle(&mut self) -> Result<usize, Error> {
        let pending = std::mem::take(&mut self.pending);
        for (date, changes) in &pending {
            self.add(
                *date,
                changes.iter().map(|(labels, change)| (labels, *change)),
            )?;
        }
        Ok(pending.values().map(Vec::len).sum())
    }

    /// Takes down what is about to be given to a sink.
    pub(crate) fn promise(&mut self, days: &[DaySample]) {
        for sample in days {
            let changes = self.pending.entry(sample.date).or_default();
            changes.push((sample.labels.clone(), sample.change));
        }
    }
}
