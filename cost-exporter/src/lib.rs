//! AWS Cost Explorer to CloudWatch and Prometheus: exact decimals, corrected days, and a request budget in dollars.
//!
//! [`refresh`] asks a [`CostSource`] for the days of the month with one query, in all cost bases, by service and environment
//! tag; it compares them with a [`Ledger`] of what was seen before, and gives every [`MetricSink`] what it lacks: the present,
//! and the days that are new or were corrected. Sums are never rounded: what is published adds up to what the source says, to
//! the last digit.
//!
//! ```
//! use cost_exporter::sim::{MemoryLedger, SimBill, SimSource};
//! use cost_exporter::{Options, Parts, WriterSink, refresh};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = "2026-03-02T09:00:00Z".parse()?;
//! let bill = SimBill::new()
//!     .charge("2026-03-01", "Amazon EC2", "prod", "12.3456789012")
//!     .charge("2026-03-01", "Amazon S3", "", "0.0000000001");
//! let source = SimSource::new(bill, now);
//! let text = WriterSink::new("stdout".parse()?, Vec::new());
//! let ledger = MemoryLedger::default();
//! let parts = Parts { source: &source, budgets: None, ledger: &ledger, sinks: &[&text] };
//! let outcome = refresh(&parts, &Options::default(), now, &|_| {}).await?;
//! assert_eq!(outcome.month[0].total.to_string(), "12.3456789013");
//! assert_eq!(outcome.spending.dollars.to_string(), "0.02");
//! let text = String::from_utf8(text.into_inner())?;
//! assert!(text.contains(r#"aws_cost_yesterday{basis="unblended",currency="USD",environment="untagged",service="Amazon S3"} 0.0000000001"#));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! Without any there are the engine, the simulators, files and text formats. `http` serves `/metrics` and pushes to a
//! Pushgateway, `tls` adds https to that, `aws` brings Cost Explorer, Budgets, CloudWatch and a ledger in S3, `testing` exports
//! the contract checks and an AWS on loopback.

mod amount;
mod book;
mod budget;
mod cap;
mod chargeback;
mod config;
mod cost;
mod days;
mod engine;
mod error;
mod event;
mod focus;
mod ledger;
mod meter;
mod metric;
mod names;
mod options;
mod outcome;
mod period;
mod prometheus;
mod samples;
mod saved;
mod sink;
mod source;
mod statement;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "http")]
mod http;
pub mod sim;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use amount::{Amount, Inexact, InvalidAmount};
pub use budget::{AlertPart, Budget, BudgetAlert, BudgetKeeper, BudgetState};
pub use cap::SeriesCap;
pub use chargeback::{Charge, SharedCosts, SharedRule, chargeback};
pub use config::{
    AwsConfig, BudgetConfig, CloudWatchConfig, Config, InvalidConfig, RequestsConfig, SeriesConfig,
    SharedConfig,
};
pub use cost::{
    AwsBudget, Basis, Cell, CellKey, CostPage, CostQuery, DayPart, Forecast, ForecastQuery,
    InvalidBasis, PageToken,
};
pub use engine::{Parts, abandon, refresh};
pub use error::Error;
pub use event::{Event, Observer};
pub use focus::{FocusRow, focus_rows};
#[cfg(feature = "http")]
pub use http::{GatewayUrl, InvalidGatewayUrl, MetricsServer, Pushgateway};
pub use ledger::{
    ActiveRun, FileLedger, Ledger, LedgerCell, LedgerDay, LedgerState, LedgerVersion, RunId,
    SentDays, SinkState, ToldDay,
};
pub use metric::{DaySample, Label, Labels, Metric, Sample};
pub use names::{
    BillName, BilledService, BudgetName, CostEnvironment, Currency, InvalidName, SinkName, TagKey,
};
pub use options::Options;
pub use outcome::{MonthTotal, Outcome, Projection, SinkOutcome, Spending};
pub use period::{EmptyPeriod, InvalidDay, Period, day};
pub use prometheus::{OpenMetricsFile, TextFile, WriterSink, exposition, openmetrics};
pub use saved::SavedSource;
pub use sink::{Grouping, Item, MetricSink, Publication, Published, Rejected, SinkKind, SinkStyle};
pub use source::{BudgetSource, CostSource};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
