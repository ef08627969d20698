//! The engine killed at each of its awaits, alone and with another worker.

use crate::stage::{Cut, DAY, HOUR, Stage};

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
    let cuts = matrix(
        async || Stage::new(),
        async |stage| drop(stage.run_whole().await),
        go_on,
    )
    .await;
    assert!(cuts > 100, "only {cuts} awaits");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_await_of_a_late_reading() {
    let cuts = matrix(
        async || {
            let stage = Stage::new();
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
    let cuts = matrix(
        async || Stage::new(),
        async |stage| {
            let (one, two) = tokio::join!(stage.run(), stage.run());
            assert!(one.is_complete() && two.is_complete(), "{one:?} {two:?}");
        },
        go_on,
    )
    .await;
    assert!(cuts > 100, "only {cuts} awaits");
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
