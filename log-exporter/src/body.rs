//! The content of a part, as it is made.

use std::io;

use crate::compress::Encoder;
use crate::sorter::Record;
use crate::{Compression, Line, PartFormat};

/// Makes the contents of parts, one after the other.
pub(crate) struct Press {
    format: PartFormat,
    compression: Compression,
    /// The line of the record that was measured last, where parts are lines.
    line: Vec<u8>,
    #[cfg(feature = "parquet")]
    rows: crate::columns::Rows,
}

/// A part that is being made.
pub(crate) enum Body {
    Lines(Encoder),
    #[cfg(feature = "parquet")]
    Columns(Box<crate::columns::Encoder>),
}

/// What was a text when it was pushed.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl Press {
    pub(crate) fn new(format: PartFormat, compression: Compression) -> Self {
        Self {
            format,
            compression,
            line: Vec::new(),
            #[cfg(feature = "parquet")]
            rows: crate::columns::Rows::default(),
        }
    }

    pub(crate) fn begin(&self) -> io::Result<Body> {
        match self.format {
            PartFormat::Ndjson => Encoder::new(self.compression).map(Body::Lines),
            #[cfg(feature = "parquet")]
            PartFormat::Parquet => crate::columns::Encoder::new(self.compression.level)
                .map(Box::new)
                .map(Body::Columns),
            #[cfg(not(feature = "parquet"))]
            PartFormat::Parquet => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this build has no Parquet",
            )),
        }
    }

    /// The size of a record before compression: its line, or its values. The record is the one that is added next.
    pub(crate) fn measure(&mut self, record: Record<'_>) -> io::Result<u64> {
        #[cfg(feature = "parquet")]
        if self.format == PartFormat::Parquet {
            return Ok(crate::columns::size(record));
        }
        self.line.clear();
        let line = Line {
            timestamp: record.timestamp(),
            ingestion_time: record.ingestion(),
            stream: text(record.stream()).into(),
            event_id: text(record.id()).into(),
            message: text(record.message()).into(),
        };
        line.write(&mut self.line)?;
        Ok(self.line.len() as u64)
    }

    /// Adds the record that was measured last.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(unused_variables, reason = "its line is there already")
    )]
    pub(crate) fn add(&mut self, body: &mut Body, record: Record<'_>) -> io::Result<()> {
        match body {
            Body::Lines(encoder) => encoder.write(&self.line),
            #[cfg(feature = "parquet")]
            Body::Columns(columns) => columns.push(&mut self.rows, record),
        }
    }

    pub(crate) fn finish(&mut self, body: Body) -> io::Result<Vec<u8>> {
        match body {
            Body::Lines(encoder) => encoder.finish(),
            #[cfg(feature = "parquet")]
            Body::Columns(columns) => columns.finish(&mut self.rows),
        }
    }
}
