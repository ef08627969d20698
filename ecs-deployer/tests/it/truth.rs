//! What the model itself says of a deployment, and that drawn plans come to an end.

use std::collections::BTreeMap;
use std::time::Duration;

use ecs_deployer::sim::{
    AlarmRule, Behaviour, FaultPlan, Knobs, ScriptedRuntime, ServiceSpec, SimCluster, Timings,
    Truth, What,
};
use ecs_deployer::{ControlPlane, DeploymentId, RolloutState, TaskDefinitionArn};

use crate::stage::{NEW, OLD, Stage, begin, definition, name, service};

/// Lets a plan take its course over a deployment of the new image and says what became of it.
async fn play(
    spec: impl FnOnce(ServiceSpec) -> ServiceSpec,
    plan: FaultPlan,
) -> (Stage, DeploymentId, Truth) {
    let stage = Stage::new(spec).await;
    stage.cluster.apply(&plan, &stage.runtime);
    let ours = begin(&stage).await;
    let mut truth = Truth::UnderWay;
    for _ in 0..720 {
        stage.pass().await;
        truth = stage.cluster.truth(&service(), &ours).unwrap();
        if truth.is_final() {
            break;
        }
    }
    (stage, ours, truth)
}

fn after(seconds: u64, what: What) -> FaultPlan {
    FaultPlan::default().then(Duration::from_secs(seconds), service(), what)
}

fn plain(spec: ServiceSpec) -> ServiceSpec {
    spec
}

