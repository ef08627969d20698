//! Export tasks, followed to their end.

use std::iter::repeat_n;
use std::time::Duration;

use log_exporter::sim::SourceFault;
use log_exporter::{
    BulkOptions, BulkOutcome, Error, ExportTask, GroupClass, GroupInfo, LogAdmin, Span, TaskState,
    bulk,
};

use crate::stage::{Cut, DAY, Stage, at, place};

fn task() -> ExportTask {
    ExportTask {
        group: place().group,
        span: Span::new(at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z")).unwrap(),
        bucket: "bucket".to_owned(),
        prefix: "bulk".to_owned(),
    }
}

fn info() -> GroupInfo {
    GroupInfo::new(place(), at("2026-10-01"))
}

async fn follow(stage: &Stage, info: &GroupInfo) -> Result<BulkOutcome, Error> {
    let options = BulkOptions::default().timeout(Duration::from_secs(120));
    bulk(&stage.logs, info, &task(), &options, &stage.clock).await
}

async fn run(stage: &Stage) -> Result<TaskState, Error> {
    Ok(follow(stage, &info()).await?.state)
}

/// Two days after the events.
async fn stage() -> Stage {
    let stage = Stage::empty();
    stage.wait(2 * DAY).await;
    stage
}

#[tokio::test(start_paused = true)]
async fn a_task_is_followed_through_each_of_its_states_to_each_of_its_ends() {
    let stage = stage().await;
    let failed = TaskState::Failed("access denied to the bucket".to_owned());
    for end in [TaskState::Completed, failed, TaskState::Cancelled] {
        let way = repeat_n(TaskState::Pending, 3).chain(repeat_n(TaskState::Running, 5));
        stage.logs.next_export(way.chain([end.clone()]));
        let outcome = follow(&stage, &info()).await.unwrap();
        assert_eq!((outcome.state, outcome.resumed), (end, false));
        assert!(
            (80.0..80.1).contains(&outcome.seconds),
            "{}",
            outcome.seconds
        );
    }
    assert_eq!(stage.logs.exports(), [task(), task(), task()]);
}

#[tokio::test(start_paused = true)]
async fn that_a_task_was_created_says_nothing() {
    let stage = stage().await;
    let failed = TaskState::Failed("the bucket is in another region".to_owned());
    stage.logs.next_export([failed.clone()]);
    assert_eq!(run(&stage).await.unwrap(), failed);
    // Nor does the end of the time that it is waited for.
    for state in [TaskState::Pending, TaskState::Running] {
        let stage = self::stage().await;
        stage.logs.next_export([state.clone()]);
        assert_eq!(run(&stage).await.unwrap(), state);
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_may_be_missed_are_not_exported() {
    let stage = Stage::empty();
    let refused = run(&stage).await.unwrap_err();
    assert!(refused.to_string().contains("12 hours"), "{refused}");
    assert_eq!(stage.logs.exports(), []);
}

#[tokio::test(start_paused = true)]
async fn another_task_is_waited_for_to_its_end() {
    let stage = stage().await;
    let other = ExportTask {
        prefix: "somebody-else".to_owned(),
        ..task()
    };
    stage.logs.next_export([
        TaskState::Pending,
        TaskState::Running,
        TaskState::Running,
        TaskState::Cancelled,
    ]);
    stage.logs.start_export(&other).await.unwrap();
    let outcome = follow(&stage, &info()).await.unwrap();
    assert_eq!(
        (outcome.state, outcome.resumed),
        (TaskState::Completed, false)
    );
    assert_eq!(stage.logs.exports(), [other, task()]);
}

#[tokio::test(start_paused = true)]
async fn another_task_that_does_not_end_is_named_as_the_reason() {
    let stage = stage().await;
    let other = ExportTask {
        bucket: "other".to_owned(),
        ..task()
    };
    stage.logs.next_export([TaskState::Running]);
    stage.logs.start_export(&other).await.unwrap();
    let error = run(&stage).await.unwrap_err();
    assert!(matches!(error, Error::ExportBusy), "{error}");
    assert_eq!(stage.logs.exports(), [other]);
}

#[tokio::test(start_paused = true)]
async fn a_second_run_finds_the_task_of_one_that_was_killed_at_any_await() {
    let (mut resumed, mut alone) = (0, 0);
    for cut in 0.. {
        let stage = stage().await;
        let way = repeat_n(TaskState::Pending, 2).chain(repeat_n(TaskState::Running, 6));
        stage.logs.next_export(way.chain([TaskState::Completed]));
        let first = Cut::after(cut, follow(&stage, &info())).await;
        if let Some(outcome) = first {
            assert_eq!(outcome.unwrap().state, TaskState::Completed);
            break;
        }
        let over = stage.logs.find_export(&task()).await.unwrap().is_none();
        let begun = !stage.logs.exports().is_empty();
        let outcome = follow(&stage, &info()).await.unwrap();
        assert_eq!(outcome.state, TaskState::Completed);
        if begun && over {
            // It ended unseen.
            continue;
        }
        assert_eq!(stage.logs.exports(), [task()], "cut at {cut}");
        assert_eq!(outcome.resumed, begun);
        match outcome.resumed {
            true => resumed += 1,
            false => alone += 1,
        }
    }
    assert!(resumed > 8 && alone > 2, "{resumed} {alone}");
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_follow_one_task() {
    let stage = stage().await;
    let info = info();
    let way = repeat_n(TaskState::Running, 6);
    stage.logs.next_export(way.chain([TaskState::Completed]));
    let (one, two) = tokio::join!(follow(&stage, &info), follow(&stage, &info));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(
        (&one.state, &two.state),
        (&TaskState::Completed, &TaskState::Completed)
    );
    assert_eq!(one.task, two.task);
    assert_eq!(stage.logs.exports(), [task()]);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_creation_was_not_answered_is_found() {
    let stage = stage().await;
    // Nothing happens to the look for it, then the answer is lost.
    stage
        .logs
        .fail_next([SourceFault::Slow, SourceFault::LostAnswer]);
    let outcome = follow(&stage, &info()).await.unwrap();
    assert_eq!(outcome.state, TaskState::Completed);
    assert!(!outcome.resumed, "it was started by this run");
    assert_eq!(stage.logs.exports(), [task()]);
    // Where there is none it is not known whether there was one.
    let stage = self::stage().await;
    stage
        .logs
        .fail_next([SourceFault::Slow, SourceFault::Unreachable]);
    let error = run(&stage).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(stage.logs.exports(), []);
}

#[tokio::test(start_paused = true)]
async fn looks_that_fail_for_a_while_end_nothing() {
    let stage = stage().await;
    stage.logs.fail_next([
        SourceFault::Throttled,
        SourceFault::Slow,
        SourceFault::Throttled,
        SourceFault::Slow,
        SourceFault::Slow,
        SourceFault::Unreachable,
        SourceFault::Throttled,
    ]);
    assert_eq!(run(&stage).await.unwrap(), TaskState::Completed);
    assert_eq!(stage.logs.exports(), [task()]);
    stage.logs.fail_next([SourceFault::Denied]);
    let denied = run(&stage).await.unwrap_err().hint().unwrap();
    assert!(denied.contains("logs:DescribeExportTasks"), "{denied}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_time_is_kept_when_looks_fail_and_when_they_are_rare() {
    // Two requests begin the task, and a look is answered or not.
    for (answered, state) in [(0, TaskState::Pending), (1, TaskState::Running)] {
        let stage = stage().await;
        stage.logs.next_export(repeat_n(TaskState::Running, 9));
        let begun = repeat_n(SourceFault::Slow, 2 + answered);
        stage
            .logs
            .fail_next(begun.chain(repeat_n(SourceFault::Throttled, 8)));
        let options = BulkOptions::default().timeout(Duration::from_secs(25));
        let outcome = bulk(&stage.logs, &info(), &task(), &options, &stage.clock).await;
        let outcome = outcome.unwrap();
        assert_eq!(outcome.state, state);
        assert!((25.0..25.1).contains(&outcome.seconds), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_class_is_refused() {
    let stage = stage().await;
    let mut info = info();
    info.class = GroupClass::InfrequentAccess;
    assert!(follow(&stage, &info).await.is_err());
    assert_eq!(stage.logs.exports(), []);
}
