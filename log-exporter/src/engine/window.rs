//! One window, from what is there of it to what is committed.

use std::time::Duration;

use tokio::time::Instant;

use super::Tools;
use super::commit::{Commit, commit};
use super::read::{Read, read};
use crate::manifest::Chain;
use crate::{
    Archive, Error, Event, LogSource, Millis, Span, Unit, WindowOutcome, WindowState, chain,
};

/// So often another worker may be first.
const MOST_OVERTAKEN: u32 = 20;
/// Spans are not cut smaller.
const SMALLEST: Duration = Duration::from_secs(1);

/// Reads what is not read yet of a window and commits it. Returns since when all of the window is read.
pub(crate) async fn run<S, A>(
    source: &S,
    tools: &Tools<'_, A>,
    unit: &Unit,
) -> Result<(WindowOutcome, Option<Millis>), Error>
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    let due = due(unit, tools.clock.now())?;
    let mut outcome = WindowOutcome::new(unit.clone(), WindowState::AlreadyRead);
    let load = || {
        chain::load(
            tools.archive,
            tools.layout,
            &unit.place,
            unit.window,
            &tools.retry,
        )
    };
    let mut chain = load().await?;
    // What an earlier run had to cut is cut from the start.
    let mut width = chain
        .manifests()
        .iter()
        .filter(|manifest| manifest.read_at >= due)
        .map(|manifest| manifest.span.length())
        .next_back()
        .filter(|length| *length < unit.window.span().length());
    let fair = is_fair(tools);
    let mut overtaken = 0;
    loop {
        let Some(gap) = chain.unread(unit.window, due).first().copied() else {
            if let Some(why) = chain.truncated() {
                outcome.reason = Some(why.to_owned());
            }
            return Ok((outcome, chain.read_since(unit.window)));
        };
        let span = narrow(gap, width);
        if tools.must_stop() {
            outcome.state = WindowState::Unfinished;
            return Ok((outcome, None));
        }
        let halves = span.halves().filter(|_| fair && span.length() > SMALLEST);
        let limit = tools.stop_at().map(|stop| match (halves, width) {
            // The other half of the time is for a part of it, which then is done for good.
            (Some(_), None) => {
                let now = Instant::now();
                now + stop.saturating_duration_since(now) / 2
            }
            _ => stop,
        });
        let begun = Instant::now();
        match read(source, tools, unit, span, limit).await? {
            Read::Events {
                sorted,
                read_at,
                truncated,
            } => {
                let gone = truncated.clone();
                let truncated = truncated.or_else(|| expired(unit, &chain, span, read_at));
                match commit(tools, unit, &chain, span, *sorted, read_at, truncated).await? {
                    Commit::Written(manifest) => {
                        outcome.events += manifest.events;
                        outcome.raw_bytes += manifest.raw_bytes;
                        outcome.bytes += manifest.parts.iter().map(|part| part.bytes).sum::<u64>();
                        outcome.parts += manifest.parts.len();
                        outcome.state = match (outcome.events, chain.is_empty()) {
                            (0, false) => WindowState::NothingNew,
                            _ => WindowState::Written,
                        };
                        chain = chain.with(*manifest);
                        // What was quick may be wider the next time.
                        let left = tools
                            .stop_at()
                            .map(|stop| stop.saturating_duration_since(Instant::now()));
                        if left.is_none_or(|left| begun.elapsed() * 4 < left) {
                            width = width.map(|width| width * 2);
                        }
                        if gone.is_some() {
                            outcome.state = WindowState::GroupGone;
                            outcome.reason = gone;
                            return Ok((outcome, None));
                        }
                    }
                    Commit::Overtaken => {
                        overtaken += 1;
                        tools.observer().observe(Event::Overtaken {
                            group: unit.place.group.clone(),
                            window: unit.window,
                        });
                        if overtaken >= MOST_OVERTAKEN {
                            return Err(Error::Contended {
                                key: tools
                                    .layout
                                    .manifest(&unit.place, unit.window, chain.next()),
                                times: overtaken,
                            });
                        }
                        chain = load().await?;
                    }
                }
            }
            Read::OutOfTime { reached } => match halves {
                Some((first, _)) if !tools.must_stop() => {
                    tools.observer().observe(Event::Split {
                        group: unit.place.group.clone(),
                        window: unit.window,
                    });
                    let left = tools
                        .stop_at()
                        .map(|stop| stop.saturating_duration_since(Instant::now()));
                    let fits = fitting(span, reached, begun.elapsed(), left.unwrap_or_default());
                    width = Some(fits.unwrap_or(first.length()).min(first.length()));
                }
                _ => {
                    outcome.state = WindowState::Unfinished;
                    return Ok((outcome, None));
                }
            },
            Read::Gone => {
                outcome.state = WindowState::GroupGone;
                outcome.reason = Some("the group is not there any more".to_owned());
                return Ok((outcome, None));
            }
        }
    }
}

/// Since when a reading counts. The clock of who planned it may be ahead of ours: what is read now is all that can be read.
fn due(unit: &Unit, now: Millis) -> Result<Millis, Error> {
    let end = unit.window.end();
    if now < end {
        return Err(Error::invalid(
            format!("the hour {} is not over: it is `{now}` now", unit.window),
            "read it when it is, and check this machine's clock",
        ));
    }
    Ok(unit.due.max(end).min(now))
}

/// Why what is read for the first time may not be all, if it comes that late.
fn expired(unit: &Unit, chain: &Chain, span: Span, read_at: Millis) -> Option<String> {
    let expires = unit.expires.filter(|expires| *expires < read_at)?;
    (!chain.has_read(span)).then(|| {
        format!(
            "it was first read at {read_at}, and the group's retention may have deleted some of it since {expires}"
        )
    })
}

/// Whether a window that begins now has at least half of the run's time: only then does it say something that it does not fit.
fn is_fair<A: Archive + ?Sized>(tools: &Tools<'_, A>) -> bool {
    let Some(stop) = tools.stop_at() else {
        return false;
    };
    let whole = stop.saturating_duration_since(tools.started);
    stop.saturating_duration_since(Instant::now()) * 2 >= whole
}

/// How long a span may be to be read in a third of the time that is left, going by how far reading came.
fn fitting(
    span: Span,
    reached: Option<Millis>,
    took: Duration,
    left: Duration,
) -> Option<Duration> {
    let read = Span::new(span.from(), reached?).ok()?.length();
    let share = left.as_secs_f64() / 3.0 / took.as_secs_f64().max(0.001);
    Some(read.mul_f64(share.min(1.0)))
}

fn narrow(span: Span, width: Option<Duration>) -> Span {
    let Some(width) = width else { return span };
    let to = span.from().plus(width.max(SMALLEST)).min(span.to());
    Span::new(span.from(), to).unwrap_or(span)
}
