//! A refresh: read the days, remember them, publish them.

mod budgets;
mod fetch;
mod forecast;
mod publish;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::time::Instant;

use crate::book::Book;
use crate::cap::Kept;
use crate::meter::Meter;
use crate::period::{following, months_before, previous, today};
use crate::samples::Facts;
use crate::statement::Statement;
use crate::{
    Basis, BudgetSource, CostSource, Currency, Error, Event, Ledger, LedgerState, MetricSink,
    MonthTotal, Observer, Options, Outcome, Period,
};

pub use crate::book::abandon;

/// For how many months back days are asked for again that may still change.
const MONTHS: i32 = 3;

/// The outside systems of a refresh.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Where costs are read.
    pub source: &'a dyn CostSource,
    /// Where budgets are read, if anywhere.
    pub budgets: Option<&'a dyn BudgetSource>,
    /// What is remembered.
    pub ledger: &'a dyn Ledger,
    /// Where costs are published.
    pub sinks: &'a [&'a dyn MetricSink],
}

/// Reads costs, remembers them and publishes them.
///
/// The days asked for are the month so far and those before it that may still change, with one query for all of it. Nothing is
/// published before every page was read. A forecast or budgets that cannot be read are told and fail nothing, and a sink that
/// fails costs no other one anything.
///
/// The ledger is saved before each request that is billed, with the request; before anything is published, with what is about
/// to be put where things add up; and afterwards. While a refresh is at work the ledger is locked ([`Options::lease`]), so that
/// of two at once the second ends before it asks or puts anything. A run that is dropped puts nothing twice either: what it
/// had begun to put is taken as put, and told as [`Event::Unsettled`] in the next run. That one has to wait for the end of
/// the lease, unless [`abandon`] ends it. A lock that no lease can be the reason of is one of a wrong clock: it keeps nobody
/// out, and is told as [`Event::LockIgnored`].
///
/// # Errors
/// When costs cannot be read, the ledger cannot be kept, is another bill's, or is in another run's hands, or when the time of
/// the refresh is over ([`Options::ends_after`]). Requests that were sent are counted all the same.
pub async fn refresh(
    parts: &Parts<'_>,
    options: &Options,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    let clock = options.clock.unwrap_or(now);
    let begun = Instant::now();
    let mut book = Book::open(parts.ledger, options, clock, observer).await?;
    book.state
        .check(parts.source.bill().as_ref(), &options.tag)?;
    let work = Work {
        parts,
        options,
        now,
        begun,
        observer,
    };
    let refreshed = work.refresh(&mut book).await;
    if refreshed.is_err() {
        book.let_go().await;
    }
    refreshed
}

/// A refresh with the ledger in its hands.
#[derive(Clone, Copy)]
struct Work<'a> {
    parts: &'a Parts<'a>,
    options: &'a Options,
    now: Timestamp,
    begun: Instant,
    observer: &'a dyn Observer,
}

impl Work<'_> {
    async fn refresh(self, book: &mut Book<'_>) -> Result<Outcome, Error> {
        let Self {
            parts,
            options,
            now,
            observer,
            ..
        } = self;
        let today = options
            .period
            .map_or(today(now), |period| previous(period.end()).min(today(now)));
        let present = today == crate::period::today(now);
        let period = asked(options, &book.state, today)?;
        observer.observe(Event::Started {
            period,
            most_requests: options.most_requests,
        });
        let mut meter = Meter::new(options, parts.source.is_billed(), observer);
        let days = fetch::days(
            parts.source,
            options,
            period,
            (&mut meter, &mut *book),
            observer,
        )
        .await?;
        let state = &mut book.state;
        state.bill = parts.source.bill().or(state.bill.take());
        state.tag = Some(options.tag.clone());
        let corrected = fetch::merge(state, days, &options.bases, today, observer);
        let (forecast, no_forecast) = match options.forecast && present {
            true => self.forecast(today, &mut meter, book).await,
            false => (None, None),
        };
        book.state.forget_before(
            months_before(today, 1).min(period.start()),
            months_before(today, MONTHS),
        );

        let days = book.state.days.clone();
        let kept = Kept::choose(options.cap, days.values());
        let statement = Statement::new(&days, kept, today);
        let (projected, no_projection) =
            forecast::projection(&statement, options, forecast.as_ref())?;
        if let Some(reason) = &no_projection {
            observer.observe(Event::NoForecast {
                reason: reason.clone(),
                hint: None,
            });
        }
        let budgets = self.budgets(&statement, projected.as_ref()).await?;
        let facts = Facts {
            projected: projected.as_ref(),
            budgets: &budgets,
            spending: meter.spending(book),
        };
        let shown = options.period.unwrap_or(period);
        let when = publish::When {
            now,
            present,
            shown,
        };
        let sinks = publish::all(parts, options, &statement, &facts, when, book, observer).await?;
        Ok(Outcome {
            at: now,
            today,
            period,
            spending: meter.spending(book),
            corrected,
            estimated_days: statement.month().filter(|(_, day)| day.estimated).count(),
            month: month(&statement)?,
            forecast,
            no_forecast: no_forecast.or(no_projection),
            projected,
            budgets,
            sinks,
        })
    }

    /// Until when something may take that the refresh can go on without: a third of the time that is left.
    fn patience(self) -> Option<Instant> {
        let left = self.options.within?.saturating_sub(self.begun.elapsed());
        Some(Instant::now() + left / 3)
    }
}

/// The days to ask for: those that are wanted, the month they end in, and earlier ones that may still change.
fn asked(options: &Options, state: &LedgerState, today: Date) -> Result<Period, Error> {
    let month = today.first_of_month();
    let start = match options.period {
        Some(period) => period.start().min(month),
        None => {
            let last_month = months_before(today, 1);
            let oldest = months_before(today, MONTHS);
            // A day that was read in other bases only is as good as unknown.
            let known = state
                .days
                .range(last_month..month)
                .filter(|(_, day)| options.bases.iter().all(|basis| day.bases.contains(basis)))
                .count();
            let unknown = i64::try_from(known) != Ok(i64::from(last_month.days_in_month()));
            let changing = state
                .days
                .range(oldest..today)
                .find(|(_, day)| day.estimated);
            [
                Some(month),
                Some(previous(today)),
                unknown.then_some(last_month),
                changing.map(|(date, _)| *date),
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(month)
        }
    };
    Period::new(start, following(today)).map_err(|error| Error::Inconsistent {
        problem: error.to_string(),
    })
}

/// The month so far, by basis and currency.
fn month(statement: &Statement<'_>) -> Result<Vec<MonthTotal>, Error> {
    let mut kinds: Vec<(Basis, Currency)> = statement
        .month()
        .flat_map(|(_, day)| &day.cells)
        .flat_map(|cell| {
            cell.amounts
                .keys()
                .map(|basis| (*basis, cell.key.currency.clone()))
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    let final_days: Vec<Date> = statement
        .month()
        .filter(|(_, day)| !day.estimated)
        .map(|(date, _)| date)
        .collect();
    kinds
        .into_iter()
        .map(|(basis, currency)| {
            let part = |wanted: bool| {
                let day = |date: Date| final_days.binary_search(&date).is_ok() == wanted;
                statement.month_sum(basis, day, |key| key.currency == currency)
            };
            let (is_final, estimated) = (part(true)?, part(false)?);
            let total = is_final
                .plus(estimated)
                .map_err(Error::inexact("the month"))?;
            Ok(MonthTotal {
                basis,
                currency,
                is_final,
                estimated,
                total,
            })
        })
        .collect()
}
