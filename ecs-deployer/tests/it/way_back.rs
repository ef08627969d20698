//! The way back, where something stands in it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ecs_deployer::sim::{Behaviour, ServiceSpec};
use ecs_deployer::{
    ControlPlane, Error, Event, Options, RollbackRequest, ServiceUpdate, TaskDefinition, Verdict,
    deploy, rollback, wait, way_back,
};

use crate::meddled::Meddled;
use crate::stage::{NEW, OLD, Stage, name, reason, request, service};

const SECOND: &str = "registry.example/web:second";

/// A service with two revisions that were deployed with success: `OLD`, then `SECOND`.
async fn of_two(spec: impl FnOnce(ServiceSpec) -> ServiceSpec) -> Stage {
    let stage = Stage::new(spec).await;
    let second = request(SECOND);
    let outcome = deploy(&stage.cluster, &second, &Options::default(), &|_| {}).await;
    assert_eq!(outcome.unwrap().verdict, Verdict::Deployed);
    stage
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_was_deregistered_is_passed_over_for_the_one_before() {
    let stage = of_two(|spec| spec).await;
    let plane = Meddled::new(&stage.cluster);
    plane.stop_denied.store(true, Ordering::Relaxed);
    plane.deregister(&stage.state().await.task_definition);
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let outcome = deploy(&plane, &request(NEW), &Options::default(), &|_| {}).await;
    reason(&outcome.unwrap(), Verdict::RolledBack);
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn where_we_may_not_go_back_the_breaker_does() {
    let stage = Stage::new(|spec| spec.circuit_breaker_rollback()).await;
    let plane = Meddled::new(&stage.cluster);
    plane.stop_denied.store(true, Ordering::Relaxed);
    plane.deregister(&stage.state().await.task_definition);
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let patient = Options::default().timeout(Duration::from_secs(7200));
    let outcome = deploy(&plane, &request(NEW), &patient, &|_| {})
        .await
        .unwrap();
    reason(&outcome, Verdict::RolledBack);
    assert!(
        outcome
            .notes
            .iter()
            .any(|note| note.contains("is inactive")),
        "{outcome:?}"
    );
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_a_refusal_is_a_failed_way_back() {
    let stage = Stage::new(|spec| spec).await;
    let plane = Meddled::new(&stage.cluster);
    plane.stop_denied.store(true, Ordering::Relaxed);
    plane.deregister(&stage.state().await.task_definition);
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let outcome = deploy(&plane, &request(NEW), &Options::default(), &|_| {}).await;
    let outcome = outcome.unwrap();
    assert!(reason(&outcome, Verdict::RollbackFailed).contains("is inactive"));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_cut_at_the_turn_is_no_failed_way_back() {
    let stage = Stage::new(|spec| spec).await;
    let plane = Meddled::new(&stage.cluster);
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let scissors = |event: Event| {
        if matches!(event, Event::RollbackStarted { .. }) {
            plane.cut.store(true, Ordering::Relaxed);
        }
    };
    let outcome = deploy(&plane, &request(NEW), &Options::default(), &scissors).await;
    assert!(
        matches!(outcome, Err(Error::Unreachable { .. })),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_is_told_before_it_is_made_and_so_is_who_goes_back() {
    let stage = Stage::new(|spec| spec).await;
    let plane = Meddled::new(&stage.cluster);
    plane.stop_denied.store(true, Ordering::Relaxed);
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let told = std::sync::Mutex::new(Vec::new());
    let observer = |event: Event| {
        let updates = stage.cluster.calls().get("update the service").copied();
        let what = match event {
            Event::Updating { .. } => "updating",
            Event::DeploymentStarted { .. } => "started",
            Event::RollbackStarted { .. } => "turns",
            Event::RollbackDeployment { .. } => "goes back",
            _ => return,
        };
        told.lock().unwrap().push((what, updates.unwrap_or(0)));
    };
    let outcome = deploy(&plane, &request(NEW), &Options::default(), &observer).await;
    assert_eq!(outcome.unwrap().verdict, Verdict::RolledBack);
    assert_eq!(
        told.into_inner().unwrap(),
        [
            ("updating", 0),
            ("started", 1),
            ("turns", 1),
            ("updating", 1),
            ("goes back", 2),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_deployment_is_followed_and_never_taken_back() {
    let stage = Stage::new(|spec| spec).await;
    let theirs = "registry.example/web:theirs";
    stage.runtime.part(theirs, Behaviour::MissingImage);
    let options = Options::default().on_superseded(ecs_deployer::OnSuperseded::Follow);
    let other = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        stage.cluster.supersede(&service(), Some(theirs)).unwrap();
    };
    let (outcome, ()) = tokio::join!(stage.deploy_with(&options), other);
    let outcome = outcome.unwrap();
    assert!(reason(&outcome, Verdict::Failed).contains("somebody else's"));
    assert_eq!(stage.image().await, theirs);
    assert_eq!(stage.cluster.api_calls().get("StopServiceDeployment"), None);
}

#[tokio::test(start_paused = true)]
async fn reads_that_are_never_answered_end_at_the_deadline() {
    let stage = Stage::new(|spec| spec).await;
    let plane = Meddled::new(&stage.cluster);
    plane.stalled.store(true, Ordering::Relaxed);
    let options = Options::default().timeout(Duration::from_secs(120));
    let started = tokio::time::Instant::now();
    let outcome = deploy(&plane, &request(NEW), &options, &|_| {}).await;
    assert_eq!(outcome.unwrap().verdict, Verdict::TimedOut);
    assert_eq!(started.elapsed(), options.timeout);
}

#[tokio::test(start_paused = true)]
async fn what_was_completed_long_ago_is_not_gone_back_on() {
    let stage = of_two(|spec| spec).await;
    stage
        .runtime
        .part(SECOND, Behaviour::CrashAtStart { exit_code: 1 });
    for task in stage.cluster.tasks(&service()) {
        stage
            .cluster
            .stop_task(&service(), &task.id, "its host is gone");
    }
    stage
        .until(Duration::from_secs(900), |state| {
            state.running == 0 && state.primary().unwrap().failed_tasks > 2
        })
        .await;
    let plane: &dyn ControlPlane = &stage.cluster;
    let outcome = wait(
        plane,
        &name(),
        &service(),
        None,
        &Options::default(),
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!(outcome.verdict, Verdict::Deployed, "{outcome:?}");
    assert!(
        outcome
            .notes
            .iter()
            .any(|note| note.contains("of its 2 tasks 0 run now")),
        "{outcome:?}"
    );
    assert_eq!(stage.image().await, SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_succeeded_and_was_replaced_since_is_not_called_deployed() {
    let stage = of_two(|spec| spec).await;
    let second = stage.state().await.primary().unwrap().id.clone();
    let options = Options::default();
    let look = || async {
        wait(
            &stage.cluster,
            &name(),
            &service(),
            Some(&second),
            &options,
            &|_| {},
        )
        .await
    };
    assert_eq!(look().await.unwrap().verdict, Verdict::Deployed);
    assert_eq!(
        stage.deploy_with(&options).await.unwrap().verdict,
        Verdict::Deployed
    );
    let newer = stage.state().await.primary().unwrap().id.clone();
    let outcome = look().await.unwrap();
    reason(&outcome, Verdict::Superseded);
    assert_eq!(outcome.superseded_by, Some(newer));
    // To what ran before the second.
    let first = ecs_deployer::RollbackRequest::new(name(), service()).to("web:1".parse().unwrap());
    let back = ecs_deployer::rollback(&stage.cluster, &first, &options, &|_| {}).await;
    assert_eq!(back.unwrap().verdict, Verdict::RolledBack);
    let outcome = look().await.unwrap();
    reason(&outcome, Verdict::RolledBack);
    assert!(
        outcome.superseded_by.is_some() && !outcome.notes.is_empty(),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn where_a_way_back_leads_is_told_without_a_change() {
    let stage = of_two(|spec| spec).await;
    let before = stage.state().await;
    let asked = RollbackRequest::new(name(), service());
    let way = way_back(&stage.cluster, &asked).await.unwrap();
    assert_eq!(way.task_definition.short(), "web:1");
    assert_eq!(way.image.unwrap().as_str(), OLD);
    let way = way_back(&stage.cluster, &asked.to("web:2".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(way.image.unwrap().as_str(), SECOND);
    assert_eq!(stage.state().await.deployments, before.deployments);

    let fresh = Stage::new(|spec| spec).await;
    let nowhere = way_back(&fresh.cluster, &RollbackRequest::new(name(), service())).await;
    assert!(
        matches!(nowhere, Err(Error::NoEarlierRevision { .. })),
        "{nowhere:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_services_revision_is_refused_before_anything_is_begun() {
    let stage = of_two(|spec| spec).await;
    let other = TaskDefinition::new(serde_json::json!({
        "family": "other",
        "containerDefinitions": [{"name": "other", "image": "registry.example/other:1", "essential": true}],
    }));
    let other = stage
        .cluster
        .register_task_definition(&other)
        .await
        .unwrap();
    let request = RollbackRequest::new(name(), service()).to(other.clone());
    let refused = rollback(&stage.cluster, &request, &Options::default(), &|_| {}).await;
    let Err(error @ Error::NotItsRevision { .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(error.is_usage() && error.hint().unwrap().contains("`web`"));
    assert_eq!(stage.image().await, SECOND);

    // One that the service ran before it was given its family is its own.
    let update = ServiceUpdate::new(name(), service()).task_definition(other);
    stage.cluster.update_service(&update).await.unwrap();
    stage
        .until(Duration::from_secs(900), |state| {
            state.primary().unwrap().is_completed()
        })
        .await;
    let request = RollbackRequest::new(name(), service()).to("web:2".parse().unwrap());
    let back = rollback(&stage.cluster, &request, &Options::default(), &|_| {}).await;
    assert_eq!(back.unwrap().verdict, Verdict::RolledBack);
    assert_eq!(stage.image().await, SECOND);
}
