//! The rest of the month.

use jiff::civil::Date;

use super::Work;
use crate::book::Book;
use crate::meter::Meter;
use crate::period::next_month;
use crate::statement::Statement;
use crate::{
    Amount, Error, Event, Forecast, ForecastQuery, LedgerDay, Options, Period, Projection,
};

impl Work<'_> {
    /// The forecast of the days from today on, or why there is none.
    pub(super) async fn forecast(
        self,
        today: Date,
        meter: &mut Meter<'_>,
        book: &mut Book<'_>,
    ) -> (Option<Forecast>, Option<String>) {
        let Ok(period) = Period::new(today, next_month(today)) else {
            return (None, None);
        };
        let query = ForecastQuery {
            period,
            basis: self.options.main_basis,
            level: self.options.level,
        };
        let source = self.parts.source;
        let asked = meter
            .ask(book, "forecast costs", self.patience(), || {
                source.forecast(&query)
            })
            .await;
        match asked {
            Ok(forecast) => (Some(forecast), None),
            Err(error) => {
                let reason = error.chain();
                self.observer.observe(Event::NoForecast {
                    reason: reason.clone(),
                    hint: error.hint(),
                });
                (None, Some(reason))
            }
        }
    }
}

/// The days before today and the forecast of the others, or why they do not make a month.
pub(super) fn projection(
    statement: &Statement<'_>,
    options: &Options,
    forecast: Option<&Forecast>,
) -> Result<(Option<Projection>, Option<String>), Error> {
    let Some(forecast) = forecast else {
        return Ok((None, None));
    };
    let today = statement.today();
    let latest = statement.latest();
    // A day without costs is known when it is final, or when a later one has some: then it has none.
    let answered = |date: Date, day: &LedgerDay| {
        !day.cells.is_empty() || !day.estimated || Some(date) < latest
    };
    let known = statement
        .month()
        .filter(|(date, day)| *date < today && answered(*date, day))
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
    let end = |rest: Amount| spent.plus(rest).map_err(Error::inexact("the projection"));
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
