//! The configuration as people write it.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::{
    Amount, Basis, BilledService, Budget, BudgetName, CostEnvironment, Currency, Grouping, Options,
    SeriesCap, SharedCosts, SharedRule, TagKey,
};

/// The configuration as people write it, in TOML or JSON. Everything has a default; a key that is not known is an error.
///
/// ```
/// use cost_exporter::Config;
///
/// let config: Config = serde_json::from_str(r#"{
///     "tag": "Environment",
///     "requests": {"per-refresh": 4},
///     "budget": [{"name": "month", "limit": "250.00", "thresholds": [50, 80, 100]}]
/// }"#)?;
/// let options = config.options()?;
/// assert_eq!(options.most_requests, 4);
/// assert_eq!(options.budgets[0].limit.to_string(), "250");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Config {
    /// The tag that names the environment.
    pub tag: Option<TagKey>,
    /// The bases to ask for; the first is that of forecast, budgets and chargeback.
    pub bases: Vec<Basis>,
    /// Whether to ask for a forecast.
    pub forecast: Option<bool>,
    /// How sure the forecast's interval is to hold the cost, in percent.
    pub level: Option<u8>,
    /// Where the ledger is: a file, or `s3://bucket/key`.
    pub ledger: Option<String>,
    /// How many requests may be sent.
    pub requests: RequestsConfig,
    /// How many series there may be.
    pub series: SeriesConfig,
    /// Which costs are shared, and how.
    pub shared: SharedConfig,
    /// What is put into CloudWatch.
    pub cloudwatch: CloudWatchConfig,
    /// What is read from AWS beside costs.
    pub aws: AwsConfig,
    /// The budgets to watch.
    pub budget: Vec<BudgetConfig>,
}

/// How many requests may be sent, at $0.01 each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RequestsConfig {
    /// In a refresh.
    pub per_refresh: Option<u32>,
    /// In a month.
    pub per_month: Option<u64>,
}

/// How many series there may be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct SeriesConfig {
    /// How many services have a name.
    pub services: Option<usize>,
    /// How many environments have a name.
    pub environments: Option<usize>,
}

/// Which costs are shared, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct SharedConfig {
    /// How they are split.
    pub rule: Option<SharedRule>,
    /// The environments whose costs all others share; `untagged` is what has no tag.
    pub environments: Option<Vec<CostEnvironment>>,
}

/// What is put into CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct CloudWatchConfig {
    /// The namespace.
    pub namespace: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// By what costs are added up.
    pub groupings: Vec<Grouping>,
    /// In which bases; in the first of those that are asked for if none is named.
    pub bases: Vec<Basis>,
}

/// What is read from AWS beside costs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct AwsConfig {
    /// The account whose costs these are, where it shall not be asked for.
    pub account: Option<String>,
    /// The account whose AWS Budgets are read.
    pub budgets_account: Option<String>,
}

/// A budget to watch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct BudgetConfig {
    /// Its name.
    pub name: BudgetName,
    /// How much a month may cost.
    #[serde(deserialize_with = "amount")]
    pub limit: Amount,
    /// The currency.
    pub currency: Option<Currency>,
    /// The basis.
    pub basis: Option<Basis>,
    /// The environment it is for.
    pub environment: Option<CostEnvironment>,
    /// The service it is for.
    pub service: Option<BilledService>,
    /// Percentages of it to be spent.
    pub thresholds: Option<Vec<u32>>,
    /// Percentages of it to be expected.
    pub projected_thresholds: Option<Vec<u32>>,
}

/// The configuration contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{key}` cannot be {value}: {reason}")]
pub struct InvalidConfig {
    key: String,
    value: String,
    reason: &'static str,
}

/// An amount as a string, or as a number whose digits are those that were written.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Whole(i64),
        Decimal(f64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Whole(number) => number.to_string(),
        // The shortest text that is this number is what was written, up to 15 digits.
        Written::Decimal(number) => number.to_string(),
        Written::Text(text) => text,
    };
    text.parse().map_err(serde::de::Error::custom)
}

