//! The engine: reads windows and commits them.

mod commit;
mod read;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::read::{Read, disk, read};
use crate::checkpoint::{self, ReadSince};
use crate::retry::Retry;
use crate::{
    Archive, Clock, Error, Event, Layout, LogSource, Observer, Options, Place, RateLimit, Report,
    Unit, WindowOutcome, WindowState,
};

/// So many windows are done between two writes of checkpoints.
const CHECKPOINT_EVERY: usize = 50;
/// How long before a deadline a window that still runs is dropped.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What all windows of a run work with.
pub(crate) struct Tools<'a, A: ?Sized> {
    pub(crate) archive: &'a A,
    pub(crate) layout: &'a Layout,
    pub(crate) retry: Retry<'a>,
    pub(crate) options: &'a Options,
    pub(crate) clock: &'a Clock,
    /// The budget of memory of one window.
    pub(crate) memory: usize,
    /// One part is made at a time: it takes a core, and a part's worth of memory.
    pub(crate) press: Semaphore,
    pub(crate) started: Instant,
    slowest: Mutex<Duration>,
}

impl<'a, A: Archive + ?Sized> Tools<'a, A> {
    pub(crate) fn new(
        archive: &'a A,
        options: &'a Options,
        clock: &'a Clock,
        limit: &'a RateLimit,
        observer: &'a dyn Observer,
        windows: usize,
    ) -> Self {
        Self {
            archive,
            layout: &options.layout,
            retry: Retry {
                attempts: options.attempts.max(1),
                observer,
                limit,
            },
            options,
            clock,
            memory: options.memory / options.max_parallel.clamp(1, windows.max(1)),
            press: Semaphore::new(1),
            started: Instant::now(),
            slowest: Mutex::default(),
        }
    }

    pub(crate) fn observer(&self) -> &'a dyn Observer {
        self.retry.observer
    }

    /// A flush took so long.
    pub(crate) fn flushed(&self, took: Duration) {
        let mut slowest = self.slowest.lock().unwrap_or_else(|e| e.into_inner());
        *slowest = (*slowest).max(took);
    }

    /// When work has to end, so that what is under way can be committed.
    pub(crate) fn stop_at(&self) -> Option<Instant> {
        let slowest = *self.slowest.lock().unwrap_or_else(|e| e.into_inner());
        let deadline = self.options.deadline?;
        let reserve = self.options.reserve.max(slowest * 3);
        Some(deadline.checked_sub(reserve).unwrap_or(self.started))
    }

    /// When whatever is still under way is dropped.
    fn last_word(&self) -> Option<Instant> {
        let deadline = self.options.deadline?;
        Some(deadline.checked_sub(LAST_WORD).unwrap_or(self.started))
    }

    pub(crate) fn must_stop(&self) -> bool {
        self.stop_at().is_some_and(|at| Instant::now() >= at)
    }
}

/// Reads windows and commits them to the archive.
///
/// It may be dropped at any point, run again, and run by several at once for the same windows: an event is in the archive once,
/// and none that the source told is missing. A window that fails stops no other one, unless every other one would fail the same
/// way. When the deadline comes near, what is left is returned.
///
/// # Errors
/// None: what failed is in the report, and what is left to do.
pub async fn export<S, A>(
    source: &S,
    archive: &A,
    units: Vec<Unit>,
    options: &Options,
    clock: &Clock,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> Report
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    let tools = Tools::new(archive, options, clock, limit, observer, units.len());
    observer.observe(Event::Planned {
        windows: units.len(),
    });
    let mut report = Report::default();
    if let Err(error) = options.check() {
        report.stopped = Some(error);
        report.remaining = units;
        return report;
    }
    let mut queue = match at_home(source, &tools, units, &mut report).await {
        Ok(queue) => queue,
        Err((error, units)) => {
            report.stopped = error;
            report.remaining = units;
            return report;
        }
    };
    let mut running = FuturesUnordered::new();
    let mut news: BTreeMap<Place, ReadSince> = BTreeMap::new();
    let mut unnoted = 0;
    // Groups that may not be read, as their first windows have shown.
    let mut refused: BTreeMap<Place, WindowOutcome> = BTreeMap::new();
    loop {
        while running.len() < limit.parallel(options.max_parallel) && !tools.must_stop() {
            let Some(unit) = queue.pop_front() else { break };
            match refused.get(&unit.place) {
                Some(outcome) => {
                    let unit = unit.clone();
                    report.add(
                        WindowOutcome {
                            unit,
                            ..outcome.clone()
                        },
                        observer,
                    );
                }
                None => running.push(one(source, &tools, unit)),
            }
        }
        let Some((unit, result)) = running.next().await else {
            break;
        };
        let outcome = match result {
            Ok((outcome, since)) => {
                if let Some(since) = since {
                    news.entry(unit.place.clone())
                        .or_default()
                        .insert(unit.window, since);
                    unnoted += 1;
                }
                outcome
            }
            Err(error) => {
                let outcome = WindowOutcome::failed(unit.clone(), &error);
                if error.is_of_group() {
                    refused.insert(unit.place.clone(), outcome.clone());
                }
                if error.is_general() {
                    report.stopped = Some(error);
                }
                outcome
            }
        };
        report.add(outcome, observer);
        if report.stopped.is_some() {
            break;
        }
        if unnoted >= CHECKPOINT_EVERY {
            note(&tools, &mut news).await;
            unnoted = 0;
        }
    }
    // What still runs after a general failure is dropped, and begun anew by the next run.
    let begun: Vec<&Unit> = report.windows.iter().map(|window| &window.unit).collect();
    let dropped: Vec<Unit> = running
        .iter()
        .map(|one| one.unit.clone())
        .filter(|unit| !begun.contains(&unit))
        .collect();
    drop(running);
    report.remaining.extend(dropped);
    report.remaining.extend(queue);
    report.remaining.sort();
    report.windows.sort_by(|a, b| a.unit.cmp(&b.unit));
    if report.stopped.is_none() {
        note(&tools, &mut news).await;
    }
    report
}

