//! One test per verdict and way to it.

use std::time::Duration;

use ecs_deployer::sim::{Behaviour, ServiceSpec};
use ecs_deployer::{
    ControlPlane, Controller, DeployRequest, Error, ImageChange, OnFailure, Options,
    RollbackRequest, ServiceOutcome, ServiceUpdate, StopType, Verdict, check_deployable, deploy,
    rollback, wait,
};
use tokio::time::Instant;

use crate::stage::{NEW, OLD, PINNED, Stage, definition, name, reason, request, service};

const DOWN: &str = "Health checks failed with these codes: [503]";

fn plain(spec: ServiceSpec) -> ServiceSpec {
    spec
}

fn checked(spec: ServiceSpec) -> ServiceSpec {
    spec.health_check(true)
}

#[tokio::test(start_paused = true)]
async fn deployed() {
    let stage = Stage::new(plain).await;
    let outcome = stage.deploy(Behaviour::Healthy).await;
    assert_eq!(
        (outcome.verdict, &outcome.reason),
        (Verdict::Deployed, &None)
    );
    let state = stage.state().await;
    assert_eq!(state.deployments.len(), 1, "the new one alone");
    assert_eq!(
        outcome.deployment.as_ref(),
        state.primary().map(|primary| &primary.id)
    );
    assert_eq!(stage.image().await, NEW);
    assert_eq!(
        stage
            .image_of(&outcome.previous_task_definition.unwrap())
            .await,
        OLD
    );
}

