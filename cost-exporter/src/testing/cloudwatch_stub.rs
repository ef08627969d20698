//! CloudWatch's PutMetricData: rpc-v2-cbor, with the limits of the service.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

use ciborium::Value;
use jiff::{SignedDuration, Timestamp};

use super::http_stub::{Request, Response};

const MOST_BYTES: usize = 1_000_000;
const MOST_DATA: usize = 1000;
const MOST_DIMENSIONS: usize = 30;

/// A point of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Point {
    /// The namespace.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// The dimensions with their values.
    pub dimensions: BTreeMap<String, String>,
    /// When, as Unix time.
    pub at: i64,
}

/// What was put: of each point the sum and the number of samples.
#[derive(Debug, Default)]
pub(super) struct CloudWatch {
    pub(super) points: BTreeMap<Point, (f64, u32)>,
    pub(super) faults: VecDeque<(u16, &'static str)>,
    pub(super) refused: Option<String>,
}

impl CloudWatch {
    /// `None` is no answer at all.
    pub(super) fn put(&mut self, request: &Request, now: Timestamp) -> Option<Response> {
        let fault = self.faults.pop_front();
        if let Some((status, code)) = fault.filter(|(status, _)| *status != 0) {
            return Some(failed(status, code, "simulated"));
        }
        match self.taken(request, now) {
            Ok(points) => {
                for (point, value) in points {
                    let (sum, count) = self.points.entry(point).or_default();
                    *sum += value;
                    *count += 1;
                }
            }
            Err((code, message)) => return Some(failed(400, code, &message)),
        }
        let answer = Response {
            status: 200,
            headers: headers(),
            body: vec![0xa0],
        };
        fault.is_none().then_some(answer)
    }

    /// The points of a request, all or none.
    fn taken(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Vec<(Point, f64)>, (&'static str, String)> {
        let invalid = |message: String| ("InvalidParameterValueException", message);
        if request.header("smithy-protocol") != Some("rpc-v2-cbor") {
            return Err(("SerializationException", "not rpc-v2-cbor".to_owned()));
        }
        if request.body.len() > MOST_BYTES {
            return Err((
                "RequestEntityTooLargeException",
                "the request exceeds 1 MB".to_owned(),
            ));
        }
        let document =
            document(request).ok_or_else(|| ("SerializationException", "not CBOR".to_owned()))?;
        let namespace = text(&document, "Namespace").unwrap_or_default();
        if namespace.is_empty() || namespace.starts_with(':') || namespace.starts_with("AWS/") {
            return Err(invalid(format!(
                "The value {namespace} for parameter Namespace is invalid."
            )));
        }
        let data = field(&document, "MetricData")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if data.is_empty() || data.len() > MOST_DATA {
            return Err(invalid(format!(
                "The collection MetricData must have 1 to {MOST_DATA} items, not {}.",
                data.len()
            )));
        }
        data.iter()
            .map(|datum| self.point(&namespace, datum, now).map_err(invalid))
            .collect()
    }

    fn point(
        &self,
        namespace: &str,
        datum: &Value,
        now: Timestamp,
    ) -> Result<(Point, f64), String> {
        let metric = text(datum, "MetricName").unwrap_or_default();
        if metric.is_empty() || metric.len() > 255 || !metric.is_ascii() {
            return Err(format!("The parameter MetricName {metric:?} is invalid."));
        }
        let mut dimensions = BTreeMap::new();
        for dimension in field(datum, "Dimensions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let (name, value) = (
                text(dimension, "Name").unwrap_or_default(),
                text(dimension, "Value").unwrap_or_default(),
            );
            for (text, longest) in [(&name, 255), (&value, 1024)] {
                let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                if text.trim().is_empty()
                    || text.len() > longest
                    || text.starts_with(':')
                    || !printable
                {
                    return Err(format!(
                        "The dimension {name:?} with the value {value:?} is invalid."
                    ));
                }
            }
            if self.refused.as_ref() == Some(&value) {
                return Err(format!("The value {value} is refused."));
            }
            if dimensions.insert(name.clone(), value).is_some() {
                return Err(format!("The dimension {name} stands twice."));
            }
        }
        if dimensions.len() > MOST_DIMENSIONS {
            return Err(format!(
                "No more than {MOST_DIMENSIONS} dimensions are taken."
            ));
        }
        let value = match field(datum, "Value") {
            Some(Value::Float(value)) => *value,
            Some(Value::Integer(value)) => i128::from(*value) as f64,
            _ => return Err("There is no value.".to_owned()),
        };
        if !value.is_finite() || value.abs() > 2_f64.powi(360) {
            return Err(format!("The value {value} is invalid."));
        }
        let at = seconds(datum).ok_or("There is no timestamp.")?;
        let age = now.as_second() - at;
        if age > SignedDuration::from_hours(14 * 24).as_secs()
            || age < -SignedDuration::from_hours(2).as_secs()
        {
            return Err(format!(
                "The timestamp {at} is more than two weeks back or two hours ahead."
            ));
        }
        Ok((
            Point {
                namespace: namespace.to_owned(),
                metric,
                dimensions,
                at,
            },
            value,
        ))
    }
}

fn document(request: &Request) -> Option<Value> {
    let mut bytes = Vec::new();
    match request.header("content-encoding") {
        Some("gzip") => flate2::read::GzDecoder::new(request.body.as_slice())
            .read_to_end(&mut bytes)
            .ok()?,
        _ => request.body.as_slice().read_to_end(&mut bytes).ok()?,
    };
    ciborium::from_reader(bytes.as_slice()).ok()
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value
        .as_map()?
        .iter()
        .find(|(key, _)| key.as_text() == Some(name))
        .map(|(_, value)| value)
}

fn text(value: &Value, name: &str) -> Option<String> {
    field(value, name)?.as_text().map(str::to_owned)
}

fn seconds(datum: &Value) -> Option<i64> {
    match field(datum, "Timestamp")? {
        // An epoch-based time of RFC 8949.
        Value::Tag(1, time) => match **time {
            Value::Float(seconds) => Some(seconds as i64),
            Value::Integer(seconds) => i64::try_from(i128::from(seconds)).ok(),
            _ => None,
        },
        _ => None,
    }
}

fn headers() -> Vec<(&'static str, String)> {
    vec![
        ("smithy-protocol", "rpc-v2-cbor".to_owned()),
        ("Content-Type", "application/cbor".to_owned()),
    ]
}

fn failed(status: u16, code: &str, message: &str) -> Response {
    let text = |text: &str| Value::Text(text.to_owned());
    let document = Value::Map(vec![
        (
            text("__type"),
            text(&format!("com.amazonaws.cloudwatch#{code}")),
        ),
        (text("message"), text(message)),
    ]);
    let mut body = Vec::new();
    // Writing to a Vec does not fail.
    let _ = ciborium::into_writer(&document, &mut body);
    Response {
        status,
        headers: headers(),
        body,
    }
}
