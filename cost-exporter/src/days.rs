//! The days that a sink has not, or not as they are now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::period::midnight;
use crate::statement::{Series, Statement};
use crate::{
    Amount, Basis, DaySample, Error, Grouping, Label, Labels, LedgerDay, SinkKind, SinkState,
    SinkStyle, ToldDay,
};

/// What to publish of the days.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) days: Vec<DaySample>,
    /// How many series it will never have, because their day was too long ago when it was first seen. Told once.
    pub(crate) too_old: usize,
    /// How many corrections of what it has came too late. Told once.
    pub(crate) lost: usize,
}

/// What is remembered of what was told.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) sink: &'a mut SinkState,
    pub(crate) history: &'a mut BTreeMap<Date, ToldDay>,
}

/// What a sink lacks of these days. For those that keep days, the history is brought up to date here: they get all days each
/// time, so that no run depends on what became of the last one's file.
pub(crate) fn changes<'a>(
    statement: &Statement<'_>,
    days: impl IntoIterator<Item = (Date, &'a LedgerDay)>,
    style: &SinkStyle,
    asked: &[Basis],
    told: Told<'_>,
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
        let wanted = |labels: &Labels| still_wanted(labels, style, asked);
        let sent = match style.kind {
            SinkKind::Snapshot => return Ok(changes),
            SinkKind::Additive { .. } => told.sink.sent_of(date),
            SinkKind::History => told
                .history
                .get(&date)
                .into_iter()
                .flat_map(|day| day.series.iter().cloned())
                .filter(|(labels, _)| wanted(labels))
                .collect(),
        };
        // What was sent under a name that is gone now, because the cap leaves it no series, is worth nothing there.
        for labels in sent.keys().filter(|labels| wanted(labels)) {
            series.entry(labels.clone()).or_default();
        }
        match style.kind {
            SinkKind::Additive { reach, .. } => {
                let late = midnight(date)
                    .saturating_add(reach)
                    .is_ok_and(|last| last < now);
                let lacking = lacking(date, &series, &sent)?;
                match late {
                    true => too_late(date, lacking, told.sink, &mut changes),
                    false => changes
                        .days
                        .extend(lacking.into_iter().map(|(labels, change)| {
                            let value = series.get(&labels).copied().unwrap_or_default();
                            sample(date, day, day.revision, labels, value, change)
                        })),
                }
            }
            _ => {
                let last = told.history.get(&date).map(|day| day.revision);
                let revision = revision(last, &sent, &series);
                for (labels, value) in &series {
                    let had = sent.get(labels).copied().unwrap_or_default();
                    let change = value.minus(had).map_err(Error::inexact(date.to_string()))?;
                    changes
                        .days
                        .push(sample(date, day, revision, labels.clone(), *value, change));
                }
                // Series that this sink does not take were told by another one.
                let kept = told.history.entry(date).or_default();
                let mut all: BTreeMap<Labels, Amount> = kept.series.drain(..).collect();
                all.extend(series);
                *kept = ToldDay {
                    revision,
                    series: all.into_iter().collect(),
                };
            }
        }
    }
    Ok(changes)
}

/// The differences that a sink lacks.
fn lacking(
    date: Date,
    series: &Series,
    sent: &BTreeMap<Labels, Amount>,
) -> Result<Vec<(Labels, Amount)>, Error> {
    let mut lacking = Vec::new();
    for (labels, value) in series {
        let had = sent.get(labels).copied().unwrap_or_default();
        let change = value.minus(had).map_err(Error::inexact(date.to_string()))?;
        if !change.is_zero() {
            lacking.push((labels.clone(), change));
        }
    }
    Ok(lacking)
}

/// Counts what comes too late, unless it was told before.
fn too_late(
    date: Date,
    lacking: Vec<(Labels, Amount)>,
    sink: &mut SinkState,
    changes: &mut Changes,
) {
    if lacking.is_empty() {
        return;
    }
    if !sink.sent.contains_key(&date) {
        if sink.never_sent.insert(date) {
            changes.too_old += lacking.len();
        }
        return;
    }
    let before: BTreeMap<Labels, Amount> = sink.lost.remove(&date).into_iter().flatten().collect();
    let news = lacking
        .iter()
        .filter(|(labels, change)| before.get(labels) != Some(change));
    changes.lost += news.count();
    sink.lost.insert(date, lacking);
}

/// Whether a series is one of those that are made now. What was sent before the configuration left it out stays as it was.
fn still_wanted(labels: &Labels, style: &SinkStyle, asked: &[Basis]) -> bool {
    let grouping = match (labels.get(Label::Service), labels.get(Label::Environment)) {
        (None, None) => Grouping::Total,
        (None, Some(_)) => Grouping::Environment,
        (Some(_), None) => Grouping::Service,
        (Some(_), Some(_)) => Grouping::ServiceEnvironment,
    };
    let basis = asked
        .iter()
        .filter(|basis| style.bases.is_empty() || style.bases.contains(basis))
        .any(|basis| labels.get(Label::Basis) == Some(basis.as_str()));
    basis && style.groupings.contains(&grouping)
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
