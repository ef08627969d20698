//! A cluster that is saved and started again goes on where it was.

use std::time::Duration;

use ecs_deployer::sim::{ScriptedRuntime, SimCluster, Snapshot, Timings};
use ecs_deployer::{ControlPlane, Options, ServiceUpdate, Verdict, wait};

use crate::stage::{NEW, OLD, Stage, definition, name, service};

fn restored(snapshot: Snapshot) -> Stage {
    let runtime = std::sync::Arc::new(ScriptedRuntime::new(Timings::fargate()));
    // Through JSON, as it is saved.
    let text = serde_json::to_string(&snapshot).unwrap();
    let snapshot = serde_json::from_str(&text).unwrap();
    let cluster = SimCluster::restore(snapshot, Timings::fargate(), runtime.clone()).unwrap();
    Stage { cluster, runtime }
}

#[tokio::test(start_paused = true)]
async fn a_service_at_rest_comes_up_again_without_a_deployment() {
    let stage = Stage::new(|spec| spec).await;
    let id = stage.state().await.primary().unwrap().id.clone();
    let stage = restored(stage.cluster.snapshot());
    let state = stage
        .until(Duration::from_secs(300), |state| state.running == 2)
        .await;
    let primary = state.primary().unwrap();
    assert_eq!(
        (&primary.id, primary.is_completed(), primary.failed_tasks),
        (&id, true, 0)
    );
    assert_eq!(stage.image().await, OLD);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_was_under_way_goes_on() {
    let stage = Stage::new(|spec| spec).await;
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
    for _ in 0..3 {
        stage.pass().await;
    }
    let stage = restored(stage.cluster.snapshot());
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
    assert_eq!(outcome.verdict, Verdict::Deployed);
    assert_eq!(stage.image().await, NEW);
}

#[tokio::test(start_paused = true)]
async fn ids_go_on_where_they_were() {
    let stage = Stage::new(|spec| spec).await;
    let before = stage.state().await.primary().unwrap().id.clone();
    let stage = restored(stage.cluster.snapshot());
    let update = ServiceUpdate::new(name(), service()).force_new_deployment(true);
    let after = stage
        .cluster
        .update_service(&update)
        .await
        .unwrap()
        .primary()
        .unwrap()
        .id
        .clone();
    assert!(after.number() > before.number());
}

#[tokio::test(start_paused = true)]
async fn another_version_and_a_torn_one_are_refused() {
    let stage = Stage::new(|spec| spec).await;
    let whole = serde_json::to_value(stage.cluster.snapshot()).unwrap();
    let refused = |value: serde_json::Value| {
        let runtime = std::sync::Arc::new(ScriptedRuntime::new(Timings::fargate()));
        let snapshot = serde_json::from_value(value).unwrap();
        SimCluster::restore(snapshot, Timings::fargate(), runtime)
            .unwrap_err()
            .to_string()
    };
    let mut newer = whole.clone();
    newer["version"] = 99.into();
    assert!(refused(newer).contains("99"));
    let mut torn = whole;
    torn["services"][0]["deployments"] = serde_json::json!([]);
    assert!(refused(torn).contains("belongs to no deployment"));
}
