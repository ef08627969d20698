//! Sorted events, cut into compressed parts.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use serde::Serialize;

use crate::archive::Sha256;
use crate::compress::Encoder;
use crate::sorter::{Record, Sorted};
use crate::{Compression, IdDigest};

/// What is told of the events of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    /// Bytes of lines.
    pub(crate) bytes: u64,
    pub(crate) streams: BTreeMap<String, u64>,
    pub(crate) ids: IdDigest,
}

impl Tally {
    fn add(&mut self, record: Record<'_>, bytes: u64) {
        self.events += 1;
        self.bytes += bytes;
        self.ids.add(record.stream(), record.id());
        let stream = text(record.stream());
        match self.streams.get_mut(stream) {
            Some(count) => *count += 1,
            None => {
                self.streams.insert(stream.to_owned(), 1);
            }
        }
    }
}

/// A part that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    pub(crate) sha256: Sha256,
    pub(crate) raw: u64,
    pub(crate) events: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// Cuts sorted events into parts, but those that are in the archive already.
pub(crate) struct Cutter {
    sorted: Sorted,
    /// What is there already, in the same order, standing at an event or at its end.
    seen: Option<(Sorted, bool)>,
    compression: Compression,
    size: u64,
    tally: Tally,
    /// The line of the current event, where there is one that is in no part yet.
    line: Vec<u8>,
    waiting: bool,
}

#[derive(Serialize)]
struct LineOut<'a> {
    timestamp: i64,
    ingestion_time: i64,
    stream: &'a str,
    event_id: &'a str,
    message: &'a str,
}

