//! From sorted events to a manifest.

use bytes::Bytes;
use tokio::time::Instant;

use super::read::disk;
use super::{Tools, blocking};
use crate::archive::Sha256;
use crate::body::Press;
use crate::layout::PartName;
use crate::manifest::{Chain, Manifest, PartRecord, SCHEMA};
use crate::part_format::readable;
use crate::parts::{Cutter, Part, Tally, tally};
use crate::sorter::{Sorted, Sorter};
use crate::verify::ORPHAN_AGE;
use crate::{Archive, Error, Event, Millis, Put, Span, Sweep, Unit, Version, contents};

/// What came of it.
pub(crate) enum Commit {
    /// The manifest is there and is ours.
    Written(Box<Manifest>),
    /// Another worker's manifest is there.
    Overtaken,
}

/// Writes what is new as parts, and then the manifest that makes them count.
pub(crate) async fn commit<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    unit: &Unit,
    chain: &Chain,
    span: Span,
    mut sorted: Sorted,
    read_at: Millis,
    truncated: Option<String>,
) -> Result<Commit, Error> {
    let again = chain.has_read(span);
    let sweep = match (again, unit.sweep) {
        (false, _) => Sweep::Base,
        // Read again before any reading was due: the next name is as good.
        (true, Sweep::Base) => Sweep::Hour,
        (true, sweep) => sweep,
    };
    let mut known = false;
    if again && span == unit.window.span() {
        let (back, (events, ids)) = blocking(move || {
            let found = tally(&mut sorted)?;
            Ok((sorted, found))
        })
        .await
        .map_err(|source| disk(tools, source))?;
        sorted = back;
        known = (events, ids) == (chain.events(), chain.ids());
    }
    let (parts, tally) = if known {
        (Vec::new(), Tally::default())
    } else {
        let seen = match again {
            true => Some(archived(tools, chain, span).await?),
            false => None,
        };
        write_parts(tools, unit, sweep, sorted, seen).await?
    };
    let manifest = Manifest {
        schema: SCHEMA,
        place: unit.place.clone(),
        window: unit.window,
        sequence: chain.next(),
        sweep,
        span,
        read_at,
        events: tally.events,
        raw_bytes: tally.bytes,
        ids: tally.ids,
        format: tools.options.format,
        compression: tools.options.compression,
        truncated,
        parts,
        streams: tally.streams,
        writer: concat!("log-exporter ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let bytes = Bytes::from(manifest.to_bytes());
    let key = tools
        .layout
        .manifest(&unit.place, unit.window, manifest.sequence);
    Ok(match write_manifest(tools, &key, bytes).await? {
        true => Commit::Written(Box::new(manifest)),
        false => Commit::Overtaken,
    })
}

/// Writes a manifest and looks at it. False if another one is there.
async fn write_manifest<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    key: &str,
    bytes: Bytes,
) -> Result<bool, Error> {
    let sha256 = Sha256::of(&bytes);
    let retry = &tools.retry;
    let put = retry
        .call(|| tools.archive.put_new(key, bytes.clone(), &sha256))
        .await?;
    if put == Put::Written && !tools.options.read_back {
        return Ok(true);
    }
    // Refused: it may be ours all the same, written by a try whose answer was lost.
    let there = retry.call(|| tools.archive.get(key)).await?;
    match there {
        Some(object) if object.bytes == bytes => Ok(true),
        Some(object) if serde_json::from_slice::<Manifest>(&object.bytes).is_ok() => Ok(false),
        // What is there is no manifest, but what became of one on its way.
        Some(object) => {
            tools.observer().observe(Event::PartRepaired {
                key: key.to_owned(),
            });
            let put = retry
                .call(|| {
                    tools
                        .archive
                        .put_over(key, bytes.clone(), &sha256, &object.version)
                })
                .await?;
            let there = retry.call(|| tools.archive.get(key)).await?;
            match there {
                Some(object) if object.bytes == bytes => Ok(true),
                Some(_) if put == Put::Refused => Ok(false),
                _ => Err(Error::damaged(
                    key,
                    "it is stored with other content than was sent",
                )),
            }
        }
        None => Err(Error::damaged(key, "it was written and is not there")),
    }
}

async fn write_parts<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    unit: &Unit,
    sweep: Sweep,
    sorted: Sorted,
    seen: Option<Sorted>,
) -> Result<(Vec<PartRecord>, Tally), Error> {
    let (format, compression) = (tools.options.format, tools.options.compression);
    let (press, size) = (Press::new(format, compression), tools.options.part_bytes);
    let mut cutter = blocking(move || Cutter::new(sorted, seen, press, size))
        .await
        .map_err(|source| disk(tools, source))?;
    let mut records = Vec::new();
    loop {
        let turn = tools.press.acquire().await.expect("it is never closed");
        let started = Instant::now();
        let (back, part) = blocking(move || {
            let part = cutter.next()?;
            Ok((cutter, part))
        })
        .await
        .map_err(|source| disk(tools, source))?;
        cutter = back;
        let Some(part) = part else { break };
        let key = |again| {
            let name = PartName {
                kind: sweep.name(),
                content: &part.sha256,
                number: records.len(),
                format,
                compression,
                again,
            };
            tools.layout.part(&unit.place, unit.window, &name)
        };
        let usual = key(None);
        let (key, present) = match write_part(tools, &usual, &part).await? {
            Kept::New => (usual, false),
            Kept::Present => (usual, true),
            // Somebody may be about to delete it as an orphan.
            Kept::Old => {
                let other = key(Some(tools.clock.now()));
                write_part(tools, &other, &part).await?;
                (other, false)
            }
        };
        drop(turn);
        tools.flushed(started.elapsed());
        let bytes = part.bytes.len() as u64;
        tools.observer().observe(Event::PartWritten {
            group: unit.place.group.clone(),
            window: unit.window,
            key: key.clone(),
            bytes,
            events: part.events,
            present,
        });
        records.push(PartRecord {
            key,
            bytes,
            raw_bytes: part.raw,
            events: part.events,
            sha256: part.sha256,
            first: Millis::from_epoch(part.first),
            last: Millis::from_epoch(part.last),
        });
    }
    Ok((records, cutter.into_tally()))
}

