//! What can go wrong, by what the caller can do about it.

use thiserror::Error;

use crate::{ClusterName, ContainerName, DeploymentId, ServiceName, TaskDefinitionArn, TaskId};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a deployment could not be made or followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such cluster.
    #[error("there is no cluster `{cluster}`")]
    ClusterNotFound {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The cluster has no such service, or it was deleted.
    #[error("the cluster `{cluster}` has no service `{service}`")]
    ServiceNotFound {
        /// The cluster.
        cluster: ClusterName,
        /// The service.
        service: ServiceName,
    },
    /// There is no such task definition.
    #[error("there is no task definition `{task_definition}`")]
    TaskDefinitionNotFound {
        /// The task definition, as it was asked for.
        task_definition: String,
    },
    /// The registry does not have an image.
    #[error("there is no image `{image}`")]
    ImageNotFound {
        /// The image.
        image: String,
    },
    /// A change of images means no container of the task definition.
    #[error("no container of the task definition `{family}` is meant by `{wanted}`")]
    NoSuchContainer {
        /// The task definition's family.
        family: String,
        /// The container or the repository that was looked for.
        wanted: String,
        /// The containers that there are.
        containers: Vec<ContainerName>,
    },
    /// No task of the service can ever be replaced.
    #[error(
        "`{service}` can never replace a task: all {desired} must stay healthy and no further one may be started"
    )]
    Deadlock {
        /// The service.
        service: ServiceName,
        /// Its desired count.
        desired: u32,
    },
    /// The service is deployed by other means, or not at all.
    #[error("`{service}` cannot be deployed to: {reason}")]
    NotDeployable {
        /// The service.
        service: ServiceName,
        /// Why.
        reason: String,
    },
    /// ECS has no such deployment, or not any more.
    #[error("`{service}` has no deployment `{deployment}`, or its record cannot be read")]
    DeploymentNotFound {
        /// The service.
        service: ServiceName,
        /// The deployment.
        deployment: DeploymentId,
    },
    /// There is no revision to go back to.
    #[error("`{service}` has no earlier revision to go back to")]
    NoEarlierRevision {
        /// The service.
        service: ServiceName,
    },
    /// The revision to go back to is another service's.
    #[error(
        "`{task_definition}` is no revision of `{service}`, which runs the family `{family}` and has never run another one"
    )]
    NotItsRevision {
        /// The service.
        service: ServiceName,
        /// The revision that was asked for.
        task_definition: TaskDefinitionArn,
        /// The family that the service runs.
        family: String,
    },
    /// Services that depend on each other in a circle.
    #[error("services depend on each other in a circle: {}", services.iter().map(|service| format!("`{service}`")).collect::<Vec<_>>().join(" -> "))]
    DependencyCircle {
        /// The circle; the first is named again at its end.
        services: Vec<ServiceName>,
    },
    /// A dependency names a service that is not deployed with the others.
    #[error("`{service}` depends on `{on}`, and {} not among the services of this deployment", if service == on { "it is" } else { "one of them is" })]
    UnknownDependency {
        /// Who depends.
        service: ServiceName,
        /// On whom.
        on: ServiceName,
    },
    /// A service is named more than once.
    #[error("the service `{service}` is named more than once")]
    NamedTwice {
        /// The service.
        service: ServiceName,
    },
    /// ECS does not let us.
    #[error("AWS does not let us {operation}{}", detail(code.as_deref(), message.as_deref(), request_id.as_deref()))]
    Denied {
        /// What was tried.
        operation: &'static str,
        /// The IAM action that is needed.
        action: &'static str,
        /// AWS's error code.
        code: Option<String>,
        /// AWS's message.
        message: Option<String>,
        /// AWS's request id.
        request_id: Option<String>,
    },
    /// There are no credentials to sign requests with.
    #[error("cannot {operation}: there are no AWS credentials")]
    NoCredentials {
        /// What was tried.
        operation: &'static str,
        /// Where they were looked for.
        #[source]
        source: BoxError,
    },
    /// ECS refused the request for good.
    #[error("AWS refused to {operation}{}", detail(code.as_deref(), message.as_deref(), request_id.as_deref()))]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// AWS's error code.
        code: Option<String>,
        /// AWS's message.
        message: Option<String>,
        /// AWS's request id.
        request_id: Option<String>,
    },
    /// ECS limits how often we may ask, and the adapter's retries are used up.
    #[error("AWS limits the rate of requests to {operation}")]
    Throttled {
        /// What was tried.
        operation: &'static str,
        /// AWS's request id.
        request_id: Option<String>,
    },
    /// ECS could not be reached, or its answer was not understood: the outcome is not known.
    #[error("cannot {operation}: AWS could not be reached")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// ECS did not start a task.
    #[error("ECS did not start a task of `{task_definition}`: {reason}")]
    TaskNotStarted {
        /// What it was to run.
        task_definition: String,
        /// Why, in ECS's words.
        reason: String,
    },
    /// ECS has forgotten a task, as it does about an hour after its end.
    #[error("ECS does not know the task `{task}` any more")]
    TaskForgotten {
        /// The task.
        task: TaskId,
    },
    /// Nobody is there who could look something up.
    #[error("{what} cannot be looked up: {reason}")]
    CannotLookUp {
        /// What was looked for.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A saved simulator cannot be restored.
    #[error("the saved cluster cannot be restored: {problem}")]
    InvalidSnapshot {
        /// What is wrong.
        problem: String,
    },
}

fn detail(code: Option<&str>, message: Option<&str>, request_id: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(code) = code {
        text.push_str(&format!(": {code}"));
    }
    if let Some(message) = message {
        text.push_str(&format!(": {message}"));
    }
    if let Some(id) = request_id {
        text.push_str(&format!(" (request {id})"));
    }
    text
}

