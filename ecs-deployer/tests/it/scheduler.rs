//! The model against the rules of ECS.

use std::time::Duration;

use ecs_deployer::sim::{Behaviour, TaskHealth};
use ecs_deployer::{ControlPlane, ServiceDeploymentStatus, ServiceUpdate};

use crate::stage::{NEW, OLD, Stage, definition, name, service};

async fn begin(stage: &Stage) {
    let arn = stage
        .cluster
        .register_task_definition(&definition(NEW))
        .await
        .unwrap();
    stage
        .cluster
        .update_service(&ServiceUpdate::new(name(), service()).task_definition(arn))
        .await
        .unwrap();
}

/// Over the grid: never fewer healthy tasks than the minimum, never more tasks than the maximum; it completes exactly
/// unless no task can ever be replaced.
#[tokio::test(start_paused = true)]
async fn the_bounds_hold_and_only_the_deadlock_stalls() {
    let mut stalled = 0;
    for desired in 1..=12_u32 {
        for minimum in [0, 25, 50, 75, 90, 100_u32] {
            for maximum in [100, 125, 150, 175, 200_u32] {
                let stage = Stage::new(|spec| {
                    let mut spec = spec.percent(minimum, maximum);
                    spec.desired_count = desired;
                    spec
                })
                .await;
                begin(&stage).await;
                let least = (desired * minimum).div_ceil(100);
                let most = desired * maximum / 100;
                let mut done = false;
                for _ in 0..400 {
                    stage.pass().await;
                    let tasks = stage.cluster.tasks(&service());
                    let alive = tasks.iter().filter(|task| task.status != "STOPPED").count();
                    let healthy = tasks
                        .iter()
                        .filter(|task| task.health == Some(TaskHealth::Healthy))
                        .count();
                    let case = format!("desired {desired}, {minimum}-{maximum} %");
                    assert!(
                        alive <= most as usize,
                        "{case}: {alive} alive, {most} allowed"
                    );
                    assert!(
                        healthy >= least as usize,
                        "{case}: {healthy} healthy, {least} needed"
                    );
                    if stage.state().await.primary().unwrap().is_completed() {
                        done = true;
                        break;
                    }
                }
                let deadlocked = most <= desired && least >= desired;
                assert_eq!(
                    done, !deadlocked,
                    "desired {desired}, {minimum}-{maximum} %"
                );
                if deadlocked {
                    stalled += 1;
                    let events = stage.state().await.events;
                    let told = events.iter().filter(|event| {
                        event.message.contains("was unable to stop or start tasks")
                    });
                    assert_eq!(told.count(), 1, "said once in six hours");
                }
            }
        }
    }
    assert!(stalled > 12, "the grid has deadlocks: {stalled}");
}

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
            most < threshold,
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
