//! Sinks that write files and streams.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{exposition, openmetrics};
use crate::ledger::replace;
use crate::{Error, Grouping, MetricSink, Publication, Published, SinkKind, SinkName, SinkStyle};

/// Everything by service and environment, in all bases: Prometheus adds up by itself.
pub(crate) fn style(kind: SinkKind) -> SinkStyle {
    SinkStyle {
        kind,
        groupings: vec![Grouping::ServiceEnvironment],
        bases: Vec::new(),
    }
}

/// A file in Prometheus's text format, for node_exporter's textfile collector. It is replaced in one step.
#[derive(Debug, Clone)]
pub struct TextFile {
    name: SinkName,
    path: PathBuf,
}

impl TextFile {
    /// The file at this path; node_exporter wants it to end in `.prom`. Its folder must exist, and what is there already must
    /// be a file, or a link to one.
    pub fn new(name: SinkName, path: impl Into<PathBuf>) -> Self {
        Self {
            name,
            path: path.into(),
        }
    }
}

#[async_trait]
impl MetricSink for TextFile {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        style(SinkKind::Snapshot)
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        write(&self.path, &exposition(&publication.samples))
    }
}

/// A file in OpenMetrics with what each day cost, for `promtool tsdb create-blocks-from openmetrics FILE DIR`.
#[derive(Debug, Clone)]
pub struct OpenMetricsFile {
    name: SinkName,
    path: PathBuf,
}

impl OpenMetricsFile {
    /// The file at this path. Its folder must exist.
    pub fn new(name: SinkName, path: impl Into<PathBuf>) -> Self {
        Self {
            name,
            path: path.into(),
        }
    }
}

#[async_trait]
impl MetricSink for OpenMetricsFile {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        style(SinkKind::History)
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        write(&self.path, &openmetrics(&publication.days))
    }
}

fn write(path: &Path, text: &str) -> Result<Published, Error> {
    match replace(path, text.as_bytes()) {
        Ok(()) => Ok(Published::default()),
        Err(source) => Err(Error::File {
            operation: "write",
            path: path.to_owned(),
            source,
        }),
    }
}

/// A stream that gets Prometheus's text format once for each refresh.
pub struct WriterSink<W> {
    name: SinkName,
    writer: Mutex<W>,
}

impl<W: Write + Send> WriterSink<W> {
    /// A sink that writes to this stream.
    pub const fn new(name: SinkName, writer: W) -> Self {
        Self {
            name,
            writer: Mutex::new(writer),
        }
    }

    /// The stream.
    pub fn into_inner(self) -> W {
        self.writer
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> fmt::Debug for WriterSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterSink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<W: Write + Send> MetricSink for WriterSink<W> {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn style(&self) -> SinkStyle {
        style(SinkKind::Snapshot)
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let text = exposition(&publication.samples);
        match writer
            .write_all(text.as_bytes())
            .and_then(|()| writer.flush())
        {
            // A reader that closed the pipe early has what it wanted.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Write {
                operation: "write the metrics",
                source: error,
            }),
            _ => Ok(Published::default()),
        }
    }
}
