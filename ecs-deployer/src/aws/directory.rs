//! The names that there are.

use async_trait::async_trait;

use super::EcsControlPlane;
use super::failure::{Call, not_found};
use crate::{ClusterName, Directory, Error, ServiceName};

const CLUSTERS: Call = Call {
    operation: "list clusters",
    action: "ecs:ListClusters",
};
const SERVICES: Call = Call {
    operation: "list services",
    action: "ecs:ListServices",
};

#[async_trait]
impl Directory for EcsControlPlane {
    async fn clusters(&self) -> Result<Vec<ClusterName>, Error> {
        let mut names = Vec::new();
        let mut pages = self.client.list_clusters().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CLUSTERS.failed(error))?;
            names.extend(
                page.cluster_arns()
                    .iter()
                    .filter_map(|arn| last(arn)?.parse().ok()),
            );
        }
        names.sort();
        Ok(names)
    }

    async fn services(&self, cluster: &ClusterName) -> Result<Vec<ServiceName>, Error> {
        let mut names = Vec::new();
        let mut pages = self
            .client
            .list_services()
            .cluster(cluster.as_str())
            .max_results(100)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| not_found(SERVICES.failed(error), cluster, None))?;
            names.extend(
                page.service_arns()
                    .iter()
                    .filter_map(|arn| last(arn)?.parse().ok()),
            );
        }
        names.sort();
        Ok(names)
    }
}

fn last(arn: &str) -> Option<&str> {
    arn.rsplit('/').next()
}
