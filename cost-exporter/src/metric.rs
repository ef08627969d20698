//! What is published: metrics, their labels, their values.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Amount;

/// A kind of number that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Metric {
    /// What a day cost; published for each day, not for now.
    Day,
    /// What today has cost so far.
    Today,
    /// What the last whole day cost.
    Yesterday,
    /// What the month has cost so far, final and estimated days apart.
    MonthToDate,
    /// What the month before cost.
    PreviousMonth,
    /// What an hour of the last whole day cost.
    PerHour,
    /// What the month will have cost at its end.
    ProjectedMonth,
    /// The lower end of the interval around it.
    ProjectedMonthLower,
    /// The upper end of the interval around it.
    ProjectedMonthUpper,
    /// What an environment has to bear of the month so far: its own costs and its share of what is common.
    Chargeback,
    /// How much a budget allows.
    BudgetLimit,
    /// The part of it that is spent; 1 is all of it.
    BudgetUsed,
    /// The part of it that will be spent at the month's end.
    BudgetProjected,
    /// 1 when a threshold of a budget is reached, 0 while it is not.
    BudgetAlert,
    /// How many days of the month are still estimated.
    EstimatedDays,
    /// The last day there are costs of, as the Unix time of its beginning.
    LatestDay,
    /// How many requests to Cost Explorer this refresh took.
    Requests,
    /// What the requests of this month cost, in dollars.
    ExporterCost,
}

impl Metric {
    /// All of them, in the order in which they are published.
    pub const ALL: [Self; 18] = [
        Self::Day,
        Self::Today,
        Self::Yesterday,
        Self::MonthToDate,
        Self::PreviousMonth,
        Self::PerHour,
        Self::ProjectedMonth,
        Self::ProjectedMonthLower,
        Self::ProjectedMonthUpper,
        Self::Chargeback,
        Self::BudgetLimit,
        Self::BudgetUsed,
        Self::BudgetProjected,
        Self::BudgetAlert,
        Self::EstimatedDays,
        Self::LatestDay,
        Self::Requests,
        Self::ExporterCost,
    ];

    /// The name in Prometheus.
    pub const fn prometheus(self) -> &'static str {
        match self {
            Self::Day => "aws_cost_day",
            Self::Today => "aws_cost_today",
            Self::Yesterday => "aws_cost_yesterday",
            Self::MonthToDate => "aws_cost_month_to_date",
            Self::PreviousMonth => "aws_cost_previous_month",
            Self::PerHour => "aws_cost_per_hour",
            Self::ProjectedMonth => "aws_cost_projected_month",
            Self::ProjectedMonthLower => "aws_cost_projected_month_lower",
            Self::ProjectedMonthUpper => "aws_cost_projected_month_upper",
            Self::Chargeback => "aws_cost_chargeback",
            Self::BudgetLimit => "aws_cost_budget_limit",
            Self::BudgetUsed => "aws_cost_budget_used_ratio",
            Self::BudgetProjected => "aws_cost_budget_projected_ratio",
            Self::BudgetAlert => "aws_cost_budget_alert",
            Self::EstimatedDays => "aws_cost_estimated_dates",
            Self::LatestDay => "aws_cost_latest_date_timestamp_seconds",
            Self::Requests => "aws_cost_exporter_requests",
            Self::ExporterCost => "aws_cost_exporter_month_dollars",
        }
    }

    /// The name in CloudWatch.
    pub const fn cloudwatch(self) -> &'static str {
        match self {
            Self::Day => "DailyCost",
            Self::Today => "TodayCost",
            Self::Yesterday => "YesterdayCost",
            Self::MonthToDate => "MonthToDateCost",
            Self::PreviousMonth => "PreviousMonthCost",
            Self::PerHour => "CostPerHour",
            Self::ProjectedMonth => "ProjectedMonthCost",
            Self::ProjectedMonthLower => "ProjectedMonthCostLower",
            Self::ProjectedMonthUpper => "ProjectedMonthCostUpper",
            Self::Chargeback => "ChargebackCost",
            Self::BudgetLimit => "BudgetLimit",
            Self::BudgetUsed => "BudgetUsed",
            Self::BudgetProjected => "BudgetProjected",
            Self::BudgetAlert => "BudgetAlert",
            Self::EstimatedDays => "EstimatedDays",
            Self::LatestDay => "LatestDay",
            Self::Requests => "ExporterRequests",
            Self::ExporterCost => "ExporterCost",
        }
    }

    /// What it is, in a sentence on one line.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Day => {
                "Cost of the UTC day that the sample lies in; a later sample of the same day corrects it."
            }
            Self::Today => "Cost of the current UTC day so far, as far as Cost Explorer knows it.",
            Self::Yesterday => {
                "Cost of the last whole UTC day; corrected when Cost Explorer corrects it."
            }
            Self::MonthToDate => {
                "Cost of the month so far. Final and estimated days add up to the whole."
            }
            Self::PreviousMonth => "Cost of the month before.",
            Self::PerHour => "Cost of the last whole UTC day, divided by 24.",
            Self::ProjectedMonth => {
                "Cost of the month at its end: the days so far and the forecast of the rest."
            }
            Self::ProjectedMonthLower => {
                "Lower end of the forecast's interval around the projected month."
            }
            Self::ProjectedMonthUpper => {
                "Upper end of the forecast's interval around the projected month."
            }
            Self::Chargeback => {
                "What an environment bears of the month so far: its own costs, and its share of the shared ones."
            }
            Self::BudgetLimit => "How much the budget allows.",
            Self::BudgetUsed => "Part of the budget that is spent; 1 is all of it.",
            Self::BudgetProjected => {
                "Part of the budget that will be spent at the month's end; 1 is all of it."
            }
            Self::BudgetAlert => {
                "1 when the threshold, a percentage of the budget, is reached; else 0."
            }
            Self::EstimatedDays => "How many of the month's days so far are still estimated.",
            Self::LatestDay => "Beginning of the last day that there are costs of, as Unix time.",
            Self::Requests => "Requests to Cost Explorer that this refresh took, each $0.01.",
            Self::ExporterCost => {
                "What the exporter's requests to Cost Explorer cost this month, in dollars."
            }
        }
    }
}

