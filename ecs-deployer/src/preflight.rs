//! What would make a deployment fail for certain, found before anything is registered.

mod account;
mod image;
mod service;

use serde::Serialize;

use crate::{
    AccountLookUp, ControlPlane, DeployRequest, Error, ImageLookUp, ServiceName, TaskDefinition,
};

/// What preflight looks things up with. What is missing is said to be unchecked.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct LookUps<'a> {
    /// The registries.
    pub images: Option<&'a dyn ImageLookUp>,
    /// The account.
    pub account: Option<&'a dyn AccountLookUp>,
}

impl<'a> LookUps<'a> {
    /// These look-ups.
    pub const fn new(
        images: Option<&'a dyn ImageLookUp>,
        account: Option<&'a dyn AccountLookUp>,
    ) -> Self {
        Self { images, account }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// What kind of thing.
    pub check: CheckName,
    /// Which one, where there are several: an image, a role, a secret.
    pub subject: Option<String>,
    /// What came of it.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What preflight looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckName {
    /// Whether ECS deploys the service.
    Controller,
    /// Whether a task can be replaced within the bounds of the deployment.
    Bounds,
    /// Whether moving tasks between zones goes together with the bounds.
    ZoneRebalancing,
    /// Whether an image exists.
    Image,
    /// Whether an image runs on the task's processor.
    Architecture,
    /// Whether a role exists.
    Role,
    /// Whether a log group exists.
    LogGroup,
    /// Whether a secret exists.
    Secret,
    /// Whether an alarm is at rest.
    Alarm,
}

impl CheckName {
    /// The name as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Bounds => "bounds",
            Self::ZoneRebalancing => "zone-rebalancing",
            Self::Image => "image",
            Self::Architecture => "architecture",
            Self::Role => "role",
            Self::LogGroup => "log-group",
            Self::Secret => "secret",
            Self::Alarm => "alarm",
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finding {
    /// All is well.
    Ok,
    /// The deployment would fail, or lose its protection.
    Problem {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// It could not be checked.
    Unchecked {
        /// Why not.
        reason: String,
    },
}

impl Check {
    fn new(check: CheckName, subject: Option<&str>, finding: Finding) -> Self {
        Self {
            check,
            subject: subject.map(str::to_owned),
            finding,
        }
    }

    /// Whether it found a problem.
    pub const fn is_problem(&self) -> bool {
        matches!(self.finding, Finding::Problem { .. })
    }
}

impl Finding {
    fn problem(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Problem {
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    fn unchecked(reason: impl Into<String>) -> Self {
        Self::Unchecked {
            reason: reason.into(),
        }
    }

    /// A look-up that failed: the reason names the IAM action where one is missing.
    fn failed(error: &Error) -> Self {
        let hint = error
            .hint()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        Self::unchecked(format!("{error}{hint}"))
    }
}

/// The checks of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Preflight {
    /// The service.
    pub service: ServiceName,
    /// What was looked at.
    pub checks: Vec<Check>,
}

impl Preflight {
    /// The problems that were found.
    pub fn problems(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.is_problem())
    }

    /// Whether nothing stands in the way of the deployment. What could not be checked does not.
    pub fn is_clear(&self) -> bool {
        self.problems().next().is_none()
    }
}

/// Looks for what would make a deployment fail, and changes nothing.
///
/// # Errors
/// When the service or its task definition cannot be read.
pub async fn preflight(
    plane: &dyn ControlPlane,
    request: &DeployRequest,
    look_ups: LookUps<'_>,
) -> Result<Preflight, Error> {
    let states = plane
        .describe_services(&request.cluster, std::slice::from_ref(&request.service))
        .await?;
    let mut state = states
        .into_iter()
        .next()
        .ok_or_else(|| Error::ServiceNotFound {
            cluster: request.cluster.clone(),
            service: request.service.clone(),
        })?;
    let mut checks = vec![service::controller(&state)];
    let clear = |checks| {
        Ok(Preflight {
            service: request.service.clone(),
            checks,
        })
    };
    if checks.iter().any(Check::is_problem) {
        // What somebody else deploys has no task definition here to look into.
        return clear(checks);
    }
    state.desired = request.desired_count.unwrap_or(state.desired);
    checks.push(service::bounds(&state));
    checks.push(service::zones(&state));
    let current = plane
        .describe_task_definition(&state.task_definition)
        .await?;
    let base = request.base.as_ref().unwrap_or(&current);
    let wanted: TaskDefinition = base.with_images(&request.images)?;
    checks.extend(image::checks(&state, base, &wanted, &request.images, look_ups.images).await?);
    checks.extend(account::checks(&state, &wanted, look_ups.account).await);
    clear(checks)
}

#[cfg(test)]
mod tests;
