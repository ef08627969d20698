//! For how long a run keeps others out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cost_exporter::sim::{MemoryLedger, SimSink};
use cost_exporter::{
    ActiveRun, Error, Event, Ledger, LedgerState, LedgerVersion, MetricSink, Options, Publication,
    Published, RunId, SinkName, SinkStyle,
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::stage::{Forgetful, NOON, at, bill, forecast, ledger, run, run_plainly, source, spent};

/// A ledger that takes its time to answer a save, and takes note of the locks.
#[derive(Debug, Default)]
struct Slow {
    ledger: MemoryLedger,
    wait: Duration,
    locks: Mutex<Vec<Timestamp>>,
}

impl Slow {
    fn by(wait: Duration) -> Self {
        Self {
            wait,
            ..Self::default()
        }
    }

    /// Until when it was locked, by each save that did.
    fn locks(&self) -> Vec<Timestamp> {
        self.locks.lock().unwrap().clone()
    }
}

#[async_trait]
impl Ledger for Slow {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        self.ledger.load().await
    }

    async fn save(
        &self,
        state: &LedgerState,
        over: &LedgerVersion,
    ) -> Result<LedgerVersion, Error> {
        let saved = self.ledger.save(state, over).await?;
        let until = state.run.as_ref().map(|run| run.until);
        self.locks.lock().unwrap().extend(until);
        tokio::time::sleep(self.wait).await;
        Ok(saved)
    }
}

/// A sink that never ends by itself, and takes note of when it was ended.
#[derive(Debug)]
struct Endless {
    sink: SimSink,
    ended: Mutex<Option<Instant>>,
}

struct Ending<'a>(&'a Mutex<Option<Instant>>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(Instant::now());
    }
}

#[async_trait]
impl MetricSink for Endless {
    fn name(&self) -> &SinkName {
        self.sink.name()
    }

    fn style(&self) -> SinkStyle {
        self.sink.style()
    }

    async fn publish(&self, _: &Publication) -> Result<Published, Error> {
        let _ending = Ending(&self.ended);
        std::future::pending().await
    }
}

/// Leaves the ledger locked by some run, so long after noon.
async fn lock(ledger: &MemoryLedger, seconds: i64) -> ActiveRun {
    let (mut state, version) = ledger.load().await.unwrap();
    let lock = ActiveRun {
        id: RunId::random(),
        until: at(NOON) + SignedDuration::from_secs(seconds),
    };
    state.run = Some(lock.clone());
    ledger.save(&state, &version).await.unwrap();
    lock
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_no_run_can_have_set_keeps_nobody_out() {
    let (ledger, options) = (ledger(), Options::default());
    let longest = i64::try_from(Options::LONGEST_LEASE.as_secs()).unwrap();
    let kept = lock(&ledger, longest).await;
    let ran = run(&source(bill()), &ledger, &[], &options, NOON).await;
    let error = ran.outcome.unwrap_err();
    assert!(
        matches!(error, Error::AnotherRun { until } if until == kept.until),
        "{error}"
    );
    let wrong = lock(&ledger, longest + 1).await;
    let ran = run(&source(bill()), &ledger, &[], &options, NOON).await;
    let told = ran.events.iter().any(|event| {
        matches!(event, Event::LockIgnored { run, until, hint }
            if *run == wrong.id && *until == wrong.until && hint.contains("clock"))
    });
    assert!(told && ran.outcome.is_ok());
    assert_eq!(ledger.state().unwrap().run, None);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_locks_while_another_begins_is_at_work_whatever_its_clock_says() {
    /// A ledger that somebody with a wrong clock locks right before the first save.
    #[derive(Debug)]
    struct Contested(MemoryLedger);

    #[async_trait]
    impl Ledger for Contested {
        async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
            self.0.load().await
        }

        async fn save(
            &self,
            state: &LedgerState,
            over: &LedgerVersion,
        ) -> Result<LedgerVersion, Error> {
            if self.0.saves() == 0 {
                lock(&self.0, 86_400 * 3_650).await;
            }
            self.0.save(state, over).await
        }
    }

    let (ledger, source) = (Contested(ledger()), source(bill()));
    let ran = run_plainly(&source, &ledger, &[], NOON).await;
    let error = ran.outcome.unwrap_err();
    assert!(matches!(error, Error::LedgerConflict), "{error}");
    assert_eq!((source.requests(), ledger.0.saves()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn no_run_locks_the_ledger_for_longer_than_the_longest_lease() {
    let ledger = Slow::default();
    let options = Options::default().lease(Duration::MAX);
    run(&source(bill()), &ledger, &[], &options, NOON)
        .await
        .ok();
    let longest = at(NOON) + Options::LONGEST_LEASE;
    assert!(ledger.locks().iter().all(|until| *until == longest));
}

#[tokio::test(start_paused = true)]
async fn a_first_lock_whose_answer_is_lost_is_taken_off_with_its_request() {
    let memory = Arc::new(ledger());
    let unreachable = || Error::Unreachable {
        operation: "save the ledger",
        source: "the connection was closed".into(),
    };
    let ledger = Forgetful::saying(Arc::clone(&memory), unreachable);
    let source = source(bill());
    let ran = run_plainly(&source, &ledger, &[], NOON).await;
    let error = ran.outcome.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(memory.state().unwrap().run, None);
    assert_eq!((source.requests(), spent(&memory)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn publishing_ends_when_others_are_let_in_however_long_a_save_takes() {
    let ledger = Slow::by(Duration::from_secs(50));
    let sink = Endless {
        sink: SimSink::additive(),
        ended: Mutex::default(),
    };
    let options = Options::default().lease(Duration::from_secs(60));
    let begun = Instant::now();
    let outcome = run(&source(bill()), &ledger, &[&sink], &options, NOON)
        .await
        .ok();
    assert!(outcome.sinks[0].failed());
    let ended = sink.ended.into_inner().unwrap().unwrap() - begun;
    let lock = *ledger.locks().last().unwrap();
    assert_eq!(at(NOON) + ended, lock);
}

#[tokio::test(start_paused = true)]
async fn a_lock_never_outlasts_the_end_of_its_run() {
    let slow = |seconds| {
        source(bill())
            .forecasts(forecast("200", "180", "230"))
            .slow_forecast(Duration::from_secs(seconds))
    };
    let options = Options::default().ends_after(Duration::from_secs(90));
    let ledger = Slow::default();
    run(&slow(60), &ledger, &[], &options, NOON).await.ok();
    let end = at("2026-03-10T12:01:30Z");
    assert_eq!(ledger.locks(), [end; 3]);
    // Afterwards it is over: nobody is kept out any more, so nothing is put.
    let (ledger, sink) = (Slow::default(), SimSink::additive());
    let ran = run(&slow(90), &ledger, &[&sink], &options, NOON).await;
    let error = ran.outcome.unwrap_err();
    assert!(matches!(error, Error::OutOfTime), "{error}");
    assert!(error.hint().unwrap().contains("more time"));
    assert_eq!((ledger.locks().len(), sink.publications().len()), (2, 0));
    assert_eq!(ledger.ledger.state().unwrap().run, None);
}
