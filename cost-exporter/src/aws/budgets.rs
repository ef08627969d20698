//! AWS Budgets.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use aws_sdk_budgets::Client;
use aws_sdk_budgets::types::{Budget, BudgetType, Spend, TimeUnit};
use thiserror::Error as ThisError;

use super::failure::Call;
use crate::{Amount, AwsBudget, BudgetSource, Currency, Error};

const BUDGETS: Call = Call {
    operation: "read budgets",
    action: "budgets:ViewBudget",
};

/// The number of an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountId(String);

/// A text is no number of an account.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("`{0}` is no AWS account: it has twelve digits")]
pub struct InvalidAccountId(String);

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, InvalidAccountId> {
        match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidAccountId(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The monthly cost budgets of an account.
#[derive(Debug, Clone)]
pub struct AwsBudgets {
    client: Client,
    account: AccountId,
}

impl AwsBudgets {
    /// The budgets of this account, behind this client. Its region should be `us-east-1`.
    pub const fn new(client: Client, account: AccountId) -> Self {
        Self { client, account }
    }
}

#[async_trait]
impl BudgetSource for AwsBudgets {
    async fn budgets(&self) -> Result<Vec<AwsBudget>, Error> {
        let mut budgets = Vec::new();
        let mut pages = self
            .client
            .describe_budgets()
            .account_id(self.account.to_string())
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| BUDGETS.failed(error).error)?;
            for budget in page.budgets() {
                budgets.extend(monthly(budget)?);
            }
        }
        budgets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(budgets)
    }
}

/// A budget of money for a month; others cannot be held against the month's costs.
fn monthly(budget: &Budget) -> Result<Option<AwsBudget>, Error> {
    if budget.budget_type() != &BudgetType::Cost || budget.time_unit() != &TimeUnit::Monthly {
        return Ok(None);
    }
    let (Some(limit), Some(spent)) = (
        budget.budget_limit(),
        budget
            .calculated_spend()
            .and_then(|spend| spend.actual_spend()),
    ) else {
        return Ok(None);
    };
    let forecast = budget
        .calculated_spend()
        .and_then(|spend| spend.forecasted_spend());
    let garbled = |error: String| BUDGETS.garbled(error);
    let currency: Currency = limit
        .unit()
        .parse()
        .map_err(|error: crate::InvalidName| garbled(error.to_string()))?;
    let amount = |spend: &Spend| {
        Amount::estimate(spend.amount()).map_err(|error| garbled(error.to_string()))
    };
    Ok(Some(AwsBudget {
        name: budget
            .budget_name()
            .parse()
            .map_err(|error: crate::InvalidName| garbled(error.to_string()))?,
        limit: amount(limit)?,
        actual: amount(spent)?,
        forecast: forecast.map(amount).transpose()?,
        currency,
    }))
}
