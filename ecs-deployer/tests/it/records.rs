//! The records of deployments: that they change only as AWS documents it, and deployments that shift traffic.

use std::collections::BTreeSet;
use std::time::Duration;

use ecs_deployer::ServiceDeploymentStatus as Status;
use ecs_deployer::sim::{
    Behaviour, FaultPlan, Hook, ScriptedRuntime, ServiceSpec, SimCluster, Strategy, Timings, Truth,
};
use ecs_deployer::{
    ControlPlane, DeploymentId, HookAction, HookStatus, LifecycleStage, ServiceDeployment, StopType,
};

use crate::stage::{NEW, OLD, Stage, begin, definition, name, service};

/// The transitions of the developer guide, "Service deployment states". A state may be left out between two looks.
fn follows(from: Status, to: Status) -> bool {
    let next: &[Status] = match from {
        Status::Pending => &[
            Status::InProgress,
            Status::RollbackRequested,
            Status::StopRequested,
            Status::Stopped,
        ],
        Status::InProgress => &[
            Status::Successful,
            Status::StopRequested,
            Status::RollbackRequested,
            Status::RollbackInProgress,
            Status::Stopped,
        ],
        Status::StopRequested => &[Status::Stopped],
        Status::RollbackRequested => &[
            Status::Successful,
            Status::RollbackInProgress,
            Status::Stopped,
            // A newer deployment stops it first.
            Status::StopRequested,
        ],
        Status::RollbackInProgress => &[Status::RollbackSuccessful, Status::RollbackFailed],
        _ => &[],
    };
    next.contains(&to)
}

/// Whether one can come to another over states that were not seen.
fn leads(from: Status, to: Status) -> bool {
    if from == to {
        return true;
    }
    let all = [
        Status::InProgress,
        Status::StopRequested,
        Status::RollbackRequested,
        Status::RollbackInProgress,
    ];
    follows(from, to)
        || all
            .iter()
            .any(|between| follows(from, *between) && follows(*between, to))
}

#[tokio::test(start_paused = true)]
async fn a_record_changes_only_as_documented() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let runtime = std::sync::Arc::new(ScriptedRuntime::new(Timings::fargate()));
        let cluster = SimCluster::new(name(), Timings::fargate(), runtime.clone());
        let arn = cluster.register(&definition(OLD)).unwrap();
        cluster
            .create_service(ServiceSpec::draw(seed, service(), arn))
            .unwrap();
        cluster.skip(Duration::from_secs(900));
        cluster.apply(&FaultPlan::draw(seed, &service(), NEW), &runtime);
        cluster.supersede(&service(), Some(NEW)).unwrap();
        let mut before: Vec<ServiceDeployment> = Vec::new();
        for _ in 0..200 {
            cluster.skip(Duration::from_secs(10));
            let Ok(now) = cluster.service_deployments(&name(), &service()).await else {
                continue;
            };
            for old in &before {
                let new = now.iter().find(|record| record.id == old.id).unwrap();
                assert!(
                    leads(old.status, new.status),
                    "seed {seed}: {:?} to {:?}",
                    old.status,
                    new.status
                );
                assert_eq!(
                    new.status.is_terminal(),
                    new.finished_at.is_some(),
                    "seed {seed}: {new:?}"
                );
                seen.insert(format!("{:?}", new.status));
            }
            let under_way = now.iter().filter(|record| !record.status.is_terminal());
            assert!(
                under_way.count() <= 2,
                "seed {seed}: one, and one that ends"
            );
            before = now;
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

async fn record(stage: &Stage, id: &DeploymentId) -> ServiceDeployment {
    stage
        .cluster
        .service_deployment(&name(), &service(), id)
        .await
        .unwrap()
        .unwrap()
}

/// The stages and the weights of production traffic that were seen, each once.
async fn stages(stage: &Stage, id: &DeploymentId) -> (Vec<LifecycleStage>, Vec<f64>) {
    let (mut stages, mut weights) = (Vec::new(), Vec::new());
    for _ in 0..1000 {
        stage.pass().await;
        let record = record(stage, id).await;
        let details = record.details.unwrap();
        if let Some(now) = details.stage.filter(|now| stages.last() != Some(now)) {
            stages.push(now);
        }
        if let Some(weight) = details.production_traffic
            && weights.last() != Some(&weight)
        {
            weights.push(weight);
        }
        if record.status.is_terminal() {
            break;
        }
    }
    (stages, weights)
}

#[tokio::test(start_paused = true)]
async fn traffic_goes_over_as_the_strategy_has_it() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for (strategy, expected) in [
        (Strategy::BlueGreen, vec![0.0, 100.0]),
        (
            Strategy::Linear {
                step_percent: 40.0,
                step_bake: minutes(6),
            },
            vec![0.0, 40.0, 80.0, 100.0],
        ),
        (
            Strategy::Canary {
                percent: 5.0,
                bake: minutes(10),
            },
            vec![0.0, 5.0, 100.0],
        ),
    ] {
        let stage = Stage::new(|spec| spec).await;
        stage.cluster.reconfigure(&service(), |spec| {
            (spec.strategy, spec.bake) = (strategy, Some(minutes(2)));
        });
        let ours = begin(&stage).await;
        let (stages, weights) = stages(&stage, &ours).await;
        assert_eq!(weights, expected, "{strategy:?}");
        for wanted in [
            LifecycleStage::ScaleUp,
            LifecycleStage::TestTrafficShift,
            LifecycleStage::BakeTime,
            LifecycleStage::CleanUp,
        ] {
            assert!(stages.contains(&wanted), "{strategy:?}: {stages:?}");
        }
        assert_eq!(
            stage.cluster.truth(&service(), &ours),
            Some(Truth::Completed)
        );
        assert_eq!(stage.state().await.running, 2, "the old ones are gone");
    }
}

