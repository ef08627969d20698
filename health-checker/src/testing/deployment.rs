//! The contract of [`DeploymentView`] as checks.

use std::time::Duration;

use async_trait::async_trait;

use crate::deployment::{DeploymentView, Role, Rollout, ServiceRef, ViewError};

/// What the implementation under test is to be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentScene {
    /// A service in the midst of a rollout, with tasks of two deployments.
    Rolling,
    /// A service whose rollout is complete, with two tasks that its target group finds healthy.
    Complete,
    /// A service that the account may not look at.
    Denied,
    /// A cluster that does not answer.
    Unreachable,
}

/// Builds scenes for the implementation under test.
#[async_trait]
pub trait DeploymentStage: Send + Sync {
    /// A view of a cluster that holds this service in this scene, and no other service.
    async fn set(&self, scene: DeploymentScene, service: &ServiceRef) -> Box<dyn DeploymentView>;
}

/// Checks an implementation of [`DeploymentView`] against its contract. Scenes are set once each.
///
/// # Panics
/// If the contract is broken, naming the clause.
pub async fn deployment_contract(stage: &dyn DeploymentStage) {
    let service = ServiceRef::new("dev", "web").expect("these are names");
    let other = ServiceRef::new("dev", "other").expect("these are names");

    let view = stage.set(DeploymentScene::Rolling, &service).await;
    let rolling = view
        .look(&service)
        .await
        .expect("a service can be looked at");
    let primaries = |role| {
        let deployments = rolling.deployments.iter();
        deployments
            .filter(|deployment| deployment.role == role)
            .count()
    };
    assert_eq!(
        primaries(Role::Primary),
        1,
        "exactly one deployment is primary"
    );
    assert!(
        primaries(Role::Active) > 0,
        "an older deployment is shown while it has tasks"
    );
    for task in &rolling.tasks {
        assert!(
            rolling
                .deployments
                .iter()
                .any(|deployment| task.deployment.as_deref() == Some(deployment.id.as_str())),
            "each task names its deployment, this is {task:?}"
        );
    }
    // Polled once and dropped: the next look is none the worse.
    let _ = tokio::time::timeout(Duration::ZERO, view.look(&service)).await;
    assert_eq!(
        view.look(&service)
            .await
            .expect("a service can be looked at again"),
        rolling,
        "a look changes nothing"
    );
    let missing = view.look(&other).await;
    assert!(
        matches!(missing, Err(ViewError::NotFound { .. })),
        "a service that is not there is not found, this was {missing:?}"
    );

    let view = stage.set(DeploymentScene::Complete, &service).await;
    let complete = view
        .look(&service)
        .await
        .expect("a service can be looked at");
    let [deployment] = &complete.deployments[..] else {
        panic!(
            "a complete rollout is the only deployment, these are {:?}",
            complete.deployments
        );
    };
    assert_eq!(deployment.rollout, Some(Rollout::Completed));
    assert_eq!(
        (deployment.desired, deployment.running, complete.tasks.len()),
        (2, 2, 2)
    );
    let targets = &complete
        .target_groups
        .first()
        .expect("the service has a target group")
        .targets;
    for task in &complete.tasks {
        assert!(
            targets.iter().any(|target| target
                .address()
                .is_some_and(|address| task.addresses.contains(&address))),
            "each task is told by an address that its target group has, this is {task:?}"
        );
    }

    let denied = stage
        .set(DeploymentScene::Denied, &service)
        .await
        .look(&service)
        .await;
    let error = denied.expect_err("what may not be looked at is not shown");
    assert!(
        matches!(error, ViewError::Denied { .. }) && error.hint().is_some(),
        "{error:?}"
    );
    let lost = stage
        .set(DeploymentScene::Unreachable, &service)
        .await
        .look(&service)
        .await;
    let error = lost.expect_err("a cluster that does not answer shows nothing");
    assert!(error.is_transient(), "{error:?}");
}
