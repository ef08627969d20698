//! The ledger in the hands of a run: nobody else has it meanwhile, and what costs money is written down before it is spent.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::period::today;
use crate::{
    ActiveRun, Error, Event, Ledger, LedgerState, LedgerVersion, Observer, Options, RunId,
};

/// How often a save is tried anew when somebody else saved, who did not take the ledger away.
const TRIES: u32 = 5;

/// The ledger in the hands of a run.
pub(crate) struct Book<'a> {
    ledger: &'a dyn Ledger,
    pub(crate) state: LedgerState,
    version: LedgerVersion,
    run: RunId,
    begun: (Timestamp, Instant),
    lease: Duration,
    /// When this run is over at the latest.
    end: Option<Instant>,
    /// Requests that were counted and are not saved yet.
    unsaved: i64,
    /// What was saved for all that is known, without an answer, and how many requests that counted anew.
    unanswered: Option<(LedgerState, i64)>,
    /// Whether others are kept out, for all that is known.
    locked: bool,
}

impl<'a> Book<'a> {
    /// Reads the ledger, unless another run is at work on it.
    pub(crate) async fn open(
        ledger: &'a dyn Ledger,
        options: &Options,
        clock: Timestamp,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        let begun = (clock, Instant::now());
        let after = |time| begun.1.checked_add(time);
        let (state, version) = ledger.load().await?;
        let book = Self {
            ledger,
            state,
            version,
            run: options.run.clone().unwrap_or_else(RunId::random),
            begun,
            lease: options.lease.min(Options::LONGEST_LEASE),
            end: options.ends_after.and_then(after),
            unsaved: 0,
            unanswered: None,
            locked: false,
        };
        match book.other(&book.state) {
            Some(run) if book.is_possible(run.until) => {
                return Err(Error::AnotherRun { until: run.until });
            }
            Some(ActiveRun { id, until }) => observer.observe(Event::LockIgnored {
                run: id.clone(),
                until: *until,
                hint: "set the clock of the machine that locked it, or of this one, if it is wrong"
                    .to_owned(),
            }),
            None => {}
        }
        Ok(book)
    }

    /// The time on the clock.
    fn clock(&self) -> Timestamp {
        self.clock_at(Instant::now())
    }

    fn clock_at(&self, time: Instant) -> Timestamp {
        let (clock, begun) = self.begun;
        SignedDuration::try_from(time.saturating_duration_since(begun))
            .ok()
            .and_then(|elapsed| clock.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The day on which requests are counted.
    pub(crate) fn day(&self) -> Date {
        today(self.begun.0)
    }

    /// Requests of this month that are written down.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests_in(self.day())
    }

    /// Writes down a request before it is sent. If that cannot be done it must not be sent.
    pub(crate) async fn reserve(&mut self) -> Result<(), Error> {
        self.count(1);
        let reserved = self.lock().await;
        if reserved.is_err() {
            self.count(-1);
        }
        reserved.map(drop)
    }

    /// Takes a request back that was never sent; the next save tells of it.
    pub(crate) fn take_back(&mut self) {
        self.count(-1);
    }

    fn count(&mut self, more: i64) {
        let day = self.day();
        self.state.count_requests(day, more);
        self.unsaved += more;
    }

    /// Saves, and keeps others out for the time of the lease from now on, but not for longer than this run can last. Returns
    /// until when that is: the time that the save takes is part of it.
    pub(crate) async fn lock(&mut self) -> Result<Instant, Error> {
        let now = Instant::now();
        let lease = now + self.lease;
        let until = self.end.map_or(lease, |end| end.min(lease));
        if until <= now {
            return Err(Error::OutOfTime);
        }
        self.state.run = Some(ActiveRun {
            id: self.run.clone(),
            until: self.clock_at(until),
        });
        // A save may fail only in its answer.
        self.locked = true;
        self.save().await?;
        Ok(until)
    }

    /// Lets others in if they are kept out, after an error that counts more than whether that works.
    pub(crate) async fn let_go(&mut self) {
        if self.locked {
            let _ = self.close().await;
        }
    }

    /// Saves, and lets others in.
    pub(crate) async fn close(&mut self) -> Result<(), Error> {
        self.locked = false;
        self.state.run = None;
        self.save().await
    }

    async fn save(&mut self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.ledger.save(&self.state, &self.version).await {
                Ok(version) => {
                    (self.version, self.unsaved) = (version, 0);
                    return Ok(());
                }
                Err(Error::LedgerConflict) if tries < TRIES => self.give_way().await?,
                Err(error) => {
                    self.unanswered = Some((self.state.clone(), self.unsaved));
                    return Err(error);
                }
            }
        }
    }

    /// Somebody else saved. As long as the ledger is this run's, or nobody's and as it was, that was but a count of requests.
    async fn give_way(&mut self) -> Result<(), Error> {
        let (there, version) = self.ledger.load().await?;
        match self.other(&there) {
            Some(run) if self.is_possible(run.until) => {
                return Err(Error::AnotherRun { until: run.until });
            }
            // It was locked since it was read: somebody is at work, whatever the clock there says.
            Some(_) => return Err(Error::LedgerConflict),
            None => {}
        }
        if there == self.state {
            // It was this run itself; only the answer was lost.
            (self.version, self.unsaved) = (version, 0);
            return Ok(());
        }
        if let Some((_, counted)) = self.unanswered.take_if(|(state, _)| *state == there) {
            self.unsaved -= counted;
        }
        let ours = there.run.as_ref().is_some_and(|run| run.id == self.run);
        let mut before = self.state.clone();
        (before.requests, before.run) = (there.requests.clone(), there.run.clone());
        if !ours && before != there {
            return Err(Error::LedgerConflict);
        }
        self.state.requests = there.requests;
        let day = self.day();
        self.state.count_requests(day, self.unsaved);
        self.version = version;
        Ok(())
    }

    /// Another run, whose time is not over.
    fn other<'s>(&self, state: &'s LedgerState) -> Option<&'s ActiveRun> {
        let run = state.run.as_ref()?;
        (run.id != self.run && self.clock() < run.until).then_some(run)
    }

    /// Whether a run can have locked the ledger until then: none does for longer than the longest lease.
    fn is_possible(&self, until: Timestamp) -> bool {
        until <= self.clock_at(Instant::now() + Options::LONGEST_LEASE)
    }
}

/// Ends a run that was cut off on the ledger: what it was giving to sinks is taken as given, and others are let in. Returns
/// whether there was anything to end.
///
/// Without it the next run has to wait until the time of that one is over.
///
/// # Errors
/// When the ledger cannot be read or saved.
pub async fn abandon(ledger: &dyn Ledger, run: &RunId) -> Result<bool, Error> {
    let (mut state, version) = ledger.load().await?;
    if state.run.as_ref().is_none_or(|active| active.id != *run) {
        return Ok(false);
    }
    state.run = None;
    ledger.save(&state, &version).await?;
    Ok(true)
}