#[tokio::test(start_paused = true)]
async fn unchanged_writes_nothing() {
    let stage = Stage::new(plain).await;
    let options = Options::default();
    let pinned = request(PINNED);
    let deploy = || deploy(&stage.cluster, &pinned, &options, &|_| {});
    assert_eq!(deploy().await.unwrap().verdict, Verdict::Deployed);
    let before = stage.cluster.calls();
    let outcome = deploy().await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Unchanged);
    assert_eq!(outcome.notes, [] as [&str; 0]);
    let after = stage.cluster.calls();
    for write in ["register a task definition", "update the service"] {
        assert_eq!(before.get(write), after.get(write), "{write}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_tag_need_not_be_the_same_image_and_is_deployed_once_more() {
    let stage = Stage::new(plain).await;
    stage.deploy(Behaviour::Healthy).await;
    let before = stage.cluster.calls();
    let outcome = stage.deploy(Behaviour::Healthy).await;
    assert_eq!(outcome.verdict, Verdict::Deployed);
    assert!(
        outcome.notes[0].contains("the tag may have moved"),
        "{outcome:?}"
    );
    let after = stage.cluster.calls();
    let registered = "register a task definition";
    assert_eq!(before.get(registered), after.get(registered));
}

#[tokio::test(start_paused = true)]
async fn forced_deploys_the_same_images() {
    let stage = Stage::new(plain).await;
    let outcome = deploy(
        &stage.cluster,
        &request(OLD).force_new_deployment(true),
        &Options::default(),
        &|_| {},
    )
    .await;
    assert_eq!(outcome.unwrap().verdict, Verdict::Deployed);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_and_not_completed_is_taken_up() {
    let stage = Stage::new(plain).await;
    // Dropped half-way, as by Ctrl-C.
    let options = Options::default();
    let half = tokio::time::timeout(Duration::from_secs(20), stage.deploy_with(&options)).await;
    assert!(half.is_err());
    let begun = stage.state().await.primary().unwrap().id.clone();
    let outcome = stage.deploy(Behaviour::Healthy).await;
    assert_eq!(outcome.verdict, Verdict::Deployed);
    assert_ne!(outcome.deployment, Some(begun), "a deployment of its own");
    assert_eq!(stage.image().await, NEW);
}

#[tokio::test(start_paused = true)]
async fn wait_follows_what_is_under_way() {
    let stage = Stage::new(plain).await;
    let options = Options::default();
    let half = tokio::time::timeout(Duration::from_secs(20), stage.deploy_with(&options)).await;
    assert!(half.is_err());
    let id = stage.state().await.primary().unwrap().id.clone();
    let outcome = wait(
        &stage.cluster,
        &name(),
        &service(),
        Some(&id),
        &options,
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!(
        (outcome.verdict, outcome.deployment),
        (Verdict::Deployed, Some(id))
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_is_found_within_a_poll_of_the_second_failure() {
    let stage = Stage::new(|spec| {
        let mut spec = spec.circuit_breaker_rollback();
        spec.desired_count = 1;
        spec
    })
    .await;
    let started = Instant::now();
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let mut second = None;
    let events = std::sync::Mutex::new(Vec::new());
    let observer = |event: ecs_deployer::Event| {
        if matches!(
            event,
            ecs_deployer::Event::TaskStopped { .. } | ecs_deployer::Event::RollbackStarted { .. }
        ) {
            events.lock().unwrap().push((started.elapsed(), event));
        }
    };
    let outcome = deploy(
        &stage.cluster,
        &request(NEW),
        &Options::default(),
        &observer,
    )
    .await
    .unwrap();
    for (at, event) in events.into_inner().unwrap() {
        match event {
            ecs_deployer::Event::TaskStopped { .. } => second = Some(at),
            _ => {
                let gave_up = at;
                let second = second.unwrap();
                assert!(
                    gave_up - second <= Duration::from_secs(5),
                    "{gave_up:?} after {second:?}"
                );
                // The breaker of real ECS took 11 min 44 s for this (facts of a fleet).
                assert!(gave_up < Duration::from_secs(230), "{gave_up:?}");
            }
        }
    }
    let why = reason(&outcome, Verdict::RolledBack);
    assert!(
        why.contains("CannotPullContainerError") && why.contains("not found"),
        "{why}"
    );
    assert_eq!(outcome.stopped_tasks.len(), 2);
    assert_eq!(
        outcome.stopped_tasks[0].containers[0].exit_code, None,
        "it never ran"
    );
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn every_way_to_fail_is_named_and_rolled_back() {
    let ran = Duration::from_secs(30);
    for (part, expected) in [
        (
            Behaviour::CrashAtStart { exit_code: 1 },
            "container `app` exited with exit code 1",
        ),
        // ECS's breaker never counts these: a crash loop can spin for hours.
        (
            Behaviour::CrashAfter {
                running: ran,
                exit_code: 3,
            },
            "container `app` exited with exit code 3",
        ),
        (Behaviour::OutOfMemory { running: ran }, "OutOfMemoryError"),
        (Behaviour::MissingSecret, "ResourceInitializationError"),
        (
            Behaviour::Unhealthy {
                reason: DOWN.to_owned(),
            },
            DOWN,
        ),
    ] {
        let stage = Stage::new(checked).await;
        let outcome = stage.deploy(part.clone()).await;
        let why = reason(&outcome, Verdict::RolledBack);
        assert!(why.contains(expected), "{part:?}: {why}");
        let state = stage.state().await;
        assert_eq!(stage.image().await, OLD, "{part:?}");
        assert!(
            state.primary().unwrap().is_completed() && state.running == 2,
            "{part:?}: {state:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn kept_as_it_is() {
    let stage = Stage::new(plain).await;
    stage
        .runtime
        .part(NEW, Behaviour::CrashAtStart { exit_code: 1 });
    let outcome = stage
        .deploy_with(&Options::default().on_failure(OnFailure::Keep))
        .await
        .unwrap();
    assert!(reason(&outcome, Verdict::Failed).contains("left as it is"));
    assert_eq!(stage.image().await, NEW);
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_has_nothing_to_go_back_to() {
    let stage = Stage::unsettled(plain).await;
    stage
        .runtime
        .part(OLD, Behaviour::CrashAtStart { exit_code: 1 });
    let outcome = wait(
        &stage.cluster,
        &name(),
        &service(),
        None,
        &Options::default(),
        &|_| {},
    )
    .await
    .unwrap();
    assert!(reason(&outcome, Verdict::Failed).contains("no earlier revision"));
}

#[tokio::test(start_paused = true)]
async fn superseded_by_another_update() {
    let stage = Stage::new(plain).await;
    let options = Options::default();
    let other = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        let arn = stage
            .cluster
            .register_task_definition(&definition("registry.example/web:newer"))
            .await
            .unwrap();
        let update = ServiceUpdate::new(name(), service()).task_definition(arn);
        stage.cluster.update_service(&update).await.unwrap()
    };
    let (outcome, theirs) = tokio::join!(stage.deploy_with(&options), other);
    let theirs = theirs.primary().unwrap().id.to_string();
    assert!(reason(&outcome.unwrap(), Verdict::Superseded).contains(&theirs));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_ecs_itself_is_no_success() {
    let stage = Stage::new(|spec| spec.circuit_breaker_rollback()).await;
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let patient = Options::default()
        .permanent_failures(1000)
        .timeout(Duration::from_secs(7200));
    let outcome = stage.deploy_with(&patient).await.unwrap();
    reason(&outcome, Verdict::RolledBack);
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_somebody_is_no_success() {
    let stage = Stage::new(plain).await;
    let options = Options::default();
    let somebody = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        let id = stage.state().await.primary().unwrap().id.clone();
        let record = stage
            .cluster
            .service_deployment(&name(), &service(), &id)
            .await
            .unwrap()
            .unwrap();
        stage
            .cluster
            .stop_deployment(&record, StopType::Rollback)
            .await
            .unwrap();
    };
    let (outcome, ()) = tokio::join!(stage.deploy_with(&options), somebody);
    reason(&outcome.unwrap(), Verdict::RolledBack);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_without_rollback_is_rolled_back_by_us() {
    let stage = Stage::new(|spec| spec.circuit_breaker()).await;
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let patient = Options::default()
        .permanent_failures(1000)
        .timeout(Duration::from_secs(7200));
    let outcome = stage.deploy_with(&patient).await.unwrap();
    reason(&outcome, Verdict::RolledBack);
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_ecs_calls_failed_says_so_and_one_that_only_takes_long_is_timed_out() {
    let breaker = |spec: ServiceSpec| checked(spec).circuit_breaker_rollback();
    let failed = roll_back_onto_rotten_tasks(breaker, Duration::from_secs(4 * 3600)).await;
    reason(&failed, Verdict::RollbackFailed);
    let late = roll_back_onto_rotten_tasks(checked, Duration::from_secs(900)).await;
    assert!(reason(&late, Verdict::TimedOut).contains("going back was not done within 900 s"));
}

async fn roll_back_onto_rotten_tasks(
    spec: impl FnOnce(ServiceSpec) -> ServiceSpec,
    timeout: Duration,
) -> ServiceOutcome {
    let stage = Stage::new(spec).await;
    let options = Options::default().timeout(timeout);
    stage
        .runtime
        .part(NEW, Behaviour::CrashAtStart { exit_code: 1 });
    // The old image is gone by the time it is needed: its tasks are lost, and new ones cannot be started.
    let rot = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        stage.runtime.part(
            OLD,
            Behaviour::Unhealthy {
                reason: DOWN.to_owned(),
            },
        );
    };
    let (outcome, ()) = tokio::join!(stage.deploy_with(&options), rot);
    outcome.unwrap()
}

#[tokio::test(start_paused = true)]
async fn timed_out_while_undecided() {
    let stage = Stage::new(checked).await;
    stage.runtime.part(
        NEW,
        Behaviour::SlowStart {
            warm_up: Duration::from_secs(3600),
        },
    );
    let started = Instant::now();
    let outcome = stage
        .deploy_with(&Options::default().timeout(Duration::from_secs(300)))
        .await
        .unwrap();
    reason(&outcome, Verdict::TimedOut);
    assert_eq!(started.elapsed(), Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn throttling_and_lost_answers_are_no_failure() {
    let stage = Stage::new(plain).await;
    let options = Options::default();
    let trouble = async {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            stage.cluster.throttle_next(1);
            stage.cluster.lose_next(1);
        }
    };
    let (outcome, ()) = tokio::join!(stage.deploy_with(&options), trouble);
    assert_eq!(outcome.unwrap().verdict, Verdict::Deployed);
}

#[tokio::test(start_paused = true)]
async fn a_deadlock_is_refused_before_anything_is_written() {
    let stage = Stage::new(|spec| spec.percent(100, 100)).await;
    let error = stage.deploy_with(&Options::default()).await.unwrap_err();
    assert!(
        matches!(error, Error::Deadlock { desired: 2, .. }),
        "{error}"
    );
    assert!(error.hint().is_some() && error.is_usage());
    assert_eq!(stage.cluster.calls().get("update the service"), None);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_refused_can_be_told_from_the_service_alone() {
    let plain = Stage::new(plain).await.state().await;
    assert!(check_deployable(&plain).is_ok());
    let stuck = Stage::new(|spec| spec.percent(100, 100)).await;
    let stuck = stuck.state().await;
    assert!(matches!(
        check_deployable(&stuck),
        Err(Error::Deadlock { desired: 2, .. })
    ));
    let mut others = plain.clone();
    others.controller = Controller::External;
    let error = check_deployable(&others).unwrap_err();
    assert!(matches!(error, Error::NotDeployable { .. }), "{error}");
    assert!(error.hint().is_some() && error.is_usage());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_named() {
    let stage = Stage::new(plain).await;
    let nobody = DeployRequest::new(
        name(),
        "nobody".parse().unwrap(),
        ImageChange::All(NEW.parse().unwrap()),
    );
    let error = deploy(&stage.cluster, &nobody, &Options::default(), &|_| {})
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("nobody") && error.to_string().contains("dev"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn going_back_by_hand() {
    let stage = Stage::new(plain).await;
    let first = stage.state().await.task_definition;
    let asked = RollbackRequest::new(name(), service());
    let options = Options::default();
    let nowhere = rollback(&stage.cluster, &asked, &options, &|_| {}).await;
    assert!(
        matches!(nowhere, Err(Error::NoEarlierRevision { .. })),
        "{nowhere:?}"
    );
    stage.deploy(Behaviour::Healthy).await;
    let to_first = asked.clone().to(first);
    let outcome = rollback(&stage.cluster, &to_first, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome.verdict, Verdict::RolledBack);
    assert_eq!(stage.image().await, OLD);
    let again = rollback(&stage.cluster, &to_first, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(again.verdict, Verdict::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn going_back_without_a_target_goes_to_the_last_success_and_not_to_the_next_lower_revision() {
    let stage = Stage::new(plain).await;
    let first = stage.state().await.task_definition;
    // Revision 2 never comes up, revision 3 does: below 3 comes 2, and 1 was the last success.
    let broken = stage.deploy(Behaviour::MissingImage).await;
    assert_eq!(broken.verdict, Verdict::RolledBack);
    let third = request("registry.example/web:third");
    let options = Options::default();
    let deployed = deploy(&stage.cluster, &third, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(deployed.verdict, Verdict::Deployed);
    let back = RollbackRequest::new(name(), service());
    let outcome = rollback(&stage.cluster, &back, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome.verdict, Verdict::RolledBack, "{outcome:?}");
    assert_eq!(stage.state().await.task_definition, first);
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn going_back_goes_where_it_was_asked_to_and_not_where_ecs_would() {
    let stage = Stage::new(plain).await;
    let first = stage.state().await.task_definition;
    stage.deploy(Behaviour::Healthy).await;
    // A third one is under way: ECS itself would go back to the second.
    let third = request("registry.example/web:third");
    let options = Options::default();
    let half = deploy(&stage.cluster, &third, &options, &|_| {});
    let half = tokio::time::timeout(Duration::from_secs(20), half).await;
    assert!(half.is_err());
    let to_first = RollbackRequest::new(name(), service()).to(first);
    let outcome = rollback(&stage.cluster, &to_first, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome.verdict, Verdict::RolledBack, "{outcome:?}");
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn a_forced_deployment_that_failed_is_begun_again() {
    let stage = Stage::new(|spec| spec.circuit_breaker()).await;
    stage.runtime.part(OLD, Behaviour::MissingImage);
    // The registry is mended once the breaker has given up.
    let mended = |event: ecs_deployer::Event| {
        if matches!(event, ecs_deployer::Event::RollbackStarted { .. }) {
            stage.runtime.part(OLD, Behaviour::Healthy);
        }
    };
    let patient = Options::default()
        .permanent_failures(1000)
        .timeout(Duration::from_secs(7200));
    let forced = request(OLD).force_new_deployment(true);
    let outcome = deploy(&stage.cluster, &forced, &patient, &mended)
        .await
        .unwrap();
    reason(&outcome, Verdict::RolledBack);
    assert_eq!(stage.state().await.running, 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_a_person_stops_is_no_failure() {
    let stage = Stage::new(plain).await;
    let strict = Options::default().permanent_failures(1);
    let person = async {
        tokio::time::sleep(Duration::from_secs(45)).await;
        let ours = stage.state().await.primary().unwrap().id.clone();
        let tasks = stage.cluster.tasks(&service());
        let task = tasks.iter().find(|task| task.deployment == ours).unwrap();
        stage.cluster.stop_task(&service(), &task.id, "by hand");
        stage
            .cluster
            .stopped_tasks(&name(), &service(), &ours)
            .await
    };
    let (outcome, stopped) = tokio::join!(stage.deploy_with(&strict), person);
    assert_eq!(stopped.unwrap()[0].reason, "by hand");
    assert_eq!(outcome.unwrap().verdict, Verdict::Deployed);
    assert_eq!(stage.state().await.running, 2);
}

#[tokio::test(start_paused = true)]
async fn what_runs_already_is_unchanged_even_where_nothing_can_be_replaced() {
    let stage = Stage::new(plain).await;
    let (pinned, options) = (request(PINNED), Options::default());
    let deploy = || deploy(&stage.cluster, &pinned, &options, &|_| {});
    assert_eq!(deploy().await.unwrap().verdict, Verdict::Deployed);
    stage.cluster.reconfigure(&service(), |spec| {
        *spec = spec.clone().percent(100, 100);
    });
    assert_eq!(deploy().await.unwrap().verdict, Verdict::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn no_desired_tasks_is_deployed_at_once() {
    let stage = Stage::new(plain).await;
    stage.cluster.scale(&service(), 0);
    stage
        .until(Duration::from_secs(300), |state| state.running == 0)
        .await;
    let outcome = stage.deploy(Behaviour::MissingImage).await;
    assert_eq!(
        outcome.verdict,
        Verdict::Deployed,
        "nothing has to run: {outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn scaling_during_a_deployment_is_followed() {
    let stage = Stage::new(plain).await;
    let options = Options::default();
    let scaling = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        stage.cluster.scale(&service(), 5);
    };
    let (outcome, ()) = tokio::join!(stage.deploy_with(&options), scaling);
    assert_eq!(outcome.unwrap().verdict, Verdict::Deployed);
    assert_eq!(stage.state().await.running, 5);
}

#[tokio::test(start_paused = true)]
async fn where_traffic_is_shifted_the_bounds_are_no_deadlock() {
    let stage = Stage::new(|spec| {
        let spec = spec.strategy(ecs_deployer::sim::Strategy::BlueGreen);
        spec.percent(100, 100)
    })
    .await;
    let options = Options::default().timeout(Duration::from_secs(3600));
    let outcome = stage.deploy_with(&options).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Deployed, "{outcome:?}");
}
