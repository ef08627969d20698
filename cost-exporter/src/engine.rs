//! A refresh: read the days, remember them, publish them.

mod fetch;
mod publish;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::cap::Kept;
use crate::meter::Meter;
use crate::period::{following, months_before, next_month, previous, today};
use crate::samples::Facts;
use crate::statement::Statement;
use crate::{
    Basis, BudgetSource, BudgetState, CostSource, Currency, Error, Event, Forecast, ForecastQuery,
    Ledger, LedgerState, MetricSink, MonthTotal, Observer, Options, Outcome, Period, Projection,
};

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
/// The ledger is saved twice: before anything is published, with what is about to be put where things add up, and afterwards.
/// So a run that is dropped in between, or runs beside another one, puts nothing twice; what it had begun to put is taken as
/// put, and told as [`Event::Unsettled`] in the next run.
///
/// # Errors
/// When costs cannot be read or the ledger cannot be kept. Requests that were sent are counted all the same.
pub async fn refresh(
    parts: &Parts<'_>,
    options: &Options,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    let (mut state, version) = parts.ledger.load().await?;
    let clock = today(now);
    let today = options
        .period
        .map_or(clock, |period| previous(period.end()).min(clock));
    let period = asked(options, &state, today)?;
    let before = state.requests_in(clock);
    let mut meter = Meter::new(
        options.most_requests,
        options.most_month_requests,
        before,
        observer,
    );
    observer.observe(Event::Started {
        period,
        most_requests: options.most_requests,
    });

    let read = fetch::days(parts.source, options, period, &mut meter, observer).await;
    let days = match read {
        Ok(days) => days,
        Err(error) => {
            // What was asked was paid for. The error that counts is the first one.
            state.count_requests(clock, meter.sent().into());
            let _ = parts.ledger.save(&state, &version).await;
            return Err(error);
        }
    };
    let corrected = fetch::merge(&mut state, days, today, observer);
    let present = today == clock;
    let (forecast, no_forecast) = match options.forecast && present {
        true => self::forecast(parts.source, options, today, &mut meter, observer).await,
        false => (None, None),
    };
    state.count_requests(clock, meter.sent().into());
    state.forget_before(
        months_before(today, 1).min(period.start()),
        months_before(today, MONTHS),
    );

    let ledger_days = state.days.clone();
    let kept = Kept::choose(options.cap, ledger_days.values());
    let statement = Statement::new(&ledger_days, kept, today);
    let (projected, no_projection) = projection(&statement, options, forecast.as_ref())?;
    if let Some(reason) = &no_projection {
        observer.observe(Event::NoForecast {
            reason: reason.clone(),
            hint: None,
        });
    }
    let budgets = budgets(
        parts.budgets,
        &statement,
        options,
        projected.as_ref(),
        observer,
    )
    .await?;
    let facts = Facts {
        projected: projected.as_ref(),
        budgets: &budgets,
        spending: meter.spending(),
    };
    let shown = options.period.unwrap_or(period);
    let sinks = publish::all(
        parts,
        options,
        &statement,
        &facts,
        publish::When {
            now,
            present,
            shown,
        },
        (state, version),
        observer,
    )
    .await?;
    Ok(Outcome {
        at: now,
        today,
        period,
        spending: meter.spending(),
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

/// The days to ask for: those that are wanted, the month they end in, and earlier ones that may still change.
fn asked(options: &Options, state: &LedgerState, today: Date) -> Result<Period, Error> {
    let month = today.first_of_month();
    let start = match options.period {
        Some(period) => period.start().min(month),
        None => {
            let last_month = months_before(today, 1);
            let oldest = months_before(today, MONTHS);
            let known = state.days.range(last_month..month).count();
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

/// The forecast of the days from today on, or why there is none.
async fn forecast(
    source: &dyn CostSource,
    options: &Options,
    today: Date,
    meter: &mut Meter<'_>,
    observer: &dyn Observer,
) -> (Option<Forecast>, Option<String>) {
    let Ok(period) = Period::new(today, next_month(today)) else {
        return (None, None);
    };
    let query = ForecastQuery {
        period,
        basis: options.main_basis,
        level: options.level,
    };
    match meter
        .ask("forecast costs", || source.forecast(&query))
        .await
    {
        Ok(forecast) => (Some(forecast), None),
        Err(error) => {
            let reason = error.chain();
            observer.observe(Event::NoForecast {
                reason: reason.clone(),
                hint: error.hint(),
            });
            (None, Some(reason))
        }
    }
}

/// The days before today and the forecast of the others, or why they do not make a month.
fn projection(
    statement: &Statement<'_>,
    options: &Options,
    forecast: Option<&Forecast>,
) -> Result<(Option<Projection>, Option<String>), Error> {
    let Some(forecast) = forecast else {
        return Ok((None, None));
    };
    let today = statement.today();
    let known = statement
        .month()
        .filter(|(date, day)| *date < today && !day.cells.is_empty())
        .count();
    let past = usize::try_from(today.day() - 1).unwrap_or(0);
    if known < past {
        let reason = format!(
            "the month cannot be projected: {} of its {past} days so far are not known yet",
            past - known
        );
        return Ok((None, Some(reason)));
    }
    let basis = options.main_basis;
    let spent = statement.month_sum(
        basis,
        |date| date < today,
        |key| key.currency == forecast.currency,
    )?;
    let end = |rest: crate::Amount| spent.plus(rest).map_err(Error::inexact("the projection"));
    let projection = Projection {
        mean: end(forecast.mean)?,
        lower: end(forecast.lower)?,
        upper: end(forecast.upper)?,
        currency: forecast.currency.clone(),
        basis,
        level: options.level,
    };
    Ok((Some(projection), None))
}

async fn budgets(
    source: Option<&dyn BudgetSource>,
    statement: &Statement<'_>,
    options: &Options,
    projected: Option<&Projection>,
    observer: &dyn Observer,
) -> Result<Vec<BudgetState>, Error> {
    let mut states = Vec::new();
    for budget in &options.budgets {
        let basis = budget.basis.unwrap_or(options.main_basis);
        let actual = statement.month_sum(
            basis,
            |_| true,
            |key| {
                key.currency == budget.currency
                    && budget
                        .environment
                        .as_ref()
                        .is_none_or(|wanted| *wanted == key.environment)
                    && budget
                        .service
                        .as_ref()
                        .is_none_or(|wanted| *wanted == key.service)
            },
        )?;
        let end = projected
            .filter(|end| {
                budget.covers_everything() && end.basis == basis && end.currency == budget.currency
            })
            .map(|end| end.mean);
        states.push(budget.state(basis, actual, end));
    }
    if let Some(source) = source {
        match source.budgets().await {
            Ok(found) => states.extend(found.iter().map(BudgetState::of_aws)),
            Err(error) => observer.observe(Event::NoBudgets {
                reason: error.chain(),
                hint: error.hint(),
            }),
        }
    }
    Ok(states)
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
