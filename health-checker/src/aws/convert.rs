//! From the SDKs' types to ours.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_sdk_ecs::types::{DeploymentRolloutState, HealthStatus};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};

use crate::deployment::{Deployment, GroupTarget, Role, Rollout, TargetHealth, Task};

/// A deployment; `None` if it says nothing of itself.
pub(super) fn deployment(found: &aws_sdk_ecs::types::Deployment) -> Option<Deployment> {
    let role = match found.status()? {
        "PRIMARY" => Role::Primary,
        "ACTIVE" => Role::Active,
        _ => Role::Inactive,
    };
    let rollout = found.rollout_state().map(|state| match state {
        DeploymentRolloutState::Completed => Rollout::Completed,
        DeploymentRolloutState::Failed => Rollout::Failed,
        // A state that is newer than this program is not known to be an end.
        _ => Rollout::InProgress,
    });
    let count = |count: i32| u32::try_from(count).unwrap_or(0);
    Some(
        Deployment::new(found.id()?, found.task_definition()?, role)
            .rollout(rollout, found.rollout_state_reason())
            .tasks(count(found.desired_count()), count(found.running_count())),
    )
}

pub(super) fn task(found: &aws_sdk_ecs::types::Task) -> Task {
    let arn = found.task_arn().unwrap_or_default();
    let attached = found
        .attachments()
        .iter()
        .flat_map(|attachment| attachment.details())
        .filter(|detail| {
            matches!(
                detail.name(),
                Some("privateIPv4Address" | "privateIPv6Address")
            )
        })
        .filter_map(|detail| detail.value());
    let interfaces = found
        .containers()
        .iter()
        .flat_map(|container| container.network_interfaces())
        .flat_map(|interface| [interface.private_ipv4_address(), interface.ipv6_address()])
        .flatten();
    let addresses: BTreeSet<IpAddr> = attached
        .chain(interfaces)
        .filter_map(|address| address.parse().ok())
        .collect();
    Task::new(
        arn.rsplit('/').next().unwrap_or(arn),
        found.started_by(),
        addresses.into_iter().collect(),
    )
    .unhealthy(found.health_status() == Some(&HealthStatus::Unhealthy))
}

/// A target; `None` if it says nothing of itself.
pub(super) fn target(found: &TargetHealthDescription) -> Option<GroupTarget> {
    let target = found.target()?;
    let health = found.target_health();
    let state = health.and_then(|health| health.state());
    let health_now = match state {
        Some(TargetHealthStateEnum::Healthy) => TargetHealth::Healthy,
        Some(TargetHealthStateEnum::Unhealthy) => TargetHealth::Unhealthy,
        Some(TargetHealthStateEnum::Initial) => TargetHealth::Initial,
        Some(TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining) => {
            TargetHealth::Draining
        }
        Some(TargetHealthStateEnum::Unused) => TargetHealth::Unused,
        // What is not known is not healthy.
        _ => TargetHealth::Unavailable,
    };
    let reason = health
        .and_then(|health| health.reason())
        .map(|reason| reason.as_str());
    Some(GroupTarget::new(
        target.id()?,
        target.port().and_then(|port| u16::try_from(port).ok()),
        health_now,
        reason,
    ))
}

/// The name in a target group's ARN, `…:targetgroup/NAME/ID`.
pub(super) fn group_name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}
