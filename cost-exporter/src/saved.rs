//! Costs out of a saved document, so that everything can be tried without an account.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{
    Amount, Basis, BillName, BilledService, Cell, CostEnvironment, CostPage, CostQuery, CostSource,
    Currency, DayPart, Error, Forecast, ForecastQuery, PageToken, TagKey, day,
};

/// Costs out of a saved document: answers of Cost Explorer as `aws ce get-cost-and-usage` prints them (one, or an array of
/// pages), by day, service and tag; or an array of rows with FOCUS's column names (`ChargePeriodStart`, `ServiceName`,
/// `BillingCurrency`, `BilledCost`, `EffectiveCost`, `Tags`).
///
/// Of FOCUS's costs `BilledCost` stands for the unblended and `EffectiveCost` for the amortized ones, net or not. Bases that
/// the document does not have are left out. There are no forecasts in it.
#[derive(Debug, Clone)]
pub struct SavedSource {
    days: BTreeMap<Date, Day>,
    tag: Option<TagKey>,
}

#[derive(Debug, Clone, Default)]
struct Day {
    estimated: bool,
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    results_by_time: Vec<ResultByTime>,
    #[serde(default)]
    group_definitions: Vec<GroupDefinition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GroupDefinition {
    #[serde(rename = "Type")]
    kind: String,
    key: String,
}

/// What tells the parts of a document apart.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Probe {
    results_by_time: Option<IgnoredAny>,
    charge_period_start: Option<IgnoredAny>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultByTime {
    time_period: TimePeriod,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    total: BTreeMap<String, Metric>,
    #[serde(default)]
    estimated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TimePeriod {
    start: String,
    end: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    keys: Vec<String>,
    metrics: BTreeMap<String, Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    amount: Box<RawValue>,
    unit: String,
}

/// A row of FOCUS. Others of its columns are no matter here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    charge_period_start: String,
    service_name: String,
    billing_currency: String,
    billed_cost: Box<RawValue>,
    effective_cost: Option<Box<RawValue>>,
    #[serde(default)]
    tags: Option<BTreeMap<String, Value>>,
    #[serde(rename = "x_Estimated", default)]
    estimated: bool,
    #[serde(rename = "x_Costs", default)]
    costs: BTreeMap<String, Box<RawValue>>,
}

fn invalid(problem: impl Into<String>) -> Error {
    Error::InvalidSaved {
        problem: problem.into(),
    }
}

impl SavedSource {
    /// Reads a document. The tag is that of FOCUS's rows which names the environment; answers of Cost Explorer name their own.
    ///
    /// # Errors
    /// When the text is no such document.
    pub fn from_json(text: &str, tag: &TagKey) -> Result<Self, Error> {
        // Numbers are kept as they are written: as floating point they would lose digits.
        let failed = |error: serde_json::Error| invalid(error.to_string());
        let parts: Vec<&RawValue> = match text.trim_start().starts_with('[') {
            true => serde_json::from_str(text).map_err(failed)?,
            false => vec![serde_json::from_str(text).map_err(failed)?],
        };
        let mut source = Self {
            days: BTreeMap::new(),
            tag: None,
        };
        let mut further = None;
        for (index, part) in parts.into_iter().enumerate() {
            let place =
                |error: &dyn std::fmt::Display| invalid(format!("part {}: {error}", index + 1));
            let probe: Probe = serde_json::from_str(part.get()).map_err(|error| place(&error))?;
            if probe.results_by_time.is_some() {
                let answer: Answer =
                    serde_json::from_str(part.get()).map_err(|error| place(&error))?;
                source.answer(answer).map_err(|error| place(&error))?;
                further = probe
                    .next_page_token
                    .filter(|token| !token.is_empty())
                    .map(|_| index);
            } else if probe.charge_period_start.is_some() {
                let row: Row = serde_json::from_str(part.get()).map_err(|error| place(&error))?;
                source.row(row, tag).map_err(|error| place(&error))?;
            } else {
                return Err(place(
                    &"it has neither `ResultsByTime`, as answers of Cost Explorer have, nor `ChargePeriodStart`, as rows of FOCUS have",
                ));
            }
        }
        match further {
            None => Ok(source),
            Some(index) => Err(invalid(format!(
                "part {} has a `NextPageToken`, and the page that it leads to is not there: save all pages as an array",
                index + 1
            ))),
        }
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        let groups: Vec<(&str, &str)> = answer
            .group_definitions
            .iter()
            .map(|group| (group.kind.as_str(), group.key.as_str()))
            .collect();
        match groups.as_slice() {
            [] | [("DIMENSION", "SERVICE")] | [("DIMENSION", "SERVICE"), ("TAG", _)] => {}
            _ => {
                let names: Vec<String> = groups
                    .iter()
                    .map(|(kind, key)| format!("{kind} {key}"))
                    .collect();
                return Err(invalid(format!(
                    "they are grouped by `{}`: group by SERVICE first and a tag second",
                    names.join("`, `")
                )));
            }
        }
        answer
            .results_by_time
            .into_iter()
            .try_for_each(|result| self.result(result))
    }

