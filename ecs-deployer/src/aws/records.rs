//! Records of deployments and service revisions.

use std::sync::PoisonError;

use super::failure::{Call, not_found};
use super::{EcsControlPlane, convert};
use crate::{
    ClusterName, DeploymentId, Error, ServiceDeployment, ServiceName, ServiceRevision,
    ServiceRevisionArn,
};

/// How many revisions one `DescribeServiceRevisions` takes.
const REVISIONS_PER_CALL: usize = 20;

/// How many records a page of a list has.
const RECORDS_PER_PAGE: i32 = 100;

/// How many pages are looked through for one record, the newest first. A deployment that is followed is on the first one,
/// unless a hundred others were begun since.
const PAGES: usize = 3;

const LIST: Call = Call {
    operation: "list service deployments",
    action: "ecs:ListServiceDeployments",
};
const DESCRIBE: Call = Call {
    operation: "describe service deployments",
    action: "ecs:DescribeServiceDeployments",
};
const REVISIONS: Call = Call {
    operation: "describe service revisions",
    action: "ecs:DescribeServiceRevisions",
};

impl EcsControlPlane {
    /// The first page of records, newest first.
    pub(super) async fn list_records(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        Ok(self.page(cluster, service, None).await?.0)
    }

    /// A record with its details, by its deployment.
    pub(super) async fn find_record(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        let known = self
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned();
        if let Some(arn) = known {
            match self.describe_record(&arn).await {
                // The list may say what may not be described, as it did when the record was found.
                Ok(None) | Err(Error::Denied { .. }) => {}
                other => return other,
            }
        }
        let mut next = None;
        for _ in 0..PAGES {
            let (records, more) = self.page(cluster, service, next.take()).await?;
            if let Some(brief) = records.into_iter().find(|record| record.id == *id) {
                self.records
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(id.clone(), brief.arn.clone());
                return match self.describe_record(&brief.arn).await {
                    // What the list says is enough for a verdict.
                    Ok(None) | Err(Error::Denied { .. }) => Ok(Some(brief)),
                    other => other,
                };
            }
            next = more;
            if next.is_none() {
                break;
            }
        }
        Ok(None)
    }

    async fn page(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        next: Option<String>,
    ) -> Result<(Vec<ServiceDeployment>, Option<String>), Error> {
        let page = self
            .client
            .list_service_deployments()
            .cluster(cluster.as_str())
            .service(service.as_str())
            .max_results(RECORDS_PER_PAGE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| not_found(LIST.failed(error), cluster, Some(service)))?;
        let records = page
            .service_deployments()
            .iter()
            .filter_map(convert::brief)
            .collect();
        Ok((records, page.next_token().map(str::to_owned)))
    }

    async fn describe_record(&self, arn: &str) -> Result<Option<ServiceDeployment>, Error> {
        let output = self
            .client
            .describe_service_deployments()
            .service_deployment_arns(arn)
            .send()
            .await
            .map_err(|error| DESCRIBE.failed(error))?;
        Ok(output
            .service_deployments()
            .iter()
            .find_map(convert::record))
    }

    /// Revisions in their order; each is asked for once, for ECS takes no ARN twice.
    pub(super) async fn describe_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        let mut distinct: Vec<String> = revisions.iter().map(ToString::to_string).collect();
        distinct.sort();
        distinct.dedup();
        let mut found = Vec::with_capacity(distinct.len());
        for batch in distinct.chunks(REVISIONS_PER_CALL) {
            let output = self
                .client
                .describe_service_revisions()
                .set_service_revision_arns(Some(batch.to_vec()))
                .send()
                .await
                .map_err(|error| REVISIONS.failed(error))?;
            found.extend(
                output
                    .service_revisions()
                    .iter()
                    .filter_map(convert::revision),
            );
        }
        let in_order = revisions
            .iter()
            .filter_map(|arn| found.iter().find(|revision| revision.arn == *arn).cloned());
        Ok(in_order.collect())
    }
}
