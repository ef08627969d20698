//! Pages as CloudWatch Logs tells them, and answers that go wrong.

use log_exporter::sim::{ArchiveFault, SourceFault};
use log_exporter::{Event, PartFormat, WindowState};

use crate::stage::{Stage, at, event, formats, place};

#[tokio::test(start_paused = true)]
async fn empty_pages_and_tokens_that_repeat_end_nothing() {
    let stage = Stage::new();
    // The list of groups comes first.
    stage.logs.fail_next([
        SourceFault::Slow,
        SourceFault::EmptyPage,
        SourceFault::EmptyPage,
        SourceFault::SameToken,
        SourceFault::SameToken,
        SourceFault::Repeat,
        SourceFault::TokenExpired,
    ]);
    stage.run_whole().await;
    stage.assert_exact().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_comes_to_an_end_is_an_error() {
    let stage = Stage::new();
    stage
        .logs
        .fail_next([SourceFault::Slow, SourceFault::EmptyPage]);
    stage.logs.fail_next([SourceFault::SameToken; 60]);
    let report = stage.run().await;
    let reason = report.windows[0].reason.as_deref().unwrap();
    assert!(reason.contains("does not come to an end"), "{reason}");
    assert_eq!(
        (report.windows[0].state, report.remaining.len()),
        (WindowState::Failed, 1)
    );
    stage.run_whole().await;
    stage.assert_exact().await;
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_down_and_loses_nothing() {
    let mut stage = Stage::new();
    stage.limit = log_exporter::RateLimit::new(10.0);
    stage.logs.fail_next([SourceFault::Throttled; 6]);
    stage.run_whole().await;
    stage.assert_exact().await;
    let events = stage.events.lock().unwrap();
    let throttled = events
        .iter()
        .filter(|event| matches!(event, Event::Throttled { .. }));
    assert_eq!(throttled.count(), 6);
    assert!(stage.limit.rate() < 10.0);
}

#[tokio::test(start_paused = true)]
async fn content_that_was_stored_wrong_is_stored_again() {
    let stage = Stage::new();
    // Reads before the first write: the checkpoint, the windows, and the chain.
    let plain = Stage::new();
    plain.run_whole().await;
    for at in 0..40 {
        let stage = Stage::new();
        stage
            .archive
            .fail_next([ArchiveFault::Slow].into_iter().cycle().take(at));
        stage.archive.fail_next([ArchiveFault::WrongContent]);
        stage.run_whole().await;
        stage.assert_exact().await;
        let report = stage.verify(log_exporter::VerifyRequest::new(vec![])).await;
        assert_eq!(report.findings, [], "at request {at}");
        assert_eq!(stage.archive.keys(), plain.archive.keys());
    }
    drop(stage);
}

#[tokio::test(start_paused = true)]
async fn an_archive_without_digests_is_read_back() {
    let stage = Stage::new();
    stage.archive.without_digests();
    stage.archive.fail_next([
        ArchiveFault::LostAnswer,
        ArchiveFault::Conflict,
        ArchiveFault::LostAnswer,
    ]);
    stage.run_whole().await;
    stage.assert_exact().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named_and_fails_the_group() {
    let stage = Stage::new();
    stage
        .logs
        .fail_next([SourceFault::Slow, SourceFault::Denied]);
    let report = stage.run().await;
    assert!(report.stopped.is_none());
    // The first window has shown it for all of the group.
    assert_eq!(
        (report.count(WindowState::Failed), report.remaining.len()),
        (3, 3)
    );
    for window in &report.windows {
        let reason = window.reason.as_ref().unwrap();
        assert!(reason.contains("logs:FilterLogEvents"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_streams_and_large_messages() {
    for format in formats() {
        many_streams_and_a_large_message(format).await;
    }
}

async fn many_streams_and_a_large_message(format: PartFormat) {
    let mut stage = Stage::empty();
    let options = stage.options.format(format);
    stage.options = options.part_bytes(1 << 20).memory(1 << 20);
    let start = at("2026-11-01T08:00:00Z").epoch();
    let mut events: Vec<_> = (0..10_000)
        .map(|n| event(start + n % 977, 10, &format!("task/{n}"), "same-id"))
        .collect();
    let mut large = event(start + 500, 10, "large", "1");
    // 256 KiB less the 26 bytes that CloudWatch Logs counts for itself.
    large.message = "\u{fffd}\u{0}\"\\\n\u{1b}é"
        .chars()
        .cycle()
        .take(100_000)
        .collect();
    large
        .message
        .truncate(large.message.floor_char_boundary(256 * 1024 - 26));
    events.push(large.clone());
    stage.logs.page_events(10_000);
    stage.logs.put(&place().group, events);
    stage.run_whole().await;
    stage.assert_exact().await;
    assert!(stage.archived().await.contains(&large));
    let manifest = stage
        .archive
        .keys()
        .into_iter()
        .find(|key| key.ends_with("hour=08/00000.json"));
    let manifest = stage.archive.content(&manifest.unwrap()).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["streams"].as_object().unwrap().len(), 10_001);
    assert_eq!(manifest["events"], 10_001);
}