/// How a part came to be where it is.
enum Kept {
    /// It was written.
    New,
    /// It was there, from a try that did not come to its end.
    Present,
    /// It was there, for so long that it may be taken for an orphan.
    Old,
}

/// Writes a part under the name of its content and looks at it.
async fn write_part<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    key: &str,
    part: &Part,
) -> Result<Kept, Error> {
    let retry = &tools.retry;
    let put = retry
        .call(|| tools.archive.put_new(key, part.bytes.clone(), &part.sha256))
        .await?;
    if put == Put::Written && !tools.options.read_back {
        return Ok(Kept::New);
    }
    let wrong = match stored(tools, key, &part.sha256).await? {
        Stored::Right(_) if put == Put::Written => return Ok(Kept::New),
        Stored::Right(modified) if modified.plus(ORPHAN_AGE / 2) <= tools.clock.now() => {
            return Ok(Kept::Old);
        }
        Stored::Right(_) => return Ok(Kept::Present),
        Stored::Wrong(version) => version,
        Stored::Missing => {
            return Err(Error::damaged(key, "it was written and is not there"));
        }
    };
    // Content that is not what its name says is never right, whoever wrote it.
    tools.observer().observe(Event::PartRepaired {
        key: key.to_owned(),
    });
    let _ = retry
        .call(|| {
            tools
                .archive
                .put_over(key, part.bytes.clone(), &part.sha256, &wrong)
        })
        .await?;
    match stored(tools, key, &part.sha256).await? {
        Stored::Right(_) => Ok(Kept::New),
        _ => Err(Error::damaged(
            key,
            "it is stored with other content than was sent",
        )),
    }
}

enum Stored {
    Right(Millis),
    Wrong(Version),
    Missing,
}

async fn stored<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    key: &str,
    expected: &Sha256,
) -> Result<Stored, Error> {
    let retry = &tools.retry;
    let Some(info) = retry.call(|| tools.archive.stat(key)).await? else {
        return Ok(Stored::Missing);
    };
    let (sha256, version) = match info.sha256 {
        Some(sha256) => (sha256, info.version),
        // An archive that keeps no digest is read.
        None => match retry.call(|| tools.archive.get(key)).await? {
            Some(object) => (Sha256::of(&object.bytes), object.version),
            None => return Ok(Stored::Missing),
        },
    };
    Ok(match sha256 == *expected {
        true => Stored::Right(info.modified),
        false => Stored::Wrong(version),
    })
}

/// The events of a span that are in the archive, without their messages, in order.
pub(crate) async fn archived<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    chain: &Chain,
    span: Span,
) -> Result<Sorted, Error> {
    let mut sorter = Sorter::new(&tools.options.spill, tools.memory);
    for part in chain.parts() {
        if part.last < span.from() || part.first >= span.to() {
            continue;
        }
        let key = part.key.clone();
        readable(&key)?;
        let object = tools.retry.call(|| tools.archive.get(&key)).await?;
        let object = object.ok_or_else(|| Error::damaged(&key, "it is missing"))?;
        let record = part.clone();
        let loaded = blocking(move || {
            let result = contents::each(&record, &object.bytes, |stored| {
                if !span.contains(Millis::from_epoch(stored.line.timestamp)) {
                    return Ok(());
                }
                let event = stored.identity();
                sorter.push(&event).map_err(|error| error.to_string())
            });
            Ok((sorter, result))
        })
        .await;
        let (back, result) = loaded.map_err(|source| disk(tools, source))?;
        sorter = back;
        result.map_err(|problem| Error::damaged(key, problem))?;
    }
    blocking(move || sorter.finish())
        .await
        .map_err(|source| disk(tools, source))
}
