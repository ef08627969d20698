//! ARNs, made and taken apart.

use crate::{ClusterName, DeploymentId, ServiceName, TaskDefinitionArn, TaskId};

/// Where the account is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) region: String,
    pub(super) account: String,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
        }
    }
}

/// What a service deployment's ARN ends with: not the deployment's own number, so that whoever takes the one for the other
/// is found out.
const RECORD_MARK: &str = "sd";

impl Place {
    fn arn(&self, rest: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{rest}", self.region, self.account)
    }

    pub(super) fn cluster(&self, cluster: &ClusterName) -> String {
        self.arn(&format!("cluster/{cluster}"))
    }

    pub(super) fn service(&self, cluster: &ClusterName, service: &ServiceName) -> String {
        self.arn(&format!("service/{cluster}/{service}"))
    }

    pub(super) fn definition(&self, definition: &TaskDefinitionArn) -> String {
        self.arn(&format!("task-definition/{}", definition.short()))
    }

    pub(super) fn task(&self, cluster: &ClusterName, task: &TaskId) -> String {
        self.arn(&format!("task/{cluster}/{task}"))
    }

    pub(super) fn revision(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> String {
        self.arn(&format!(
            "service-revision/{cluster}/{service}/{}",
            id.number()
        ))
    }

    pub(super) fn record(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> String {
        self.arn(&format!(
            "service-deployment/{cluster}/{service}/{RECORD_MARK}{}",
            id.number()
        ))
    }
}

/// What an ARN of a service, a revision or a service deployment names: cluster, service and, for the last two, the deployment.
pub(super) fn parts(arn: &str) -> Option<(ClusterName, ServiceName, Option<DeploymentId>)> {
    let mut parts = arn.split('/');
    let kind = parts.next()?;
    let cluster = parts.next()?.parse().ok()?;
    let service = parts.next()?.parse().ok()?;
    let id = match parts.next() {
        None => None,
        Some(last) => {
            let digits = if kind.ends_with("service-deployment") {
                last.strip_prefix(RECORD_MARK)?
            } else {
                last
            };
            Some(format!("ecs-svc/{digits}").parse().ok()?)
        }
    };
    Some((cluster, service, id))
}

/// The last part of an ARN, or the name that it is.
pub(super) fn last(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_come_apart_as_they_were_made() {
        let place = Place::default();
        let (cluster, service): (ClusterName, ServiceName) =
            ("dev".parse().unwrap(), "web".parse().unwrap());
        let id: DeploymentId = "ecs-svc/123".parse().unwrap();
        for arn in [
            place.revision(&cluster, &service, &id),
            place.record(&cluster, &service, &id),
        ] {
            assert_eq!(
                parts(&arn),
                Some((cluster.clone(), service.clone(), Some(id.clone()))),
                "{arn}"
            );
        }
        let arn = place.service(&cluster, &service);
        assert_eq!(arn, "arn:aws:ecs:us-east-1:123456789012:service/dev/web");
        assert_eq!(parts(&arn), Some((cluster, service, None)));
        let wrong = "arn:aws:ecs:us-east-1:123456789012:service-deployment/dev/web/123";
        assert_eq!(
            parts(wrong),
            None,
            "the number of the deployment is not the record's"
        );
    }
}
