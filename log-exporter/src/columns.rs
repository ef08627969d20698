//! Parts in Parquet: the columns of the lines, in row groups of a bounded size.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parquet::basic::{Compression as Codec, LogicalType, Repetition, TimeUnit, Type, ZstdLevel};
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion,
};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type as Schema, TypePtr};

use crate::Line;
use crate::sorter::Record;

/// The most bytes of values in a row group, or one event if that is larger. It is what is held in memory beside the part, and it
/// is fixed, for the bytes depend on it.
const ROW_GROUP: usize = 2 << 20;
/// The most bytes of values in a page, before compression.
const PAGE: usize = 512 << 10;
/// So many values are handed over at a time; after each batch the writer looks whether a page is full.
const BATCH: usize = 64;
/// So many events are read at a time.
const READ: usize = 1024;
/// Readers look at it for bugs of its writer that they work around. No version of ours, for the same events have the same bytes.
const CREATED_BY: &str = "log-exporter version 1";
const TIMES: [&str; 2] = ["timestamp", "ingestion_time"];
const TEXTS: [&str; 3] = ["stream", "event_id", "message"];

/// The bytes of an event's values.
pub(crate) fn size(record: Record<'_>) -> u64 {
    value_bytes(record.stream(), record.id(), record.message())
}

fn value_bytes(stream: &[u8], id: &[u8], message: &[u8]) -> u64 {
    (TIMES.len() * size_of::<i64>() + stream.len() + id.len() + message.len()) as u64
}

fn schema() -> Result<TypePtr, ParquetError> {
    let time = |name| {
        Schema::primitive_type_builder(name, Type::INT64)
            .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            .with_repetition(Repetition::REQUIRED)
            .build()
    };
    let text = |name| {
        Schema::primitive_type_builder(name, Type::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String))
            .with_repetition(Repetition::REQUIRED)
            .build()
    };
    let fields = TIMES
        .into_iter()
        .map(time)
        .chain(TEXTS.into_iter().map(text));
    let fields = fields.map(|field| field.map(Arc::new));
    Schema::group_type_builder("events")
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()
        .map(Arc::new)
}

/// The oldest encodings, which all readers have: what is gained by others is little once it is compressed.
fn properties(level: i32) -> Result<WriterPropertiesPtr, ParquetError> {
    let ascending = |column_idx| SortingColumn {
        column_idx,
        descending: false,
        nulls_first: false,
    };
    let [stream, _, message] = TEXTS.map(ColumnPath::from);
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Codec::ZSTD(ZstdLevel::try_new(level)?))
        .set_data_page_size_limit(PAGE)
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled(stream, true)
        .set_column_statistics_enabled(message, EnabledStatistics::None)
        .set_sorting_columns(Some((0..4).map(ascending).collect()))
        .build();
    Ok(Arc::new(properties))
}

/// Texts one after the other.
#[derive(Default)]
struct Texts {
    bytes: BytesMut,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }
}

/// The rows of the next row group. Its buffers are used again and again: large ones that come and go leave holes in the memory of
/// the process, which took twice as much of it.
#[derive(Default)]
pub(crate) struct Rows {
    times: [Vec<i64>; 2],
    texts: [Texts; 3],
    held: usize,
}

/// A part that is being made.
pub(crate) struct Encoder(SerializedFileWriter<Vec<u8>>);

