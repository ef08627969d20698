//! Giving sinks what they lack, and writing down what they have.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Parts;
use crate::days::{Changes, changes};
use crate::samples::{Facts, present};
use crate::statement::Statement;
use crate::{
    Error, Event, Item, LedgerState, LedgerVersion, MetricSink, Observer, Options, Period,
    Publication, Published, SinkKind, SinkOutcome, SinkState,
};

/// The moment, and the days that are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) now: Timestamp,
    /// Whether the numbers are those of now.
    pub(super) present: bool,
    pub(super) shown: Period,
}

/// What a sink is about to get.
struct Planned<'a> {
    sink: &'a dyn MetricSink,
    kind: SinkKind,
    publication: Publication,
    too_old: usize,
}

pub(super) async fn all(
    parts: &Parts<'_>,
    options: &Options,
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    when: When,
    (mut state, version): (LedgerState, LedgerVersion),
    observer: &dyn Observer,
) -> Result<Vec<SinkOutcome>, Error> {
    let mut plans = Vec::with_capacity(parts.sinks.len());
    // Sinks of earlier runs count as well: what they were being given is no less pending.
    let days = state.days.clone();
    for sink in parts.sinks {
        let remembered = state.sinks.entry(sink.name().clone()).or_default();
        let items = remembered.settle()?;
        if items > 0 {
            observer.observe(Event::Unsettled {
                sink: sink.name().clone(),
                items,
            });
        }
        let style = sink.style();
        let shown = days
            .range(when.shown.start()..when.shown.end())
            .map(|(date, day)| (*date, day));
        let Changes { days, too_old } = changes(statement, shown, &style, remembered, when.now)?;
        let samples = match wants_present(style.kind, remembered, when) {
            true => present(statement, &style, options, facts)?,
            false => Vec::new(),
        };
        if matches!(style.kind, SinkKind::Additive { .. }) {
            remembered.promise(&days);
        }
        let publication = Publication {
            at: when.now,
            samples,
            days,
        };
        plans.push(Planned {
            sink: *sink,
            kind: style.kind,
            publication,
            too_old,
        });
    }
    let version = parts.ledger.save(&state, &version).await?;
    let saved = state.clone();
    let mut outcomes = Vec::with_capacity(plans.len());
    for plan in &plans {
        let remembered = state.sinks.entry(plan.sink.name().clone()).or_default();
        outcomes.push(one(plan, remembered, when.now, observer).await?);
    }
    if state != saved {
        parts.ledger.save(&state, &version).await?;
    }
    Ok(outcomes)
}

/// Whether a sink gets the numbers of the present: one that adds up gets them once in each period, and only those of now.
fn wants_present(kind: SinkKind, remembered: &SinkState, when: When) -> bool {
    match kind {
        SinkKind::Snapshot => true,
        SinkKind::History => false,
        SinkKind::Additive { every, .. } => {
            let slot = |time: Timestamp| slot(time, every);
            when.present
                && remembered
                    .present
                    .is_none_or(|last| slot(last) != slot(when.now))
        }
    }
}

fn slot(time: Timestamp, every: SignedDuration) -> i64 {
    time.as_second().div_euclid(every.as_secs().max(1))
}

async fn one(
    plan: &Planned<'_>,
    remembered: &mut SinkState,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<SinkOutcome, Error> {
    let sink = plan.sink.name().clone();
    let publication = &plan.publication;
    let mut outcome = SinkOutcome {
        sink: sink.clone(),
        samples: publication.samples.len(),
        days: publication.days.len(),
        too_old: plan.too_old,
        published: None,
        error: None,
        hint: None,
    };
    // A sink that shows the present has it replaced even by nothing; to the others nothing is nothing.
    let empty = publication.samples.is_empty() && publication.days.is_empty();
    let result = match empty && plan.kind != SinkKind::Snapshot {
        true => Ok(Published::default()),
        false => plan.sink.publish(publication).await,
    };
    match result {
        Ok(published) => {
            for rejected in &published.rejected {
                observer.observe(Event::Rejected {
                    sink: sink.clone(),
                    series: rejected.series.clone(),
                    reason: rejected.reason.clone(),
                    known: rejected.known,
                });
            }
            remember(plan, remembered, &published, now)?;
            if published.rejected.is_empty() && !empty {
                let (samples, days) = (outcome.samples, outcome.days);
                observer.observe(Event::Published {
                    sink,
                    samples,
                    days,
                });
            }
            outcome.published = Some(published);
        }
        Err(error) => {
            remembered.pending.clear();
            let (reason, hint) = (error.chain(), error.hint());
            observer.observe(Event::SinkFailed {
                sink,
                reason: reason.clone(),
                hint: hint.clone(),
            });
            (outcome.error, outcome.hint) = (Some(reason), hint);
        }
    }
    Ok(outcome)
}

/// Writes down what a sink that adds up has now: all but what it certainly did not take.
fn remember(
    plan: &Planned<'_>,
    remembered: &mut SinkState,
    published: &Published,
    now: Timestamp,
) -> Result<(), Error> {
    if !matches!(plan.kind, SinkKind::Additive { .. }) {
        return Ok(());
    }
    remembered.pending.clear();
    let refused: BTreeSet<usize> = published
        .rejected
        .iter()
        .filter_map(|rejected| match rejected.item {
            Item::Day(index) if rejected.known => Some(index),
            Item::Day(_) | Item::Sample(_) => None,
        })
        .collect();
    let days = &plan.publication.days;
    let taken = days
        .iter()
        .enumerate()
        .filter(|(index, _)| !refused.contains(index))
        .map(|(_, sample)| sample);
    let mut by_day = std::collections::BTreeMap::<_, Vec<_>>::new();
    for sample in taken {
        by_day
            .entry(sample.date)
            .or_default()
            .push((&sample.labels, sample.change));
    }
    for (date, changes) in by_day {
        remembered.add(date, changes)?;
    }
    let samples = plan.publication.samples.len();
    let lost = published
        .rejected
        .iter()
        .filter(|rejected| matches!(rejected.item, Item::Sample(_)))
        .count();
    if samples > lost {
        remembered.present = Some(now);
    }
    Ok(())
}
