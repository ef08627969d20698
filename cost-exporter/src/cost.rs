//! Costs as a source tells them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Amount, BilledService, BudgetName, CostEnvironment, Currency, Period, TagKey};

/// By which rule a cost is counted: what was invoiced, or what was used up, with or without discounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Basis {
    /// What was charged on the day it was charged.
    Unblended,
    /// The same after discounts.
    NetUnblended,
    /// Upfront and recurring fees of reservations and savings plans spread over the days they cover.
    Amortized,
    /// The same after discounts.
    NetAmortized,
    /// Charged at the average rate of an organization.
    Blended,
}

/// A word is no basis.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no cost basis: there are unblended, net-unblended, amortized, net-amortized and blended"
)]
pub struct InvalidBasis(String);

impl Basis {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unblended,
        Self::NetUnblended,
        Self::Amortized,
        Self::NetAmortized,
        Self::Blended,
    ];

    /// The basis as it stands in labels and configuration, such as `net-unblended`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unblended => "unblended",
            Self::NetUnblended => "net-unblended",
            Self::Amortized => "amortized",
            Self::NetAmortized => "net-amortized",
            Self::Blended => "blended",
        }
    }

    /// Cost Explorer's name for it, such as `NetUnblendedCost`.
    pub const fn metric(self) -> &'static str {
        match self {
            Self::Unblended => "UnblendedCost",
            Self::NetUnblended => "NetUnblendedCost",
            Self::Amortized => "AmortizedCost",
            Self::NetAmortized => "NetAmortizedCost",
            Self::Blended => "BlendedCost",
        }
    }

    /// The basis that Cost Explorer calls so.
    pub fn of_metric(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.metric() == name)
    }
}

impl FromStr for Basis {
    type Err = InvalidBasis;

    fn from_str(text: &str) -> Result<Self, InvalidBasis> {
        Self::ALL
            .into_iter()
            .find(|basis| basis.as_str() == text)
            .ok_or_else(|| InvalidBasis(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to ask a source: some days, in all bases, by service and the value of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostQuery {
    /// The days.
    pub period: Period,
    /// The bases, at least one.
    pub bases: Vec<Basis>,
    /// The tag that names the environment.
    pub tag: TagKey,
}

/// What to ask of the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForecastQuery {
    /// The days, of which the first is today.
    pub period: Period,
    /// The basis.
    pub basis: Basis,
    /// How sure the interval is to hold the cost, in percent: 51 to 99.
    pub level: u8,
}

/// What the days of a [`ForecastQuery`] will cost, all together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The likeliest cost.
    pub mean: Amount,
    /// The interval's lower end.
    pub lower: Amount,
    /// The interval's upper end.
    pub upper: Amount,
    /// The currency.
    pub currency: Currency,
}

/// Where to go on reading, as the source wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(String);

impl PageToken {
    /// A token as the source wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token as the source wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A part of an answer: some cells of some days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CostPage {
    /// The days of this page. A day may go on in the next page.
    pub days: Vec<DayPart>,
    /// Where the next page begins, if there is one.
    pub next: Option<PageToken>,
}

/// Some cells of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPart {
    /// The day.
    pub date: Date,
    /// Whether the source may still change the numbers.
    pub estimated: bool,
    /// The cells.
    pub cells: Vec<Cell>,
}

/// What a service cost in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The service.
    pub service: BilledService,
    /// The environment.
    pub environment: CostEnvironment,
    /// The currency of the amounts.
    pub currency: Currency,
    /// The amounts by basis.
    pub amounts: BTreeMap<Basis, Amount>,
}

/// Which series an amount belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// The service.
    pub service: BilledService,
    /// The environment.
    pub environment: CostEnvironment,
    /// The currency.
    pub currency: Currency,
}

/// A budget that AWS keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsBudget {
    /// Its name.
    pub name: BudgetName,
    /// How much may be spent in its period.
    pub limit: Amount,
    /// How much was spent, as AWS counts.
    pub actual: Amount,
    /// How much AWS expects to be spent, where it knows.
    pub forecast: Option<Amount>,
    /// The currency.
    pub currency: Currency,
}