/// What tells series of a metric apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Label {
    /// The cost basis.
    Basis,
    /// The budget's name.
    Budget,
    /// The currency.
    Currency,
    /// The environment.
    Environment,
    /// `final` or `estimated`.
    Finality,
    /// Of a chargeback: `own` or `shared`. Of an alert: `actual` or `projected`.
    Part,
    /// The service.
    Service,
    /// Who keeps the budget: `config` or `aws`.
    Source,
    /// The threshold in percent.
    Threshold,
}

impl Label {
    /// The name in Prometheus.
    pub const fn prometheus(self) -> &'static str {
        match self {
            Self::Basis => "basis",
            Self::Budget => "budget",
            Self::Currency => "currency",
            Self::Environment => "environment",
            Self::Finality => "finality",
            Self::Part => "part",
            Self::Service => "service",
            Self::Source => "source",
            Self::Threshold => "threshold",
        }
    }

    /// The name in CloudWatch.
    pub const fn cloudwatch(self) -> &'static str {
        match self {
            Self::Basis => "Basis",
            Self::Budget => "Budget",
            Self::Currency => "Currency",
            Self::Environment => "Environment",
            Self::Finality => "Finality",
            Self::Part => "Part",
            Self::Service => "Service",
            Self::Source => "Source",
            Self::Threshold => "Threshold",
        }
    }
}

/// The labels of a series, with their values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Labels(BTreeMap<Label, String>);

impl Labels {
    /// The same with one more.
    #[must_use]
    pub fn with(mut self, label: Label, value: impl Into<String>) -> Self {
        self.0.insert(label, value.into());
        self
    }

    /// The value of a label.
    pub fn get(&self, label: Label) -> Option<&str> {
        self.0.get(&label).map(String::as_str)
    }

    /// All of them, in the order of the labels.
    pub fn iter(&self) -> impl Iterator<Item = (Label, &str)> {
        self.0.iter().map(|(label, value)| (*label, value.as_str()))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (label, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}={value:?}", label.prometheus())?;
        }
        Ok(())
    }
}

/// A number as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// What it is.
    pub metric: Metric,
    /// Of which series.
    pub labels: Labels,
    /// The number.
    pub value: Amount,
}

/// What a day cost, in one series of [`Metric::Day`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaySample {
    /// The day.
    pub date: Date,
    /// How often the day was corrected since it was first seen.
    pub revision: u32,
    /// Whether it may still be corrected.
    pub estimated: bool,
    /// The series.
    pub labels: Labels,
    /// What the day cost.
    pub value: Amount,
    /// How much of it the sink was not given yet; negative when the day became cheaper.
    pub change: Amount,
}
