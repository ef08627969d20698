//! A desired count that is changed and nothing else.

use std::time::Duration;

use ecs_deployer::sim::Behaviour;
use ecs_deployer::{Error, Options, ServiceOutcome, Verdict, deploy};
use tokio::time::Instant;

use crate::stage::{PINNED, Stage, reason, request, service};

async fn stage() -> Stage {
    let stage = Stage::new(|spec| spec).await;
    let first = request(PINNED);
    let outcome = deploy(&stage.cluster, &first, &Options::default(), &|_| {}).await;
    assert_eq!(outcome.unwrap().verdict, Verdict::Deployed);
    stage
}

async fn scale(stage: &Stage, count: u32) -> Result<ServiceOutcome, Error> {
    let request = request(PINNED).desired_count(Some(count));
    deploy(&stage.cluster, &request, &Options::default(), &|_| {}).await
}

#[tokio::test(start_paused = true)]
async fn more_tasks_are_awaited() {
    let stage = stage().await;
    let outcome = scale(&stage, 4).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Unchanged, "{outcome:?}");
    assert_eq!(stage.state().await.running, 4);
    let started = Instant::now();
    let outcome = scale(&stage, 1).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Unchanged, "{outcome:?}");
    assert_eq!(started.elapsed(), Duration::ZERO, "fewer need no waiting");
}

#[tokio::test(start_paused = true)]
async fn tasks_that_find_no_place_are_waited_for_until_the_deadline() {
    let stage = stage().await;
    let before = stage.state().await;
    stage.cluster.capacity(&service(), Some(2));
    let options = Options::default().timeout(Duration::from_secs(300));
    let more = request(PINNED).desired_count(Some(3));
    let outcome = deploy(&stage.cluster, &more, &options, &|_| {}).await;
    reason(&outcome.unwrap(), Verdict::TimedOut);
    let after = stage.state().await;
    assert_eq!(after.task_definition, before.task_definition);
    assert_eq!(after.desired, 3);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_on_scaling_up_is_a_failure_that_is_not_gone_back_on() {
    let stage = stage().await;
    assert!(scale(&stage, 0).await.is_ok());
    stage
        .until(Duration::from_secs(300), |state| state.running == 0)
        .await;
    stage
        .runtime
        .part(PINNED, Behaviour::CrashAtStart { exit_code: 7 });
    let before = stage.state().await.task_definition;
    let outcome = scale(&stage, 2).await.unwrap();
    let why = reason(&outcome, Verdict::Failed);
    assert!(
        why.contains("exit code 7") && why.contains("left as they are"),
        "{why}"
    );
    assert_eq!(stage.state().await.task_definition, before);
}

#[tokio::test(start_paused = true)]
async fn a_count_that_would_deadlock_is_refused() {
    let stage = stage().await;
    stage
        .cluster
        .reconfigure(&service(), |spec| *spec = spec.clone().percent(60, 100));
    // Of 2, one may go; of 1, none.
    let error = scale(&stage, 1).await.unwrap_err();
    assert!(
        matches!(error, Error::Deadlock { desired: 1, .. }),
        "{error}"
    );
    assert_eq!(stage.state().await.desired, 2);
}
