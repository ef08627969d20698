//! A channel for a terminal or a file.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::channel::{Channel, Delivery};
use crate::error::Error;
use crate::report::Report;
use crate::text::text;

/// Writes each report as [`text`] to what the caller gives, such as standard error.
///
/// The lines of one report are written in one call and flushed. Writing blocks the task: give it a terminal, a file or a
/// buffer, not a socket that may stall.
pub struct WriterChannel<W> {
    name: String,
    writer: Mutex<W>,
}

impl<W: Write + Send> WriterChannel<W> {
    /// A channel with a name that writes to `writer`.
    pub fn new(name: impl Into<String>, writer: W) -> Self {
        Self {
            name: name.into(),
            writer: Mutex::new(writer),
        }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.writer
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> fmt::Debug for WriterChannel<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterChannel")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<W: Write + Send> Channel for WriterChannel<W> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        let started = Instant::now();
        let mut lines = text(report);
        lines.push('\n');
        // A writer that panicked once is no reason to keep quiet for ever.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer
            .write_all(lines.as_bytes())
            .and_then(|()| writer.flush())
            .map_err(|source| Error::Write {
                channel: self.name.clone(),
                source,
            })?;
        Ok(Delivery::new(1, started.elapsed().as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::io;

    #[tokio::test]
    async fn it_obeys_the_contract() {
        let channel = WriterChannel::new("stderr", Vec::new());
        testing::delivers_every_report(&channel, &|| {
            let written = channel.writer.lock().unwrap();
            String::from_utf8_lossy(&written)
                .lines()
                .filter(|line| !line.starts_with(' '))
                .count()
        })
        .await;
    }

    #[derive(Debug)]
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_broken_pipe_is_an_error() {
        let channel = WriterChannel::new("stderr", Broken);
        testing::fails_honestly(&channel, "not-a-secret").await;
        let error = channel.send(&testing::reports()[0]).await.unwrap_err();
        assert!(matches!(error, Error::Write { .. }) && !error.outcome_known());
    }
}
