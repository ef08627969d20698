//! Why deployments end before their time, in ECS's words.

use std::collections::BTreeSet;

use crate::DeploymentId;

/// Why a deployment ends before its time.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    Breaker,
    Alarms(BTreeSet<String>),
    User,
    Hook { stage: String, timed_out: bool },
}

impl Cause {
    /// The reason of the deployment that failed.
    pub(super) fn failed(&self) -> String {
        match self {
            Self::Breaker => "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
            Self::Alarms(_) => "ECS deployment alarm: alarm detected.".to_owned(),
            Self::User => "Service deployment stopped by the user.".to_owned(),
            Self::Hook { stage, timed_out } => {
                let what = if *timed_out { "timed out" } else { "failed" };
                format!("ECS deployment lifecycle hook at {stage} {what}.")
            }
        }
    }

    /// The reason of the deployment that comes back.
    pub(super) fn back(&self, to: &DeploymentId) -> String {
        let who = match self {
            Self::Breaker => "circuit breaker",
            Self::Alarms(_) => "alarm",
            Self::User => "stop request",
            Self::Hook { .. } => "lifecycle hook",
        };
        format!("ECS deployment {who}: rolling back to deploymentId {to}.")
    }

    /// The reason in the record.
    pub(super) fn recorded(&self, rollback: bool) -> String {
        let what = if rollback { "rolled back" } else { "stopped" };
        match self {
            Self::Breaker => format!(
                "Service deployment {what} because the circuit breaker threshold was exceeded."
            ),
            Self::Alarms(names) => {
                let names = names
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ");
                format!("Service deployment {what} because of the alarms [{names}].")
            }
            Self::User => format!("Service deployment {what} by the user."),
            Self::Hook { stage, timed_out } => {
                let how = if *timed_out { "timed out" } else { "failed" };
                format!("Service deployment {what} because the lifecycle hook at {stage} {how}.")
            }
        }
    }
}
