//! What people ask of a service: that a deployment ends, goes back or goes on, that the service goes.

use std::time::Duration;

use super::model::{HookState, Service, Task};
use crate::{DeploymentId, Error, HookAction, ServiceDeploymentStatus, StopType};

impl Service {
    /// A person wants a deployment to end; the next pass sees to it.
    pub(super) fn request_stop(
        &mut self,
        id: &DeploymentId,
        how: StopType,
        at: Duration,
    ) -> Result<(), Error> {
        let refused = |message: &str| Error::Refused {
            operation: "stop the service deployment",
            code: Some("ConflictException".to_owned()),
            message: Some(message.to_owned()),
            request_id: None,
        };
        let can_go_back = self
            .last_completed
            .as_ref()
            .is_some_and(|completed| completed.id != *id);
        let Some(record) = self.record(id) else {
            return Err(Error::Refused {
                operation: "stop the service deployment",
                code: Some("ServiceDeploymentNotFoundException".to_owned()),
                message: Some("The service deployment does not exist.".to_owned()),
                request_id: None,
            });
        };
        let under_way = matches!(
            record.status,
            ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress
        );
        if !under_way {
            return Err(refused("The service deployment has already ended."));
        }
        if how == StopType::Rollback && !can_go_back {
            return Err(refused(
                "There is no successful deployment to roll back to.",
            ));
        }
        record.requested = Some(how);
        record.updated = at;
        record.status = match how {
            StopType::Abort => ServiceDeploymentStatus::StopRequested,
            StopType::Rollback => ServiceDeploymentStatus::RollbackRequested,
        };
        record.reason = Some(match how {
            StopType::Abort => "Stop requested by the user.".to_owned(),
            StopType::Rollback => "Rollback requested by the user.".to_owned(),
        });
        Ok(())
    }

    /// It was deleted, and its last task has gone.
    pub(super) fn is_gone(&self) -> bool {
        self.draining && !self.tasks.iter().any(Task::is_alive)
    }

    /// Begins to end: its tasks go, and nothing is started any more.
    pub(super) fn delete(&mut self) {
        self.draining = true;
        self.spec.desired_count = 0;
    }

    /// A person lets what is paused go on.
    pub(super) fn go_on(&mut self, at: Duration) {
        let hooks = self
            .records
            .iter_mut()
            .filter(|record| !record.status.is_terminal())
            .filter_map(|record| record.shift.as_mut())
            .flat_map(|shift| &mut shift.hooks);
        for hook in hooks.filter(|hook| hook.state == HookState::AwaitingAction) {
            hook.state = HookState::Succeeded;
            hook.since = at;
        }
    }

    /// A person decides about a hook that waits.
    pub(super) fn answer_hook(
        &mut self,
        id: &DeploymentId,
        hook: &str,
        action: HookAction,
        at: Duration,
    ) -> Result<(), Error> {
        let waiting = self
            .record(id)
            .and_then(|record| record.shift.as_mut())
            .and_then(|shift| shift.hooks.iter_mut().find(|run| run.id == hook))
            .filter(|run| run.state == HookState::AwaitingAction);
        let Some(run) = waiting else {
            return Err(Error::Refused {
                operation: "continue the service deployment",
                code: Some("ConflictException".to_owned()),
                message: Some(format!(
                    "The service deployment is not waiting at the lifecycle hook {hook}."
                )),
                request_id: None,
            });
        };
        run.since = at;
        run.state = match action {
            HookAction::Continue => HookState::Succeeded,
            HookAction::Rollback => HookState::Failed,
        };
        Ok(())
    }
}
