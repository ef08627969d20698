//! The names of ECS.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is not a name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {kind}: {rule}")]
pub struct InvalidName {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { text: text.to_owned(), kind: $kind, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn plain(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

name!(
    /// A cluster's name or ARN.
    ClusterName, "a cluster", "it takes up to 255 letters, digits, `-` and `_`, or an ARN", |text| {
        plain(text) || text.strip_prefix("arn:").is_some_and(|rest| rest.contains(":cluster/"))
    }
);
name!(
    /// A service's name.
    ServiceName, "a service", "it takes up to 255 letters, digits, `-` and `_`", plain
);
name!(
    /// A container's name in its task definition.
    ContainerName, "a container", "it takes up to 255 letters, digits, `-` and `_`", plain
);
name!(
    /// A task's id: the last part of its ARN.
    TaskId, "a task", "it takes up to 255 letters, digits, `-` and `_`", plain
);
name!(
    /// A deployment of a service, `ecs-svc/<digits>`. The service revision that it brings has the same digits.
    DeploymentId, "a deployment", "it takes `ecs-svc/` and digits", |text| {
        text.strip_prefix("ecs-svc/").is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    }
);
name!(
    /// A service revision's ARN: what a deployment brings. It ends with the deployment's number.
    ServiceRevisionArn, "a service revision", "it takes an ARN that ends with `service-revision/CLUSTER/SERVICE/NUMBER`", |text| {
        let mut parts = text.rsplit('/');
        let number = parts.next().is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        number && parts.nth(2).is_some_and(|kind| kind.ends_with("service-revision"))
    }
);
name!(
    /// A task definition of a certain revision: its ARN, or `family:revision`.
    TaskDefinitionArn, "a task definition", "it takes `family:revision` or an ARN that ends so", |text| {
        let (family, revision) = split(text);
        plain(family) && revision.is_some()
    }
);

fn split(text: &str) -> (&str, Option<u32>) {
    let last = text.rsplit('/').next().unwrap_or(text);
    match last.rsplit_once(':') {
        Some((family, revision)) => (family, revision.parse().ok()),
        None => (last, None),
    }
}

impl TaskDefinitionArn {
    /// The family.
    pub fn family(&self) -> &str {
        split(&self.0).0
    }

    /// The revision, from 1.
    pub fn revision(&self) -> u32 {
        split(&self.0).1.unwrap_or_default()
    }

    /// `family:revision`, for people.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl ServiceRevisionArn {
    /// The deployment that brings this revision: they share their number.
    pub fn deployment(&self) -> DeploymentId {
        let number = self.0.rsplit('/').next().unwrap_or_default();
        DeploymentId(format!("ecs-svc/{number}"))
    }
}

impl DeploymentId {
    /// The digits, which the deployment's service revision shares.
    pub fn number(&self) -> &str {
        &self.0["ecs-svc/".len()..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_rules_of_ecs() {
        assert!("a".repeat(255).parse::<ServiceName>().is_ok());
        for wrong in ["", &"a".repeat(256), "a b", "a/b", "ä"] {
            let error = wrong.parse::<ServiceName>().unwrap_err().to_string();
            assert!(
                error.ends_with("it takes up to 255 letters, digits, `-` and `_`"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_task_definition_has_a_family_and_a_revision() {
        for text in [
            "web:3",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3",
        ] {
            let arn: TaskDefinitionArn = text.parse().unwrap();
            assert_eq!(
                (arn.family(), arn.revision(), arn.short()),
                ("web", 3, "web:3")
            );
        }
        assert!("web".parse::<TaskDefinitionArn>().is_err());
        assert!("web:latest".parse::<TaskDefinitionArn>().is_err());
    }

    #[test]
    fn a_deployment_shares_its_number_with_its_revision() {
        assert_eq!(
            "ecs-svc/123".parse::<DeploymentId>().unwrap().number(),
            "123"
        );
        assert!("ecs-svc/".parse::<DeploymentId>().is_err());
        assert!("123".parse::<DeploymentId>().is_err());
        let revision: ServiceRevisionArn =
            "arn:aws:ecs:eu-west-1:123456789012:service-revision/dev/web/123"
                .parse()
                .unwrap();
        assert_eq!(revision.deployment().as_str(), "ecs-svc/123");
        assert!(
            "service-revision/dev/web/x"
                .parse::<ServiceRevisionArn>()
                .is_err()
        );
        assert!("123".parse::<ServiceRevisionArn>().is_err());
    }
}
