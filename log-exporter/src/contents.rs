//! Reading parts back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use crate::archive::Sha256;
use crate::checkpoint::{self, ReadSince};
use crate::compress::decoder;
use crate::engine::{Tools, blocking};
use crate::manifest::{Chain, PartRecord};
use crate::sorter::Sorter;
use crate::{
    Archive, Clock, Error, Event, IdDigest, Line, LogEvent, Millis, Observer, Options, Place,
    RateLimit, Span, Window, chain,
};

/// What is in a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Contents {
    pub(crate) events: u64,
    pub(crate) raw: u64,
    pub(crate) ids: IdDigest,
    pub(crate) streams: BTreeMap<String, u64>,
}

/// Goes through a part's lines after its digest was checked.
pub(crate) fn lines(
    part: &PartRecord,
    bytes: &[u8],
    mut each: impl FnMut(&[u8], &Line<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let sha256 = Sha256::of(bytes);
    if sha256 != part.sha256 {
        return Err(format!(
            "its SHA-256 is {sha256} and should be {}",
            part.sha256
        ));
    }
    let mut lines = BufReader::new(decoder(&part.key, bytes).map_err(|error| error.to_string())?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line);
        if read.map_err(|error| format!("it cannot be unpacked: {error}"))? == 0 {
            return Ok(());
        }
        let parsed =
            Line::parse(&line).map_err(|error| format!("a line of it is none: {error}"))?;
        each(&line, &parsed)?;
    }
}

/// Checks a part against its record and the window, and hands each event on.
pub(crate) fn check(
    part: &PartRecord,
    window: Window,
    bytes: &[u8],
    mut event: impl FnMut(LogEvent) -> Result<(), String>,
) -> Result<Contents, String> {
    let mut found = Contents::default();
    let mut before: Option<(i64, i64)> = None;
    lines(part, bytes, |line, parsed| {
        found.events += 1;
        found.raw += line.len() as u64;
        found
            .ids
            .add(parsed.stream.as_bytes(), parsed.event_id.as_bytes());
        *found.streams.entry(parsed.stream.to_string()).or_default() += 1;
        let at = (parsed.timestamp, parsed.ingestion_time);
        if !window.span().contains(Millis::from_epoch(parsed.timestamp)) {
            return Err(format!(
                "an event of {} is not in its hour",
                parsed.timestamp
            ));
        }
        if before.is_some_and(|before| before > at) {
            return Err("its events are not in order".to_owned());
        }
        before = Some(at);
        event(LogEvent {
            timestamp: parsed.timestamp,
            ingestion: parsed.ingestion_time,
            stream: parsed.stream.to_string(),
            id: parsed.event_id.to_string(),
            message: parsed.message.to_string(),
        })
    })?;
    if found.events != part.events || found.raw != part.raw_bytes {
        return Err(format!(
            "it has {} events of {} bytes and should have {} of {}",
            found.events, found.raw, part.events, part.raw_bytes
        ));
    }
    Ok(found)
}

/// Reads the events of a group back, each once and in order, as lines of JSON with their ends. Returns how many there were. Of
/// hours that were not read, or not as a whole, the observer hears; the ends of `span` count if they are not those of all time.
///
/// # Errors
/// When a part is missing or damaged, and when `line` fails.
pub async fn cat<A: Archive + ?Sized>(
    archive: &A,
    place: &Place,
    span: Span,
    options: &Options,
    observer: &dyn Observer,
    line: &mut (dyn FnMut(&[u8]) -> Result<(), Error> + Send),
) -> Result<u64, Error> {
    let (clock, limit) = (Clock::new(span.to()), RateLimit::new(f64::INFINITY));
    let tools = Tools::new(archive, options, &clock, &limit, observer, 1);
    let noted = checkpoint::noted(&tools, place).await?.unwrap_or_default();
    let windows = checkpoint::survey_windows(&tools, place, span).await?;
    let warn = |text: String| observer.observe(Event::Warning { text });
    for gap in gaps(&windows, &noted, span) {
        warn(format!("the archive has nothing of `{place}` of {gap}"));
    }
    let mut count = 0;
    for window in windows {
        let chain = chain::load(archive, &options.layout, place, window, &tools.retry).await?;
        if !chain.unread(window, Millis::default()).is_empty() {
            warn(format!("not all of `{place}` {window} was read"));
        } else if noted.get(&window).copied() > chain.read_since(window) {
            warn(format!("a manifest of `{place}` {window} is lost"));
        }
        if let Some(why) = chain.truncated() {
            warn(format!("`{place}` {window} may not be whole: {why}"));
        }
        count += cat_window(&tools, &chain, span, line).await?;
    }
    Ok(count)
}

/// What of a span has no manifest, between what was asked for or is known to have been read.
fn gaps(windows: &[Window], noted: &ReadSince, span: Span) -> Vec<Span> {
    let lost = noted
        .keys()
        .filter(|window| window.end() > span.from() && window.start() < span.to());
    let known = || windows.iter().chain(lost.clone());
    let from = match span.from() == Millis::default() {
        true => known().min().map(|window| window.start()),
        false => Some(span.from()),
    };
    let to = match span.to() == Millis::from_epoch(i64::MAX) {
        true => known().max().map(|window| window.end()),
        false => Some(span.to()),
    };
    let all = from.zip(to).and_then(|(from, to)| Span::new(from, to).ok());
    all.map_or_else(Vec::new, |all| {
        all.without(windows.iter().map(|window| window.span()))
    })
}

async fn cat_window<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    chain: &Chain,
    span: Span,
    line: &mut (dyn FnMut(&[u8]) -> Result<(), Error> + Send),
) -> Result<u64, Error> {
    let full = chain
        .manifests()
        .iter()
        .filter(|manifest| manifest.events > 0);
    let one = full.count() <= 1;
    let mut sorter = Sorter::new(&tools.options.spill, tools.memory);
    let mut count = 0;
    for part in chain.parts() {
        if part.last < span.from() || part.first >= span.to() {
            continue;
        }
        let object = tools.retry.call(|| tools.archive.get(&part.key)).await?;
        let object = object.ok_or_else(|| Error::damaged(&part.key, "it is missing"))?;
        let mut failed = None;
        let read = lines(part, &object.bytes, |text, parsed| {
            if !span.contains(Millis::from_epoch(parsed.timestamp)) {
                return Ok(());
            }
            let result = if one {
                count += 1;
                line(text)
            } else {
                let event = LogEvent {
                    timestamp: parsed.timestamp,
                    ingestion: parsed.ingestion_time,
                    stream: parsed.stream.to_string(),
                    id: parsed.event_id.to_string(),
                    message: String::from_utf8_lossy(text).into_owned(),
                };
                sorter
                    .push(&event)
                    .map_err(|error| crate::engine::disk(tools, error))
            };
            result.map_err(|error| {
                failed = Some(error);
                String::new()
            })
        });
        match (read, failed) {
            (_, Some(error)) => return Err(error),
            (Err(problem), None) => return Err(Error::damaged(&part.key, problem)),
            (Ok(()), None) => {}
        }
    }
    if !one {
        let mut sorted = blocking(move || sorter.finish())
            .await
            .map_err(|error| crate::engine::disk(tools, error))?;
        while sorted
            .advance()
            .map_err(|error| crate::engine::disk(tools, error))?
        {
            count += 1;
            line(sorted.record().message())?;
        }
    }
    Ok(count)
}
