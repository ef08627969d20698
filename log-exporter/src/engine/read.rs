//! Reading the events of a span, page by page.

use tokio::time::Instant;

use super::{Tools, blocking};
use crate::plan::find_group;
use crate::sorter::{Sorted, Sorter};
use crate::{Archive, Error, Event, LogEvent, LogSource, Millis, Span, Unit};

/// The same token so often, and nothing new with it, is no progress.
const MOST_SAME: u32 = 50;
/// Tokens live for a day: more restarts than this have another reason.
const MOST_RESTARTS: u32 = 3;

/// What came of reading.
pub(crate) enum Read {
    /// All pages, or all that there were before the group was deleted.
    Events {
        sorted: Box<Sorted>,
        read_at: Millis,
        truncated: Option<String>,
    },
    /// The time was over before the last page.
    OutOfTime {
        /// The latest event that was told by then: pages go by time as a rule.
        reached: Option<Millis>,
    },
    /// The group is not there, and nothing was read.
    Gone,
}

/// Reads until the last page, or until `limit`.
pub(crate) async fn read<S, A>(
    source: &S,
    tools: &Tools<'_, A>,
    unit: &Unit,
    span: Span,
    limit: Option<Instant>,
) -> Result<Read, Error>
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    let mut restarts = 0;
    loop {
        match attempt(source, tools, unit, span, limit).await {
            Err(Error::TokenExpired { .. }) if restarts < MOST_RESTARTS => restarts += 1,
            other => return other,
        }
    }
}

async fn attempt<S, A>(
    source: &S,
    tools: &Tools<'_, A>,
    unit: &Unit,
    span: Span,
    limit: Option<Instant>,
) -> Result<Read, Error>
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    let group = &unit.place.group;
    // Before the first request: what is received from here on may be missing.
    let read_at = tools.clock.now();
    let mut sorter = Sorter::new(&tools.options.spill, tools.memory);
    let mut waiting = Vec::new();
    let (mut total, mut same) = (0, 0);
    let mut token = None;
    let mut truncated = None;
    let mut reached: Option<Millis> = None;
    loop {
        if limit.is_some_and(|limit| Instant::now() >= limit) {
            return Ok(Read::OutOfTime { reached });
        }
        // The page before is sorted in while the next one is on its way.
        let page = tools
            .retry
            .ask(|| source.events(group, span, token.as_ref()));
        let (kept, page) = tokio::join!(absorb(sorter, waiting, tools), page);
        sorter = kept?;
        let page = match page {
            Ok(page) => page,
            Err(Error::GroupNotFound { .. }) => {
                // Two have to say so: what counts as deleted is never read again.
                if find_group(source, group, &tools.retry).await?.is_some() {
                    return Err(Error::Unreachable {
                        operation: "read log events",
                        source: format!("`{group}` is listed, and is not found when it is read")
                            .into(),
                    });
                }
                if total == 0 {
                    return Ok(Read::Gone);
                }
                truncated = Some("the group was deleted while it was read".to_owned());
                break;
            }
            Err(error) => return Err(error),
        };
        let count = page.events.len() as u64;
        let bytes = page.events.iter().map(|event| event.message.len() as u64);
        tools.observer().observe(Event::Page {
            group: group.clone(),
            window: unit.window,
            events: count,
            bytes: bytes.sum(),
        });
        total += count;
        waiting = page.events;
        // An event outside of the span belongs to another reading, which has it.
        waiting.retain(|event| {
            event.timestamp >= 0 && span.contains(Millis::from_epoch(event.timestamp))
        });
        let latest = waiting
            .iter()
            .map(|event| Millis::from_epoch(event.timestamp));
        reached = reached.max(latest.max());
        let Some(next) = page.next else {
            sorter = absorb(sorter, waiting, tools).await?;
            break;
        };
        if token.as_ref() == Some(&next) && count == 0 {
            same += 1;
            if same >= MOST_SAME {
                return Err(Error::NoProgress {
                    what: format!("`{group}`"),
                    times: same,
                });
            }
        } else {
            same = 0;
        }
        token = Some(next);
    }
    let sorted = blocking(move || sorter.finish())
        .await
        .map_err(|source| disk(tools, source))?;
    Ok(Read::Events {
        sorted: Box::new(sorted),
        read_at,
        truncated,
    })
}

async fn absorb<A: Archive + ?Sized>(
    mut sorter: Sorter,
    events: Vec<LogEvent>,
    tools: &Tools<'_, A>,
) -> Result<Sorter, Error> {
    if events.is_empty() {
        return Ok(sorter);
    }
    blocking(move || {
        for event in &events {
            sorter.push(event)?;
        }
        Ok(sorter)
    })
    .await
    .map_err(|source| disk(tools, source))
}

pub(crate) fn disk<A: Archive + ?Sized>(tools: &Tools<'_, A>, source: std::io::Error) -> Error {
    Error::disk(
        "sort events in",
        tools.options.spill.display().to_string(),
        source,
    )
}
