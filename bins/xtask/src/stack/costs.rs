//! What Cost Explorer answers here: one day's costs, and a forecast. moto hands out only what was put into it before.

use serde_json::{Value, json};

use super::http::Response;

fn answer(body: &Value) -> Response {
    Response::new(200, "application/x-amz-json-1.1", body.to_string())
}

fn asked(body: &[u8]) -> (Value, String) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let start = body["TimePeriod"]["Start"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (body, start)
}

/// The first day that is asked about, with one service of one environment.
pub(super) fn usage(body: &[u8]) -> Response {
    let (body, start) = asked(body);
    let metrics: serde_json::Map<String, Value> = body["Metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| {
            Some((
                name.as_str()?.to_owned(),
                json!({"Amount": "1.25", "Unit": "USD"}),
            ))
        })
        .collect();
    let groups = body["GroupBy"].as_array().map_or(0, Vec::len);
    let keys: Vec<&str> = ["Amazon Elastic Container Service", "Environment$dev"]
        .into_iter()
        .take(groups)
        .collect();
    let end = next_day(&start).unwrap_or_default();
    answer(&json!({"ResultsByTime": [{
        "TimePeriod": {"Start": start, "End": end},
        "Total": {}, "Estimated": false, "Groups": [{"Keys": keys, "Metrics": metrics}],
    }]}))
}

/// A forecast of the whole of what is asked about.
pub(super) fn forecast(body: &[u8]) -> Response {
    let (body, _) = asked(body);
    answer(&json!({
        "Total": {"Amount": "30", "Unit": "USD"},
        "ForecastResultsByTime": [{"TimePeriod": body["TimePeriod"], "MeanValue": "30"}],
    }))
}

/// The day after one in the form 2026-11-26.
fn next_day(day: &str) -> Option<String> {
    let mut parts = day.splitn(3, '-').map(str::parse::<u32>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let (year, month, day) = match (month, day) {
        (12, 31) => (year + 1, 1, 1),
        (_, last) if last == days => (year, month + 1, 1),
        _ => (year, month, day + 1),
    };
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_followed_by_the_next() {
        for (day, next) in [
            ("2026-11-26", "2026-11-27"),
            ("2026-11-30", "2026-12-01"),
            ("2026-12-31", "2027-01-01"),
            ("2028-02-28", "2028-02-29"),
            ("2100-02-28", "2100-03-01"),
        ] {
            assert_eq!(next_day(day).as_deref(), Some(next));
        }
        assert_eq!(next_day("x"), None);
    }
}
