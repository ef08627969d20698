//! A run that is going to be ended from outside.

use std::time::Duration;

use log_exporter::sim::{ArchiveFault, SourceFault};
use log_exporter::{Event, WindowState};
use tokio::time::Instant;

use crate::stage::{Stage, at, event, place};

fn with_deadline(stage: &mut Stage, seconds: u64) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    stage.options = stage
        .options
        .clone()
        .deadline(deadline, Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_returned_and_done_by_the_next_run() {
    let mut stage = Stage::new();
    // Each of the pages takes ten seconds.
    stage.logs.page_events(1);
    stage.logs.fail_next([SourceFault::Slow; 400]);
    with_deadline(&mut stage, 120);
    let started = Instant::now();
    let report = stage.run().await;
    assert!(
        started.elapsed() < Duration::from_secs(120),
        "{:?}",
        started.elapsed()
    );
    assert!(
        !report.remaining.is_empty() && !report.windows.is_empty(),
        "{report:?}"
    );
    let mut runs = 1;
    loop {
        with_deadline(&mut stage, 120);
        let report = stage.run().await;
        runs += 1;
        assert!(runs < 12, "{report:?}");
        if report.is_complete() {
            break;
        }
    }
    assert!(runs > 2);
    stage.assert_exact().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_that_fits_into_no_run_is_read_in_halves() {
    let mut stage = Stage::empty();
    let start = at("2026-11-01T08:00:00Z").epoch();
    let events = (0..60).map(|minute| event(start + minute * 60_000, 10, "a", &minute.to_string()));
    stage.logs.put(&place().group, events);
    stage.logs.page_events(2);
    stage.logs.fail_next([SourceFault::Slow; 4000]);
    let mut runs = 0;
    loop {
        with_deadline(&mut stage, 150);
        let report = stage.run().await;
        runs += 1;
        assert!(runs < 30, "{report:?}");
        if report.is_complete() {
            break;
        }
    }
    stage.assert_exact().await;
    let events = stage.events.lock().unwrap();
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Split { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn without_time_nothing_is_begun() {
    let mut stage = Stage::new();
    with_deadline(&mut stage, 20);
    let report = stage.run().await;
    assert_eq!((report.windows.len(), report.remaining.len()), (0, 3));
    assert_eq!(report.count(WindowState::Unfinished), 0);
}

#[tokio::test(start_paused = true)]
async fn slow_writes_make_a_run_end_earlier() {
    let mut stage = Stage::new();
    // Each request to the archive takes half a minute: a part takes a minute, and three of those are kept.
    stage.archive.fail_next([ArchiveFault::Slow; 4000]);
    let mut runs = 0;
    loop {
        with_deadline(&mut stage, 900);
        let started = Instant::now();
        let report = stage.run().await;
        assert!(
            started.elapsed() < Duration::from_secs(900),
            "{:?}",
            started.elapsed()
        );
        runs += 1;
        assert!(runs < 10, "{report:?}");
        if report.is_complete() {
            break;
        }
    }
    assert!(runs > 1);
    stage.assert_exact().await;
}