#[tokio::test(start_paused = true)]
async fn the_old_tasks_stay_until_all_traffic_has_gone_over() {
    let stage = Stage::new(|spec| spec).await;
    stage.cluster.reconfigure(&service(), |spec| {
        spec.strategy = Strategy::BlueGreen;
        spec.bake = Some(Duration::from_secs(600));
    });
    let old = stage.state().await.primary().unwrap().id.clone();
    let ours = begin(&stage).await;
    for _ in 0..40 {
        stage.pass().await;
        let running = stage.state().await.deployment(&old).unwrap().running;
        assert_eq!(running, 2, "until the bake time is over");
    }
    // Going back is a matter of traffic then: the old tasks are there.
    let stopped = record(&stage, &ours).await;
    stage
        .cluster
        .stop_deployment(&stopped, StopType::Rollback)
        .await
        .unwrap();
    stage
        .until(Duration::from_secs(300), |state| {
            let primary = state.primary().unwrap();
            primary.id == old && primary.is_completed()
        })
        .await;
    let record = record(&stage, &ours).await;
    assert_eq!(record.status, Status::RollbackSuccessful);
    assert_eq!(record.details.unwrap().production_traffic, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_waits_for_a_person_who_decides() {
    for action in [HookAction::Continue, HookAction::Rollback] {
        let stage = Stage::new(|spec| spec.strategy(Strategy::BlueGreen)).await;
        stage.cluster.reconfigure(&service(), |spec| {
            spec.hooks.push(Hook::pause("POST_TEST_TRAFFIC_SHIFT"));
        });
        let ours = begin(&stage).await;
        let mut waiting = None;
        for _ in 0..60 {
            stage.pass().await;
            let details = record(&stage, &ours).await.details.unwrap();
            waiting = details.waiting_hooks().next().cloned();
        }
        let hook = waiting.expect("ten minutes later it still waits");
        assert_eq!(hook.status, HookStatus::AwaitingAction);
        let now = record(&stage, &ours).await;
        let wrong = stage
            .cluster
            .continue_deployment(&now, "another", action)
            .await;
        assert!(wrong.is_err());
        stage
            .cluster
            .continue_deployment(&now, &hook.id, action)
            .await
            .unwrap();
        stages(&stage, &ours).await;
        let truth = stage.cluster.truth(&service(), &ours).unwrap();
        match action {
            HookAction::Continue => assert_eq!(truth, Truth::Completed),
            _ => assert!(matches!(truth, Truth::RolledBack { .. }), "{truth:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_answers_goes_back_after_a_day() {
    let stage = Stage::new(|spec| spec.strategy(Strategy::BlueGreen)).await;
    stage.cluster.reconfigure(&service(), |spec| {
        spec.hooks.push(Hook::pause("PRE_SCALE_UP"));
    });
    let ours = begin(&stage).await;
    stage.cluster.skip(Duration::from_secs(23 * 3600));
    assert_eq!(
        stage.cluster.truth(&service(), &ours),
        Some(Truth::UnderWay)
    );
    stage.cluster.skip(Duration::from_secs(2 * 3600));
    let truth = stage.cluster.truth(&service(), &ours).unwrap();
    assert!(matches!(truth, Truth::RolledBack { .. }), "{truth:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_refuses_and_a_crash_before_the_shift_leave_the_traffic() {
    let stage = Stage::new(|spec| spec.strategy(Strategy::BlueGreen)).await;
    stage.cluster.reconfigure(&service(), |spec| {
        spec.hooks.push(Hook::function("PRE_SCALE_UP", true));
    });
    let ours = begin(&stage).await;
    let (_, weights) = stages(&stage, &ours).await;
    assert_eq!(weights, [0.0]);
    let record = record(&stage, &ours).await;
    assert!(record.reason.unwrap().contains("PRE_SCALE_UP"));

    let stage = Stage::new(|spec| {
        spec.strategy(Strategy::BlueGreen)
            .circuit_breaker_rollback()
    })
    .await;
    stage.runtime.part(NEW, Behaviour::CannotStart);
    let ours = begin(&stage).await;
    let (_, weights) = stages(&stage, &ours).await;
    assert_eq!(weights, [0.0]);
    let truth = stage.cluster.truth(&service(), &ours).unwrap();
    assert!(matches!(truth, Truth::RolledBack { .. }), "{truth:?}");
    assert_eq!(stage.image().await, OLD);
}