    /// The last day that has costs.
    pub fn last_day(&self) -> Option<Date> {
        self.days
            .iter()
            .rev()
            .find(|(_, day)| !day.cells.is_empty())
            .map(|(date, _)| *date)
    }

    fn result(&mut self, result: ResultByTime) -> Result<(), Error> {
        let date = day(&result.time_period.start).map_err(|error| invalid(error.to_string()))?;
        if date.tomorrow().ok() != day(&result.time_period.end).ok() {
            return Err(invalid(format!(
                "`{}` to `{}` is no day: use the granularity DAILY",
                result.time_period.start, result.time_period.end
            )));
        }
        // Where costs are grouped their total stands for nothing, unless there are none.
        for metric in result.total.values() {
            if result.groups.is_empty() && !number(&metric.amount)?.is_zero() {
                return Err(invalid(format!(
                    "the costs of `{date}` are not grouped: group by SERVICE first and a tag second"
                )));
            }
        }
        let entry = self.days.entry(date).or_default();
        entry.estimated |= result.estimated;
        for group in result.groups {
            let mut cell = cell_of_keys(&group.keys)?;
            if let (Some(key), tag @ None) = (cell.tag.take(), &mut self.tag) {
                *tag = Some(key);
            }
            let mut cell = cell.cell;
            for (name, metric) in group.metrics {
                let Some(basis) = Basis::of_metric(&name) else {
                    continue;
                };
                let amount = number(&metric.amount)?;
                cell.currency = metric
                    .unit
                    .parse()
                    .map_err(|error: crate::InvalidName| invalid(error.to_string()))?;
                cell.amounts.insert(basis, amount);
            }
            entry.cells.push(cell);
        }
        Ok(())
    }

