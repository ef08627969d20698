//! Budgets, and how much of them is spent.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Amount, AwsBudget, Basis, BilledService, BudgetName, CostEnvironment, Currency};

/// How much a month may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// Its name.
    pub name: BudgetName,
    /// How much is allowed, more than nothing.
    pub limit: Amount,
    /// The currency of the limit.
    pub currency: Currency,
    /// By which rule costs are counted; the exporter's own basis if there is none.
    pub basis: Option<Basis>,
    /// Only costs of this environment count.
    pub environment: Option<CostEnvironment>,
    /// Only costs of this service count.
    pub service: Option<BilledService>,
    /// At which percentages of it, when spent, there is an alert.
    pub thresholds: Vec<u32>,
    /// At which percentages of it, when expected to be spent by the month's end, there is an alert.
    pub projected_thresholds: Vec<u32>,
}

impl Budget {
    /// A budget for everything, with alerts when 80 and 100 percent are spent, and when 100 percent are expected to be.
    pub fn new(name: BudgetName, limit: Amount, currency: Currency) -> Self {
        Self {
            name,
            limit,
            currency,
            basis: None,
            environment: None,
            service: None,
            thresholds: vec![80, 100],
            projected_thresholds: vec![100],
        }
    }

    /// Counts by this rule.
    #[must_use]
    pub fn basis(mut self, basis: Basis) -> Self {
        self.basis = Some(basis);
        self
    }

    /// Counts costs of this environment only.
    #[must_use]
    pub fn environment(mut self, environment: CostEnvironment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Counts costs of this service only.
    #[must_use]
    pub fn service(mut self, service: BilledService) -> Self {
        self.service = Some(service);
        self
    }

    /// Alerts at these percentages, spent and expected to be spent.
    #[must_use]
    pub fn thresholds(mut self, spent: Vec<u32>, projected: Vec<u32>) -> Self {
        (self.thresholds, self.projected_thresholds) = (spent, projected);
        self
    }

    /// Whether the forecast, which is one for everything, can be held against it.
    pub(crate) fn covers_everything(&self) -> bool {
        self.environment.is_none() && self.service.is_none()
    }

    /// How the budget stands.
    pub(crate) fn state(
        &self,
        basis: Basis,
        actual: Result<Amount, String>,
        projected: Option<Amount>,
    ) -> BudgetState {
        let (actual, unknown) = match actual {
            Ok(actual) => (Some(actual), None),
            Err(reason) => (None, Some(reason)),
        };
        let alerts = alerts(&self.thresholds, AlertPart::Actual, self.limit, actual).chain(alerts(
            &self.projected_thresholds,
            AlertPart::Projected,
            self.limit,
            projected,
        ));
        BudgetState {
            name: self.name.clone(),
            keeper: BudgetKeeper::Config,
            limit: self.limit,
            actual: actual.unwrap_or_default(),
            unknown,
            projected,
            currency: self.currency.clone(),
            basis: Some(basis),
            environment: self.environment.clone(),
            service: self.service.clone(),
            alerts: alerts.collect(),
        }
    }
}

/// Who keeps a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BudgetKeeper {
    /// The exporter's configuration.
    Config,
    /// AWS Budgets.
    Aws,
}

impl BudgetKeeper {
    /// The keeper as it stands in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Aws => "aws",
        }
    }
}

/// What a threshold is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AlertPart {
    /// What is spent.
    Actual,
    /// What is expected to be spent by the month's end.
    Projected,
}

impl AlertPart {
    /// The part as it stands in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Projected => "projected",
        }
    }
}

/// A threshold of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetAlert {
    /// In percent of the limit.
    pub threshold: u32,
    /// What it is held against.
    pub part: AlertPart,
    /// Whether it is reached; `None` when what it is held against is not known.
    pub reached: Option<bool>,
}

/// How a budget stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetState {
    /// Its name.
    pub name: BudgetName,
    /// Who keeps it.
    pub keeper: BudgetKeeper,
    /// How much is allowed.
    pub limit: Amount,
    /// How much is spent.
    pub actual: Amount,
    /// Why that is not known, if it is not.
    pub unknown: Option<String>,
    /// How much is expected to be spent by the month's end.
    pub projected: Option<Amount>,
    /// The currency.
    pub currency: Currency,
    /// The rule by which costs are counted; AWS has its own for its budgets.
    pub basis: Option<Basis>,
    /// The environment it is for.
    pub environment: Option<CostEnvironment>,
    /// The service it is for.
    pub service: Option<BilledService>,
    /// Its thresholds.
    pub alerts: Vec<BudgetAlert>,
}

impl BudgetState {
    /// How a budget of AWS stands.
    pub(crate) fn of_aws(budget: &AwsBudget) -> Self {
        let alerts = alerts(&[100], AlertPart::Actual, budget.limit, Some(budget.actual)).chain(
            alerts(&[100], AlertPart::Projected, budget.limit, budget.forecast),
        );
        Self {
            name: budget.name.clone(),
            keeper: BudgetKeeper::Aws,
            limit: budget.limit,
            actual: budget.actual,
            unknown: None,
            projected: budget.forecast,
            currency: budget.currency.clone(),
            basis: None,
            environment: None,
            service: None,
            alerts: alerts.collect(),
        }
    }

    /// The part that is spent, to ten digits; `None` when nothing is allowed, or it is not known.
    pub fn used(&self) -> Option<Amount> {
        if self.unknown.is_some() {
            return None;
        }
        self.actual.over(self.limit)
    }

    /// The part that is expected to be spent, to ten digits.
    pub fn projected_ratio(&self) -> Option<Amount> {
        self.projected?.over(self.limit)
    }

    /// Whether any threshold is reached.
    pub fn alerting(&self) -> bool {
        self.alerts.iter().any(|alert| alert.reached == Some(true))
    }
}

fn alerts(
    thresholds: &[u32],
    part: AlertPart,
    limit: Amount,
    amount: Option<Amount>,
) -> impl Iterator<Item = BudgetAlert> {
    thresholds.iter().map(move |threshold| BudgetAlert {
        threshold: *threshold,
        part,
        reached: amount.map(|amount| reaches(amount, limit, *threshold)),
    })
}

/// Whether the amount is at or over so many percent of the limit.
fn reaches(amount: Amount, limit: Amount, percent: u32) -> bool {
    let line = Decimal::from(limit).checked_mul(Decimal::new(percent.into(), 2));
    line.is_some_and(|line| Decimal::from(amount) >= line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_reached_at_its_very_amount() {
        let limit = "250.5".parse().unwrap();
        assert!(reaches("200.4".parse().unwrap(), limit, 80));
        assert!(!reaches("200.3999999999".parse().unwrap(), limit, 80));
        assert!(reaches("200.4000000001".parse().unwrap(), limit, 80));
    }

    #[test]
    fn without_a_forecast_nothing_is_said_of_the_future() {
        let budget = Budget::new(
            "month".parse().unwrap(),
            100_u32.into(),
            "USD".parse().unwrap(),
        );
        let state = budget.state(Basis::Unblended, Ok(80_u32.into()), None);
        let reached: Vec<_> = state.alerts.iter().map(|alert| alert.reached).collect();
        assert_eq!(reached, [Some(true), Some(false), None]);
        assert_eq!(state.used().unwrap().to_string(), "0.8");
    }
}
