//! Parts in Parquet as a reader that is not ours sees them: pyarrow, which `cargo xtask test` installs.

use std::process::Command;

use log_exporter::PartFormat;
use serde_json::{Value, json};

use crate::stage::{Stage, assert_same, at, event, place};

const SCRIPT: &str = "\
import json, sys
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

path, since = sys.argv[1], int(sys.argv[2])
file = pq.ParquetFile(path)
meta = file.metadata
print(json.dumps({
    'fields': [[field.name, str(field.type), field.nullable] for field in file.schema_arrow],
    'created_by': meta.created_by,
    'codecs': sorted({meta.row_group(g).column(c).compression for g in range(meta.num_row_groups) for c in range(5)}),
    'groups': meta.num_row_groups,
    'sorted_by': [column.column_index for column in meta.row_group(0).sorting_columns],
    'least': pc.cast(pa.scalar(meta.row_group(0).column(0).statistics.min), pa.int64()).as_py() // 1000,
    'since': pq.read_table(path, filters=[('timestamp', '>=', pa.scalar(since, pa.timestamp('ms', 'UTC')))]).num_rows,
}))
table = file.read()
for name in ('timestamp', 'ingestion_time'):
    at = table.schema.get_field_index(name)
    table = table.set_column(at, name, table.column(name).cast(pa.int64()))
for row in table.to_pylist():
    print(json.dumps(row))
";

#[tokio::test(start_paused = true)]
async fn pyarrow_reads_what_was_archived() {
    let python = std::env::var("WINDLASS_TEST_PARQUET_PYTHON").unwrap_or_default();
    if python.is_empty() {
        println!("skipped: WINDLASS_TEST_PARQUET_PYTHON is not set");
        return;
    }
    let mut stage = Stage::empty();
    stage.options = stage
        .options
        .format(PartFormat::Parquet)
        .part_bytes(64 << 20);
    stage.to = at("2026-11-01T09:00:00Z");
    let start = at("2026-11-01T08:00:00Z").epoch();
    let mut events: Vec<_> = (0..30_000)
        .map(|n| {
            event(
                start + n / 10,
                5,
                &format!("task/{}", n % 7),
                &n.to_string(),
            )
        })
        .collect();
    // More than one row group.
    for (n, event) in events.iter_mut().enumerate() {
        event.message = format!("{n} ").repeat(60) + "\u{fffd}\u{0}\"\\\n\u{e9}\u{1f980}";
    }
    events[5].message.clear();
    stage.logs.page_events(10_000);
    stage.logs.put(&place().group, events);
    stage.run_whole().await;
    let mut parts = stage.archive.keys();
    parts.retain(|key| key.starts_with("parquet/"));
    assert_eq!(parts.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.parquet");
    std::fs::write(&file, stage.archive.content(&parts[0]).unwrap()).unwrap();
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(&file)
        .arg((start + 2999).to_string())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let head = lines.next().unwrap();
    assert_eq!(
        head,
        json!({
            "fields": [
                ["timestamp", "timestamp[ms, tz=UTC]", false],
                ["ingestion_time", "timestamp[ms, tz=UTC]", false],
                ["stream", "string", false],
                ["event_id", "string", false],
                ["message", "string", false],
            ],
            "created_by": "log-exporter version 1",
            "codecs": ["ZSTD"],
            "groups": 6,
            "sorted_by": [0, 1, 2, 3],
            "least": start,
            "since": 10,
        })
    );
    let found = lines.map(|row| {
        let number = |name: &str| row[name].as_i64().unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        log_exporter::LogEvent {
            timestamp: number("timestamp"),
            ingestion: number("ingestion_time"),
            stream: text("stream"),
            id: text("event_id"),
            message: text("message"),
        }
    });
    assert_same(stage.logs.truth(&place().group), found.collect());
}
