//! The contract of [`ControlPlane`], as checks that every implementation passes.

use serde_json::json;

use crate::{
    ClusterName, ControlPlane, DeploymentId, Error, ServiceName, ServiceUpdate, StopType,
    TaskDefinition, TaskDefinitionArn,
};

/// Runs every check of the contract against a service that has one completed deployment. The service is changed: it has
/// other deployments afterwards.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn control_plane_contract(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) {
    names_that_lead_nowhere_are_errors(plane, cluster, service).await;
    unknown_fields_survive(plane).await;
    each_registration_is_a_revision(plane).await;
    an_update_without_a_difference_begins_nothing(plane, cluster, service).await;
    an_update_begins_a_deployment_and_leaves_the_count(plane, cluster, service).await;
    a_deployment_has_a_record_and_an_unknown_one_has_none(plane, cluster, service).await;
    what_has_ended_cannot_be_stopped(plane, cluster, service).await;
}

async fn names_that_lead_nowhere_are_errors(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) {
    let nobody: ServiceName = "no-such-service".parse().expect("a valid name");
    let both = [service.clone(), nobody.clone()];
    let missing = plane.describe_services(cluster, &both).await;
    assert!(
        matches!(&missing, Err(Error::ServiceNotFound { service, .. }) if *service == nobody),
        "{missing:?}"
    );
    let update = ServiceUpdate::new(cluster.clone(), nobody).force_new_deployment(true);
    let missing = plane.update_service(&update).await;
    assert!(
        matches!(missing, Err(Error::ServiceNotFound { .. })),
        "{missing:?}"
    );
    let nothing: TaskDefinitionArn = "no-such-family:7".parse().expect("a valid name");
    let missing = plane.describe_task_definition(&nothing).await;
    assert!(
        matches!(missing, Err(Error::TaskDefinitionNotFound { .. })),
        "{missing:?}"
    );
    let elsewhere: ClusterName = "no-such-cluster".parse().expect("a valid name");
    let missing = plane
        .describe_services(&elsewhere, std::slice::from_ref(service))
        .await;
    assert!(
        matches!(missing, Err(Error::ClusterNotFound { .. })),
        "{missing:?}"
    );
    assert!(
        plane
            .describe_services(cluster, &[])
            .await
            .is_ok_and(|states| states.is_empty()),
        "nobody was asked for"
    );
}

async fn unknown_fields_survive(plane: &dyn ControlPlane) {
    let definition = TaskDefinition::new(json!({
        "family": "contract-unknown",
        "containerDefinitions": [
            {"name": "app", "image": "registry.example/app:1", "command": [""], "ofNextYear": {"deep": [1, null]}},
        ],
        "ofNextYear": "kept",
    }));
    let arn = plane
        .register_task_definition(&definition)
        .await
        .expect("it is registered");
    let described = plane
        .describe_task_definition(&arn)
        .await
        .expect("it is described");
    assert_eq!(
        described.for_registration(),
        definition.for_registration(),
        "what was registered is described"
    );
}

async fn each_registration_is_a_revision(plane: &dyn ControlPlane) {
    let definition = TaskDefinition::new(json!({
        "family": "contract-revisions",
        "containerDefinitions": [{"name": "app", "image": "registry.example/app:1"}],
    }));
    let first = plane
        .register_task_definition(&definition)
        .await
        .expect("it is registered");
    let second = plane
        .register_task_definition(&definition)
        .await
        .expect("it is registered again");
    assert_eq!(first.family(), "contract-revisions");
    assert_eq!(second.revision(), first.revision() + 1);
}

async fn an_update_without_a_difference_begins_nothing(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) {
    let before = state(plane, cluster, service).await;
    let update = ServiceUpdate::new(cluster.clone(), service.clone())
        .task_definition(before.task_definition.clone());
    let after = plane.update_service(&update).await.expect("it is updated");
    let id = |state: &crate::ServiceState| state.primary().map(|primary| primary.id.clone());
    assert_eq!(
        id(&after),
        id(&before),
        "nothing differs, so nothing begins"
    );
}

async fn an_update_begins_a_deployment_and_leaves_the_count(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) {
    let before = state(plane, cluster, service).await;
    let current = plane
        .describe_task_definition(&before.task_definition)
        .await
        .expect("it is described");
    let arn = plane
        .register_task_definition(&current)
        .await
        .expect("it is registered");
    let update = ServiceUpdate::new(cluster.clone(), service.clone()).task_definition(arn.clone());
    let after = plane.update_service(&update).await.expect("it is updated");
    let primary = after.primary().expect("the answer has the new deployment");
    assert_eq!(primary.task_definition, arn);
    assert!(!primary.is_completed(), "it has only begun");
    assert_ne!(
        Some(&primary.id),
        before.primary().map(|primary| &primary.id)
    );
    assert_eq!(
        after.desired, before.desired,
        "the desired count is not a deployment's to change"
    );
    let same = ServiceUpdate::new(cluster.clone(), service.clone()).force_new_deployment(true);
    let forced = plane.update_service(&same).await.expect("it is forced");
    let forced = forced
        .primary()
        .expect("the answer has the forced deployment");
    assert_ne!(
        forced.id, primary.id,
        "forced, a deployment begins without a difference"
    );
    assert_eq!(forced.task_definition, arn);
}

async fn a_deployment_has_a_record_and_an_unknown_one_has_none(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) {
    let primary = state(plane, cluster, service)
        .await
        .primary()
        .map(|primary| primary.id.clone());
    let primary = primary.expect("a deployment was begun");
    let record = plane
        .service_deployment(cluster, service, &primary)
        .await
        .expect("records are read");
    assert_eq!(record.map(|record| record.id), Some(primary.clone()));
    let unknown: DeploymentId = "ecs-svc/42".parse().expect("a valid id");
    assert_eq!(
        plane
            .service_deployment(cluster, service, &unknown)
            .await
            .expect("records are read"),
        None
    );
    assert_eq!(
        plane
            .stopped_tasks(cluster, service, &unknown)
            .await
            .expect("tasks are listed"),
        []
    );
}

async fn what_has_ended_cannot_be_stopped(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) {
    let primary = state(plane, cluster, service)
        .await
        .primary()
        .map(|primary| primary.id.clone());
    let primary = primary.expect("a deployment was begun");
    let record = plane
        .service_deployment(cluster, service, &primary)
        .await
        .expect("records are read");
    let record = record.expect("it was begun");
    plane
        .stop_deployment(&record, StopType::Abort)
        .await
        .expect("one that is under way is stopped");
    let again = plane.stop_deployment(&record, StopType::Rollback).await;
    assert!(matches!(again, Err(Error::Refused { .. })), "{again:?}");
}

async fn state(
    plane: &dyn ControlPlane,
    cluster: &ClusterName,
    service: &ServiceName,
) -> crate::ServiceState {
    let states = plane
        .describe_services(cluster, std::slice::from_ref(service))
        .await
        .expect("the service is there");
    states.into_iter().next().expect("one was asked for")
}
