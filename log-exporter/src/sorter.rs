//! Events in order, more of them than memory holds.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::LogEvent;

/// More runs than this are merged into one: each open one takes a file descriptor and a buffer.
const MOST_RUNS: usize = 96;
const HEAD: usize = 28;

/// An event as bytes: timestamp, ingestion, the lengths of the three texts, and the texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    fn number(self, at: usize) -> i64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        i64::from_le_bytes(bytes)
    }

    fn length(self, index: usize) -> usize {
        let mut bytes = [0; 4];
        let at = 16 + index * 4;
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(bytes) as usize
    }

    pub(crate) fn timestamp(self) -> i64 {
        self.number(0)
    }

    pub(crate) fn ingestion(self) -> i64 {
        self.number(8)
    }

    pub(crate) fn stream(self) -> &'a [u8] {
        &self.0[HEAD..HEAD + self.length(0)]
    }

    pub(crate) fn id(self) -> &'a [u8] {
        let start = HEAD + self.length(0);
        &self.0[start..start + self.length(1)]
    }

    pub(crate) fn message(self) -> &'a [u8] {
        &self.0[HEAD + self.length(0) + self.length(1)..]
    }

    /// The order of the archive.
    pub(crate) fn order(self, other: Record<'_>) -> Ordering {
        self.timestamp()
            .cmp(&other.timestamp())
            .then_with(|| self.ingestion().cmp(&other.ingestion()))
            .then_with(|| self.stream().cmp(other.stream()))
            .then_with(|| self.id().cmp(other.id()))
    }

    fn whole_order(self, other: Record<'_>) -> Ordering {
        self.order(other)
            .then_with(|| self.message().cmp(other.message()))
    }

    fn is_twin(self, other: Record<'_>) -> bool {
        self.id() == other.id() && self.stream() == other.stream()
    }
}

fn encode(event: &LogEvent, arena: &mut Vec<u8>) -> io::Result<()> {
    let texts = [&event.stream, &event.id, &event.message];
    arena.extend(event.timestamp.to_le_bytes());
    arena.extend(event.ingestion.to_le_bytes());
    for text in texts {
        let length = u32::try_from(text.len())
            .map_err(|_| io::Error::other("a text of an event is larger than 4 GiB"))?;
        arena.extend(length.to_le_bytes());
    }
    for text in texts {
        arena.extend(text.as_bytes());
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    timestamp: i64,
    ingestion: i64,
    start: u32,
    length: u32,
}

/// Sorted records on disk, in a file without a name: it goes with the process, however that ends.
#[derive(Debug)]
struct Run {
    file: File,
    bytes: u64,
}

/// Takes events in any order within a budget of memory, and spills what is over it to disk.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    budget: usize,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    runs: Vec<Run>,
}

impl Sorter {
    pub(crate) fn new(folder: &Path, budget: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            // Offsets in memory have 32 bits.
            budget: budget.clamp(64 * 1024, 1 << 30),
            arena: Vec::new(),
            entries: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, event: &LogEvent) -> io::Result<()> {
        let size = HEAD + event.stream.len() + event.id.len() + event.message.len();
        let held = self.arena.len() + self.entries.len() * size_of::<Entry>();
        if held + size > self.budget && !self.entries.is_empty() {
            self.spill()?;
        }
        if self.arena.capacity() < self.arena.len() + size {
            // Growing by half at a time never holds much more than the budget.
            let more = (self.arena.capacity() / 2).max(size).max(64 * 1024);
            self.arena.reserve_exact(more);
        }
        let start = self.arena.len();
        encode(event, &mut self.arena)?;
        self.entries.push(Entry {
            timestamp: event.timestamp,
            ingestion: event.ingestion,
            start: start as u32,
            length: (self.arena.len() - start) as u32,
        });
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        self.entries.sort_unstable_by(|a, b| {
            (a.timestamp, a.ingestion)
                .cmp(&(b.timestamp, b.ingestion))
                .then_with(|| record(arena, a).whole_order(record(arena, b)))
        });
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let mut run = Writer::new(&self.folder)?;
        for entry in &self.entries {
            run.write(record(&self.arena, entry))?;
        }
        self.runs.push(run.finish()?);
        self.arena.clear();
        self.entries.clear();
        if self.runs.len() >= MOST_RUNS {
            self.compact()?;
        }
        Ok(())
    }

