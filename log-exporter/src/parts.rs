//! Sorted events, cut into compressed parts.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;

use crate::IdDigest;
use crate::archive::Sha256;
use crate::body::{Body, Press, text};
use crate::sorter::{Record, Sorted};

/// What is told of the events of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    /// Their bytes before compression.
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
    press: Press,
    size: u64,
    tally: Tally,
    /// The size of the current event, where there is one that is in no part yet.
    waiting: Option<u64>,
}

impl Cutter {
    /// Parts of so many bytes before compression, or of one event if that is larger.
    pub(crate) fn new(
        sorted: Sorted,
        seen: Option<Sorted>,
        press: Press,
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
            press,
            size,
            tally: Tally::default(),
            waiting: None,
        })
    }

    /// The next part, if there are more events.
    pub(crate) fn next(&mut self) -> io::Result<Option<Part>> {
        let mut body: Option<Body> = None;
        let (mut raw, mut events, mut first, mut last) = (0, 0, 0, 0);
        loop {
            if self.waiting.is_none() {
                if !self.advance()? {
                    break;
                }
                self.waiting = Some(self.press.measure(self.sorted.record())?);
            }
            let size = self.waiting.unwrap_or_default();
            if events > 0 && raw + size > self.size {
                break;
            }
            let body = match &mut body {
                Some(body) => body,
                none => none.insert(self.press.begin()?),
            };
            let record = self.sorted.record();
            self.press.add(body, record)?;
            if events == 0 {
                first = record.timestamp();
            }
            last = record.timestamp();
            self.tally.add(record, size);
            raw += size;
            events += 1;
            self.waiting = None;
        }
        let Some(body) = body else {
            return Ok(None);
        };
        let bytes = Bytes::from(self.press.finish(body)?);
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
    use crate::{LogEvent, PartFormat};

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

    fn press(format: PartFormat) -> Press {
        Press::new(format, format.compression())
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
        for (size, counts) in [(2 * line, vec![2, 1, 1]), (2 * line - 1, vec![1, 1, 1, 1])] {
            let mut cutter =
                Cutter::new(sorted(&events), None, press(PartFormat::Ndjson), size).unwrap();
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
        let seen = sorted(&[(0, "z", 1), (2, "b", 1), (4, "x", 1)]);
        let fresh = sorted(&[(1, "a", 1), (2, "b", 1), (4, "d", 1)]);
        let mut cutter = Cutter::new(fresh, Some(seen), press(PartFormat::Ndjson), 1000).unwrap();
        let parts = cut(&mut cutter);
        assert_eq!(
            (parts.len(), parts[0].events, parts[0].first, parts[0].last),
            (1, 2, 1, 4)
        );
        let mut cutter = Cutter::new(
            sorted(&[(1, "a", 1)]),
            Some(sorted(&[(1, "a", 1)])),
            press(PartFormat::Ndjson),
            1000,
        )
        .unwrap();
        assert!(cut(&mut cutter).is_empty());
    }

    #[test]
    fn a_tally_leaves_the_events_as_they_were() {
        let mut events = sorted(&[(1, "a", 1), (1, "a", 1), (2, "b", 1)]);
        let (count, ids) = tally(&mut events).unwrap();
        let mut cutter = Cutter::new(events, None, press(PartFormat::Ndjson), 1000).unwrap();
        assert_eq!(cut(&mut cutter)[0].events, count);
        assert_eq!(cutter.into_tally().ids, ids);
    }
}
