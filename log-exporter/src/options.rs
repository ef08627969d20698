//! How an export behaves.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::part_format::writable;
use crate::{Compression, Error, Layout, PartFormat};

/// How an export behaves. The layout and the size of parts belong to an archive: keep them the same from run to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where things are in the archive.
    pub layout: Layout,
    /// How parts hold their events. An archive may have parts of both.
    pub format: PartFormat,
    /// How parts are compressed: Parquet with zstd alone.
    pub compression: Compression,
    /// The most bytes in a part before compression: of lines, or of the columns' values.
    pub part_bytes: u64,
    /// How many bytes of events are held in memory at most, by all windows together.
    pub memory: usize,
    /// Where events that are over the memory go for a while.
    pub spill: PathBuf,
    /// How long after its end a window closes.
    pub lag: Duration,
    /// How many windows are read at a time at most.
    pub max_parallel: usize,
    /// How often a call is made until its failure counts.
    pub attempts: u32,
    /// When the process will be ended from outside.
    pub deadline: Option<Instant>,
    /// How long before the deadline work ends at least.
    pub reserve: Duration,
    /// Whether the checkpoint may say what has been read. Without it the manifests are listed.
    pub checkpoint: bool,
    /// Whether each object is looked at after it was written.
    pub read_back: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            format: PartFormat::Ndjson,
            compression: PartFormat::Ndjson.compression(),
            part_bytes: 64 << 20,
            memory: 24 << 20,
            spill: std::env::temp_dir(),
            lag: Duration::from_secs(15 * 60),
            max_parallel: 4,
            attempts: 8,
            deadline: None,
            reserve: Duration::from_secs(20),
            checkpoint: true,
            read_back: true,
        }
    }
}

impl Options {
    /// Whether this build can write what is asked for. [`crate::export`] looks at it before anything else.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a format or a codec that it was made without, and for a codec that does not go with the format.
    pub fn check(&self) -> Result<(), Error> {
        writable(self.format, self.compression)
    }

    /// With this layout.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// With parts of this format, compressed as is usual for it.
    #[must_use]
    pub const fn format(mut self, format: PartFormat) -> Self {
        self.format = format;
        self.compression = format.compression();
        self
    }

    /// With this compression. Where the format is set too, that comes first.
    #[must_use]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// With parts of so many bytes before compression.
    #[must_use]
    pub const fn part_bytes(mut self, bytes: u64) -> Self {
        self.part_bytes = bytes;
        self
    }

    /// With so many bytes of events in memory.
    #[must_use]
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// With this folder for what does not fit into memory.
    #[must_use]
    pub fn spill(mut self, folder: PathBuf) -> Self {
        self.spill = folder;
        self
    }

    /// With windows that close so long after their end.
    #[must_use]
    pub const fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// With so many windows at a time at most.
    #[must_use]
    pub const fn max_parallel(mut self, windows: usize) -> Self {
        self.max_parallel = windows;
        self
    }

    /// With so many attempts for each call.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// With an end from outside at this time, before which so much time is kept.
    #[must_use]
    pub const fn deadline(mut self, deadline: Instant, reserve: Duration) -> Self {
        self.deadline = Some(deadline);
        self.reserve = reserve;
        self
    }

    /// With or without the checkpoint.
    #[must_use]
    pub const fn checkpoint(mut self, checkpoint: bool) -> Self {
        self.checkpoint = checkpoint;
        self
    }

    /// With or without a look at what was written.
    #[must_use]
    pub const fn read_back(mut self, read_back: bool) -> Self {
        self.read_back = read_back;
        self
    }
}
