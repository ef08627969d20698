//! What the ledger's days say on a given day: sums, by series, and everything that is made of them.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::cap::{Kept, Sums};
use crate::period::{following, months_before, previous};
use crate::{
    Amount, Basis, CellKey, CostEnvironment, Currency, Error, Grouping, Label, Labels, LedgerCell,
    LedgerDay,
};

/// The days, as seen from one of them.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    days: &'a BTreeMap<Date, LedgerDay>,
    kept: Kept,
    today: Date,
}

/// Sums by labels.
pub(crate) type Series = BTreeMap<Labels, Amount>;

impl<'a> Statement<'a> {
    pub(crate) const fn new(days: &'a BTreeMap<Date, LedgerDay>, kept: Kept, today: Date) -> Self {
        Self { days, kept, today }
    }

    pub(crate) const fn today(&self) -> Date {
        self.today
    }

    /// The month's days so far that are known.
    pub(crate) fn month(&self) -> impl Iterator<Item = (Date, &'a LedgerDay)> + use<'a> {
        let range = self.today.first_of_month()..following(self.today);
        self.days.range(range).map(|(date, day)| (*date, day))
    }

    /// A day's series.
    pub(crate) fn day(
        &self,
        date: Date,
        grouping: Grouping,
        bases: &[Basis],
    ) -> Result<Option<Series>, Error> {
        match self.days.get(&date) {
            None => Ok(None),
            Some(day) => Ok(Some(self.grouped([(date, day)], grouping, bases)?)),
        }
    }

    /// The last whole day, if it is known.
    pub(crate) fn yesterday(&self) -> Date {
        previous(self.today)
    }

    /// The month's series so far, of final and of estimated days.
    pub(crate) fn month_to_date(
        &self,
        grouping: Grouping,
        bases: &[Basis],
    ) -> Result<[Series; 2], Error> {
        let part = |estimated: bool| {
            let days = self
                .month()
                .filter(move |(_, day)| day.estimated == estimated);
            self.grouped(days, grouping, bases)
        };
        Ok([part(false)?, part(true)?])
    }

    /// The last day that there are costs of.
    pub(crate) fn latest(&self) -> Option<Date> {
        let range = ..following(self.today);
        let costly = |(_, day): &(&Date, &LedgerDay)| !day.cells.is_empty();
        self.days
            .range(range)
            .rev()
            .find(costly)
            .map(|(date, _)| *date)
    }

    /// All series of all days.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &'a LedgerCell> + use<'a> {
        self.days.values().flat_map(|day| &day.cells)
    }

    /// The series of the month before, in those bases in which all of its days are known.
    pub(crate) fn previous_month(
        &self,
        grouping: Grouping,
        bases: &[Basis],
    ) -> Result<Option<Series>, Error> {
        let (first, end) = (months_before(self.today, 1), self.today.first_of_month());
        let days: Vec<_> = self
            .days
            .range(first..end)
            .map(|(date, day)| (*date, day))
            .collect();
        let whole = i64::try_from(days.len()) == Ok(i64::from(first.days_in_month()));
        let known: Vec<Basis> = Basis::ALL
            .into_iter()
            .filter(|basis| bases.is_empty() || bases.contains(basis))
            .filter(|basis| days.iter().all(|(_, day)| day.bases.contains(basis)))
            .collect();
        (whole && !known.is_empty())
            .then(|| self.grouped(days, grouping, &known))
            .transpose()
    }

    /// What the month has cost so far, by environment and currency, without any cap.
    pub(crate) fn month_by_environment(
        &self,
        basis: Basis,
    ) -> Result<BTreeMap<Currency, BTreeMap<CostEnvironment, Amount>>, Error> {
        let mut sums = BTreeMap::<Currency, BTreeMap<CostEnvironment, Amount>>::new();
        for cell in self.month().flat_map(|(_, day)| &day.cells) {
            if let Some(amount) = cell.amounts.get(&basis) {
                let environments = sums.entry(cell.key.currency.clone()).or_default();
                let sum = environments
                    .entry(cell.key.environment.clone())
                    .or_default();
                *sum = sum.plus(*amount).map_err(Error::inexact("the month"))?;
            }
        }
        Ok(sums)
    }

    /// The sum of the month's cells that `wanted` takes, on days that `day` takes.
    pub(crate) fn month_sum(
        &self,
        basis: Basis,
        day: impl Fn(Date) -> bool,
        wanted: impl Fn(&CellKey) -> bool,
    ) -> Result<Amount, Error> {
        let amounts = self
            .month()
            .filter(|(date, _)| day(*date))
            .flat_map(|(_, day)| &day.cells)
            .filter(|cell| wanted(&cell.key))
            .filter_map(|cell| cell.amounts.get(&basis).copied());
        Amount::sum(amounts).map_err(Error::inexact("the month"))
    }

    /// The name that the cap leaves to an environment.
    pub(crate) fn environment_name(&self, environment: &CostEnvironment) -> String {
        self.kept.environment(environment).as_str().to_owned()
    }

    fn grouped(
        &self,
        days: impl IntoIterator<Item = (Date, &'a LedgerDay)>,
        grouping: Grouping,
        bases: &[Basis],
    ) -> Result<Series, Error> {
        let mut series = Series::new();
        for (date, day) in days {
            for cell in &day.cells {
                let key = self.kept.key(&cell.key);
                for (basis, amount) in &cell.amounts {
                    if !bases.is_empty() && !bases.contains(basis) {
                        continue;
                    }
                    let labels = labels(&key, grouping, *basis);
                    let sum = series.entry(labels).or_default();
                    *sum = sum
                        .plus(*amount)
                        .map_err(Error::inexact(date.to_string()))?;
                }
            }
        }
        Ok(series)
    }
}

fn labels(key: &CellKey, grouping: Grouping, basis: Basis) -> Labels {
    let labels = Labels::default()
        .with(Label::Basis, basis.as_str())
        .with(Label::Currency, key.currency.as_str());
    let service = |labels: Labels| labels.with(Label::Service, key.service.as_str());
    let environment = |labels: Labels| labels.with(Label::Environment, key.environment.as_str());
    match grouping {
        Grouping::Total => labels,
        Grouping::Environment => environment(labels),
        Grouping::Service => service(labels),
        Grouping::ServiceEnvironment => environment(service(labels)),
    }
}

/// Puts cells into order, each series once.
pub(crate) fn cells(
    date: Date,
    parts: impl IntoIterator<Item = crate::Cell>,
) -> Result<Vec<LedgerCell>, Error> {
    let mut sums = Sums::new();
    for cell in parts {
        let key = CellKey {
            service: cell.service,
            environment: cell.environment,
            currency: cell.currency,
        };
        let amounts = sums.entry(key).or_default();
        for (basis, amount) in cell.amounts {
            let sum = amounts.entry(basis).or_insert(Amount::ZERO);
            *sum = sum.plus(amount).map_err(Error::inexact(date.to_string()))?;
        }
    }
    let cells = sums
        .into_iter()
        .map(|(key, amounts)| LedgerCell { key, amounts });
    Ok(cells.collect())
}