/// An error with its sources in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ClusterNotFound { .. } => "check the cluster's name and the region".to_owned(),
            Self::ServiceNotFound { .. } => {
                "check the service's name and the region; services are made by infrastructure code, not by a deployment".to_owned()
            }
            Self::TaskDefinitionNotFound { .. } => "it may have been deregistered: name another one".to_owned(),
            Self::NoSuchContainer { containers, .. } => {
                let names = containers.iter().map(ContainerName::as_str).collect::<Vec<_>>().join(", ");
                format!("name the container as CONTAINER=IMAGE; there are: {names}")
            }
            Self::ImageNotFound { .. } => "push it first, or check the tag".to_owned(),
            Self::Deadlock { .. } => {
                "raise the service's maximum percent, or lower its minimum healthy percent".to_owned()
            }
            Self::Denied { action, code, .. }
                if matches!(code.as_deref(), Some("ExpiredTokenException" | "ExpiredToken")) =>
            {
                format!("the credentials have expired: log in again (the call needs {action})")
            }
            Self::Denied { action, .. } => format!("allow {action} in the IAM policy of the credentials in use"),
            Self::NoCredentials { .. } => {
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in GitHub Actions use aws-actions/configure-aws-credentials".to_owned()
            }
            Self::Throttled { .. } => "run fewer deployments at a time, or ask AWS for a higher rate".to_owned(),
            Self::Unreachable { .. } => "check the network, the region and the credentials, then run again".to_owned(),
            Self::NoEarlierRevision { .. } => {
                "name one with its family and number; ECS's records, for which ecs:ListServiceDeployments and \
                 ecs:DescribeServiceRevisions are needed, know of no other that was deployed with success"
                    .to_owned()
            }
            Self::NotItsRevision { family, .. } => {
                format!("name a revision of `{family}`; an image of another family is deployed with a deployment, not a way back")
            }
            Self::DeploymentNotFound { .. } => {
                "check its id; the record takes ecs:ListServiceDeployments and ecs:DescribeServiceRevisions, and is kept for 90 days".to_owned()
            }
            Self::DependencyCircle { .. } => "take one of the dependencies away".to_owned(),
            Self::UnknownDependency { .. } => "deploy both together, or take the dependency away".to_owned(),
            Self::NamedTwice { .. } => "give all of its images in one place".to_owned(),
            Self::NotDeployable { .. } => {
                "deploy it with the program that owns it, or make it anew: ACTIVE, with the deployment controller ECS".to_owned()
            }
            Self::Refused { .. }
            | Self::TaskNotStarted { .. }
            | Self::TaskForgotten { .. }
            | Self::CannotLookUp { .. }
            | Self::InvalidSnapshot { .. } => return None,
        };
        Some(hint)
    }

    /// Whether the caller's input or the service's settings are at fault, as against ECS or the way to it.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::ClusterNotFound { .. }
                | Self::ServiceNotFound { .. }
                | Self::TaskDefinitionNotFound { .. }
                | Self::NoSuchContainer { .. }
                | Self::ImageNotFound { .. }
                | Self::Deadlock { .. }
                | Self::DependencyCircle { .. }
                | Self::UnknownDependency { .. }
                | Self::NamedTwice { .. }
                | Self::NotDeployable { .. }
                | Self::DeploymentNotFound { .. }
                | Self::NoEarlierRevision { .. }
                | Self::NotItsRevision { .. }
        )
    }

    /// The same error once more, for each of those who asked together. Its source becomes text.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::ClusterNotFound { cluster } => Self::ClusterNotFound {
                cluster: cluster.clone(),
            },
            Self::Denied {
                operation,
                action,
                code,
                message,
                request_id,
            } => Self::Denied {
                operation,
                action,
                code: code.clone(),
                message: message.clone(),
                request_id: request_id.clone(),
            },
            Self::Refused {
                operation,
                code,
                message,
                request_id,
            } => Self::Refused {
                operation,
                code: code.clone(),
                message: message.clone(),
                request_id: request_id.clone(),
            },
            Self::Throttled {
                operation,
                request_id,
            } => Self::Throttled {
                operation,
                request_id: request_id.clone(),
            },
            Self::Unreachable { operation, source } => Self::Unreachable {
                operation,
                source: chain(source.as_ref()).into(),
            },
            Self::ServiceNotFound { cluster, service } => Self::ServiceNotFound {
                cluster: cluster.clone(),
                service: service.clone(),
            },
            Self::TaskDefinitionNotFound { task_definition } => Self::TaskDefinitionNotFound {
                task_definition: task_definition.clone(),
            },
            Self::NoCredentials { operation, source } => Self::NoCredentials {
                operation,
                source: chain(source.as_ref()).into(),
            },
            Self::NotDeployable { service, reason } => Self::NotDeployable {
                service: service.clone(),
                reason: reason.clone(),
            },
            other => Self::Unreachable {
                operation: "describe services",
                source: chain(other).into(),
            },
        }
    }

    pub(crate) fn cannot_look_up(what: String) -> Self {
        Self::CannotLookUp {
            what,
            reason: "this program has no way to ask for it".to_owned(),
        }
    }

    /// Whether asking again later may help.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unreachable { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_told_to_several_stays_what_it_is() {
        let errors = [
            Error::NoCredentials {
                operation: "describe services",
                source: "no profile".into(),
            },
            Error::TaskDefinitionNotFound {
                task_definition: "web:9".to_owned(),
            },
        ];
        for error in errors {
            let again = error.again();
            assert_eq!(chain(&again), chain(&error));
            assert_eq!(again.hint(), error.hint());
        }
    }
}
