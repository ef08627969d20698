//! The trait for what containers have written.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use crate::Error;

/// Where a container's log is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct LogStream {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
    /// The region, if the task definition names one.
    pub region: Option<String>,
}

impl LogStream {
    /// A stream of a group.
    pub fn new(
        group: impl Into<String>,
        stream: impl Into<String>,
        region: Option<String>,
    ) -> Self {
        Self {
            group: group.into(),
            stream: stream.into(),
            region,
        }
    }
}

/// A part of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<String>,
    /// Where the next part begins.
    pub next: Option<String>,
}

impl LogPage {
    /// These lines, and where the next ones begin.
    pub const fn new(lines: Vec<String>, next: Option<String>) -> Self {
        Self { lines, next }
    }
}

/// The logs of containers.
///
/// # Contract
/// A stream that does not exist (yet) has no lines and is no error. Lines of one event that spans several come apart.
#[async_trait]
pub trait TaskLogs: Debug + Send + Sync {
    /// The last lines of a stream, oldest first.
    ///
    /// # Errors
    /// When the logs cannot be read.
    async fn last_lines(&self, stream: &LogStream, limit: usize) -> Result<Vec<String>, Error>;

    /// The lines after a position, from the beginning without one. The answer's position is where to go on.
    ///
    /// # Errors
    /// When the logs cannot be read.
    async fn lines_after(
        &self,
        stream: &LogStream,
        position: Option<&str>,
    ) -> Result<LogPage, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: TaskLogs + ?Sized> TaskLogs for $pointer<T> {
            async fn last_lines(
                &self,
                stream: &LogStream,
                limit: usize,
            ) -> Result<Vec<String>, Error> {
                (**self).last_lines(stream, limit).await
            }

            async fn lines_after(
                &self,
                stream: &LogStream,
                position: Option<&str>,
            ) -> Result<LogPage, Error> {
                (**self).lines_after(stream, position).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
