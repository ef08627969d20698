//! Days as rows with the column names of FOCUS, the FinOps Open Cost and Usage Specification.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use crate::period::{following, next_month};
use crate::{Amount, Basis, BilledService, CostEnvironment, Currency, LedgerDay, Period, TagKey};

/// What a service cost in an environment on a day, under the column names of FOCUS; the columns with `x_` are those that FOCUS
/// has no name for. `BilledCost` is the net unblended cost, `EffectiveCost` the net amortized one, or those without discounts
/// where the others were not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct FocusRow {
    /// The day's beginning.
    pub charge_period_start: String,
    /// The day's end.
    pub charge_period_end: String,
    /// The month's beginning.
    pub billing_period_start: String,
    /// The month's end.
    pub billing_period_end: String,
    /// The service.
    pub service_name: BilledService,
    /// The environment tag; nothing where there is none.
    pub tags: BTreeMap<TagKey, String>,
    /// The currency.
    pub billing_currency: Currency,
    /// What is invoiced.
    pub billed_cost: Amount,
    /// What was used up.
    pub effective_cost: Amount,
    /// Whether it may still change.
    #[serde(rename = "x_Estimated")]
    pub estimated: bool,
    /// The cost by basis, under the names of Cost Explorer.
    #[serde(rename = "x_Costs")]
    pub costs: BTreeMap<&'static str, Amount>,
}

/// The days of a period as rows, in order.
pub fn focus_rows(days: &BTreeMap<Date, LedgerDay>, period: Period, tag: &TagKey) -> Vec<FocusRow> {
    let mut rows = Vec::new();
    for (date, day) in days.range(period.start()..period.end()) {
        for cell in &day.cells {
            let of = |bases: &[Basis]| {
                bases
                    .iter()
                    .find_map(|basis| cell.amounts.get(basis).copied())
            };
            let billed =
                of(&[Basis::NetUnblended, Basis::Unblended, Basis::Blended]).unwrap_or_default();
            let effective = of(&[Basis::NetAmortized, Basis::Amortized]).unwrap_or(billed);
            let tags = match &cell.key.environment {
                CostEnvironment::Untagged => BTreeMap::new(),
                CostEnvironment::Tagged(value) => BTreeMap::from([(tag.clone(), value.clone())]),
            };
            rows.push(FocusRow {
                charge_period_start: midnight(*date),
                charge_period_end: midnight(following(*date)),
                billing_period_start: midnight(date.first_of_month()),
                billing_period_end: midnight(next_month(*date)),
                service_name: cell.key.service.clone(),
                tags,
                billing_currency: cell.key.currency.clone(),
                billed_cost: billed,
                effective_cost: effective,
                estimated: day.estimated,
                costs: cell
                    .amounts
                    .iter()
                    .map(|(basis, amount)| (basis.metric(), *amount))
                    .collect(),
            });
        }
    }
    rows
}

fn midnight(day: Date) -> String {
    format!("{day}T00:00:00Z")
}
