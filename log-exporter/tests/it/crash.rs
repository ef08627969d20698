//! The engine killed at each of its awaits, alone and with another worker.

use log_exporter::{Event, PartFormat, VerifyRequest};

use crate::stage::{Cut, DAY, HOUR, Stage, at, event, formats, place, polled};

/// Runs `work` on a fresh stage, cut at its first await, its second, and so on until it comes to its end. Returns how many cuts
/// there were.
async fn matrix(
    prepare: impl AsyncFn() -> Stage,
    work: impl AsyncFn(&Stage),
    after: impl AsyncFn(&Stage),
) -> usize {
    for cut in 0.. {
        let stage = prepare().await;
        let ended = Cut::after(cut, work(&stage)).await.is_some();
        after(&stage).await;
        if ended {
            return cut;
        }
        assert!(cut < 5000, "it does not come to an end");
    }
    unreachable!()
}

/// What is due now is read, then all that comes late.
async fn go_on(stage: &Stage) {
    stage.run_whole().await;
    stage.assert_exact().await;
    stage.wait(16 * DAY).await;
    stage.run_whole().await;
    stage.assert_exact().await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_await_nothing_is_lost_and_nothing_is_there_twice() {
    for format in formats() {
        let cuts = matrix(
            async || Stage::of(format),
            async |stage| drop(stage.run_whole().await),
            go_on,
        )
        .await;
        assert!(cuts > 100, "only {cuts} awaits");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_await_of_a_late_reading() {
    for format in formats() {
        let cuts = matrix(
            async || {
                let stage = Stage::of(format);
                stage.run_whole().await;
                stage.wait(30 * HOUR).await;
                stage
            },
            async |stage| drop(stage.run_whole().await),
            go_on,
        )
        .await;
        assert!(cuts > 60, "only {cuts} awaits");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_await_of_a_late_reading_in_another_format() {
    for (before, after) in formats().flat_map(|one| formats().map(move |other| (one, other))) {
        if before == after {
            continue;
        }
        matrix(
            async || {
                let mut stage = Stage::of(before);
                stage.run_whole().await;
                stage.wait(30 * HOUR).await;
                stage.options = stage.options.format(after);
                stage
            },
            async |stage| drop(stage.run_whole().await),
            go_on,
        )
        .await;
    }
}

/// One hour that was read in time, with an event that came before its second reading and one that came before its third.
async fn with_late_events(format: PartFormat) -> Stage {
    let mut stage = Stage::empty();
    stage.options = stage.options.format(format);
    (stage.from, stage.to) = (at("2026-11-01T11:00:00Z"), at("2026-11-01T12:00:00Z"));
    let start = stage.from.epoch();
    stage.logs.put(
        &place().group,
        [
            event(start, 10, "a", "in-time"),
            event(start + 1, 2 * HOUR, "a", "late"),
            event(start + 2, 20 * HOUR, "b", "later"),
        ],
    );
    stage.wait(HOUR / 3).await;
    stage.run_whole().await;
    assert_eq!(stage.archived().await.len(), 1);
    stage.wait(HOUR).await;
    stage
}

/// Of two late readings of an hour one halts at its await number `first`, time goes by, the other one begins and halts at its
/// await number `second`, and both go on. Each may have been made with other manifests in view than are there when it ends.
/// Returns which of them had come to an end by then, and whether one was overtaken.
async fn halted(first: usize, second: usize, between: i64) -> ([bool; 2], bool) {
    let stage = with_late_events(PartFormat::Ndjson).await;
    let (mut one, mut two) = (Box::pin(stage.run()), Box::pin(stage.run()));
    let one_done = polled(first, &mut one).await;
    stage.wait(between).await;
    let two_done = polled(second, &mut two).await;
    let ended = [one_done.is_some(), two_done.is_some()];
    for (done, work) in [(one_done, one), (two_done, two)] {
        let report = match done {
            Some(report) => report,
            None => work.await,
        };
        assert!(report.is_complete(), "{first}, {second}: {report:?}");
    }
    stage.assert_exact().await;
    let found = stage.verify(VerifyRequest::new(vec![])).await;
    assert_eq!(found.findings, [], "{first}, {second}");
    let events = stage.events.lock().unwrap();
    let mut events = events.iter();
    (
        ended,
        events.any(|event| matches!(event, Event::Overtaken { .. })),
    )
}

#[tokio::test(start_paused = true)]
async fn two_late_readings_halted_at_any_two_awaits_add_nothing_twice() {
    // Two of the same sweep, and two of different ones.
    for between in [0, 1, 23 * HOUR] {
        let mut overtaken = 0;
        for first in 0.. {
            let mut one_ended = false;
            for second in 0.. {
                let (ended, lost) = halted(first, second, between).await;
                overtaken += usize::from(lost);
                one_ended = ended[0];
                if ended[1] {
                    break;
                }
            }
            if one_ended {
                break;
            }
        }
        // The test is about these: both read before either of them was there. Two of one millisecond write the same bytes, and both
        // take the manifest for theirs.
        assert!(between == 0 || overtaken > 20, "{between}: {overtaken}");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_with_windows_side_by_side_and_a_lost_checkpoint() {
    matrix(
        async || {
            let mut stage = Stage::new();
            stage.options = stage.options.max_parallel(3).checkpoint(false);
            stage
        },
        async |stage| drop(stage.run_whole().await),
        async |stage| {
            let checkpoints = stage.archive.keys();
            for key in checkpoints
                .iter()
                .filter(|key| key.starts_with("checkpoints/"))
            {
                stage.archive.remove(key);
            }
            go_on(stage).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn two_workers_at_once_killed_together() {
    for format in formats() {
        let cuts = matrix(
            async || Stage::of(format),
            async |stage| {
                let (one, two) = tokio::join!(stage.run(), stage.run());
                assert!(one.is_complete() && two.is_complete(), "{one:?} {two:?}");
            },
            go_on,
        )
        .await;
        assert!(cuts > 100, "only {cuts} awaits");
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_two_workers_is_killed_while_the_other_goes_on() {
    for cut in (0..220).step_by(3) {
        let stage = Stage::new();
        let (_, other) = tokio::join!(Cut::after(cut, stage.run()), stage.run());
        assert!(other.is_complete(), "{other:?}");
        stage.assert_exact().await;
        stage.wait(2 * HOUR).await;
        let (_, other) = tokio::join!(Cut::after(cut, stage.run()), stage.run());
        assert!(other.is_complete(), "{other:?}");
        go_on(&stage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn parts_that_a_killed_worker_left_days_ago_are_not_relied_on() {
    for cut in (0..200).step_by(7) {
        let stage = Stage::new();
        let _ = Cut::after(cut, stage.run()).await;
        stage.wait(2 * DAY).await;
        let old = stage.archive.keys();
        stage.run_whole().await;
        stage.assert_exact().await;
        // What a collector took for an orphan may go at any time now.
        let request = log_exporter::VerifyRequest::new(vec![]).orphans(true);
        let orphans = stage.verify(request).await.orphans;
        for orphan in orphans {
            assert!(old.contains(&orphan.key));
            stage.archive.remove(&orphan.key);
        }
        stage.assert_exact().await;
    }
}
