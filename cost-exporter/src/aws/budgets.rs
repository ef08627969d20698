//! AWS Budgets.

use async_trait::async_trait;
use aws_sdk_budgets::Client;
use aws_sdk_budgets::config::Config;
use aws_sdk_budgets::types::{Budget, BudgetType, Spend, TimeUnit};

use super::AccountId;
use super::failure::{Call, PATIENCE, patience};
use crate::{Amount, AwsBudget, BudgetSource, Currency, Error};

const BUDGETS: Call = Call {
    operation: "read budgets",
    action: "budgets:ViewBudget",
};

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
        let mut token = None;
        loop {
            let page = self
                .client
                .describe_budgets()
                .account_id(self.account.to_string())
                .set_next_token(token)
                .customize()
                .config_override(Config::builder().timeout_config(patience(PATIENCE)))
                .send()
                .await
                .map_err(|error| BUDGETS.failed(error).error)?;
            for budget in page.budgets() {
                budgets.extend(monthly(budget)?);
            }
            token = page
                .next_token()
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if token.is_none() {
                break;
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
