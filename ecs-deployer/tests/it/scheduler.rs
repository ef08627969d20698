//! The model against the rules of ECS.

use std::time::Duration;

use ecs_deployer::sim::Behaviour;
use ecs_deployer::{ControlPlane, ServiceDeploymentStatus};

use crate::stage::{NEW, OLD, Stage, begin, name, service};

#[tokio::test(start_paused = true)]
async fn the_breaker_counts_to_its_threshold() {
    // Half of the desired count, at least 3.
    for (desired, threshold) in [(1, 3), (2, 3), (8, 4)] {
        let stage = Stage::new(|spec| {
            let mut spec = spec.circuit_breaker_rollback();
            spec.desired_count = desired;
            spec
        })
        .await;
        let old = stage.state().await.primary().unwrap().id.clone();
        stage.runtime.part(NEW, Behaviour::MissingImage);
        begin(&stage).await;
        let ours = stage.state().await.primary().unwrap().id.clone();
        let mut most = 0;
        let state = loop {
            stage.pass().await;
            let state = stage.state().await;
            if state.primary().unwrap().id != ours {
                break state;
            }
            most = most.max(state.primary().unwrap().failed_tasks);
        };
        assert!(
            most >= threshold,
            "desired {desired}: it gave up after {most} failures"
        );
        assert!(
            most < threshold + desired,
            "desired {desired}: it went on after {most} failures"
        );
        let failed = stage
            .cluster
            .stopped_tasks(&name(), &service(), &ours)
            .await
            .unwrap()
            .len();
        assert!(
            failed >= threshold as usize,
            "desired {desired}: {failed} failures"
        );
        // The old deployment is primary again, with the id that it had.
        assert_eq!(state.primary().unwrap().id, old);
        stage
            .until(Duration::from_secs(600), |state| {
                state.primary().unwrap().is_completed()
            })
            .await;
        let record = stage
            .cluster
            .service_deployment(&name(), &service(), &ours)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(record.status, ServiceDeploymentStatus::RollbackSuccessful);
        let events = stage.state().await.events;
        for text in [
            "deployment failed: tasks failed to start.",
            "rolling back to deployment",
            "has reached a steady state.",
        ] {
            assert!(
                events.iter().any(|event| event.message.contains(text)),
                "{text}"
            );
        }
    }
}

/// One fleet's record of a missing image, desired count 1: the event at 92 s, failures counted at 2 min 34, 4 min 46 and
/// 11 min 00, the rollback at 11 min 44.
#[tokio::test(start_paused = true)]
async fn a_missing_image_takes_the_time_that_it_took_a_fleet() {
    let stage = Stage::new(|spec| {
        let mut spec = spec.circuit_breaker_rollback();
        spec.desired_count = 1;
        spec
    })
    .await;
    stage.runtime.part(NEW, Behaviour::MissingImage);
    let ours = begin(&stage).await;
    let began = tokio::time::Instant::now();
    let mut counted = Vec::new();
    let mut first_stop = None;
    let rolled_back = loop {
        stage.pass().await;
        let state = stage.state().await;
        let primary = state.primary().unwrap();
        let seconds = began.elapsed().as_secs();
        if primary.id != ours {
            break seconds;
        }
        let stopped = stage
            .cluster
            .stopped_tasks(&name(), &service(), &ours)
            .await
            .unwrap();
        if first_stop.is_none() && !stopped.is_empty() {
            first_stop = Some(seconds);
        }
        if primary.failed_tasks as usize > counted.len() {
            counted.push(seconds);
        }
    };
    println!("stopped at {first_stop:?}, counted at {counted:?}, rolled back at {rolled_back}");
    let near = |modelled: u64, observed: u64| modelled.abs_diff(observed) <= 20;
    assert!(near(first_stop.unwrap(), 92), "{first_stop:?}");
    assert_eq!(counted.len(), 3);
    for (modelled, observed) in counted.iter().zip([154, 286, 660]) {
        assert!(near(*modelled, observed), "{counted:?}");
    }
    assert!(near(rolled_back, 704), "{rolled_back}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_after_running_never_breaks_the_circuit() {
    let stage = Stage::new(|spec| spec.circuit_breaker_rollback().health_check(true)).await;
    stage.runtime.part(
        NEW,
        Behaviour::CrashAfter {
            running: Duration::from_secs(15),
            exit_code: 1,
        },
    );
    begin(&stage).await;
    let ours = stage.state().await.primary().unwrap().id.clone();
    for _ in 0..360 {
        stage.pass().await;
    }
    let state = stage.state().await;
    assert_eq!(
        state.primary().unwrap().id,
        ours,
        "an hour later it still spins"
    );
    assert!(
        stage
            .cluster
            .stopped_tasks(&name(), &service(), &ours)
            .await
            .unwrap()
            .len()
            > 10
    );
}

#[tokio::test(start_paused = true)]
async fn unhealthy_tasks_are_replaced_by_their_own_revision() {
    let stage = Stage::new(|spec| spec.health_check(true)).await;
    stage.runtime.part(
        OLD,
        Behaviour::Unhealthy {
            reason: "Request timed out".to_owned(),
        },
    );
    stage
        .until(Duration::from_secs(600), |state| {
            state
                .events
                .iter()
                .any(|event| event.message.contains("is unhealthy in (target-group"))
        })
        .await;
    stage.runtime.part(OLD, Behaviour::Healthy);
    let state = stage
        .until(Duration::from_secs(600), |state| {
            state.running == 2 && state.pending == 0
        })
        .await;
    assert_eq!(state.deployments.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn scaling_in_stops_what_is_too_many() {
    let stage = Stage::new(|spec| spec).await;
    stage.cluster.scale(&service(), 1);
    stage
        .until(Duration::from_secs(600), |state| state.running == 1)
        .await;
    stage.cluster.scale(&service(), 4);
    stage
        .until(Duration::from_secs(600), |state| state.running == 4)
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_same_calls_lead_to_the_same_history() {
    let mut histories = Vec::new();
    for _ in 0..2 {
        let stage = Stage::new(|spec| spec.circuit_breaker_rollback()).await;
        stage.runtime.part(NEW, Behaviour::MissingImage);
        begin(&stage).await;
        for _ in 0..100 {
            stage.pass().await;
        }
        histories.push(serde_json::to_string(&stage.cluster.snapshot()).unwrap());
    }
    assert_eq!(histories[0], histories[1]);
}
