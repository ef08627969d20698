//! Checks of the service's own settings.

use super::{Check, CheckName, Finding};
use crate::engine::check_kind;
use crate::{Controller, ServiceState};

pub(super) fn controller(state: &ServiceState) -> Check {
    let finding = match check_kind(state) {
        Ok(()) => Finding::Ok,
        Err(error) => {
            let hint = match state.controller {
                Controller::CodeDeploy => {
                    "start the deployment with CodeDeploy, or make the service anew with the controller ECS"
                }
                Controller::External => {
                    "deploy it with the program that owns its task sets, or make the service anew with the controller ECS"
                }
                Controller::Ecs => "deploy to a service that is ACTIVE",
            };
            Finding::problem(error.to_string(), hint)
        }
    };
    Check::new(CheckName::Controller, None, finding)
}

pub(super) fn bounds(state: &ServiceState) -> Check {
    let finding = if state.is_deadlocked() {
        Finding::problem(
            format!(
                "no task can ever be replaced: of {} tasks {} % must stay healthy, and {} % may run",
                state.desired, state.minimum_healthy_percent, state.maximum_percent
            ),
            "raise the service's maximum percent, or lower its minimum healthy percent",
        )
    } else {
        Finding::Ok
    };
    Check::new(CheckName::Bounds, None, finding)
}

/// ECS starts a task in the new zone before it stops the old one, and needs room for that.
pub(super) fn zones(state: &ServiceState) -> Check {
    let finding = if state.zone_rebalancing && state.maximum_percent <= 100 {
        Finding::problem(
            format!(
                "availability zone rebalancing is on, and needs a maximum percent above 100: it is {}",
                state.maximum_percent
            ),
            "raise the service's maximum percent, or turn availability zone rebalancing off",
        )
    } else {
        Finding::Ok
    };
    Check::new(CheckName::ZoneRebalancing, None, finding)
}
