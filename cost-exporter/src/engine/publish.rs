//! Giving sinks what they lack, and writing down what they have.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::Parts;
use crate::book::Book;
use crate::days::{Changes, Told, changes};
use crate::samples::{Facts, present};
use crate::statement::Statement;
use crate::{
    Error, Event, Item, Labels, LedgerState, MetricSink, Observer, Options, Period, Publication,
    Published, Rejected, SinkKind, SinkOutcome, SinkState,
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
    lost: usize,
    /// Since when it had the present before.
    had: Option<Timestamp>,
    /// Whether it shows the present, and there is none to show.
    left_alone: bool,
}

pub(super) async fn all(
    parts: &Parts<'_>,
    options: &Options,
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    when: When,
    book: &mut Book<'_>,
    observer: &dyn Observer,
) -> Result<Vec<SinkOutcome>, Error> {
    // Sinks of earlier runs count as well: what they were being given is no less pending.
    for (sink, items) in book.state.settle()? {
        observer.observe(Event::Unsettled { sink, items });
    }
    let plans = parts
        .sinks
        .iter()
        .map(|sink| plan(*sink, options, statement, facts, when, &mut book.state))
        .collect::<Result<Vec<Planned<'_>>, Error>>()?;
    // Nobody else gives anything to these sinks until then, and neither does this run later.
    let until = book.lock().await?;
    plans.iter().for_each(|plan| tell(plan, observer));
    let mut outcomes = Vec::with_capacity(plans.len());
    for plan in &plans {
        let name = plan.sink.name().clone();
        let remembered = book.state.sinks.entry(name).or_default();
        outcomes.push(one(plan, remembered, until, observer).await?);
    }
    book.close().await?;
    Ok(outcomes)
}

/// What a sink is to get, which the ledger takes down as what it is being given.
fn plan<'a>(
    sink: &'a dyn MetricSink,
    options: &Options,
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    when: When,
    state: &mut LedgerState,
) -> Result<Planned<'a>, Error> {
    let style = sink.style();
    let remembered = state.sinks.entry(sink.name().clone()).or_default();
    let shown = state
        .days
        .range(when.shown.start()..when.shown.end())
        .map(|(date, day)| (*date, day));
    let told = Told {
        sink: &mut *remembered,
        history: &mut state.history,
    };
    let Changes {
        days,
        too_old,
        lost,
    } = changes(statement, shown, &style, &options.bases, told, when.now)?;
    let samples = match wants_present(style.kind, remembered, when) {
        true => present(statement, &style, options, facts)?,
        false => Vec::new(),
    };
    let had = remembered.present;
    if matches!(style.kind, SinkKind::Additive { .. }) {
        remembered.promise(&days);
        // A run that is cut off has put the present too, for all that anybody knows.
        if !samples.is_empty() {
            remembered.present = Some(when.now);
        }
    }
    Ok(Planned {
        sink,
        kind: style.kind,
        publication: Publication {
            at: when.now,
            samples,
            days,
        },
        too_old,
        lost,
        had,
        left_alone: style.kind == SinkKind::Snapshot && !when.present,
    })
}

fn tell(plan: &Planned<'_>, observer: &dyn Observer) {
    let sink = plan.sink.name();
    if plan.too_old + plan.lost > 0 {
        observer.observe(Event::TooOld {
            sink: sink.clone(),
            never_sent: plan.too_old,
            lost: plan.lost,
        });
    }
    if plan.left_alone {
        observer.observe(Event::LeftAlone { sink: sink.clone() });
    }
}

/// Whether a sink gets the numbers of the present: one that adds up gets them once in each period, and only those of now.
fn wants_present(kind: SinkKind, remembered: &SinkState, when: When) -> bool {
    match kind {
        SinkKind::Snapshot => when.present,
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
    until: Instant,
    observer: &dyn Observer,
) -> Result<SinkOutcome, Error> {
    let sink = plan.sink.name().clone();
    let publication = &plan.publication;
    let mut outcome = SinkOutcome {
        sink: sink.clone(),
        samples: publication.samples.len(),
        days: publication.days.len(),
        too_old: plan.too_old,
        lost: plan.lost,
        left_alone: plan.left_alone,
        published: None,
        error: None,
        hint: None,
    };
    // A sink that shows the present has it replaced even by nothing; to the others nothing is nothing.
    let empty = publication.samples.is_empty() && publication.days.is_empty();
    let nothing = plan.left_alone || (empty && plan.kind != SinkKind::Snapshot);
    let result = match nothing {
        true => Ok(Published::default()),
        false => publish(plan, until).await,
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
            remember(plan, remembered, &published)?;
            if published.rejected.is_empty() && !nothing && !empty {
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
            remembered.present = plan.had;
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

/// Publishes until then. What takes longer has been taken, for all that is known.
async fn publish(plan: &Planned<'_>, until: Instant) -> Result<Published, Error> {
    if Instant::now() >= until {
        return Err(Error::NotSent {
            operation: "publish",
            source: "the time in which the ledger is locked is over".into(),
        });
    }
    let published = timeout_at(until, plan.sink.publish(&plan.publication)).await;
    published.unwrap_or_else(|_| {
        let reject = |item, series: &Labels| Rejected {
            item,
            series: series.to_string(),
            reason: "it took longer than the ledger is locked".to_owned(),
            known: false,
        };
        let Publication { samples, days, .. } = &plan.publication;
        let samples = samples.iter().enumerate();
        let days = days.iter().enumerate();
        let rejected = samples
            .map(|(index, sample)| reject(Item::Sample(index), &sample.labels))
            .chain(days.map(|(index, day)| reject(Item::Day(index), &day.labels)));
        Ok(Published {
            requests: 0,
            rejected: rejected.collect(),
        })
    })
}

/// Writes down what a sink that adds up has now: all but what it certainly did not take.
fn remember(
    plan: &Planned<'_>,
    remembered: &mut SinkState,
    published: &Published,
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
    let lost = published
        .rejected
        .iter()
        .filter(|rejected| rejected.known && matches!(rejected.item, Item::Sample(_)))
        .count();
    if lost == plan.publication.samples.len() {
        remembered.present = plan.had;
    }
    Ok(())
}
