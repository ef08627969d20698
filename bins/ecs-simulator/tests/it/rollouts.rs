//! The deployer's own adapter and engine against the server.

use std::time::Duration;

use ecs_deployer::aws::EcsControlPlane;
use ecs_deployer::sim::server::EcsServerBuilder;
use ecs_deployer::sim::{Scenario, Truth};
use ecs_deployer::testing::control_plane_contract;
use ecs_deployer::{
    ClusterName, DeployRequest, ImageChange, Options, ServiceName, ServiceOutcome, Verdict, deploy,
};

use crate::site::Site;

fn names() -> (ClusterName, ServiceName) {
    ("dev".parse().unwrap(), "web".parse().unwrap())
}

async fn roll_out(site: &Site, image: &str) -> ServiceOutcome {
    let plane = EcsControlPlane::new(site.client.clone());
    let (cluster, service) = names();
    let images = ImageChange::All(image.parse().unwrap());
    let request = DeployRequest::new(cluster, service, images).force_new_deployment(true);
    // Ten seconds of the model.
    let options = Options::default()
        .poll(Duration::from_millis(20))
        .timeout(Duration::from_secs(60));
    deploy(&plane, &request, &options, &|_| {}).await.unwrap()
}

fn truth(site: &Site, outcome: &ServiceOutcome) -> Truth {
    let id = outcome.deployment.as_ref().unwrap();
    site.cluster.truth(&names().1, id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_keeps_the_contract_over_the_wire() {
    // The contract has it that what was registered is described, and ECS adds its defaults.
    let plain = |builder: EcsServerBuilder| builder.throttle(false).fill_in_defaults(false);
    let site = Site::with("healthy", plain).await;
    let plane = EcsControlPlane::new(site.client.clone());
    let (cluster, service) = names();
    control_plane_contract(&plane, &cluster, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scenario_ends_as_its_name_says() {
    for (scenario, image, verdict) in [
        ("healthy", "registry.example/web:2", Verdict::Deployed),
        (
            "missing-image",
            "registry.example/web:2",
            Verdict::RolledBack,
        ),
        (
            "breaker-rollback",
            "registry.example/web:2",
            Verdict::RolledBack,
        ),
        (
            "same-revision",
            "registry.example/web:latest",
            Verdict::RolledBack,
        ),
        ("superseded", "registry.example/web:2", Verdict::Superseded),
    ] {
        let site = Site::new(scenario).await;
        let outcome = roll_out(&site, image).await;
        assert_eq!(outcome.verdict, verdict, "{scenario}: {outcome:?}");
        let truth = truth(&site, &outcome);
        let agrees = match verdict {
            Verdict::Deployed => matches!(truth, Truth::Completed),
            Verdict::RolledBack => matches!(truth, Truth::RolledBack { .. }),
            _ => matches!(truth, Truth::Superseded { .. }),
        };
        assert!(agrees, "{scenario}: {truth:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_strategy_is_followed_through_its_stages() {
    use ecs_deployer::sim::Strategy;

    let mut scenario = Scenario::built_in("healthy").unwrap();
    scenario.services[0].strategy = Strategy::Canary {
        percent: 10.0,
        bake: Duration::from_secs(60),
    };
    scenario.services[0].bake = Some(60.0);
    let site = Site::of(&scenario, |builder| builder.throttle(false)).await;
    let outcome = roll_out(&site, "registry.example/web:2").await;
    assert_eq!(outcome.verdict, Verdict::Deployed, "{outcome:?}");
}
