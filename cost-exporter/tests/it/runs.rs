//! Runs that are cut off, run beside each other, or ask for more than they may.

use std::time::Duration;

use async_trait::async_trait;
use cost_exporter::sim::{MemoryLedger, SimFault, SimSink};
use cost_exporter::{
    Basis, Error, Event, Ledger, LedgerState, LedgerVersion, Metric, MetricSink, Options,
    Publication, Published, RunId, SinkName, SinkStyle, abandon, day,
};
use tokio::time::timeout;

use crate::stage::{
    Forgetful, NOON, amount, at, bill, forecast, ledger, run, run_plainly, source, spent,
};

/// A sink that takes everything and never says so.
#[derive(Debug)]
struct Hangs<'a>(&'a SimSink);

#[async_trait]
impl MetricSink for Hangs<'_> {
    fn name(&self) -> &SinkName {
        self.0.name()
    }

    fn style(&self) -> SinkStyle {
        self.0.style()
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
        self.0.publish(publication).await?;
        std::future::pending().await
    }
}

/// A ledger that cannot be written.
#[derive(Debug)]
struct Full(MemoryLedger);

#[async_trait]
impl Ledger for Full {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        self.0.load().await
    }

    async fn save(&self, _: &LedgerState, _: &LedgerVersion) -> Result<LedgerVersion, Error> {
        Err(Error::File {
            operation: "save the ledger",
            path: "full".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        })
    }
}

/// How often each number of the present was put.
fn put(sink: &SimSink, metric: Metric) -> usize {
    let publications = sink.publications();
    let samples = publications.iter().flat_map(|part| &part.samples);
    samples
        .filter(|sample| sample.metric == metric && sample.labels.iter().count() == 2)
        .count()
}

