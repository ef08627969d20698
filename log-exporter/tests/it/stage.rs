//! A group with events that come in time and late, and an archive.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use log_exporter::sim::{SimArchive, SimLogs};
use log_exporter::{
    Clock, Event, GroupInfo, LogEvent, Millis, Options, PartFormat, Place, PlanRequest, RateLimit,
    Report, Selection, Span, VerifyReport, VerifyRequest, cat, export, plan, verify,
};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) fn at(text: &str) -> Millis {
    text.parse().unwrap()
}

pub(crate) fn place() -> Place {
    Place::new(
        "123456789012".parse().unwrap(),
        "us-east-1".parse().unwrap(),
        "/ecs/web".parse().unwrap(),
    )
}

pub(crate) fn event(time: i64, after: i64, stream: &str, id: &str) -> LogEvent {
    LogEvent {
        timestamp: time,
        ingestion: time + after,
        stream: stream.to_owned(),
        id: id.to_owned(),
        message: format!("message {id} of {stream}"),
    }
}

/// The simulators, at noon of a day.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) logs: SimLogs,
    pub(crate) archive: SimArchive,
    pub(crate) options: Options,
    pub(crate) limit: RateLimit,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    /// From when on and up to when events are archived.
    pub(crate) from: Millis,
    pub(crate) to: Millis,
}

/// The formats that this build has.
pub(crate) fn formats() -> impl Iterator<Item = PartFormat> {
    PartFormat::ALL
        .into_iter()
        .filter(|format| format.is_available())
}

impl Stage {
    pub(crate) fn empty() -> Self {
        let clock = Clock::new(at("2026-11-01T12:00:00Z"));
        let logs = SimLogs::new(clock);
        logs.create_group(GroupInfo::new(place(), at("2026-10-01")));
        Self {
            clock,
            logs,
            archive: SimArchive::new(clock),
            options: Options::default().part_bytes(400).max_parallel(1),
            limit: RateLimit::new(f64::INFINITY),
            events: Arc::default(),
            from: at("2026-11-01T08:00:00Z"),
            to: at("2026-11-01T11:00:00Z"),
        }
    }

    /// As [`Stage::new`], with parts of this format.
    pub(crate) fn of(format: PartFormat) -> Self {
        let mut stage = Self::new();
        // Values are shorter than the lines that they would be.
        let size = match format {
            PartFormat::Parquet => 100,
            _ => 400,
        };
        stage.options = stage.options.format(format).part_bytes(size);
        stage
    }

    /// Three hours of events of two streams with the same ids, some of them on the boundaries, and some late.
    pub(crate) fn new() -> Self {
        let stage = Self::empty();
        let start = at("2026-11-01T08:00:00Z").epoch();
        let mut events = Vec::new();
        for stream in ["a", "b"] {
            for n in 0..9 {
                let time = start + n * 20 * 60_000;
                events.push(event(time, 1000, stream, &format!("id-{n}")));
            }
            for hour in 1..3 {
                events.push(event(
                    start + hour * HOUR - 1,
                    500,
                    stream,
                    &format!("last-{hour}"),
                ));
            }
        }
        for (n, late) in [50 * 60_000, 20 * HOUR, 13 * DAY].into_iter().enumerate() {
            events.push(event(
                start + HOUR + 1 + n as i64,
                late,
                "a",
                &format!("late-{n}"),
            ));
            events.push(event(start + 2 * HOUR - 1, late, "b", &format!("late-{n}")));
        }
        stage.logs.page_events(4);
        stage.logs.put(&place().group, events);
        stage
    }

    pub(crate) fn request(&self) -> PlanRequest {
        PlanRequest::new(vec![Selection::Group(place().group)])
            .from(Some(self.from))
            .to(Some(self.to))
    }

    /// All that is due now.
    pub(crate) async fn run(&self) -> Report {
        let seen = Arc::clone(&self.events);
        let observer = move |event| seen.lock().unwrap().push(event);
        let plan = plan(
            &self.logs,
            &self.archive,
            &self.request(),
            &self.options,
            &self.clock,
            &self.limit,
            &observer,
        )
        .await;
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => panic!("{error}"),
        };
        export(
            &self.logs,
            &self.archive,
            plan.units,
            &self.options,
            &self.clock,
            &self.limit,
            &observer,
        )
        .await
    }

    pub(crate) async fn run_whole(&self) -> Report {
        let report = self.run().await;
        assert!(report.is_complete(), "{report:?}");
        report
    }

    /// Lets time go by.
    pub(crate) async fn wait(&self, millis: i64) {
        tokio::time::sleep(Duration::from_millis(millis.unsigned_abs())).await;
    }

    pub(crate) async fn archived(&self) -> Vec<LogEvent> {
        archived(&self.archive, &self.options).await
    }

    /// The archive has every event that could be seen so far, once.
    pub(crate) async fn assert_exact(&self) {
        let now = self.clock.now().epoch();
        let mut truth = self.logs.truth(&place().group);
        truth.retain(|event| event.ingestion <= now);
        assert_same(truth, self.archived().await);
    }

    pub(crate) async fn verify(&self, request: VerifyRequest) -> VerifyReport {
        verify(
            &self.archive,
            Some(&self.logs),
            &request,
            &self.options,
            &self.clock,
            &self.limit,
            &|_| {},
        )
        .await
        .unwrap()
    }
}

/// Every event of an archive.
pub(crate) async fn archived(archive: &SimArchive, options: &Options) -> Vec<LogEvent> {
    let all = Span::new(Millis::from_epoch(0), at("2030-01-01")).unwrap();
    let mut found = Vec::new();
    cat(archive, &place(), all, options, &|_| {}, &mut |line| {
        let line = log_exporter::Line::parse(line).unwrap();
        found.push(LogEvent {
            timestamp: line.timestamp,
            ingestion: line.ingestion_time,
            stream: line.stream.into_owned(),
            id: line.event_id.into_owned(),
            message: line.message.into_owned(),
        });
        Ok(())
    })
    .await
    .unwrap();
    found
}

pub(crate) fn assert_same(truth: Vec<LogEvent>, archived: Vec<LogEvent>) {
    let mut counts: BTreeMap<(String, String), i64> = BTreeMap::new();
    let key = |event: &LogEvent| (event.stream.clone(), event.id.clone());
    let distinct: BTreeMap<(String, String), LogEvent> = truth
        .iter()
        .map(|event| (key(event), event.clone()))
        .collect();
    for event in distinct.values() {
        *counts.entry(key(event)).or_default() -= 1;
    }
    for event in &archived {
        *counts.entry(key(event)).or_default() += 1;
        assert_eq!(distinct.get(&key(event)), Some(event));
    }
    counts.retain(|_, count| *count != 0);
    assert!(
        counts.is_empty(),
        "lost below zero, twice above it: {counts:?}"
    );
}

/// Polls a future so often and leaves it as it is then. Returns what it came to, if it did.
pub(crate) async fn polled<F: Future>(times: usize, work: &mut Pin<Box<F>>) -> Option<F::Output> {
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// A future that is dropped when it has been polled so often.
pub(crate) struct Cut<F> {
    work: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F: Future> Cut<F> {
    pub(crate) fn after(polls: usize, work: F) -> Self {
        Self {
            work: Some(Box::pin(work)),
            left: polls,
        }
    }
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            self.work = None;
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.work.as_mut().map(|work| work.as_mut().poll(context)) {
            Some(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Some(Poll::Pending) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}
