//! Reading the days, and comparing them with what was remembered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::book::Book;
use crate::meter::Meter;
use crate::{
    Amount, Basis, Cell, CellKey, CostQuery, CostSource, Error, Event, LedgerCell, LedgerDay,
    LedgerState, Observer, Options, Period, statement,
};

/// A day as it was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    estimated: bool,
    cells: Vec<LedgerCell>,
}

/// All pages, as days. When the answer changes under way it is read anew, once.
pub(super) async fn days(
    source: &dyn CostSource,
    options: &Options,
    period: Period,
    (meter, book): (&mut Meter<'_>, &mut Book<'_>),
    observer: &dyn Observer,
) -> Result<BTreeMap<Date, Read>, Error> {
    let query = CostQuery {
        period,
        bases: options.bases.clone(),
        tag: options.tag.clone(),
    };
    match pages(source, &query, meter, book).await {
        Err(error @ Error::PagesChanged { .. }) => {
            observer.observe(Event::Restarted {
                reason: error.chain(),
            });
            pages(source, &query, meter, book).await
        }
        other => other,
    }
}

async fn pages(
    source: &dyn CostSource,
    query: &CostQuery,
    meter: &mut Meter<'_>,
    book: &mut Book<'_>,
) -> Result<BTreeMap<Date, Read>, Error> {
    let mut days = BTreeMap::<Date, (bool, Vec<Cell>)>::new();
    let mut next = None;
    loop {
        let page = meter
            .ask(book, "read costs", None, || {
                source.costs(query, next.as_ref())
            })
            .await?;
        for part in page.days {
            if !query.period.contains(part.date) {
                let problem = format!("`{}` was not asked for, but {}", part.date, query.period);
                return Err(Error::Inconsistent { problem });
            }
            let (estimated, cells) = days.entry(part.date).or_default();
            // A day is final only when every part of it is.
            *estimated |= part.estimated;
            cells.extend(part.cells);
        }
        match page.next {
            Some(token) if next.as_ref() == Some(&token) => {
                let problem = "a page names itself as the next one".to_owned();
                return Err(Error::Inconsistent { problem });
            }
            Some(token) => next = Some(token),
            None => break,
        }
    }
    days.into_iter()
        .map(|(date, (estimated, cells))| {
            Ok((
                date,
                Read {
                    estimated,
                    cells: statement::cells(date, cells)?,
                },
            ))
        })
        .collect()
}

/// Puts the days into the ledger and returns those whole days that are not what they were.
pub(super) fn merge(
    state: &mut LedgerState,
    days: BTreeMap<Date, Read>,
    asked: &[Basis],
    today: Date,
    observer: &dyn Observer,
) -> Vec<Date> {
    let mut corrected = Vec::new();
    let bases: BTreeSet<Basis> = asked.iter().copied().collect();
    for (date, mut read) in days {
        let Some(known) = state.days.get_mut(&date) else {
            state.days.insert(
                date,
                LedgerDay {
                    estimated: read.estimated,
                    revision: 0,
                    bases: bases.clone(),
                    cells: read.cells,
                },
            );
            continue;
        };
        keep_names(&known.cells, &mut read.cells, asked);
        // The first numbers of a day, or in a basis, are no correction of none.
        let both: BTreeSet<Basis> = known.bases.intersection(&bases).copied().collect();
        let differs =
            !known.cells.is_empty() && amounts(&known.cells, &both) != amounts(&read.cells, &both);
        known.cells = read.cells;
        known.bases.clone_from(&bases);
        if differs {
            known.revision = known.revision.saturating_add(1);
            // Today grows all day long: that is no correction.
            if date < today {
                corrected.push(date);
                observer.observe(Event::Corrected {
                    date,
                    revision: known.revision,
                });
            }
        }
        if known.estimated && !read.estimated {
            observer.observe(Event::BecameFinal { date });
        }
        known.estimated = read.estimated;
    }
    corrected
}

/// What there is in some bases.
fn amounts<'a>(
    cells: &'a [LedgerCell],
    bases: &BTreeSet<Basis>,
) -> BTreeMap<(&'a CellKey, Basis), Amount> {
    let all = cells.iter().flat_map(|cell| {
        cell.amounts
            .iter()
            .map(move |(basis, amount)| (&cell.key, *basis, *amount))
    });
    all.filter(|(_, basis, amount)| bases.contains(basis) && !amount.is_zero())
        .map(|(key, basis, amount)| ((key, basis), amount))
        .collect()
}

/// Series that a day had and has no more are there with nothing, so that whoever has the old number gets the new one. Bases
/// that are not asked for any more are no such series.
fn keep_names(known: &[LedgerCell], read: &mut Vec<LedgerCell>, asked: &[Basis]) {
    let mut gone = Vec::new();
    for old in known {
        match read.binary_search_by(|cell| cell.key.cmp(&old.key)) {
            Ok(index) => {
                for basis in old.amounts.keys().filter(|basis| asked.contains(basis)) {
                    read[index].amounts.entry(*basis).or_insert(Amount::ZERO);
                }
            }
            Err(_) => {
                let amounts = old
                    .amounts
                    .keys()
                    .filter(|basis| asked.contains(basis))
                    .map(|basis| (*basis, Amount::ZERO))
                    .collect();
                gone.push(LedgerCell {
                    key: old.key.clone(),
                    amounts,
                });
            }
        }
    }
    if !gone.is_empty() {
        read.extend(gone);
        read.sort();
    }
}