/// The windows of groups that the source has; those of others have failed. Without an answer all are given back.
async fn at_home<S, A>(
    source: &S,
    tools: &Tools<'_, A>,
    units: Vec<Unit>,
    report: &mut Report,
) -> Result<VecDeque<Unit>, (Option<Error>, Vec<Unit>)>
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    if units.is_empty() || tools.must_stop() {
        return Ok(units.into());
    }
    let asked = tools.retry.ask(|| source.home());
    let home = match tools.last_word() {
        None => asked.await,
        Some(end) => match timeout_at(end, asked).await {
            Ok(home) => home,
            Err(_) => return Err((None, units)),
        },
    };
    let home = match home {
        Ok(home) => home,
        Err(error) => return Err((Some(error), units)),
    };
    let mut queue = VecDeque::with_capacity(units.len());
    for unit in units {
        if home.as_ref().is_some_and(|home| home.is_of(&unit.place)) {
            queue.push_back(unit);
            continue;
        }
        let error = Error::Elsewhere {
            place: unit.place.clone(),
            home: home.clone(),
        };
        report.add(WindowOutcome::failed(unit, &error), tools.observer());
    }
    Ok(queue)
}

async fn note<A: Archive + ?Sized>(tools: &Tools<'_, A>, news: &mut BTreeMap<Place, ReadSince>) {
    for (place, windows) in std::mem::take(news) {
        let noted = checkpoint::note(tools, &place, &windows);
        match tools.last_word() {
            None => noted.await,
            // It is only a cache: a run that is out of time ends without it.
            Some(end) => drop(timeout_at(end, noted).await),
        }
    }
}

type Ended = (Unit, Result<(WindowOutcome, Option<crate::Millis>), Error>);

/// A window under way, which can say which one it is.
struct One<F> {
    unit: Unit,
    work: F,
}

impl<F: Future<Output = Ended> + Unpin> Future for One<F> {
    type Output = Ended;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Ended> {
        std::pin::Pin::new(&mut self.work).poll(context)
    }
}

fn one<'a, S, A>(
    source: &'a S,
    tools: &'a Tools<'a, A>,
    unit: Unit,
) -> One<impl Future<Output = Ended> + Unpin + Send + 'a>
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    let named = unit.clone();
    let work = Box::pin(async move {
        let work = window::run(source, tools, &named);
        let result = match tools.last_word() {
            None => work.await,
            Some(end) => match timeout_at(end, work).await {
                Ok(result) => result,
                Err(_) => Ok((
                    WindowOutcome::new(named.clone(), WindowState::Unfinished),
                    None,
                )),
            },
        };
        (named, result)
    });
    One { unit, work }
}

/// An error with its causes, on one line.
pub(crate) fn chain_of(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let chain: Vec<String> = std::iter::successors(Some(first), |error| error.source())
        .map(ToString::to_string)
        .collect();
    chain.join(": ")
}

/// Works on a thread for work that blocks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(std::io::Error::other("the program is being ended")),
    }
}