impl Encoder {
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        let writer = SerializedFileWriter::new(Vec::new(), schema()?, properties(level)?)?;
        Ok(Self(writer))
    }

    pub(crate) fn push(&mut self, rows: &mut Rows, record: Record<'_>) -> io::Result<()> {
        let size = usize::try_from(size(record)).map_err(io::Error::other)?;
        if rows.held > 0 && rows.held + size > ROW_GROUP {
            self.flush(rows)?;
        }
        let [timestamps, ingestions] = &mut rows.times;
        timestamps.push(record.timestamp());
        ingestions.push(record.ingestion());
        let texts = [record.stream(), record.id(), record.message()];
        for (column, text) in rows.texts.iter_mut().zip(texts) {
            column.push(text);
        }
        rows.held += size;
        Ok(())
    }

    pub(crate) fn finish(mut self, rows: &mut Rows) -> io::Result<Vec<u8>> {
        self.flush(rows)?;
        Ok(self.0.into_inner()?)
    }

    /// Writes what is held as a row group.
    fn flush(&mut self, rows: &mut Rows) -> io::Result<()> {
        if rows.held == 0 {
            return Ok(());
        }
        rows.held = 0;
        let mut group = self.0.next_row_group()?;
        for times in &mut rows.times {
            write::<Int64Type>(&mut group, times.chunks(BATCH).map(<[i64]>::to_vec))?;
            times.clear();
        }
        for texts in &mut rows.texts {
            let room = texts.bytes.capacity();
            let bytes = texts.bytes.split().freeze();
            let mut start = 0;
            let batches = texts.ends.chunks(BATCH).map(|ends| {
                let texts = ends.iter().map(|end| {
                    let text = bytes.slice(start..*end);
                    start = *end;
                    ByteArray::from(text)
                });
                texts.collect()
            });
            write::<ByteArrayType>(&mut group, batches)?;
            drop(bytes);
            texts.ends.clear();
            // Nobody refers to it any more: this is the same room again.
            texts.bytes.reserve(room);
        }
        group.close()?;
        Ok(())
    }
}

/// Writes the next column of a row group.
fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    batches: impl Iterator<Item = Vec<T::T>>,
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    for batch in batches {
        column.typed::<T>().write_batch(&batch, None, None)?;
    }
    column.close()
}

/// Goes through the events of a part, each with the bytes of its values.
pub(crate) fn read(
    bytes: &Bytes,
    each: &mut dyn FnMut(&Line<'_>, u64) -> Result<(), String>,
) -> Result<(), String> {
    let reader = guarded(|| SerializedFileReader::new(bytes.clone()))?;
    let wanted = guarded(schema)?;
    if reader.metadata().file_metadata().schema() != wanted.as_ref() {
        return Err("its columns are not those of events".to_owned());
    }
    for index in 0..reader.num_row_groups() {
        let mut group = guarded(|| Group::new(reader.get_row_group(index)?.as_ref()))?;
        while guarded(|| group.next())? {
            group.events(each)?;
        }
    }
    Ok(())
}

/// Reads what may be anything. The reader takes some numbers of a file for right and panics where they are not: to `verify` that is
/// damage like any other. That takes a build that unwinds: with `panic = "abort"`, as the profile for Lambda has it, such a part ends
/// the process. Only parts whose digest is that of their manifest are read.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("it cannot be unpacked: {error}")),
        Err(_) => Err("it cannot be unpacked: it contradicts itself".to_owned()),
    }
}

/// The columns of a row group, read side by side.
struct Group {
    times: [Column<Int64Type>; 2],
    texts: [Column<ByteArrayType>; 3],
}

struct Column<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

impl<T: DataType> Column<T> {
    fn new(group: &dyn RowGroupReader, index: usize) -> Result<Self, ParquetError> {
        Ok(Self {
            reader: get_typed_column_reader(group.get_column_reader(index)?),
            values: Vec::new(),
        })
    }

    /// Reads on, and says how many values there are now.
    fn next(&mut self) -> Result<usize, ParquetError> {
        self.values.clear();
        // A call reads no further than its page.
        while self.values.len() < READ {
            let wanted = READ - self.values.len();
            let (read, _, _) = self
                .reader
                .read_records(wanted, None, None, &mut self.values)?;
            if read == 0 {
                break;
            }
        }
        Ok(self.values.len())
    }
}

impl Group {
    fn new(group: &dyn RowGroupReader) -> Result<Self, ParquetError> {
        Ok(Self {
            times: [Column::new(group, 0)?, Column::new(group, 1)?],
            texts: [
                Column::new(group, 2)?,
                Column::new(group, 3)?,
                Column::new(group, 4)?,
            ],
        })
    }

    /// Reads some more events, if there are any.
    fn next(&mut self) -> Result<bool, ParquetError> {
        let [timestamps, ingestions] = &mut self.times;
        let count = timestamps.next()?;
        let mut same = ingestions.next()? == count;
        for texts in &mut self.texts {
            same &= texts.next()? == count;
        }
        match same {
            true => Ok(count > 0),
            false => Err(ParquetError::General(
                "its columns are not of one length".to_owned(),
            )),
        }
    }

