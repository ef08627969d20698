//! Cost Explorer and Budgets, in their JSON.

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::http_stub::Response;
use crate::sim::SimSource;
use crate::{
    Basis, BudgetSource, CostPage, CostQuery, CostSource, Error, ForecastQuery, PageToken, Period,
    day,
};

pub(super) fn answer(source: &SimSource, operation: &str, body: &[u8]) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return failed(400, "SerializationException", "not JSON");
    };
    // A simulated source never waits.
    let answered = match operation {
        "GetCostAndUsage" => costs(source, &request),
        "GetCostForecast" => forecast(source, &request),
        _ => budgets(source, &request),
    };
    match answered {
        Ok(body) => Response::json(200, &body),
        Err(error) => refusal(&error),
    }
}

fn failed(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, &json!({"__type": code, "message": message}))
}

fn refusal(error: &Error) -> Response {
    match error {
        Error::Throttled { .. } => failed(
            400,
            "LimitExceededException",
            "You made too many calls in a short period of time.",
        ),
        Error::Denied { action, .. } => failed(
            400,
            "AccessDeniedException",
            &format!("User is not authorized to perform: {action}"),
        ),
        Error::DataUnavailable { .. } => {
            failed(400, "DataUnavailableException", "Data is not available.")
        }
        Error::PagesChanged { .. } => failed(
            400,
            "RequestChangedException",
            "Your request parameters changed between pages.",
        ),
        Error::Refused { message, .. } => failed(
            400,
            "ValidationException",
            message.as_deref().unwrap_or_default(),
        ),
        _ => failed(500, "InternalFailure", "simulated"),
    }
}

fn invalid(what: &str) -> Error {
    Error::Refused {
        operation: "read costs",
        code: Some("ValidationException".to_owned()),
        message: Some(what.to_owned()),
        request_id: None,
    }
}

fn period(request: &Value) -> Result<Period, Error> {
    let end = |name: &str| day(request["TimePeriod"][name].as_str().unwrap_or_default());
    let (Ok(start), Ok(end)) = (end("Start"), end("End")) else {
        return Err(invalid("Invalid TimePeriod"));
    };
    Period::new(start, end)
        .map_err(|_| invalid("Start date (and hour) should be before end date (and hour)"))
}

fn costs(source: &SimSource, request: &Value) -> Result<Value, Error> {
    if request["Granularity"] != "DAILY" {
        return Err(invalid("this server knows days only"));
    }
    let groups: Vec<(&str, &str)> = request["GroupBy"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| {
            (
                group["Type"].as_str().unwrap_or_default(),
                group["Key"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let [("DIMENSION", "SERVICE"), ("TAG", key)] = groups[..] else {
        return Err(invalid("this server groups by SERVICE and a tag"));
    };
    let bases: Option<Vec<Basis>> = request["Metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| Basis::of_metric(name.as_str().unwrap_or_default()))
        .collect();
    let query = CostQuery {
        period: period(request)?,
        bases: bases.ok_or_else(|| invalid("no such metric"))?,
        tag: key.parse().map_err(|_| invalid("no such tag"))?,
    };
    let token = request["NextPageToken"].as_str().map(PageToken::new);
    let page = source
        .costs(&query, token.as_ref())
        .now_or_never()
        .expect("it never waits")?;
    Ok(json_page(&page, key))
}

fn json_page(page: &CostPage, key: &str) -> Value {
    let results: Vec<Value> = page
        .days
        .iter()
        .map(|part| {
            let groups = part.cells.iter().map(|cell| {
                let environment = match &cell.environment {
                    crate::CostEnvironment::Untagged => "",
                    crate::CostEnvironment::Tagged(value) => value,
                };
                let metrics: serde_json::Map<String, Value> = cell
                    .amounts
                    .iter()
                    .map(|(basis, amount)| {
                        (
                            basis.metric().to_owned(),
                            json!({"Amount": amount, "Unit": cell.currency}),
                        )
                    })
                    .collect();
                json!({"Keys": [cell.service, format!("{key}${environment}")], "Metrics": metrics})
            });
            let end = part.date.tomorrow().unwrap_or(part.date);
            json!({
                "TimePeriod": {"Start": part.date, "End": end},
                "Total": {},
                "Groups": groups.collect::<Vec<_>>(),
                "Estimated": part.estimated,
            })
        })
        .collect();
    let mut body = json!({
        "GroupDefinitions": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": key}],
        "ResultsByTime": results,
        "DimensionValueAttributes": [],
    });
    if let Some(next) = &page.next {
        body["NextPageToken"] = next.as_str().into();
    }
    body
}

fn forecast(source: &SimSource, request: &Value) -> Result<Value, Error> {
    let name = request["Metric"].as_str().unwrap_or_default();
    let basis = Basis::ALL.into_iter().find(|basis| {
        let upper = format!("{}_COST", basis.as_str().replace('-', "_").to_uppercase());
        upper == name
    });
    let level = request["PredictionIntervalLevel"]
        .as_u64()
        .and_then(|level| u8::try_from(level).ok());
    let query = ForecastQuery {
        period: period(request)?,
        basis: basis.ok_or_else(|| invalid("no such metric"))?,
        level: level.unwrap_or(80),
    };
    let forecast = source
        .forecast(&query)
        .now_or_never()
        .expect("it never waits")?;
    Ok(json!({
        "Total": {"Amount": forecast.mean, "Unit": forecast.currency},
        "ForecastResultsByTime": [{
            "TimePeriod": {"Start": query.period.start(), "End": query.period.end()},
            "MeanValue": forecast.mean,
            "PredictionIntervalLowerBound": forecast.lower,
            "PredictionIntervalUpperBound": forecast.upper,
        }],
    }))
}

fn budgets(source: &SimSource, request: &Value) -> Result<Value, Error> {
    if request["AccountId"]
        .as_str()
        .is_none_or(|account| account.len() != 12)
    {
        return Err(invalid("AccountId"));
    }
    let budgets = source.budgets().now_or_never().expect("it never waits")?;
    let budgets: Vec<Value> = budgets
        .iter()
        .map(|budget| {
            let spend = |amount| json!({"Amount": amount, "Unit": budget.currency});
            let mut spent = json!({"ActualSpend": spend(budget.actual)});
            if let Some(forecast) = budget.forecast {
                spent["ForecastedSpend"] = spend(forecast);
            }
            json!({
                "BudgetName": budget.name,
                "BudgetLimit": spend(budget.limit),
                "TimeUnit": "MONTHLY",
                "BudgetType": "COST",
                "CalculatedSpend": spent,
            })
        })
        .collect();
    Ok(json!({"Budgets": budgets}))
}
