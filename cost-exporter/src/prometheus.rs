//! Prometheus: its text format, OpenMetrics for back-filling, and the sinks that write them to files and streams.

mod files;
mod text;

pub(crate) use files::style;
pub use files::{OpenMetricsFile, TextFile, WriterSink};
pub use text::{exposition, openmetrics};