    fn row(&mut self, row: Row, tag: &TagKey) -> Result<(), Error> {
        let text = row.charge_period_start;
        let date = text.get(..10).unwrap_or(&text);
        let date = day(date).map_err(|error| invalid(error.to_string()))?;
        let name = |error: crate::InvalidName| invalid(error.to_string());
        let billed = number(&row.billed_cost)?;
        let effective = row
            .effective_cost
            .as_deref()
            .map(number)
            .transpose()?
            .unwrap_or(billed);
        let environment = match row.tags.as_ref().and_then(|tags| tags.get(tag.as_str())) {
            Some(Value::String(value)) => CostEnvironment::from(value.as_str()),
            _ => CostEnvironment::Untagged,
        };
        let mut amounts = BTreeMap::from([
            (Basis::Unblended, billed),
            (Basis::NetUnblended, billed),
            (Basis::Amortized, effective),
            (Basis::NetAmortized, effective),
        ]);
        // What this crate wrote itself tells each basis by its name.
        for (name, cost) in &row.costs {
            if let Some(basis) = Basis::of_metric(name) {
                amounts.insert(basis, number(cost)?);
            }
        }
        let cell = Cell {
            service: row.service_name.parse().map_err(name)?,
            environment,
            currency: row.billing_currency.parse().map_err(name)?,
            amounts,
        };
        let entry = self.days.entry(date).or_default();
        entry.estimated |= row.estimated;
        entry.cells.push(cell);
        Ok(())
    }
}

/// A number of JSON by its digits, or a string that holds one.
fn number(value: &RawValue) -> Result<Amount, Error> {
    let text = match value.get().starts_with('"') {
        true => serde_json::from_str(value.get()).map_err(|error| invalid(error.to_string()))?,
        false => value.get().to_owned(),
    };
    text.parse()
        .map_err(|error: crate::InvalidAmount| invalid(error.to_string()))
}

/// A cell without amounts, and the tag that its environment is a value of.
pub(crate) struct Keys {
    pub(crate) cell: Cell,
    pub(crate) tag: Option<TagKey>,
}

/// What the keys of a group say: the service, and the tag's key and value, as `key$value` with a value that may be empty.
pub(crate) fn cell_of_keys(keys: &[String]) -> Result<Keys, Error> {
    let [service, rest @ ..] = keys else {
        return Err(invalid("a group has no keys"));
    };
    let (tag, environment) = match rest {
        [] if service.contains('$') => {
            return Err(invalid(format!(
                "the key `{service}` is a tag's key and value where a service should be: group by SERVICE first and a tag second"
            )));
        }
        [] => (None, CostEnvironment::Untagged),
        [tag] => match tag.split_once('$') {
            Some((key, value)) => (key.parse().ok(), CostEnvironment::from(value)),
            None => {
                return Err(invalid(format!(
                    "the key `{tag}` is no tag's key and value: group by a service first and a tag second"
                )));
            }
        },
        _ => return Err(invalid("a group has more than two keys")),
    };
    let service: BilledService = service
        .parse()
        .map_err(|error: crate::InvalidName| invalid(error.to_string()))?;
    let currency: Currency = "USD"
        .parse()
        .map_err(|error: crate::InvalidName| invalid(error.to_string()))?;
    Ok(Keys {
        cell: Cell {
            service,
            environment,
            currency,
            amounts: BTreeMap::new(),
        },
        tag,
    })
}

#[async_trait]
impl CostSource for SavedSource {
    async fn costs(&self, query: &CostQuery, _page: Option<&PageToken>) -> Result<CostPage, Error> {
        if let Some(tag) = self.tag.as_ref().filter(|tag| **tag != query.tag) {
            let problem = format!(
                "they are grouped by the tag `{tag}`, and `{}` is wanted",
                query.tag
            );
            return Err(invalid(problem));
        }
        let days = self
            .days
            .range(query.period.start()..query.period.end())
            .map(|(date, day)| {
                let mut cells = day.cells.clone();
                cells
                    .iter_mut()
                    .for_each(|cell| cell.amounts.retain(|basis, _| query.bases.contains(basis)));
                DayPart {
                    date: *date,
                    estimated: day.estimated,
                    cells,
                }
            });
        Ok(CostPage {
            days: days.collect(),
            next: None,
        })
    }

    async fn forecast(&self, _query: &ForecastQuery) -> Result<Forecast, Error> {
        Err(Error::DataUnavailable {
            operation: "forecast costs",
            code: None,
            message: Some("saved costs have no future".to_owned()),
        })
    }

    fn bill(&self) -> Option<BillName> {
        Some("saved costs".parse().expect("the words are a name"))
    }