#[tokio::test(start_paused = true)]
async fn a_healthy_one_is_completed_and_stays_so() {
    let (stage, ours, truth) = play(plain, FaultPlan::default()).await;
    assert_eq!(truth, Truth::Completed);
    stage.cluster.supersede(&service(), None).unwrap();
    stage.pass().await;
    assert_eq!(stage.cluster.truth(&service(), &ours), Some(truth));
    assert_eq!(stage.cluster.history(&service()).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_breaker_rolls_back_or_leaves_it() {
    let broken = FaultPlan::default().image(NEW, Behaviour::CrashAtStart { exit_code: 1 });
    let (stage, _, truth) = play(ServiceSpec::circuit_breaker_rollback, broken.clone()).await;
    let Truth::RolledBack {
        to,
        task_definition,
        reason,
    } = truth
    else {
        panic!("{truth:?}")
    };
    assert_eq!(stage.state().await.primary().unwrap().id, to);
    assert_eq!(stage.image_of(&task_definition).await, OLD);
    assert!(reason.contains("circuit breaker"), "{reason}");

    let (stage, ours, truth) = play(ServiceSpec::circuit_breaker, broken).await;
    assert!(matches!(truth, Truth::Failed { .. }), "{truth:?}");
    let state = stage.state().await;
    let primary = state.primary().unwrap();
    assert_eq!(
        (&primary.id, primary.rollout_state),
        (&ours, RolloutState::Failed)
    );
    assert_eq!(state.running, 2, "the old tasks are left alone");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_may_take_a_new_id() {
    let plan = FaultPlan::default()
        .image(NEW, Behaviour::CrashAtStart { exit_code: 1 })
        .knobs(Knobs::default().rollback_takes_new_id(true));
    let (stage, ours, truth) = play(ServiceSpec::circuit_breaker_rollback, plan).await;
    let Truth::RolledBack { to, .. } = truth else {
        panic!("{truth:?}")
    };
    assert!(to.number() > ours.number());
    assert_eq!(stage.state().await.primary().unwrap().id, to);
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_nothing_is_ever_decided() {
    let broken = FaultPlan::default().image(NEW, Behaviour::CrashAtStart { exit_code: 1 });
    let (_, _, truth) = play(plain, broken).await;
    assert_eq!(truth, Truth::UnderWay);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_deployment_supersedes() {
    for image in [Some("registry.example/web:other".to_owned()), None] {
        let (stage, _, truth) = play(plain, after(60, What::Supersede { image })).await;
        let Truth::Superseded { by, .. } = truth else {
            panic!("{truth:?}")
        };
        assert_eq!(stage.state().await.primary().unwrap().id, by);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_stops_it_or_rolls_it_back() {
    let (_, _, truth) = play(plain, after(60, What::Stop)).await;
    assert!(matches!(truth, Truth::Failed { .. }), "{truth:?}");
    let (stage, _, truth) = play(plain, after(60, What::RollBack)).await;
    assert!(matches!(truth, Truth::RolledBack { .. }), "{truth:?}");
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_rolls_back_unless_it_was_on_before() {
    let watched = |spec: ServiceSpec| spec.alarms(AlarmRule::new(["errors"], true));
    let alarm = What::Alarm {
        name: "errors".to_owned(),
        on: true,
    };
    let (_, _, truth) = play(watched, after(60, alarm.clone())).await;
    let Truth::RolledBack { reason, .. } = truth else {
        panic!("{truth:?}")
    };
    assert!(reason.contains("errors"), "{reason}");
    let mut before = after(60, alarm);
    before.alarms.push("errors".to_owned());
    let (_, _, truth) = play(watched, before).await;
    assert_eq!(truth, Truth::Completed);
}

#[tokio::test(start_paused = true)]
async fn without_room_nothing_is_placed_and_nothing_fails() {
    let full = after(0, What::Capacity { places: Some(2) });
    let (stage, _, truth) = play(ServiceSpec::circuit_breaker_rollback, full).await;
    assert_eq!(truth, Truth::UnderWay);
    let events = stage.state().await.events;
    let told = events.iter().filter(|event| {
        event
            .message
            .contains("was unable to place a task. Reason: ")
    });
    assert_eq!(told.count(), 1, "said once in six hours");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_of_a_broken_revision_fails_too() {
    let mut plan = FaultPlan::default().image(NEW, Behaviour::CrashAtStart { exit_code: 1 });
    // The old tasks become unhealthy while ECS goes back to them.
    plan = plan.then(
        Duration::from_secs(100),
        service(),
        What::Behave {
            image: OLD.to_owned(),
            part: Behaviour::CrashAtStart { exit_code: 2 },
        },
    );
    let (_, _, truth) = play(ServiceSpec::circuit_breaker_rollback, plan).await;
    assert!(matches!(truth, Truth::RollbackFailed { .. }), "{truth:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_api_says_is_the_truth_of_drawn_plans() {
    let mut kinds = BTreeMap::<String, u32>::new();
    for seed in 0..150 {
        let runtime = std::sync::Arc::new(ScriptedRuntime::new(Timings::fargate()));
        let cluster = SimCluster::new(name(), Timings::fargate(), runtime.clone());
        let arn: TaskDefinitionArn = cluster.register(&definition(OLD)).unwrap();
        let spec = ServiceSpec::draw(seed, service(), arn);
        let deadlocked = spec.maximum_percent == 100 && spec.minimum_healthy_percent == 100;
        cluster.create_service(spec).unwrap();
        cluster.skip(Duration::from_secs(900));
        let stage = Stage { cluster, runtime };
        let plan = FaultPlan::draw(seed, &service(), NEW);
        stage.cluster.apply(&plan, &stage.runtime);
        let ours = stage.cluster.supersede(&service(), Some(NEW)).unwrap();
        stage.cluster.skip(Duration::from_secs(3600));
        let truth = stage.cluster.truth(&service(), &ours).unwrap();
        let listed = loop {
            // What is left of the plan's faults.
            if let Ok(states) = stage.cluster.describe_services(&name(), &[service()]).await {
                break states[0].primary().unwrap().clone();
            }
        };
        // Unless somebody deployed afterwards, the service is as the deployment left it.
        let is_last = stage.cluster.history(&service()).pop().as_ref() == Some(&ours);
        match &truth {
            Truth::Completed if is_last => assert_eq!(listed.id, ours, "seed {seed}"),
            Truth::RolledBack { to, .. } if is_last => assert_eq!(listed.id, *to, "seed {seed}"),
            Truth::Superseded { by, .. } => assert_ne!(listed.id, ours, "seed {seed}: {by}"),
            Truth::Failed { .. } if is_last => {
                assert_eq!(listed.rollout_state, RolloutState::Failed, "seed {seed}");
            }
            _ => {}
        }
        if plan.is_harmless(NEW) && !deadlocked {
            assert_eq!(truth, Truth::Completed, "seed {seed}: {plan:?}");
        }
        let kind = serde_json::to_value(&truth).unwrap()["kind"].clone();
        *kinds.entry(kind.to_string()).or_default() += 1;
    }
    println!("{kinds:?}");
    assert!(kinds.len() >= 5, "{kinds:?}");
}