    fn compact(&mut self) -> io::Result<()> {
        let mut all = Writer::new(&self.folder)?;
        let mut merge = Merge::new(std::mem::take(&mut self.runs), self.budget)?;
        while merge.advance()? {
            all.write(merge.record())?;
        }
        self.runs.push(all.finish()?);
        Ok(())
    }

    /// All that was pushed, in order. What was spilled may be read several times.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if !self.runs.is_empty() && !self.entries.is_empty() {
            self.spill()?;
        }
        self.sort();
        if !self.runs.is_empty() {
            self.arena = Vec::new();
        }
        Ok(Sorted {
            arena: self.arena,
            entries: self.entries,
            runs: self.runs,
            budget: self.budget,
            at: 0,
            merge: None,
            last: Vec::new(),
            begun: false,
        })
    }
}

fn record<'a>(arena: &'a [u8], entry: &Entry) -> Record<'a> {
    let start = entry.start as usize;
    Record(&arena[start..start + entry.length as usize])
}

struct Writer {
    out: BufWriter<File>,
    bytes: u64,
}

impl Writer {
    fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            out: BufWriter::with_capacity(256 * 1024, tempfile::tempfile_in(folder)?),
            bytes: 0,
        })
    }

    fn write(&mut self, record: Record<'_>) -> io::Result<()> {
        self.out.write_all(&(record.0.len() as u32).to_le_bytes())?;
        self.out.write_all(record.0)?;
        self.bytes += 4 + record.0.len() as u64;
        Ok(())
    }

    fn finish(self) -> io::Result<Run> {
        let file = self.out.into_inner().map_err(|error| error.into_error())?;
        Ok(Run {
            file,
            bytes: self.bytes,
        })
    }
}

struct Reader {
    file: BufReader<File>,
    left: u64,
    bytes: Vec<u8>,
}

impl Reader {
    fn new(run: &Run, buffer: usize) -> io::Result<Self> {
        // The clone shares its position with the original, which is read by nobody at that time.
        let mut file = run.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self {
            file: BufReader::with_capacity(buffer, file),
            left: run.bytes,
            bytes: Vec::new(),
        })
    }

    fn next(&mut self) -> io::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.file.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        self.bytes.resize(length as usize, 0);
        self.file.read_exact(&mut self.bytes)?;
        self.left = self.left.saturating_sub(4 + u64::from(length));
        Ok(true)
    }
}

struct Turn(Reader);

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Turn {}
impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        Record(&self.0.bytes).whole_order(Record(&other.0.bytes))
    }
}

struct Merge {
    heap: BinaryHeap<Reverse<Turn>>,
    runs: Vec<Run>,
    begun: bool,
}

impl Merge {
    fn new(runs: Vec<Run>, budget: usize) -> io::Result<Self> {
        let buffer = (budget / runs.len().max(1)).clamp(8 * 1024, 128 * 1024);
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for run in &runs {
            let mut reader = Reader::new(run, buffer)?;
            if reader.next()? {
                heap.push(Reverse(Turn(reader)));
            }
        }
        Ok(Self {
            heap,
            runs,
            begun: false,
        })
    }

    /// Goes on to the next record; the first call to the first one.
    fn advance(&mut self) -> io::Result<bool> {
        if self.begun
            && let Some(mut top) = self.heap.peek_mut()
            && !top.0.0.next()?
        {
            std::collections::binary_heap::PeekMut::pop(top);
        }
        self.begun = true;
        Ok(!self.heap.is_empty())
    }

    fn record(&self) -> Record<'_> {
        self.heap
            .peek()
            .map_or(Record(&[]), |turn| Record(&turn.0.0.bytes))
    }
}

/// Events in order, each once.
pub(crate) struct Sorted {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    runs: Vec<Run>,
    budget: usize,
    /// The entry after the current one.
    at: usize,
    merge: Option<Merge>,
    last: Vec<u8>,
    begun: bool,
}