    fn is_billed(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SavedSource, Error> {
        SavedSource::from_json(text, &"Environment".parse().unwrap())
    }

    #[test]
    fn answers_and_rows_are_read() {
        let source = read(
            r#"{"ResultsByTime":[{"TimePeriod":{"Start":"2026-03-01","End":"2026-03-02"},"Total":{},"Estimated":true,
                "Groups":[{"Keys":["Amazon EC2","Environment$prod"],"Metrics":{"UnblendedCost":{"Amount":"1.0000000001","Unit":"USD"}}},
                          {"Keys":["Tax","Environment$"],"Metrics":{"UnblendedCost":{"Amount":"1E-7","Unit":"USD"}}}]}]}"#,
        )
        .unwrap();
        assert_eq!(source.last_day(), day("2026-03-01").ok());
        let cells = &source.days[&day("2026-03-01").unwrap()].cells;
        assert_eq!(cells[1].environment, CostEnvironment::Untagged);
        assert_eq!(cells[1].amounts[&Basis::Unblended].to_string(), "0.0000001");
        let source = read(
            r#"[{"ChargePeriodStart":"2026-03-01T00:00:00Z","ServiceName":"S3","BillingCurrency":"USD","BilledCost":"0.10","EffectiveCost":0.25,"Tags":{"Environment":"dev"}}]"#,
        )
        .unwrap();
        let cell = &source.days[&day("2026-03-01").unwrap()].cells[0];
        assert_eq!(cell.amounts[&Basis::Amortized].to_string(), "0.25");
        assert_eq!(cell.environment.as_str(), "dev");
    }

    #[test]
    fn numbers_keep_their_digits_and_pages_that_follow_each_other_are_whole() {
        let source = read(
            r#"[{"ChargePeriodStart":"2026-03-01","ServiceName":"S3","BillingCurrency":"USD","BilledCost":12345678.12345678901234567}]"#,
        )
        .unwrap();
        let cell = &source.days[&day("2026-03-01").unwrap()].cells[0];
        assert_eq!(
            cell.amounts[&Basis::Unblended].to_string(),
            "12345678.12345678901234567"
        );
        read(r#"[{"ResultsByTime":[],"NextPageToken":"x"},{"ResultsByTime":[]}]"#).unwrap();
        // Of days without costs there is a total of nothing.
        read(
            r#"{"ResultsByTime":[{"TimePeriod":{"Start":"2026-03-01","End":"2026-03-02"},"Total":{"UnblendedCost":{"Amount":"0","Unit":"USD"}},"Groups":[]}]}"#,
        )
        .unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, part) in [
            ("{", "EOF"),
            ("{}", "ResultsByTime"),
            (
                r#"{"ResultsByTime":[{"TimePeriod":{"Start":"2026-03-01","End":"2026-04-01"}}]}"#,
                "DAILY",
            ),
            (
                r#"{"ResultsByTime":[{"TimePeriod":{"Start":"2026-03-01","End":"2026-03-02"},"Groups":[{"Keys":["EC2","prod"],"Metrics":{}}]}]}"#,
                "`prod`",
            ),
            (
                r#"[{"ChargePeriodStart":"2026-03-01","ServiceName":"S3","BillingCurrency":"usd","BilledCost":"1"}]"#,
                "`usd`",
            ),
            (
                r#"{"ResultsByTime":[],"NextPageToken":"x"}"#,
                "`NextPageToken`",
            ),
            (
                r#"[{"ResultsByTime":[],"NextPageToken":"x"},{"ResultsByTime":[],"NextPageToken":"y"}]"#,
                "part 2 has a `NextPageToken`",
            ),
            (
                r#"{"ResultsByTime":[{"TimePeriod":{"Start":"2026-03-01","End":"2026-03-02"},"Total":{"UnblendedCost":{"Amount":"1","Unit":"USD"}},"Groups":[]}]}"#,
                "not grouped",
            ),
            (
                r#"{"ResultsByTime":[{"TimePeriod":{"Start":"2026-03-01","End":"2026-03-02"},"Groups":[{"Keys":["Environment$p"],"Metrics":{}}]}]}"#,
                "`Environment$p`",
            ),
            (
                r#"{"GroupDefinitions":[{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"}],"ResultsByTime":[]}"#,
                "`DIMENSION LINKED_ACCOUNT`",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
