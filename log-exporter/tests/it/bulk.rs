//! Export tasks, followed to their end.

use std::time::Duration;

use log_exporter::{
    BulkOptions, Error, ExportTask, GroupClass, GroupInfo, LogAdmin, Span, TaskState, bulk,
};

use crate::stage::{DAY, Stage, at, place};

fn task() -> ExportTask {
    ExportTask {
        group: place().group,
        span: Span::new(at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z")).unwrap(),
        bucket: "bucket".to_owned(),
        prefix: "bulk".to_owned(),
    }
}

async fn run(stage: &Stage, info: &GroupInfo) -> Result<TaskState, Error> {
    let options = BulkOptions::default().timeout(Duration::from_secs(120));
    let outcome = bulk(&stage.logs, info, &task(), &options, &stage.clock).await?;
    Ok(outcome.state)
}

#[tokio::test(start_paused = true)]
async fn a_task_is_followed_to_its_end_and_a_failure_is_one() {
    let stage = Stage::empty();
    let info = GroupInfo::new(place(), at("2026-10-01"));
    let refused = run(&stage, &info).await.unwrap_err().to_string();
    assert!(refused.contains("12 hours"), "{refused}");
    stage.wait(2 * DAY).await;
    let running = || std::iter::repeat_n(TaskState::Running, 5);
    stage
        .logs
        .next_export(running().chain([TaskState::Completed]));
    assert_eq!(run(&stage, &info).await.unwrap(), TaskState::Completed);
    let failed = TaskState::Failed("access denied to the bucket".to_owned());
    stage.logs.next_export(running().chain([failed.clone()]));
    assert_eq!(run(&stage, &info).await.unwrap(), failed);
    stage
        .logs
        .next_export(std::iter::repeat_n(TaskState::Running, 2));
    assert_eq!(run(&stage, &info).await.unwrap(), TaskState::Running);
}

#[tokio::test(start_paused = true)]
async fn another_task_is_waited_for_and_another_class_is_refused() {
    let stage = Stage::empty();
    stage.wait(2 * DAY).await;
    let mut info = GroupInfo::new(place(), at("2026-10-01"));
    stage
        .logs
        .next_export([TaskState::Running, TaskState::Running, TaskState::Completed]);
    stage.logs.start_export(&task()).await.unwrap();
    assert_eq!(run(&stage, &info).await.unwrap(), TaskState::Completed);
    info.class = GroupClass::InfrequentAccess;
    assert!(run(&stage, &info).await.is_err());
}
