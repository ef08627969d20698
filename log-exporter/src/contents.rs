//! Reading parts back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use bytes::Bytes;

use crate::archive::Sha256;
use crate::checkpoint::{self, ReadSince};
use crate::compress::decoder;
use crate::engine::{Tools, blocking};
use crate::manifest::{Chain, PartRecord};
use crate::part_format::readable;
use crate::sorter::Sorter;
use crate::{
    Archive, Clock, Error, Event, IdDigest, Line, LogEvent, Millis, Observer, Options, PartFormat,
    Place, RateLimit, Span, Window, chain,
};

/// What is in a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Contents {
    pub(crate) events: u64,
    pub(crate) raw: u64,
    pub(crate) ids: IdDigest,
    pub(crate) streams: BTreeMap<String, u64>,
}

/// An event of a part, as it is stored.
pub(crate) struct Stored<'a> {
    pub(crate) line: &'a Line<'a>,
    /// Its size before compression.
    pub(crate) raw: u64,
    /// Its line with the line's end, where it is stored as one.
    text: Option<&'a [u8]>,
}

impl Stored<'_> {
    /// The event without its message.
    pub(crate) fn identity(&self) -> LogEvent {
        LogEvent {
            timestamp: self.line.timestamp,
            ingestion: self.line.ingestion_time,
            stream: self.line.stream.to_string(),
            id: self.line.event_id.to_string(),
            message: String::new(),
        }
    }

    /// Its line of JSON with the line's end.
    fn text(&self) -> Result<Cow<'_, [u8]>, String> {
        if let Some(text) = self.text {
            return Ok(text.into());
        }
        let mut text = Vec::new();
        self.line
            .write(&mut text)
            .map_err(|error| format!("an event of it is no line: {error}"))?;
        Ok(text.into())
    }
}

/// Goes through a part's events after its digest was checked.
pub(crate) fn each(
    part: &PartRecord,
    bytes: &Bytes,
    mut event: impl FnMut(&Stored<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let sha256 = Sha256::of(bytes);
    if sha256 != part.sha256 {
        return Err(format!(
            "its SHA-256 is {sha256} and should be {}",
            part.sha256
        ));
    }
    #[cfg(feature = "parquet")]
    if PartFormat::of_key(&part.key) == PartFormat::Parquet {
        return crate::columns::read(bytes, &mut |line, raw| {
            event(&Stored {
                line,
                raw,
                text: None,
            })
        });
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
        event(&Stored {
            line: &parsed,
            raw: line.len() as u64,
            text: Some(&line),
        })?;
    }
}

/// Checks a part against its record and the window, and hands each event on.
pub(crate) fn check(
    part: &PartRecord,
    window: Window,
    bytes: &Bytes,
    mut event: impl FnMut(LogEvent) -> Result<(), String>,
) -> Result<Contents, String> {
    let mut found = Contents::default();
    let mut before: Option<(i64, i64)> = None;
    each(part, bytes, |stored| {
        let parsed = stored.line;
        found.events += 1;
        found.raw += stored.raw;
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
            message: parsed.message.to_string(),
            ..stored.identity()
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

/// The formats that an archive has parts of.
///
/// # Errors
/// When the archive cannot be listed.
pub async fn formats<A: Archive + ?Sized>(
    archive: &A,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Vec<PartFormat>, Error> {
    let (clock, limit) = (Clock::new(Millis::default()), RateLimit::new(f64::INFINITY));
    let tools = Tools::new(archive, options, &clock, &limit, observer, 1);
    let mut found = Vec::new();
    for format in PartFormat::ALL {
        let prefix = options.layout.events(format);
        let page = tools.retry.call(|| archive.list(&prefix, None)).await?;
        if !page.objects.is_empty() {
            found.push(format);
        }
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
        readable(&part.key)?;
        let object = tools.retry.call(|| tools.archive.get(&part.key)).await?;
        let object = object.ok_or_else(|| Error::damaged(&part.key, "it is missing"))?;
        let mut failed = None;
        let read = each(part, &object.bytes, |stored| {
            if !span.contains(Millis::from_epoch(stored.line.timestamp)) {
                return Ok(());
            }
            let text = stored.text()?;
            let result = if one {
                count += 1;
                line(&text)
            } else {
                let event = LogEvent {
                    message: String::from_utf8_lossy(&text).into_owned(),
                    ..stored.identity()
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