impl Config {
    /// How to refresh, by this configuration.
    ///
    /// # Errors
    /// When a value is out of its bounds, two budgets have one name, or a basis is wanted that is not asked for.
    pub fn options(&self) -> Result<Options, InvalidConfig> {
        let invalid = |key: &str, value: &dyn ToString, reason| InvalidConfig {
            key: key.to_owned(),
            value: format!("`{}`", value.to_string()),
            reason,
        };
        let mut options = Options::default().bases(self.bases.clone());
        if let Some(tag) = &self.tag {
            options = options.tag(tag.clone());
        }
        options = options.forecast(self.forecast.unwrap_or(true));
        if let Some(level) = self.level {
            if !(51..=99).contains(&level) {
                return Err(invalid(
                    "level",
                    &level,
                    "Cost Explorer takes 51 to 99 percent",
                ));
            }
            options = options.level(level);
        }
        let refresh = self.requests.per_refresh.unwrap_or(options.most_requests);
        let month = self
            .requests
            .per_month
            .unwrap_or(options.most_month_requests);
        if refresh == 0 {
            return Err(invalid(
                "requests.per-refresh",
                &refresh,
                "without a request there are no costs",
            ));
        }
        options = options.requests(refresh, month);
        let cap = SeriesCap {
            services: self.series.services.unwrap_or(options.cap.services),
            environments: self.series.environments.unwrap_or(options.cap.environments),
        };
        options = options.cap(cap);
        let shared = SharedCosts::default();
        options = options.shared(SharedCosts {
            rule: self.shared.rule.unwrap_or(shared.rule),
            environments: match &self.shared.environments {
                None => shared.environments,
                Some(names) => names.iter().cloned().collect(),
            },
        });
        let mut names = BTreeSet::new();
        for budget in &self.budget {
            if !names.insert(&budget.name) {
                return Err(invalid(
                    "budget.name",
                    &budget.name,
                    "another budget has this name",
                ));
            }
        }
        let budgets: Result<Vec<Budget>, InvalidConfig> =
            self.budget.iter().map(BudgetConfig::budget).collect();
        let options = options.budgets(budgets?);
        const NOT_ASKED: &str = "it is not among the `bases` that are asked for";
        let asked = |basis: &&Basis| !options.bases.contains(basis);
        for budget in &options.budgets {
            if let Some(basis) = budget.basis.as_ref().filter(asked) {
                return Err(invalid(
                    &format!("budget.basis of {}", budget.name),
                    basis,
                    NOT_ASKED,
                ));
            }
        }
        match self.cloudwatch.bases.iter().find(asked) {
            Some(basis) => Err(invalid("cloudwatch.bases", basis, NOT_ASKED)),
            None => Ok(options),
        }
    }

    /// The bases that CloudWatch gets: those that are named, or the first of those that are asked for.
    pub fn cloudwatch_bases(&self) -> Vec<Basis> {
        match self.cloudwatch.bases.as_slice() {
            [] => vec![Options::default().bases(self.bases.clone()).main_basis],
            named => named.to_vec(),
        }
    }
}

impl BudgetConfig {
    fn budget(&self) -> Result<Budget, InvalidConfig> {
        let invalid = |key: &str, value: String, reason| InvalidConfig {
            key: format!("budget.{key} of {}", self.name),
            value: format!("`{value}`"),
            reason,
        };
        if self.limit.is_zero() || self.limit.is_negative() {
            return Err(invalid(
                "limit",
                self.limit.to_string(),
                "a budget allows more than nothing",
            ));
        }
        let currency = self
            .currency
            .clone()
            .unwrap_or_else(|| "USD".parse().expect("the code is one"));
        let mut budget = Budget::new(self.name.clone(), self.limit, currency);
        budget.basis = self.basis;
        budget.environment.clone_from(&self.environment);
        budget.service.clone_from(&self.service);
        for (key, percents, place) in [
            ("thresholds", &self.thresholds, &mut budget.thresholds),
            (
                "projected-thresholds",
                &self.projected_thresholds,
                &mut budget.projected_thresholds,
            ),
        ] {
            let Some(percents) = percents else { continue };
            if percents.contains(&0) {
                return Err(invalid(
                    key,
                    "0".to_owned(),
                    "it is reached before anything is spent",
                ));
            }
            place.clone_from(percents);
            place.sort_unstable();
            place.dedup();
        }
        Ok(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, String> {
        let config: Config = serde_json::from_str(text).map_err(|error| error.to_string())?;
        config.options().map_err(|error| error.to_string())
    }

    #[test]
    fn amounts_are_what_was_written() {
        for (written, amount) in [
            ("250", "250"),
            ("250.10", "250.1"),
            ("\"0.3000000000000000001\"", "0.3000000000000000001"),
        ] {
            let options = read(&format!(
                r#"{{"budget":[{{"name":"a","limit":{written}}}]}}"#
            ))
            .unwrap();
            assert_eq!(options.budgets[0].limit.to_string(), amount);
        }
    }

    #[test]
    fn cloudwatch_gets_the_first_basis_unless_it_is_told_otherwise() {
        let bases = |text: &str| {
            serde_json::from_str::<Config>(text)
                .unwrap()
                .cloudwatch_bases()
        };
        assert_eq!(bases("{}"), [Basis::Unblended]);
        assert_eq!(
            bases(r#"{"bases":["amortized","blended"]}"#),
            [Basis::Amortized]
        );
        assert_eq!(
            bases(r#"{"cloudwatch":{"bases":["blended"]}}"#),
            [Basis::Blended]
        );
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (text, part) in [
            (r#"{"tags":"x"}"#, "tags"),
            (r#"{"level":100}"#, "51 to 99"),
            (r#"{"requests":{"per-refresh":0}}"#, "`0`"),
            (r#"{"budget":[{"name":"a","limit":-1}]}"#, "limit of a"),
            (
                r#"{"budget":[{"name":"a","limit":1},{"name":"a","limit":2}]}"#,
                "`a`",
            ),
            (
                r#"{"budget":[{"name":"a","limit":1,"thresholds":[0]}]}"#,
                "thresholds of a",
            ),
            (r#"{"bases":["net"]}"#, "net"),
            (
                r#"{"bases":["amortized"],"cloudwatch":{"bases":["unblended"]}}"#,
                "`cloudwatch.bases` cannot be `unblended`",
            ),
            (
                r#"{"bases":["amortized"],"budget":[{"name":"a","limit":1,"basis":"unblended"}]}"#,
                "basis of a` cannot be `unblended`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
