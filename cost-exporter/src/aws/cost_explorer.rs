//! Cost Explorer.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::config::{Builder, Config};
use aws_sdk_costexplorer::types::{
    DateInterval, Granularity, Group, GroupDefinition, GroupDefinitionType, Metric, ResultByTime,
};

use super::AccountId;
use super::failure::{Call, PATIENCE, once};
use crate::saved::cell_of_keys;
use crate::{
    Amount, Basis, BillName, Cell, CostPage, CostQuery, CostSource, Currency, DayPart, Error,
    Forecast, ForecastQuery, PageToken, Period, day,
};

const COSTS: Call = Call {
    operation: "read costs",
    action: "ce:GetCostAndUsage",
};
const FORECAST: Call = Call {
    operation: "forecast costs",
    action: "ce:GetCostForecast",
};

/// Cost Explorer as a [`CostSource`]. Whatever retries the client is configured for, a call is one request here: each is billed,
/// and counted by the engine, which retries.
#[derive(Debug, Clone)]
pub struct CostExplorer {
    client: Client,
    account: Option<AccountId>,
    patience: Duration,
}

impl CostExplorer {
    /// Cost Explorer behind this client, with a minute for each answer. Its region should be `us-east-1`.
    pub const fn new(client: Client) -> Self {
        Self {
            client,
            account: None,
            patience: PATIENCE,
        }
    }

    /// Says whose credentials these are, so that a ledger is of one account.
    #[must_use]
    pub fn account(mut self, account: Option<AccountId>) -> Self {
        self.account = account;
        self
    }

    /// Waits so long for an answer.
    #[must_use]
    pub const fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    fn once(&self) -> Builder {
        let (retries, timeouts) = once(self.patience);
        Config::builder()
            .retry_config(retries)
            .timeout_config(timeouts)
    }
}

fn interval(period: Period) -> DateInterval {
    DateInterval::builder()
        .start(period.start().to_string())
        .end(period.end().to_string())
        .build()
        .expect("both ends are set")
}

#[async_trait]
impl CostSource for CostExplorer {
    async fn costs(&self, query: &CostQuery, page: Option<&PageToken>) -> Result<CostPage, Error> {
        let group = |kind, key: &str| GroupDefinition::builder().r#type(kind).key(key).build();
        let output = self
            .client
            .get_cost_and_usage()
            .time_period(interval(query.period))
            .granularity(Granularity::Daily)
            .set_metrics(Some(
                query
                    .bases
                    .iter()
                    .map(|basis| basis.metric().to_owned())
                    .collect(),
            ))
            .group_by(group(GroupDefinitionType::Dimension, "SERVICE"))
            .group_by(group(GroupDefinitionType::Tag, query.tag.as_str()))
            .set_next_page_token(page.map(|token| token.as_str().to_owned()))
            .customize()
            .config_override(self.once())
            .send()
            .await
            .map_err(|error| COSTS.failed(error).error)?;
        let days = output
            .results_by_time()
            .iter()
            .map(|result| day_part(result, &query.bases));
        Ok(CostPage {
            days: days.collect::<Result<_, _>>()?,
            next: output
                .next_page_token()
                .filter(|token| !token.is_empty())
                .map(PageToken::new),
        })
    }

    async fn forecast(&self, query: &ForecastQuery) -> Result<Forecast, Error> {
        let output = self
            .client
            .get_cost_forecast()
            .time_period(interval(query.period))
            .granularity(Granularity::Monthly)
            .metric(metric(query.basis))
            .prediction_interval_level(query.level.into())
            .customize()
            .config_override(self.once())
            .send()
            .await
            .map_err(|error| FORECAST.failed(error).error)?;
        let total = output
            .total()
            .ok_or_else(|| FORECAST.garbled("the forecast has no total"))?;
        let estimate = |text: Option<&str>| {
            let text = text.ok_or_else(|| FORECAST.garbled("a forecast has no amount"))?;
            Amount::estimate(text).map_err(|error| FORECAST.garbled(error.to_string()))
        };
        let mean = estimate(total.amount())?;
        let results = output.forecast_results_by_time();
        let bound = |bound: fn(&aws_sdk_costexplorer::types::ForecastResult) -> Option<&str>| {
            let bounds: Result<Vec<Amount>, Error> = results
                .iter()
                .map(|result| estimate(bound(result)))
                .collect();
            match bounds {
                Ok(bounds) if !bounds.is_empty() => {
                    Amount::sum(bounds).map_err(Error::inexact("the forecast"))
                }
                // Without an interval the likeliest cost is all that is known.
                _ => Ok(mean),
            }
        };
        Ok(Forecast {
            mean,
            lower: bound(|result| result.prediction_interval_lower_bound())?,
            upper: bound(|result| result.prediction_interval_upper_bound())?,
            currency: currency(total.unit())?,
        })
    }

    fn bill(&self) -> Option<BillName> {
        let account = self.account.as_ref()?;
        let name = format!("account {account}");
        Some(name.parse().expect("digits are a name"))
    }
}

fn metric(basis: Basis) -> Metric {
    match basis {
        Basis::Unblended => Metric::UnblendedCost,
        Basis::NetUnblended => Metric::NetUnblendedCost,
        Basis::Amortized => Metric::AmortizedCost,
        Basis::NetAmortized => Metric::NetAmortizedCost,
        Basis::Blended => Metric::BlendedCost,
    }
}

fn currency(unit: Option<&str>) -> Result<Currency, Error> {
    unit.unwrap_or_default()
        .parse()
        .map_err(|error: crate::InvalidName| COSTS.garbled(error.to_string()))
}

fn day_part(result: &ResultByTime, bases: &[Basis]) -> Result<DayPart, Error> {
    let start = result
        .time_period()
        .map(DateInterval::start)
        .unwrap_or_default();
    let date = day(start).map_err(|error| COSTS.garbled(error.to_string()))?;
    let cells = result.groups().iter().map(|group| cell(group, bases));
    Ok(DayPart {
        date,
        estimated: result.estimated(),
        cells: cells.collect::<Result<_, _>>()?,
    })
}

fn cell(group: &Group, bases: &[Basis]) -> Result<Cell, Error> {
    let garbled = |error: String| COSTS.garbled(error);
    let mut cell = cell_of_keys(group.keys())
        .map_err(|error| garbled(error.to_string()))?
        .cell;
    let mut amounts = BTreeMap::new();
    let mut unit = None;
    for basis in bases {
        // A basis that the account does not have is left out, and stays absent.
        let Some(value) = group
            .metrics()
            .and_then(|metrics| metrics.get(basis.metric()))
        else {
            continue;
        };
        let amount: Amount = value
            .amount()
            .unwrap_or_default()
            .parse()
            .map_err(|error: crate::InvalidAmount| garbled(error.to_string()))?;
        let currency = currency(value.unit())?;
        if unit.get_or_insert_with(|| currency.clone()) != &currency {
            return Err(garbled(format!(
                "`{}` has amounts in several currencies",
                cell.service
            )));
        }
        amounts.insert(*basis, amount);
    }
    if let Some(unit) = unit {
        cell.currency = unit;
    }
    cell.amounts = amounts;
    Ok(cell)
}