impl Sorted {
    /// Goes on to the next event that is not the twin of the one before; the first call to the first one.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        if !self.runs.is_empty() && self.merge.is_none() {
            self.merge = Some(Merge::new(std::mem::take(&mut self.runs), self.budget)?);
        }
        let Some(merge) = &mut self.merge else {
            loop {
                self.at += 1;
                match (self.at.checked_sub(2), self.entries.get(self.at - 1)) {
                    (_, None) => return Ok(false),
                    (Some(before), Some(entry))
                        if record(&self.arena, &self.entries[before])
                            .is_twin(record(&self.arena, entry)) => {}
                    _ => return Ok(true),
                }
            }
        };
        loop {
            if self.begun {
                self.last.clear();
                self.last.extend_from_slice(merge.record().0);
            }
            if !merge.advance()? {
                return Ok(false);
            }
            let twin = self.begun && merge.record().is_twin(Record(&self.last));
            self.begun = true;
            if !twin {
                return Ok(true);
            }
        }
    }

    /// The current event.
    pub(crate) fn record(&self) -> Record<'_> {
        match &self.merge {
            Some(merge) => merge.record(),
            None => record(&self.arena, &self.entries[self.at - 1]),
        }
    }

    /// Back to before the first event.
    pub(crate) fn rewind(&mut self) {
        self.at = 0;
        self.begun = false;
        if let Some(merge) = self.merge.take() {
            self.runs = merge.runs;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(timestamp: i64, stream: &str, id: &str, size: usize) -> LogEvent {
        LogEvent {
            timestamp,
            ingestion: timestamp + 5,
            stream: stream.to_owned(),
            id: id.to_owned(),
            message: "x".repeat(size),
        }
    }

    fn drain(sorted: &mut Sorted) -> Vec<(i64, String, String, usize)> {
        let mut out = Vec::new();
        while sorted.advance().unwrap() {
            let record = sorted.record();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            out.push((
                record.timestamp(),
                text(record.stream()),
                text(record.id()),
                record.message().len(),
            ));
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_order_is_the_same_in_memory_and_on_disk(
            picks in proptest::collection::vec((0..50_i64, 0..3_u8, 0..40_u8, 0..20_000_usize), 0..120),
        ) {
            let folder = std::env::temp_dir();
            let mut small = Sorter::new(&folder, 0);
            let mut large = Sorter::new(&folder, 1 << 30);
            for (timestamp, stream, id, size) in picks {
                // One identity has one set of fields.
                let id = format!("{timestamp}-{id}");
                let event = event(timestamp, &stream.to_string(), &id, size % (usize::from(id.as_bytes()[0]) * 300));
                small.push(&event).unwrap();
                large.push(&event).unwrap();
            }
            let (mut small, mut large) = (small.finish().unwrap(), large.finish().unwrap());
            let first = drain(&mut small);
            let other = drain(&mut large);
            let keys = |list: &[(i64, String, String, usize)]| -> Vec<(i64, String, String)> {
                list.iter().map(|(t, s, i, _)| (*t, s.clone(), i.clone())).collect()
            };
            prop_assert_eq!(&first, &other);
            let mut sorted = keys(&first);
            sorted.sort();
            sorted.dedup();
            prop_assert_eq!(&keys(&first), &sorted);
            small.rewind();
            prop_assert_eq!(&drain(&mut small), &first);
            large.rewind();
            prop_assert_eq!(&drain(&mut large), &first);
        }
    }

    #[test]
    fn many_runs_become_one() {
        let mut sorter = Sorter::new(&std::env::temp_dir(), 0);
        for n in 0..(MOST_RUNS as i64 * 3) {
            sorter
                .push(&event(1000 - n % 7, "s", &n.to_string(), 60_000))
                .unwrap();
        }
        assert!(sorter.runs.len() < MOST_RUNS);
        assert_eq!(drain(&mut sorter.finish().unwrap()).len(), MOST_RUNS * 3);
    }
}
