//! A Cost Explorer.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::SimBill;
use crate::period::{following, midnight, next_month, today};
use crate::{
    AwsBudget, BillName, BudgetSource, Cell, CostPage, CostQuery, CostSource, DayPart, Error,
    Forecast, ForecastQuery, PageToken,
};

/// How the next request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimFault {
    /// It comes too soon after the others.
    Throttled,
    /// It gets no answer.
    Unreachable,
    /// It does not leave the machine, and no request arrives.
    NotSent,
    /// It gets no answer, and nobody says so.
    Silent,
    /// The credentials do not allow it.
    Denied,
    /// There are no costs yet, as in a new account.
    DataUnavailable,
    /// The answer changed since the page before.
    PagesChanged,
}

/// What a forecast says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimForecast {
    /// These costs for the rest of the month.
    Known(Box<Forecast>),
    /// There is too little data for one.
    Unavailable,
    /// The credentials do not allow one.
    Denied,
}

/// A Cost Explorer over a bill. It refuses what Cost Explorer refuses, shows days late, and estimates until the month's bill is
/// made, on the fifth of the next month unless it is told otherwise.
#[derive(Debug)]
pub struct SimSource {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    bill: SimBill,
    now: Timestamp,
    lag: SignedDuration,
    final_on: i8,
    page_size: usize,
    forecast: SimForecast,
    budgets: Vec<AwsBudget>,
    faults: VecDeque<SimFault>,
    requests: u64,
    bill_name: Option<BillName>,
    /// How long a forecast takes.
    slow: Duration,
}

