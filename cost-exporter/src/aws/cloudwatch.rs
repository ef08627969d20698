//! CloudWatch metrics.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Config;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_smithy_types::DateTime;
use jiff::SignedDuration;
use thiserror::Error as ThisError;

use super::datum::{Datum, batches, data};
use super::failure::{Call, Failed, PATIENCE, once};
use crate::{
    Basis, Error, Grouping, Metric, MetricSink, Publication, Published, Rejected, SinkKind,
    SinkName, SinkStyle,
};

const PUT: Call = Call {
    operation: "put metrics",
    action: "cloudwatch:PutMetricData",
};
/// The namespace without another one.
const NAMESPACE: &str = "Windlass/Costs";
/// How often a request is sent that certainly had no effect.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(300);
/// How far back CloudWatch takes points: two weeks, less the time that a run may take.
const REACH: SignedDuration = SignedDuration::from_hours(14 * 24 - 1);

/// A sink of CloudWatch cannot be made as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum InvalidCloudWatch {
    /// The namespace is none.
    #[error(transparent)]
    Namespace(#[from] InvalidNamespace),
    /// There is no region.
    #[error(transparent)]
    Region(#[from] MissingRegion),
}

/// A namespace of CloudWatch, such as `Windlass/Costs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

/// A text is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("`{namespace}` is no namespace of CloudWatch: {reason}")]
pub struct InvalidNamespace {
    namespace: String,
    reason: &'static str,
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, InvalidNamespace> {
        let reason = match text {
            "" => "it is empty",
            _ if text.len() > 255 => "it has more than 255 characters",
            _ if text.starts_with("AWS/") => "names that begin with `AWS/` are AWS's own",
            _ if text.starts_with(':') => "it begins with a colon",
            _ if !text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte)) =>
            {
                "it may have letters, digits, blanks and .-_/#: only"
            }
            _ if text.trim().is_empty() => "it is blank",
            _ => return Ok(Self(text.to_owned())),
        };
        Err(InvalidNamespace {
            namespace: text.chars().take(80).collect(),
            reason,
        })
    }
}

impl Namespace {
    /// The namespace as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Puts metrics into CloudWatch.
///
/// What a day cost is put at the day's beginning (UTC), as `DailyCost`; when it changes, the difference is put there too, so
/// that the statistic `Sum` is the day's cost. The present is put once in each period, at the time it was read. A request is
/// never repeated unless it certainly had no effect, whatever retries the client is configured for.
#[derive(Debug, Clone)]
pub struct CloudWatchSink {
    name: SinkName,
    client: Client,
    namespace: Namespace,
    groupings: Vec<Grouping>,
    bases: Vec<Basis>,
    every: SignedDuration,
    patience: Duration,
}

/// A client of CloudWatch has no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("there is no region for CloudWatch")]
pub struct MissingRegion;

impl CloudWatchSink {
    /// A sink with totals, totals by environment and totals by service in the unblended basis, with the present once an hour.
    /// Each series has its price there. The ledger knows it by its namespace and the client's region, whoever makes it.
    ///
    /// # Errors
    /// When the client has no region.
    pub fn new(client: Client, namespace: Namespace) -> Result<Self, MissingRegion> {
        let region = client.config().region().ok_or(MissingRegion)?;
        // A region has no such sign, and neither has a namespace.
        let name = format!("cloudwatch={}@{region}", namespace.as_str());
        Ok(Self {
            name: name.parse().map_err(|_| MissingRegion)?,
            client,
            namespace,
            groupings: vec![Grouping::Total, Grouping::Environment, Grouping::Service],
            bases: vec![Basis::Unblended],
            every: SignedDuration::from_hours(1),
            patience: PATIENCE,
        })
    }

    /// A sink as the configuration wants it, in this namespace if one is named.
    ///
    /// # Errors
    /// When the namespace is none, or the client has no region.
    pub fn of_config(
        client: Client,
        namespace: Option<&str>,
        config: &crate::Config,
    ) -> Result<Self, InvalidCloudWatch> {
        let namespace = namespace
            .or(config.cloudwatch.namespace.as_deref())
            .unwrap_or(NAMESPACE);
        let sink = Self::new(client, namespace.parse()?)?.bases(config.cloudwatch_bases());
        Ok(match config.cloudwatch.groupings.as_slice() {
            [] => sink,
            groupings => sink.groupings(groupings.to_vec()),
        })
    }

