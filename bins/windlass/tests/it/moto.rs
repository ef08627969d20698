//! The AWS adapters against moto, through the connector that the binary uses.

#![cfg(feature = "aws")]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use ecs_deployer::aws::EcsControlPlane;
use ecs_deployer::{ClusterName, ControlPlane, Error, ServiceName, ServiceUpdate, TaskDefinition};
use image_tagger::Credentials;
use image_tagger::aws::EcrCredentials;
use serde_json::json;

/// The configuration for the moto server that `cargo xtask test` starts, which sets credentials too.
#[expect(
    clippy::print_stdout,
    reason = "a test that skips itself says so, and is counted by this line"
)]
async fn config() -> Option<SdkConfig> {
    let url = std::env::var("WINDLASS_TEST_MOTO")
        .ok()
        .filter(|url| !url.is_empty());
    let Some(url) = url else {
        println!("skipped: WINDLASS_TEST_MOTO is not set");
        return None;
    };
    let loader = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url);
    Some(loader.region(Region::new("us-east-1")).load().await)
}

fn unique(name: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{name}-{}", now.as_nanos())
}

#[tokio::test]
async fn task_definitions_are_registered_and_described() {
    let Some(config) = config().await else { return };
    let plane = EcsControlPlane::new(aws_sdk_ecs::Client::new(&config));
    let family = unique("web");
    let definition = TaskDefinition::new(json!({
        "family": family,
        "containerDefinitions": [{"name": "app", "image": "registry.example/app:1", "memory": 64, "essential": true}],
    }));
    let first = plane.register_task_definition(&definition).await.unwrap();
    let second = plane.register_task_definition(&definition).await.unwrap();
    assert_eq!(
        (first.family(), first.revision(), second.revision()),
        (family.as_str(), 1, 2)
    );
    let described = plane.describe_task_definition(&second).await.unwrap();
    assert_eq!(described.containers(), definition.containers());
    let missing = plane
        .describe_task_definition(&"no-such-family:7".parse().unwrap())
        .await;
    assert!(
        matches!(missing, Err(Error::TaskDefinitionNotFound { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn services_are_described_and_updated_and_missing_ones_are_named() {
    let Some(config) = config().await else { return };
    let client = aws_sdk_ecs::Client::new(&config);
    let plane = EcsControlPlane::new(client.clone());
    let cluster: ClusterName = unique("cluster").parse().unwrap();
    let service: ServiceName = "web".parse().unwrap();
    let definition = TaskDefinition::new(json!({
        "family": unique("web"),
        "containerDefinitions": [{"name": "app", "image": "registry.example/app:1", "memory": 64, "essential": true}],
    }));
    let first = plane.register_task_definition(&definition).await.unwrap();
    client
        .create_cluster()
        .cluster_name(cluster.as_str())
        .send()
        .await
        .unwrap();
    let request = client
        .create_service()
        .cluster(cluster.as_str())
        .service_name(service.as_str());
    request
        .task_definition(first.as_str())
        .desired_count(2)
        .send()
        .await
        .unwrap();

    let second = plane.register_task_definition(&definition).await.unwrap();
    let update =
        ServiceUpdate::new(cluster.clone(), service.clone()).task_definition(second.clone());
    let updated = plane.update_service(&update).await.unwrap();
    assert_eq!((updated.desired, &updated.task_definition), (2, &second));
    let states = plane
        .describe_services(&cluster, std::slice::from_ref(&service))
        .await
        .unwrap();
    assert_eq!(states[0].task_definition, second);

    let missing = plane
        .describe_services(&cluster, &["nobody".parse().unwrap()])
        .await;
    assert!(
        matches!(missing, Err(Error::ServiceNotFound { .. })),
        "{missing:?}"
    );
    let nowhere = plane
        .describe_services(&"nowhere".parse().unwrap(), std::slice::from_ref(&service))
        .await;
    assert!(
        matches!(nowhere, Err(Error::ClusterNotFound { .. })),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn ecr_gives_a_token_for_its_own_hosts() {
    let Some(config) = config().await else { return };
    let credentials = EcrCredentials::new(aws_sdk_ecr::Client::new(&config));
    let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let credential = credentials.credential(host).await.unwrap().unwrap();
    assert_eq!(credential.username(), "AWS");
    assert!(!credential.secret().is_empty());
    assert_eq!(credentials.credential("ghcr.io").await.unwrap(), None);
}
