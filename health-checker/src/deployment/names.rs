//! Which service, and which of its deployments.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::snapshot::Deployment;
use crate::text;

/// A service of a cluster, each by name or ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ServiceRef {
    cluster: String,
    service: String,
}

/// Why texts are no [`ServiceRef`] or [`Expected`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct InvalidServiceRef {
    text: String,
    what: &'static str,
}

impl InvalidServiceRef {
    fn new(text: &str, what: &'static str) -> Self {
        Self {
            text: text::clean(text, 80),
            what,
        }
    }
}

impl ServiceRef {
    /// A service of this name in this cluster.
    ///
    /// # Errors
    /// When one of them has characters that no name and no ARN has.
    pub fn new(cluster: &str, service: &str) -> Result<Self, InvalidServiceRef> {
        let fits = |text: &str| {
            !text.is_empty()
                && text.len() <= 2048
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '/'))
        };
        if !fits(cluster) {
            return Err(InvalidServiceRef::new(cluster, "a cluster's name or ARN"));
        }
        if !fits(service) {
            return Err(InvalidServiceRef::new(service, "a service's name or ARN"));
        }
        Ok(Self {
            cluster: cluster.to_owned(),
            service: service.to_owned(),
        })
    }

    /// The cluster, as it was given.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The service, as it was given.
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.service)
    }
}

/// Which deployment is the one that must serve. [`FromStr`] reads `ecs-svc/…`, a task definition's ARN, `family:revision`, or
/// a revision's number alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// Whichever is PRIMARY at the first look. If another takes its place later, it is superseded.
    Primary,
    /// The one with this id, `ecs-svc/…`.
    Deployment(String),
    /// The one of this task definition: its ARN, `family:revision`, or the revision's number.
    TaskDefinition(String),
}

impl Expected {
    /// Whether a deployment is this one.
    pub(super) fn is(&self, deployment: &Deployment) -> bool {
        match self {
            Self::Primary => deployment.role == super::Role::Primary,
            Self::Deployment(id) => deployment.id == *id,
            Self::TaskDefinition(name) => {
                let arn = deployment.task_definition.as_str();
                let short = arn.rsplit('/').next().unwrap_or(arn);
                let revision = short.rsplit(':').next().unwrap_or(short);
                [arn, short, revision].contains(&name.as_str())
            }
        }
    }
}

impl FromStr for Expected {
    type Err = InvalidServiceRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(number) = text.strip_prefix("ecs-svc/") {
            return match is_number(number) {
                true => Ok(Self::Deployment(text.to_owned())),
                false => Err(InvalidServiceRef::new(
                    text,
                    "a deployment's id, `ecs-svc/` and a number",
                )),
            };
        }
        let revision = text.rsplit(':').next().unwrap_or_default();
        match is_number(revision) {
            true => Ok(Self::TaskDefinition(text.to_owned())),
            false => Err(InvalidServiceRef::new(
                text,
                "a deployment: write its id `ecs-svc/…`, or its task definition `family:revision`",
            )),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary => f.write_str("the primary deployment"),
            Self::Deployment(id) => write!(f, "deployment {id}"),
            Self::TaskDefinition(name) => write!(f, "the deployment of task definition {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Role;

    #[test]
    fn a_deployment_is_told_by_its_id_or_its_task_definition() {
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/user-service:41";
        let deployment = Deployment::new("ecs-svc/7", arn, Role::Primary);
        for text in ["ecs-svc/7", arn, "user-service:41", "41"] {
            assert!(text.parse::<Expected>().unwrap().is(&deployment), "{text}");
        }
        for text in ["ecs-svc/8", "user-service:4", "service:41", "1"] {
            assert!(!text.parse::<Expected>().unwrap().is(&deployment), "{text}");
        }
        for text in [
            "",
            "ecs-svc/",
            "ecs-svc/x",
            "user-service",
            "user-service:latest",
        ] {
            assert!(text.parse::<Expected>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_what_the_cluster_takes() {
        assert!(ServiceRef::new("dev", "arn:aws:ecs:eu-west-1:1:service/dev/user-service").is_ok());
        for bad in ["", "a b", "a\n", "ä"] {
            assert!(ServiceRef::new(bad, "s").is_err() && ServiceRef::new("c", bad).is_err());
        }
    }
}