/// A run that is cut off while it puts.
async fn cut_off(ledger: &MemoryLedger, sink: &SimSink, options: &Options) {
    let (source, sink) = (source(bill()), Hangs(sink));
    let sinks: [&dyn MetricSink; 1] = [&sink];
    let cut = run(&source, ledger, &sinks, options, NOON);
    assert!(timeout(Duration::from_secs(5), cut).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_off_while_it_put_puts_nothing_twice() {
    use cost_exporter::Grouping;

    let ledger = ledger();
    let sink = SimSink::additive().groupings(vec![Grouping::Total]);
    cut_off(&ledger, &sink, &Options::default()).await;
    // For a while nobody can tell whether it is not still putting.
    let ran = run_plainly(&source(bill()), &ledger, &[&sink], "2026-03-10T12:05:00Z").await;
    let error = ran.outcome.unwrap_err();
    assert!(
        matches!(error, Error::AnotherRun { until } if until == at("2026-03-10T12:10:00Z")),
        "{error}"
    );
    // Then, in the same hour, neither its days nor its present are put again.
    let ran = run_plainly(&source(bill()), &ledger, &[&sink], "2026-03-10T12:10:00Z").await;
    let unsettled = |event: &Event| matches!(event, Event::Unsettled { items, .. } if *items > 50);
    assert!(ran.events.iter().any(unsettled));
    assert_eq!(ran.ok().sinks[0].days, 0);
    assert_eq!(put(&sink, Metric::PreviousMonth), 5);
    run_plainly(&source(bill()), &ledger, &[&sink], "2026-03-10T13:00:00Z")
        .await
        .ok();
    assert_eq!(put(&sink, Metric::PreviousMonth), 10);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_abandoned_keeps_nobody_waiting() {
    let (ledger, sink, id) = (ledger(), SimSink::additive(), RunId::random());
    cut_off(&ledger, &sink, &Options::default().run(id.clone())).await;
    assert!(!abandon(&ledger, &RunId::random()).await.unwrap());
    assert!(abandon(&ledger, &id).await.unwrap());
    assert!(!abandon(&ledger, &id).await.unwrap());
    let ran = run_plainly(&source(bill()), &ledger, &[&sink], "2026-03-10T12:01:00Z").await;
    assert_eq!(ran.ok().sinks[0].days, 0);
    assert_eq!(sink.publications().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_the_second_asks_and_puts_nothing() {
    let (ledger, sink, options) = (ledger(), SimSink::additive(), Options::default());
    // The first is still reading.
    let (first, second) = (source(bill()), source(bill()));
    first.fault(SimFault::Silent);
    let sinks: [&dyn MetricSink; 1] = [&sink];
    let reading = run(&first, &ledger, &sinks, &options, NOON);
    assert!(timeout(Duration::from_secs(5), reading).await.is_err());
    let ran = run(&second, &ledger, &sinks, &options, "2026-03-10T12:00:01Z").await;
    assert!(matches!(ran.outcome.unwrap_err(), Error::AnotherRun { .. }));
    assert_eq!((second.requests(), sink.publications().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_time_was_over_gives_way_to_the_one_that_came_after_it() {
    let (ledger, sink) = (ledger(), SimSink::additive());
    let options = Options::default().lease(Duration::from_secs(60));
    let slow = source(bill())
        .forecasts(forecast("200", "180", "230"))
        .slow_forecast(Duration::from_secs(300));
    let sinks: [&dyn MetricSink; 1] = [&sink];
    let late = run(&slow, &ledger, &sinks, &options, NOON);
    let other = source(bill());
    let quick = async {
        tokio::time::sleep(Duration::from_secs(120)).await;
        run(&other, &ledger, &sinks, &options, "2026-03-10T12:02:00Z").await
    };
    let (late, quick) = tokio::join!(late, quick);
    assert!(quick.ok().complete());
    assert!(matches!(late.outcome.unwrap_err(), Error::LedgerConflict));
    assert_eq!(sink.publications().len(), 1);
    // What the late one spent counts.
    assert_eq!(spent(&ledger), 4);
}

#[tokio::test(start_paused = true)]
async fn publishing_ends_with_the_lease_and_counts_as_done() {
    let (ledger, sink) = (ledger(), SimSink::additive());
    let hangs = Hangs(&sink);
    let options = Options::default().lease(Duration::from_secs(60));
    let outcome = run(&source(bill()), &ledger, &[&hangs], &options, NOON)
        .await
        .ok();
    assert!(!outcome.complete() && outcome.sinks[0].failed());
    let rejected = &outcome.sinks[0].published.as_ref().unwrap().rejected;
    assert!(rejected.iter().all(|rejected| !rejected.known));
    let outcome = run(&source(bill()), &ledger, &[&sink], &options, NOON)
        .await
        .ok();
    assert_eq!((outcome.sinks[0].days, outcome.sinks[0].samples), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_written_down_before_it_is_sent() {
    let (ledger, options) = (ledger(), Options::default());
    let silent = source(bill());
    silent.fault(SimFault::Silent);
    let asking = run(&silent, &ledger, &[], &options, NOON);
    assert!(timeout(Duration::from_secs(5), asking).await.is_err());
    assert_eq!((silent.requests(), spent(&ledger)), (1, 1));
    // A ledger that cannot be written costs nothing.
    let (full, source) = (Full(self::ledger()), source(bill()));
    let ran = run(&source, &full, &[], &options, NOON).await;
    assert!(matches!(ran.outcome.unwrap_err(), Error::File { .. }));
    assert_eq!(source.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_never_left_is_neither_counted_nor_sent_again() {
    let (ledger, source) = (ledger(), source(bill()));
    source.fault(SimFault::NotSent);
    let ran = run_plainly(&source, &ledger, &[], NOON).await;
    assert!(matches!(ran.outcome.unwrap_err(), Error::NotSent { .. }));
    assert!(
        ran.events
            .iter()
            .any(|event| matches!(event, Event::NotSent { requests: 0, .. }))
    );
    assert_eq!((source.requests(), spent(&ledger)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_answer_is_lost_counts_once() {
    let memory = std::sync::Arc::new(ledger());
    let ledger = Forgetful::new(std::sync::Arc::clone(&memory));
    let (source, sink) = (source(bill()), SimSink::additive());
    let outcome = run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    assert_eq!((outcome.spending.month_requests, spent(&memory)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_slow_forecast_is_gone_without_when_time_is_short() {
    let source = source(bill())
        .forecasts(forecast("200", "180", "230"))
        .slow_forecast(Duration::from_secs(3));
    let (memory, sink) = (ledger(), SimSink::snapshot());
    let sinks: [&dyn MetricSink; 1] = [&sink];
    let options = Options::default().within(Duration::from_secs(2));
    let refreshed = run(&source, &memory, &sinks, &options, NOON);
    let outcome = timeout(Duration::from_secs(2), refreshed)
        .await
        .unwrap()
        .ok();
    assert!(outcome.complete() && !sink.samples().is_empty());
    assert!(outcome.no_forecast.unwrap().contains("no answer within"));
    let options = Options::default().within(Duration::from_secs(20));
    let outcome = run(
        &source,
        &ledger(),
        &[&sink],
        &options,
        "2026-03-10T13:00:00Z",
    )
    .await
    .ok();
    assert!(outcome.projected.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_came_too_late_is_told_once_and_a_lost_correction_is_not_complete() {
    let (ledger, sink) = (ledger(), SimSink::additive());
    let options = Options::default();
    let source = source(bill());
    let told = async |now: &str| {
        let ran = run(&source, &ledger, &[&sink], &options, now).await;
        let event = ran.events.iter().find_map(|event| match event {
            Event::TooOld {
                never_sent, lost, ..
            } => Some((*never_sent, *lost)),
            _ => None,
        });
        let outcome = ran.ok();
        let sink = &outcome.sinks[0];
        assert_eq!(event.unwrap_or_default(), (sink.too_old, sink.lost));
        (sink.too_old, sink.lost, outcome.complete())
    };
    assert_eq!(told(NOON).await, (24 * 20, 0, true));
    assert_eq!(told("2026-03-10T12:30:00Z").await, (0, 0, true));
    // Of what the sink has, a correction after two weeks is lost.
    let first = day("2026-03-01").unwrap();
    source.change(|bill| bill.add(first, "Tax", "", Basis::Unblended, amount("1")));
    assert_eq!(told("2026-03-20T12:00:00Z").await, (0, 1, false));
    assert_eq!(told("2026-03-20T12:30:00Z").await, (0, 0, true));
    source.change(|bill| bill.add(first, "Tax", "", Basis::Unblended, amount("1")));
    assert_eq!(told("2026-03-20T13:00:00Z").await, (0, 1, false));
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_allowed_are_never_sent() {
    let source = source(bill()).page_size(50);
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    let ran = run(
        &source,
        &ledger,
        &[&sink],
        &Options::default().requests(3, 100),
        NOON,
    )
    .await;
    let error = ran.outcome.unwrap_err();
    assert!(
        matches!(
            error,
            Error::RequestBudget {
                next: 4,
                limit: 3,
                scope: "refresh"
            }
        ),
        "{error}"
    );
    assert_eq!(source.requests(), 3);
    assert!(
        sink.publications().is_empty(),
        "half a month is not published"
    );
    // The month's budget outlives the run: three were spent, and failed runs count too.
    let ran = run(
        &source,
        &ledger,
        &[&sink],
        &Options::default().requests(6, 4),
        "2026-03-10T13:00:00Z",
    )
    .await;
    assert!(matches!(
        ran.outcome.unwrap_err(),
        Error::RequestBudget {
            next: 5,
            limit: 4,
            scope: "month"
        }
    ));
    assert_eq!(source.requests(), 4);
    // With the costs read and nothing left, the forecast is what is saved.
    let outcome = run(
        &source,
        &ledger,
        &[&sink],
        &Options::default().requests(4, 100),
        "2026-03-10T14:00:00Z",
    )
    .await
    .ok();
    assert!(outcome.complete() && outcome.no_forecast.unwrap().contains("request 5"));
    assert_eq!(
        ledger
            .state()
            .unwrap()
            .requests_in(day("2026-03-10").unwrap()),
        8
    );
}

#[tokio::test(start_paused = true)]
async fn throttled_requests_are_sent_again_a_few_times_and_counted() {
    let source = source(bill());
    source.fault(SimFault::Throttled);
    source.fault(SimFault::Unreachable);
    let ran = run_plainly(&source, &ledger(), &[], NOON).await;
    assert_eq!(
        ran.events
            .iter()
            .filter(|event| matches!(event, Event::Retried { .. }))
            .count(),
        2
    );
    assert_eq!(ran.ok().spending.requests, 4);
    (0..9).for_each(|_| source.fault(SimFault::Throttled));
    let ran = run(
        &source,
        &ledger(),
        &[],
        &Options::default().requests(20, 100),
        NOON,
    )
    .await;
    assert!(matches!(ran.outcome.unwrap_err(), Error::Throttled { .. }));
    assert_eq!(source.requests(), 8);
}
