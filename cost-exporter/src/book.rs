//! The ledger in the hands of a run: nobody else has it meanwhile, and what costs money is written down before it is spent.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::period::today;
use crate::{ActiveRun, Error, Ledger, LedgerState, LedgerVersion, RunId};

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
    /// Requests that were counted and are not saved yet.
    unsaved: i64,
    /// Whether others are kept out.
    locked: bool,
}

impl<'a> Book<'a> {
    /// Reads the ledger, unless another run is at work on it.
    pub(crate) async fn open(
        ledger: &'a dyn Ledger,
        run: RunId,
        clock: Timestamp,
        lease: Duration,
    ) -> Result<Self, Error> {
        let begun = (clock, Instant::now());
        let (state, version) = ledger.load().await?;
        let book = Self {
            ledger,
            state,
            version,
            run,
            begun,
            lease,
            unsaved: 0,
            locked: false,
        };
        book.free(&book.state)?;
        Ok(book)
    }

    /// The time on the clock.
    pub(crate) fn clock(&self) -> Timestamp {
        let (clock, begun) = self.begun;
        SignedDuration::try_from(begun.elapsed())
            .ok()
            .and_then(|elapsed| clock.checked_add(elapsed).ok())
            .unwrap_or(clock)
    }

    /// When the lease that begins now ends.
    pub(crate) fn lease_end(&self) -> Instant {
        Instant::now() + self.lease
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
        reserved
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

    /// Saves, and keeps others out for the time of the lease from now on.
    pub(crate) async fn lock(&mut self) -> Result<(), Error> {
        let until = SignedDuration::try_from(self.lease)
            .ok()
            .and_then(|lease| self.clock().checked_add(lease).ok())
            .unwrap_or(Timestamp::MAX);
        let id = self.run.clone();
        self.state.run = Some(ActiveRun { id, until });
        self.save().await?;
        self.locked = true;
        Ok(())
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
                Err(error) => return Err(error),
            }
        }
    }

    /// Somebody else saved. As long as the ledger is this run's, or nobody's and as it was, that was but a count of requests.
    async fn give_way(&mut self) -> Result<(), Error> {
        let (there, version) = self.ledger.load().await?;
        self.free(&there)?;
        if there == self.state {
            // It was this run itself; only the answer was lost.
            (self.version, self.unsaved) = (version, 0);
            return Ok(());
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

    fn free(&self, state: &LedgerState) -> Result<(), Error> {
        match &state.run {
            Some(run) if run.id != self.run && self.clock() < run.until => {
                Err(Error::AnotherRun { until: run.until })
            }
            _ => Ok(()),
        }
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
