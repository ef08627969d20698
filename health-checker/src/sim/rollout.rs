//! A simulated rollout behind a load balancer.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::deployment::{
    Deployment, DeploymentView, GroupTarget, Role, Rollout, ServiceRef, Snapshot, TargetGroup,
    TargetHealth, Task, ViewError,
};

/// A rollout that replaces the tasks of an old deployment one by one, on tokio's clock, and can be told to go wrong.
#[derive(Debug)]
pub struct SimRollout {
    service: ServiceRef,
    desired: u32,
    fault: Option<RolloutFault>,
    start: Instant,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RolloutFault {
    /// The new tasks do not start; the old deployment is made primary again.
    RolledBack,
    /// The same, long after the new deployment was complete.
    RolledBackLate,
    /// Another deployment is begun halfway.
    Superseded,
    /// All targets are unhealthy: the target group sends requests to all of them.
    FailsOpen,
    /// A target that is no task of the service stays healthy.
    StrangerServes,
    /// The last task never starts.
    NeverEnds,
    /// The account may not look.
    Denied,
    /// No answer comes.
    Unreachable,
}

const OLD_DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1";
const NEW_DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2";
const NEXT_DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3";
const PORT: u16 = 8080;

impl SimRollout {
    /// The id of the deployment that is being rolled out.
    pub const NEW: &'static str = "ecs-svc/2";

    /// How long it takes until the next task runs, and until it is healthy after that.
    pub const STEP: Duration = Duration::from_secs(4);

    /// A rollout to as many tasks, which begins now.
    pub fn new(service: ServiceRef, desired: u32) -> Self {
        Self {
            service,
            desired,
            fault: None,
            start: Instant::now(),
        }
    }

    /// Makes it go wrong.
    #[must_use]
    pub const fn fault(mut self, fault: RolloutFault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn snapshot(&self) -> Snapshot {
        let steps = self.start.elapsed().as_millis() / Self::STEP.as_millis();
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let most = match self.fault {
            Some(RolloutFault::NeverEnds) => self.desired.saturating_sub(1),
            Some(RolloutFault::RolledBack) => 0,
            _ => self.desired,
        };
        let new = steps.min(most);
        let old = self.desired - new;
        // A task is healthy a step after it runs.
        let healthy = steps.saturating_sub(1).min(new);
        let is_complete = new == self.desired && healthy == new;
        let mut snapshot = Snapshot {
            deployments: vec![
                Deployment::new(Self::NEW, NEW_DEFINITION, Role::Primary)
                    .rollout(
                        Some(match is_complete {
                            true => Rollout::Completed,
                            false => Rollout::InProgress,
                        }),
                        None,
                    )
                    .tasks(self.desired, new),
            ],
            ..Snapshot::default()
        };
        if old > 0 {
            let deployment = Deployment::new("ecs-svc/1", OLD_DEFINITION, Role::Active);
            snapshot.deployments.push(deployment.tasks(0, old));
        }
        let mut targets = Vec::new();
        for (count, deployment, net) in [(new, Self::NEW, 2_u8), (old, "ecs-svc/1", 1)] {
            for n in 0..count {
                let address = IpAddr::from([10, 0, net, u8::try_from(n % 250).unwrap_or(0) + 1]);
                let id = format!("task-{net}-{n}");
                snapshot
                    .tasks
                    .push(Task::new(&id, Some(deployment), vec![address]));
                let health = match (self.fault, net == 1 || n < healthy) {
                    (Some(RolloutFault::FailsOpen), _) => TargetHealth::Unhealthy,
                    (_, true) => TargetHealth::Healthy,
                    (_, false) => TargetHealth::Initial,
                };
                targets.push(GroupTarget::new(
                    &address.to_string(),
                    Some(PORT),
                    health,
                    None,
                ));
            }
        }
        if self.fault == Some(RolloutFault::StrangerServes) {
            targets.push(GroupTarget::new(
                "10.0.9.9",
                Some(PORT),
                TargetHealth::Healthy,
                None,
            ));
        }
        snapshot.target_groups = vec![TargetGroup::new("web", Some(PORT), targets)];
        self.turn(&mut snapshot, steps);
        snapshot
    }

    /// What goes wrong from some step on.
    fn turn(&self, snapshot: &mut Snapshot, steps: u32) {
        let (after, is_back) = match self.fault {
            Some(RolloutFault::RolledBack) => (2, true),
            Some(RolloutFault::RolledBackLate) => (self.desired + 10, true),
            Some(RolloutFault::Superseded) => (1, false),
            _ => return,
        };
        if steps < after {
            return;
        }
        let ours = &mut snapshot.deployments[0];
        ours.role = Role::Active;
        let next = if is_back {
            ours.rollout = Some(Rollout::Failed);
            ours.rollout_reason =
                Some("ECS deployment circuit breaker: tasks failed to start.".to_owned());
            ("ecs-svc/3", OLD_DEFINITION)
        } else {
            ("ecs-svc/3", NEXT_DEFINITION)
        };
        let primary =
            Deployment::new(next.0, next.1, Role::Primary).rollout(Some(Rollout::InProgress), None);
        snapshot.deployments.push(primary.tasks(self.desired, 0));
    }
}

#[async_trait]
impl DeploymentView for SimRollout {
    async fn look(&self, service: &ServiceRef) -> Result<Snapshot, ViewError> {
        if *service != self.service {
            return Err(ViewError::NotFound {
                service: service.clone(),
            });
        }
        match self.fault {
            Some(RolloutFault::Denied) => Err(ViewError::Denied {
                operation: "describe services",
                action: "ecs:DescribeServices",
                code: Some("AccessDeniedException".to_owned()),
                message: None,
                request_id: None,
            }),
            Some(RolloutFault::Unreachable) => Err(ViewError::Unreachable {
                operation: "describe services",
                source: "connection refused".into(),
            }),
            _ => Ok(self.snapshot()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DeploymentScene, DeploymentStage, deployment_contract};

    #[derive(Debug)]
    struct Simulated;

    #[async_trait]
    impl DeploymentStage for Simulated {
        async fn set(
            &self,
            scene: DeploymentScene,
            service: &ServiceRef,
        ) -> Box<dyn DeploymentView> {
            let rollout = SimRollout::new(service.clone(), 2);
            Box::new(match scene {
                DeploymentScene::Rolling => {
                    tokio::time::sleep(SimRollout::STEP).await;
                    rollout
                }
                DeploymentScene::Complete => {
                    tokio::time::sleep(SimRollout::STEP * 10).await;
                    rollout
                }
                DeploymentScene::Denied => rollout.fault(RolloutFault::Denied),
                DeploymentScene::Unreachable => rollout.fault(RolloutFault::Unreachable),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_simulated_rollout_keeps_the_contract_of_views() {
        deployment_contract(&Simulated).await;
    }
}