    /// Waits so long for an answer. What comes later may have been taken, and is not put again.
    #[must_use]
    pub const fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Adds up in these ways.
    #[must_use]
    pub fn groupings(mut self, groupings: Vec<Grouping>) -> Self {
        self.groupings = groupings;
        self
    }

    /// Takes these bases; none for all.
    #[must_use]
    pub fn bases(mut self, bases: Vec<Basis>) -> Self {
        self.bases = bases;
        self
    }

    async fn put(&self, data: &[Datum]) -> Result<(), Failed> {
        let (retries, timeouts) = once(self.patience);
        self.client
            .put_metric_data()
            .namespace(self.namespace.as_str())
            .set_metric_data(Some(data.iter().map(metric_datum).collect()))
            .customize()
            .config_override(
                Config::builder()
                    .retry_config(retries)
                    .timeout_config(timeouts),
            )
            .send()
            .await
            .map(drop)
            .map_err(|error| PUT.failed(error))
    }

    /// Puts a batch, and again as long as that may help and nothing is put twice.
    async fn put_patiently(&self, data: &[Datum], published: &mut Published) -> Result<(), Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            published.requests += 1;
            match self.put(data).await {
                Err(failed) if failed.without_effect && failed.is_passing && tries < TRIES => {
                    tokio::time::sleep(FIRST_WAIT * 2_u32.pow(tries - 1)).await;
                }
                other => return other,
            }
        }
    }
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let unit = match datum.metric {
        Metric::Requests | Metric::EstimatedDays => StandardUnit::Count,
        // CloudWatch knows no currencies.
        _ => StandardUnit::None,
    };
    let dimensions = datum
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(value).build());
    MetricDatum::builder()
        .metric_name(datum.metric.cloudwatch())
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(DateTime::from_secs(datum.at.as_second()))
        .value(datum.value)
        .unit(unit)
        .build()
}

#[async_trait]
impl MetricSink for CloudWatchSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        SinkStyle {
            kind: SinkKind::Additive {
                reach: REACH,
                every: self.every,
            },
            groupings: self.groupings.clone(),
            bases: self.bases.clone(),
        }
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        let data = data(publication);
        let mut published = Published::default();
        let mut waiting: Vec<Range<usize>> = batches(&data).into_iter().rev().collect();
        let mut taken = 0;
        while let Some(batch) = waiting.pop() {
            let size = batch.len();
            let failed = match self
                .put_patiently(&data[batch.clone()], &mut published)
                .await
            {
                Ok(()) => {
                    taken += size;
                    continue;
                }
                Err(failed) => failed,
            };
            match failed.error {
                // One bad datum fails a whole request: halves lead to it.
                Error::Refused { ref code, .. } if judges_data(code.as_deref()) && size > 1 => {
                    let middle = batch.start + size / 2;
                    waiting.push(middle..batch.end);
                    waiting.push(batch.start..middle);
                }
                Error::Refused { ref code, .. } if judges_data(code.as_deref()) => {
                    reject(&mut published, &data[batch], &failed.error, true);
                }
                // Whatever the reason is, it is no single datum's: the others would fare no better.
                error => {
                    let rest = waiting.drain(..).rev().map(|rest| &data[rest]);
                    if taken == 0 && failed.without_effect {
                        return Err(error);
                    }
                    rest.for_each(|rest| reject(&mut published, rest, &error, true));
                    reject(&mut published, &data[batch], &error, failed.without_effect);
                }
            }
        }
        published.rejected.sort_by_key(|rejected| rejected.item);
        Ok(published)
    }
}

/// Whether an error code speaks of the data, so that others of them may be taken. Any other refusal is one of all.
fn judges_data(code: Option<&str>) -> bool {
    let code = code.unwrap_or_default();
    matches!(
        code.strip_suffix("Exception").unwrap_or(code),
        "InvalidParameterValue"
            | "InvalidParameterCombination"
            | "MissingParameter"
            | "MissingRequiredParameter"
            | "InvalidFormatFault"
            | "Validation"
            | "ValidationError"
            | "Serialization"
            | "RequestEntityTooLarge"
    )
}

fn reject(published: &mut Published, data: &[Datum], error: &Error, known: bool) {
    published.rejected.extend(data.iter().map(|datum| Rejected {
        item: datum.item,
        series: datum.series(),
        reason: error.chain(),
        known,
    }));
}