/// What was a text when it was pushed.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl Cutter {
    /// Parts of so many bytes of lines, or of one line if that is larger.
    pub(crate) fn new(
        sorted: Sorted,
        seen: Option<Sorted>,
        compression: Compression,
        size: u64,
    ) -> io::Result<Self> {
        let seen = match seen {
            None => None,
            Some(mut seen) => {
                let there = seen.advance()?;
                Some((seen, there))
            }
        };
        Ok(Self {
            sorted,
            seen,
            compression,
            size,
            tally: Tally::default(),
            line: Vec::new(),
            waiting: false,
        })
    }

    /// The next part, if there are more events.
    pub(crate) fn next(&mut self) -> io::Result<Option<Part>> {
        let mut encoder: Option<Encoder> = None;
        let (mut raw, mut events, mut first, mut last) = (0, 0, 0, 0);
        loop {
            if !self.waiting {
                if !self.advance()? {
                    break;
                }
                self.write_line()?;
                self.waiting = true;
            }
            let size = self.line.len() as u64;
            if events > 0 && raw + size > self.size {
                break;
            }
            let encoder = match &mut encoder {
                Some(encoder) => encoder,
                none => none.insert(Encoder::new(self.compression)?),
            };
            encoder.write(&self.line)?;
            let record = self.sorted.record();
            if events == 0 {
                first = record.timestamp();
            }
            last = record.timestamp();
            self.tally.add(record, size);
            raw += size;
            events += 1;
            self.waiting = false;
        }
        let Some(encoder) = encoder else {
            return Ok(None);
        };
        let bytes = Bytes::from(encoder.finish()?);
        Ok(Some(Part {
            sha256: Sha256::of(&bytes),
            bytes,
            raw,
            events,
            first,
            last,
        }))
    }

    pub(crate) fn into_tally(self) -> Tally {
        self.tally
    }

    /// Goes on to the next event that is not there already.
    fn advance(&mut self) -> io::Result<bool> {
        while self.sorted.advance()? {
            let Some((seen, there)) = &mut self.seen else {
                return Ok(true);
            };
            while *there && seen.record().order(self.sorted.record()).is_lt() {
                *there = seen.advance()?;
            }
            if !(*there && seen.record().order(self.sorted.record()).is_eq()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write_line(&mut self) -> io::Result<()> {
        let record = self.sorted.record();
        self.line.clear();
        serde_json::to_writer(
            &mut self.line,
            &LineOut {
                timestamp: record.timestamp(),
                ingestion_time: record.ingestion(),
                stream: text(record.stream()),
                event_id: text(record.id()),
                message: text(record.message()),
            },
        )?;
        self.line.push(b'\n');
        Ok(())
    }
}

/// The events and their digest, without making parts of them; the events are before their first one afterwards.
pub(crate) fn tally(sorted: &mut Sorted) -> io::Result<(u64, IdDigest)> {
    let (mut events, mut ids) = (0, IdDigest::default());
    while sorted.advance()? {
        events += 1;
        let record = sorted.record();
        ids.add(record.stream(), record.id());
    }
    sorted.rewind();
    Ok((events, ids))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::compress::decoder;
    use crate::sorter::Sorter;
    use crate::{Codec, LogEvent};

    fn sorted(events: &[(i64, &str, usize)]) -> Sorted {
        let mut sorter = Sorter::new(&std::env::temp_dir(), 1 << 20);
        for (timestamp, id, size) in events {
            let event = LogEvent {
                timestamp: *timestamp,
                ingestion: 9,
                stream: "s".to_owned(),
                id: (*id).to_owned(),
                message: "m".repeat(*size),
            };
            sorter.push(&event).unwrap();
        }
        sorter.finish().unwrap()
    }

    fn cut(cutter: &mut Cutter) -> Vec<Part> {
        std::iter::from_fn(|| cutter.next().unwrap()).collect()
    }

    #[test]
    fn parts_are_cut_by_bytes_and_a_line_is_never_cut() {
        let events = [(1, "a", 100), (2, "b", 100), (3, "c", 100_000), (4, "d", 1)];
        let line = br#"{"timestamp":1,"ingestion_time":9,"stream":"s","event_id":"a","message":""}"#
            .len() as u64
            + 101;
        let gzip = Compression::new(Codec::Gzip);
        for (size, counts) in [(2 * line, vec![2, 1, 1]), (2 * line - 1, vec![1, 1, 1, 1])] {
            let mut cutter = Cutter::new(sorted(&events), None, gzip, size).unwrap();
            let parts = cut(&mut cutter);
            assert_eq!(
                parts.iter().map(|part| part.events).collect::<Vec<_>>(),
                counts
            );
            let tally = cutter.into_tally();
            assert_eq!((tally.events, tally.streams["s"]), (4, 4));
            assert_eq!(tally.bytes, parts.iter().map(|part| part.raw).sum::<u64>());
            let mut text = String::new();
            for part in &parts {
                decoder("x.gz", &part.bytes)
                    .unwrap()
                    .read_to_string(&mut text)
                    .unwrap();
            }
            assert_eq!(text.lines().count(), 4);
            assert_eq!(text.len() as u64, tally.bytes);
        }
    }

    #[test]
    fn what_is_there_is_left_out() {
        let gzip = Compression::new(Codec::Gzip);
        let seen = sorted(&[(0, "z", 1), (2, "b", 1), (4, "x", 1)]);
        let fresh = sorted(&[(1, "a", 1), (2, "b", 1), (4, "d", 1)]);
        let mut cutter = Cutter::new(fresh, Some(seen), gzip, 1000).unwrap();
        let parts = cut(&mut cutter);
        assert_eq!(
            (parts.len(), parts[0].events, parts[0].first, parts[0].last),
            (1, 2, 1, 4)
        );
        let mut cutter = Cutter::new(
            sorted(&[(1, "a", 1)]),
            Some(sorted(&[(1, "a", 1)])),
            gzip,
            1000,
        )
        .unwrap();
        assert!(cut(&mut cutter).is_empty());
    }

    #[test]
    fn a_tally_leaves_the_events_as_they_were() {
        let mut events = sorted(&[(1, "a", 1), (1, "a", 1), (2, "b", 1)]);
        let (count, ids) = tally(&mut events).unwrap();
        let mut cutter = Cutter::new(events, None, Compression::new(Codec::Gzip), 1000).unwrap();
        assert_eq!(cut(&mut cutter)[0].events, count);
        assert_eq!(cutter.into_tally().ids, ids);
    }
}
