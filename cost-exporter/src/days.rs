//! The days that a sink has not, or not as they are now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::period::midnight;
use crate::statement::{Series, Statement};
use crate::{Amount, DaySample, Error, Label, Labels, LedgerDay, SinkKind, SinkState, SinkStyle};

/// What to publish of the days.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) days: Vec<DaySample>,
    /// How many series the sink does not take any more, because their day is too long ago.
    pub(crate) too_old: usize,
}

/// What a sink lacks of these days. For one that keeps days, its state is brought up to date here: it gets all days each
/// time, so that no run depends on what became of the last one's file.
pub(crate) fn changes<'a>(
    statement: &Statement<'_>,
    days: impl IntoIterator<Item = (Date, &'a LedgerDay)>,
    style: &SinkStyle,
    state: &mut SinkState,
    now: Timestamp,
) -> Result<Changes, Error> {
    let mut changes = Changes::default();
    for (date, day) in days {
        let mut series = Series::new();
        for grouping in &style.groupings {
            series.extend(
                statement
                    .day(date, *grouping, &style.bases)?
                    .unwrap_or_default(),
            );
        }
        let sent = state.sent_of(date);
        // What was sent under a name that is gone now, because the cap leaves it no series, is worth nothing there.
        for labels in sent.keys() {
            series.entry(labels.clone()).or_default();
        }
        match style.kind {
            SinkKind::Snapshot => return Ok(changes),
            SinkKind::Additive { reach, .. } => {
                let late = midnight(date)
                    .saturating_add(reach)
                    .is_ok_and(|last| last < now);
                for (labels, value) in series {
                    let had = sent.get(&labels).copied().unwrap_or_default();
                    let change = value.minus(had).map_err(Error::inexact(date.to_string()))?;
                    if change.is_zero() {
                        continue;
                    }
                    match late {
                        true => changes.too_old += 1,
                        false => changes.days.push(sample(
                            date,
                            day,
                            day.revision,
                            labels,
                            value,
                            change,
                        )),
                    }
                }
            }
            SinkKind::History => {
                let revision = revision(state.revisions.get(&date).copied(), &sent, &series);
                for (labels, value) in &series {
                    let had = sent.get(labels).copied().unwrap_or_default();
                    let change = value.minus(had).map_err(Error::inexact(date.to_string()))?;
                    changes
                        .days
                        .push(sample(date, day, revision, labels.clone(), *value, change));
                }
                state.revisions.insert(date, revision);
                state.set(date, series);
            }
        }
    }
    Ok(changes)
}

/// A day that differs from what was sent is a further revision of it.
fn revision(last: Option<u32>, sent: &BTreeMap<Labels, Amount>, series: &Series) -> u32 {
    match last {
        None => 0,
        Some(last) if sent == series => last,
        Some(last) => last.saturating_add(1),
    }
}

fn sample(
    date: Date,
    day: &LedgerDay,
    revision: u32,
    labels: Labels,
    value: Amount,
    change: Amount,
) -> DaySample {
    debug_assert!(labels.get(Label::Basis).is_some());
    DaySample {
        date,
        revision,
        estimated: day.estimated,
        labels,
        value,
        change,
    }
}
