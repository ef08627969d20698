//! A bill.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{Amount, Basis, Cell, CellKey, CostEnvironment, Currency};

/// What each day costs, and until when it is estimated. Charges of the same day, service and environment add up; credits and
/// refunds are negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimBill {
    currency: Currency,
    days: BTreeMap<Date, BTreeMap<CellKey, BTreeMap<Basis, Amount>>>,
}

impl Default for SimBill {
    fn default() -> Self {
        Self {
            currency: "USD".parse().expect("the code is one"),
            days: BTreeMap::new(),
        }
    }
}

impl SimBill {
    /// An empty bill in dollars.
    pub fn new() -> Self {
        Self::default()
    }

    /// Charges the same in every basis.
    ///
    /// # Panics
    /// When the day or the amount is none.
    #[must_use]
    pub fn charge(mut self, day: &str, service: &str, environment: &str, amount: &str) -> Self {
        let day = crate::day(day).expect("a day");
        let amount: Amount = amount.parse().expect("an amount");
        for basis in Basis::ALL {
            self.add(day, service, environment, basis, amount);
        }
        self
    }

    /// Charges in one basis.
    ///
    /// # Panics
    /// When the service has no name, or the sum is too long to be exact.
    pub fn add(
        &mut self,
        day: Date,
        service: &str,
        environment: &str,
        basis: Basis,
        amount: Amount,
    ) {
        let key = CellKey {
            service: service.parse().expect("a service has a name"),
            environment: CostEnvironment::from(environment),
            currency: self.currency.clone(),
        };
        let sum = self
            .days
            .entry(day)
            .or_default()
            .entry(key)
            .or_default()
            .entry(basis)
            .or_default();
        *sum = sum.plus(amount).expect("an exact sum");
    }

    /// Takes a series off a day, as if it had never been billed.
    pub fn remove(&mut self, day: Date, service: &str, environment: &str) {
        if let Some(cells) = self.days.get_mut(&day) {
            let environment = CostEnvironment::from(environment);
            cells
                .retain(|key, _| key.service.as_str() != service || key.environment != environment);
        }
    }

    /// The sum of what `wanted` takes.
    ///
    /// # Panics
    /// When the sum is too long to be exact.
    pub fn sum(&self, basis: Basis, wanted: impl Fn(Date, &CellKey) -> bool) -> Amount {
        let amounts = self
            .days
            .iter()
            .flat_map(|(day, cells)| cells.iter().map(move |(key, amounts)| (*day, key, amounts)));
        let amounts = amounts
            .filter(|(day, key, _)| wanted(*day, key))
            .filter_map(|(_, _, amounts)| amounts.get(&basis).copied());
        Amount::sum(amounts).expect("an exact sum")
    }

    /// The days that cost something.
    pub fn days(&self) -> impl Iterator<Item = Date> {
        self.days.keys().copied()
    }

    /// All series of all days.
    pub fn keys(&self) -> impl Iterator<Item = (Date, &CellKey)> {
        self.days
            .iter()
            .flat_map(|(day, cells)| cells.keys().map(move |key| (*day, key)))
    }

    /// A day's cells, in the wanted bases.
    pub(super) fn cells(&self, day: Date, bases: &[Basis]) -> Vec<Cell> {
        let cells = self.days.get(&day).into_iter().flatten();
        cells
            .map(|(key, amounts)| Cell {
                service: key.service.clone(),
                environment: key.environment.clone(),
                currency: key.currency.clone(),
                amounts: bases
                    .iter()
                    .map(|basis| (*basis, amounts.get(basis).copied().unwrap_or_default()))
                    .collect(),
            })
            .collect()
    }
}
