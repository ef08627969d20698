//! Health checks, thresholds, digests, tasks and rates against what is known of ECS.

use std::time::Duration;

use ecs_deployer::sim::{Behaviour, Breaker, Knobs, Threshold, Truth};
use ecs_deployer::{
    ControlPlane, LogStream, RolloutState, ServiceName, StopCode, TaskDefinition, TaskLogs,
    TaskRequest, TaskRunner,
};

use crate::stage::{NEW, OLD, Stage, begin, definition, name, service};

const DOWN: &str = "Health checks failed with these codes: [500]";

fn failing() -> Behaviour {
    Behaviour::Unhealthy {
        reason: DOWN.to_owned(),
    }
}

async fn ends(stage: &Stage) -> Truth {
    let ours = begin(stage).await;
    stage.cluster.skip(Duration::from_secs(2 * 3600));
    stage.cluster.truth(&service(), &ours).unwrap()
}

/// Which checks a service has, and what its tasks fail, decide whether a deployment can be completed.
#[tokio::test(start_paused = true)]
async fn only_the_checks_that_a_service_has_count() {
    for (balancer, container, part, completes) in [
        (false, false, failing(), true),
        (false, false, Behaviour::UnhealthyContainer, true),
        (true, false, failing(), false),
        (true, false, Behaviour::UnhealthyContainer, true),
        (false, true, failing(), true),
        (false, true, Behaviour::UnhealthyContainer, false),
        (true, true, failing(), false),
        (true, true, Behaviour::UnhealthyContainer, false),
        (true, true, Behaviour::Healthy, true),
    ] {
        let stage = Stage::new(|spec| {
            spec.health_check(balancer)
                .container_check(container)
                .circuit_breaker_rollback()
        })
        .await;
        stage.runtime.part(NEW, part.clone());
        let truth = ends(&stage).await;
        assert_eq!(
            truth == Truth::Completed,
            completes,
            "balancer {balancer}, container {container}, {part:?}: {truth:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_check_a_task_is_healthy_after_forty_seconds() {
    let stage = Stage::new(|spec| spec).await;
    let ours = begin(&stage).await;
    let mut running = None;
    loop {
        stage.pass().await;
        let state = stage.state().await;
        let now = tokio::time::Instant::now();
        if state.deployment(&ours).unwrap().running == 2 {
            running.get_or_insert(now);
        }
        let healthy = stage.cluster.tasks(&service()).into_iter().any(|task| {
            task.deployment == ours && task.health == Some(ecs_deployer::sim::TaskHealth::Healthy)
        });
        if healthy {
            assert_eq!(now - running.unwrap(), Duration::from_secs(40));
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_grace_period_spares_tasks_that_are_slow_to_answer() {
    let slow = |grace| {
        move |spec: ecs_deployer::sim::ServiceSpec| {
            spec.health_check(true)
                .grace(Duration::from_secs(grace))
                .circuit_breaker_rollback()
        }
    };
    for (grace, completes) in [(0, false), (200, true)] {
        let stage = Stage::new(slow(grace)).await;
        stage.runtime.part(NEW, failing());
        let ours = begin(&stage).await;
        // It answers well after two minutes.
        stage.cluster.skip(Duration::from_secs(150));
        let failed = stage
            .state()
            .await
            .deployment(&ours)
            .map_or(1, |d| d.failed_tasks);
        stage.runtime.part(NEW, Behaviour::Healthy);
        stage.cluster.skip(Duration::from_secs(600));
        assert_eq!(
            failed == 0,
            completes,
            "{grace} s of grace: {failed} replaced"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn thresholds_of_each_kind_are_kept() {
    for (threshold, failures) in [
        (Threshold::Count(1), 1),
        (Threshold::Count(7), 7),
        (Threshold::UnboundedPercent(25), 1),
        (Threshold::BoundedPercent(25), 3),
    ] {
        let stage = Stage::new(|spec| {
            let mut spec = spec.breaker(Some(Breaker::new(false).threshold(threshold)));
            spec.desired_count = 1;
            spec
        })
        .await;
        stage
            .runtime
            .part(NEW, Behaviour::CrashAtStart { exit_code: 1 });
        let ours = begin(&stage).await;
        let mut before = 0;
        loop {
            stage.pass().await;
            let state = stage.state().await;
            let primary = state.primary().unwrap();
            if primary.rollout_state == RolloutState::Failed {
                assert_eq!(primary.id, ours);
                break;
            }
            before = primary.failed_tasks;
        }
        assert_eq!(before, failures, "{threshold:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_task_resets_the_count_unless_told_otherwise() {
    for (reset, breaks) in [(true, false), (false, true)] {
        let stage = Stage::new(|spec| {
            let breaker = Breaker::new(false).reset_on_healthy_task(reset);
            let mut spec = spec.health_check(true).breaker(Some(breaker));
            spec.desired_count = 1;
            spec
        })
        .await;
        // Each task is healthy for a while and then fails its checks.
        let running = Duration::from_secs(70);
        let reason = DOWN.to_owned();
        stage
            .runtime
            .part(NEW, Behaviour::UnhealthyAfter { running, reason });
        // The old task never goes, so that the deployment stays under way.
        stage.cluster.reconfigure(&service(), |spec| {
            spec.bake = Some(Duration::from_secs(7200));
        });
        let truth = ends(&stage).await;
        let broke = matches!(truth, Truth::Failed { .. });
        assert_eq!(broke, breaks, "reset {reset}: {truth:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_knob_lets_the_breaker_see_crash_loops() {
    let stage = Stage::new(|spec| spec.health_check(true).circuit_breaker_rollback()).await;
    stage.cluster.knobs(Knobs::default().exits_count(true));
    let running = Duration::from_secs(15);
    stage.runtime.part(
        NEW,
        Behaviour::CrashAfter {
            running,
            exit_code: 1,
        },
    );
    let truth = ends(&stage).await;
    assert!(matches!(truth, Truth::RolledBack { .. }), "{truth:?}");
}

/// A tag is resolved once for a deployment: a push in between reaches only the next one.
#[tokio::test(start_paused = true)]
async fn a_tag_is_pinned_for_a_deployment() {
    let stage = Stage::new(|spec| spec).await;
    let first = "sha256:1111";
    stage.cluster.push_image(NEW, first);
    let ours = begin(&stage).await;
    stage.cluster.skip(Duration::from_secs(300));
    stage.cluster.push_image(NEW, "sha256:2222");
    stage.cluster.scale(&service(), 4);
    stage.cluster.skip(Duration::from_secs(300));
    let tasks = stage
        .cluster
        .running_tasks(&name(), &service())
        .await
        .unwrap();
    assert_eq!(tasks.len(), 4);
    for task in tasks {
        assert_eq!(task.containers[0].image_digest.as_deref(), Some(first));
    }
    let record = stage
        .cluster
        .service_deployment(&name(), &service(), &ours)
        .await
        .unwrap()
        .unwrap();
    let revisions = stage
        .cluster
        .service_revisions(&[record.target.unwrap()])
        .await
        .unwrap();
    assert_eq!(revisions[0].images[0].digest.as_deref(), Some(first));
    stage.cluster.supersede(&service(), None).unwrap();
    stage.cluster.skip(Duration::from_secs(600));
    let tasks = stage
        .cluster
        .running_tasks(&name(), &service())
        .await
        .unwrap();
    assert_eq!(
        tasks[0].containers[0].image_digest.as_deref(),
        Some("sha256:2222")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_is_remembered_for_an_hour() {
    let stage = Stage::new(|spec| spec).await;
    stage.runtime.part(NEW, Behaviour::MissingSecret);
    let ours = begin(&stage).await;
    stage.cluster.skip(Duration::from_secs(120));
    let stopped = || async {
        stage
            .cluster
            .stopped_tasks(&name(), &service(), &ours)
            .await
            .unwrap()
    };
    let first = stopped().await[0].task.clone();
    stage.cluster.skip(Duration::from_secs(50 * 60));
    assert!(stopped().await.iter().any(|task| task.task == first));
    stage.cluster.skip(Duration::from_secs(15 * 60));
    assert!(!stopped().await.iter().any(|task| task.task == first));
}

#[tokio::test(start_paused = true)]
async fn a_task_by_itself_runs_writes_and_exits() {
    let stage = Stage::new(|spec| spec).await;
    let arn = stage
        .cluster
        .register(&TaskDefinition::new(serde_json::json!({
            "family": "migrate",
            "containerDefinitions": [{
                "name": "app", "image": "h/migrate:1",
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "/ecs/migrate", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "m",
                }},
            }],
        })))
        .unwrap();
    let running = Duration::from_secs(30);
    stage
        .runtime
        .part("h/migrate:1", Behaviour::Completes { running });
    stage
        .runtime
        .log_lines("h/migrate:1", vec!["one".to_owned(), "two".to_owned()]);
    let mut request = TaskRequest::new(name(), arn, Default::default());
    request.token = Some("once".to_owned());
    let task = stage.cluster.run_task(&request).await.unwrap().task;
    let again = stage.cluster.run_task(&request).await.unwrap().task;
    assert_eq!(task, again, "the same token, the same task");
    let ids = [task.clone()];
    let look = || async {
        stage
            .cluster
            .describe_tasks(&name(), &ids)
            .await
            .unwrap()
            .remove(0)
    };
    let stream = LogStream::new("/ecs/migrate", format!("m/app/{task}"), None);
    assert_eq!(
        stage.cluster.last_lines(&stream, 5).await.unwrap(),
        [""; 0],
        "it has not run yet"
    );
    stage.cluster.skip(Duration::from_secs(40));
    assert_eq!(look().await.status, "RUNNING");
    stage.cluster.skip(Duration::from_secs(120));
    let ended = look().await;
    assert!(ended.is_stopped());
    assert_eq!(ended.stop_code, Some(StopCode::EssentialContainerExited));
    assert_eq!(ended.containers[0].exit_code, Some(0));
    assert_eq!(stage.cluster.last_lines(&stream, 1).await.unwrap(), ["two"]);
    let page = stage.cluster.lines_after(&stream, Some("1")).await.unwrap();
    assert_eq!(
        (page.lines, page.next),
        (vec!["two".to_owned()], Some("2".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn fifteen_services_are_described_in_two_calls() {
    let stage = Stage::new(|spec| spec).await;
    let names: Vec<ServiceName> = (0..15)
        .map(|number| {
            let name: ServiceName = format!("service-{number}").parse().unwrap();
            let arn = stage.cluster.register(&definition(OLD)).unwrap();
            let spec = ecs_deployer::sim::ServiceSpec::new(name.clone(), arn, 1);
            stage.cluster.create_service(spec).unwrap();
            name
        })
        .collect();
    stage.cluster.limit_rates(true);
    let calls = |stage: &Stage| stage.cluster.api_calls()["DescribeServices"];
    let before = calls(&stage);
    stage
        .cluster
        .describe_services(&name(), &names)
        .await
        .unwrap();
    assert_eq!(calls(&stage) - before, 2);
    // A hundred at once, and then twenty a second.
    let mut refused = 0;
    for _ in 0..60 {
        let answer = stage.cluster.describe_services(&name(), &names).await;
        refused += usize::from(answer.is_err());
    }
    assert_eq!(refused, 11);
    tokio::time::advance(Duration::from_secs(1)).await;
    stage
        .cluster
        .describe_services(&name(), &names)
        .await
        .unwrap();
}

/// The history of a rollout in ECS's own words, oldest first.
#[tokio::test(start_paused = true)]
async fn events_are_in_the_words_of_ecs() {
    let stage = Stage::new(|spec| {
        let mut spec = spec.health_check(true).circuit_breaker_rollback();
        spec.desired_count = 1;
        spec
    })
    .await;
    let old = stage.state().await.primary().unwrap().id.clone();
    stage.runtime.part(NEW, failing());
    let ours = begin(&stage).await;
    stage.cluster.skip(Duration::from_secs(3600));
    let events = stage.state().await.events;
    let mut history: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    history.reverse();
    let mut rest = history.iter();
    for expected in [
        "(service web) has started 1 tasks: (task 0".to_owned(),
        "(service web) registered 1 targets in (target-group web)".to_owned(),
        format!("(service web) (deployment {old}) deployment completed."),
        "(service web) has reached a steady state.".to_owned(),
        format!("(port 8080) is unhealthy in (target-group web) due to (reason {DOWN})."),
        "(service web) deregistered 1 targets in (target-group web)".to_owned(),
        "(service web) has begun draining connections on 1 tasks.".to_owned(),
        "(service web) has stopped 1 running tasks: (task 0".to_owned(),
        format!("(service web) (deployment {ours}) deployment failed: tasks failed to start."),
        format!("(service web) rolling back to deployment {old}."),
        "(service web) has reached a steady state.".to_owned(),
    ] {
        assert!(
            rest.any(|message| message.contains(&expected)),
            "`{expected}` does not follow in {history:#?}"
        );
    }
}