impl SimSource {
    /// A Cost Explorer at a moment, without lag, with pages of any size, and no data for forecasts.
    pub fn new(bill: SimBill, now: Timestamp) -> Self {
        let inner = Inner {
            bill,
            now,
            lag: SignedDuration::ZERO,
            final_on: 5,
            page_size: usize::MAX,
            forecast: SimForecast::Unavailable,
            budgets: Vec::new(),
            faults: VecDeque::new(),
            requests: 0,
            bill_name: None,
            slow: Duration::ZERO,
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    /// Shows a day only so long after its beginning.
    #[must_use]
    pub fn lag(self, lag: SignedDuration) -> Self {
        self.lock().lag = lag;
        self
    }

    /// Makes a month's bill on this day of the next month.
    #[must_use]
    pub fn final_on(self, day: i8) -> Self {
        self.lock().final_on = day;
        self
    }

    /// Hands out so many cells a page, at least one.
    #[must_use]
    pub fn page_size(self, cells: usize) -> Self {
        self.lock().page_size = cells.max(1);
        self
    }

    /// Says this of the future.
    #[must_use]
    pub fn forecasts(self, forecast: SimForecast) -> Self {
        self.lock().forecast = forecast;
        self
    }

    /// Has these budgets.
    #[must_use]
    pub fn with_budgets(self, budgets: Vec<AwsBudget>) -> Self {
        self.lock().budgets = budgets;
        self
    }

    /// Takes so long for a forecast.
    #[must_use]
    pub fn slow_forecast(self, time: Duration) -> Self {
        self.lock().slow = time;
        self
    }

    /// Is the bill of somebody.
    #[must_use]
    pub fn of(self, bill: BillName) -> Self {
        self.lock().bill_name = Some(bill);
        self
    }

    /// Moves to another moment.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// The moment.
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// Changes the bill.
    pub fn change(&self, change: impl FnOnce(&mut SimBill)) {
        change(&mut self.lock().bill);
    }

    /// The bill as it is.
    pub fn bill(&self) -> SimBill {
        self.lock().bill.clone()
    }

    /// Fails the next request, after those that were told to fail before.
    pub fn fault(&self, fault: SimFault) {
        self.lock().faults.push_back(fault);
    }

    /// How many requests there were, each of which costs $0.01.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Whether the next request is one that nobody answers; it arrives all the same.
    fn silent(&self) -> bool {
        let mut inner = self.lock();
        let silent = inner.faults.front() == Some(&SimFault::Silent);
        if silent {
            inner.faults.pop_front();
            inner.requests += 1;
        }
        silent
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn begin(&mut self, operation: &'static str, action: &'static str) -> Result<(), Error> {
        let fault = self.faults.pop_front();
        if fault == Some(SimFault::NotSent) {
            return Err(Error::NotSent {
                operation,
                source: "simulated".into(),
            });
        }
        self.requests += 1;
        match fault {
            None | Some(SimFault::NotSent | SimFault::Silent) => Ok(()),
            Some(SimFault::Throttled) => Err(Error::Throttled {
                operation,
                request_id: None,
            }),
            Some(SimFault::Unreachable) => {
                let source = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                Err(Error::Unreachable {
                    operation,
                    source: Box::new(source),
                })
            }
            Some(SimFault::Denied) => Err(denied(operation, action)),
            Some(SimFault::DataUnavailable) => Err(unavailable(operation)),
            Some(SimFault::PagesChanged) => {
                let code = Some("RequestChangedException".to_owned());
                Err(Error::PagesChanged {
                    code,
                    message: None,
                })
            }
        }
    }

    fn estimated(&self, day: Date) -> bool {
        let made = next_month(day).with().day(self.final_on.max(1)).build();
        made.is_ok_and(|made| today(self.now) < made)
    }

    fn shown(&self, day: Date) -> bool {
        midnight(day)
            .saturating_add(self.lag)
            .is_ok_and(|shown| shown <= self.now)
    }
}

fn denied(operation: &'static str, action: &'static str) -> Error {
    Error::Denied {
        operation,
        action,
        code: Some("AccessDeniedException".to_owned()),
        message: Some(format!("User is not authorized to perform: {action}")),
        request_id: None,
    }
}

fn unavailable(operation: &'static str) -> Error {
    Error::DataUnavailable {
        operation,
        code: Some("DataUnavailableException".to_owned()),
        message: None,
    }
}

fn refused(operation: &'static str, message: &str) -> Error {
    Error::Refused {
        operation,
        code: Some("ValidationException".to_owned()),
        message: Some(message.to_owned()),
        request_id: None,
    }
}

#[async_trait]
impl CostSource for SimSource {
    async fn costs(&self, query: &CostQuery, page: Option<&PageToken>) -> Result<CostPage, Error> {
        const OPERATION: &str = "read costs";
        if self.silent() {
            std::future::pending::<()>().await;
        }
        let mut inner = self.lock();
        inner.begin(OPERATION, "ce:GetCostAndUsage")?;
        let today = today(inner.now);
        if query.period.start() > today {
            return Err(refused(
                OPERATION,
                "Start time cannot be after the current date",
            ));
        }
        if query.period.end() > next_month(today) {
            return Err(refused(
                OPERATION,
                "end date past the beginning of next month",
            ));
        }
        if query.bases.is_empty() {
            return Err(refused(OPERATION, "at least one metric"));
        }
        let skip = match page {
            None => 0,
            Some(token) => token
                .as_str()
                .parse::<usize>()
                .map_err(|_| Error::PagesChanged {
                    code: Some("InvalidNextTokenException".to_owned()),
                    message: None,
                })?,
        };
        let end = skip.saturating_add(inner.page_size);
        let days: Vec<(Date, Vec<Cell>)> = query
            .period
            .days()
            .map(|date| match inner.shown(date) {
                true => (date, inner.bill.cells(date, &query.bases)),
                false => (date, Vec::new()),
            })
            .collect();
        let total: usize = days.iter().map(|(_, cells)| cells.len()).sum();
        let mut answer = CostPage::default();
        let mut place = 0;
        for (date, cells) in days {
            // A day without cells stands on the page where its cells would; after the last cell that is the last page.
            let empty = cells.is_empty() && skip <= place && (place < end || place == total);
            let count = cells.len();
            let cells: Vec<Cell> = cells
                .into_iter()
                .enumerate()
                .filter(|(index, _)| (skip..end).contains(&(place + index)))
                .map(|(_, cell)| cell)
                .collect();
            place += count;
            if empty || !cells.is_empty() {
                answer.days.push(DayPart {
                    date,
                    estimated: inner.estimated(date),
                    cells,
                });
            }
        }
        if total > end {
            answer.next = Some(PageToken::new(end.to_string()));
        }
        Ok(answer)
    }

    async fn forecast(&self, query: &ForecastQuery) -> Result<Forecast, Error> {
        const OPERATION: &str = "forecast costs";
        let slow = self.lock().slow;
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        let mut inner = self.lock();
        inner.begin(OPERATION, "ce:GetCostForecast")?;
        if query.period.start() != today(inner.now)
            || query.period.end() < following(query.period.start())
        {
            return Err(refused(OPERATION, "Start date must be today"));
        }
        if !(51..=99).contains(&query.level) {
            return Err(refused(
                OPERATION,
                "the prediction interval level is 51 to 99",
            ));
        }
        match &inner.forecast {
            SimForecast::Known(forecast) => Ok((**forecast).clone()),
            SimForecast::Unavailable => Err(unavailable(OPERATION)),
            SimForecast::Denied => Err(denied(OPERATION, "ce:GetCostForecast")),
        }
    }

    fn bill(&self) -> Option<BillName> {
        self.lock().bill_name.clone()
    }
}

#[async_trait]
impl BudgetSource for SimSource {
    async fn budgets(&self) -> Result<Vec<AwsBudget>, Error> {
        Ok(self.lock().budgets.clone())
    }
}