    fn events(
        &self,
        each: &mut dyn FnMut(&Line<'_>, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        let [timestamps, ingestions] = &self.times;
        let times = timestamps.values.iter().zip(&ingestions.values);
        for (row, (timestamp, ingestion_time)) in times.enumerate() {
            let [stream, id, message] = self.texts.each_ref().map(|texts| texts.values[row].data());
            let line = Line {
                timestamp: *timestamp,
                ingestion_time: *ingestion_time,
                stream: text(stream)?.into(),
                event_id: text(id)?.into(),
                message: text(message)?.into(),
            };
            each(&line, value_bytes(stream, id, message))?;
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a text of it is no UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogEvent;
    use crate::sorter::Sorter;

    fn event(n: i64, message: String) -> LogEvent {
        LogEvent {
            timestamp: 1_000 + n,
            ingestion: 2_000 + n,
            stream: format!("stream/{}", n % 3),
            id: n.to_string(),
            message,
        }
    }

    fn pack(events: &[LogEvent], level: i32) -> Bytes {
        let mut sorter = Sorter::new(&std::env::temp_dir(), 1 << 28);
        for event in events {
            sorter.push(event).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        let mut encoder = Encoder::new(level).unwrap();
        let mut rows = Rows::default();
        while sorted.advance().unwrap() {
            encoder.push(&mut rows, sorted.record()).unwrap();
        }
        encoder.finish(&mut rows).unwrap().into()
    }

    fn unpack(bytes: &Bytes) -> Result<(Vec<LogEvent>, u64), String> {
        let (mut events, mut raw) = (Vec::new(), 0);
        read(bytes, &mut |line, size| {
            raw += size;
            events.push(LogEvent {
                timestamp: line.timestamp,
                ingestion: line.ingestion_time,
                stream: line.stream.to_string(),
                id: line.event_id.to_string(),
                message: line.message.to_string(),
            });
            Ok(())
        })?;
        Ok((events, raw))
    }

    #[test]
    fn row_groups_are_bounded_and_what_is_packed_is_unpacked() {
        // 16 of times, 8 of stream, 1 of id.
        let size = ROW_GROUP / 4;
        let message = |more: usize| "m".repeat(size - 25 + more);
        for (more, groups) in [(0, 2), (1, 3)] {
            let events: Vec<_> = (0..8).map(|n| event(n, message(more))).collect();
            let packed = pack(&events, 3);
            let reader = SerializedFileReader::new(packed.clone()).unwrap();
            assert_eq!(reader.num_row_groups(), groups);
            let (found, raw) = unpack(&packed).unwrap();
            assert!(found == events);
            assert_eq!(raw, 8 * (size + more) as u64);
        }
        // An event that is larger than a row group is one.
        let large = [event(0, "l".repeat(ROW_GROUP + 1)), event(1, String::new())];
        assert!(unpack(&pack(&large, 1)).unwrap().0 == large);
    }

    #[test]
    fn batches_and_pages_end_anywhere() {
        for count in [1, BATCH, BATCH + 1, READ - 1, READ, READ + 1, 25_000] {
            let events: Vec<_> = (0..count as i64)
                .map(|n| {
                    event(
                        n,
                        format!("{n}: {}", "\u{fffd}\u{0}é".repeat(n as usize % 50)),
                    )
                })
                .collect();
            let packed = pack(&events, 3);
            assert!(unpack(&packed).unwrap().0 == events, "{count}");
            assert_eq!(packed, pack(&events, 3), "{count}");
        }
    }

    #[test]
    fn columns_of_something_else_are_told() {
        let schema = Schema::group_type_builder("other").build().unwrap();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Default::default());
        let bytes = writer.unwrap().into_inner().unwrap();
        let problem = unpack(&bytes.into()).unwrap_err();
        assert!(problem.contains("columns"), "{problem}");
        let problem = unpack(&Bytes::from_static(b"no parquet")).unwrap_err();
        assert!(problem.contains("unpacked"), "{problem}");
    }
}
