//! Amazon ECS, through its SDK.
//!
//! Task definitions go through as the JSON that ECS speaks, past the SDK's types: a field that this SDK does not know yet
//! would be lost in them.

mod convert;
mod failure;
mod raw;

use async_trait::async_trait;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{DesiredStatus, StopServiceDeploymentStopType, TaskDefinitionField};
use serde_json::Value;

use self::failure::{Call, not_found};
use crate::{
    ClusterName, ControlPlane, DeploymentId, Error, ServiceDeployment, ServiceName, ServiceState,
    ServiceUpdate, StopType, StoppedTask, TaskDefinition, TaskDefinitionArn,
};

/// How many services one `DescribeServices` takes.
const SERVICES_PER_CALL: usize = 10;

/// How many tasks one `DescribeTasks` takes.
const TASKS_PER_CALL: usize = 100;

/// How many pages of service deployments are looked through, the newest first. A deployment that is followed is on the first
/// one, unless a hundred others were begun since.
const DEPLOYMENT_PAGES: usize = 3;

/// ECS as a [`ControlPlane`]. Throttled and lost calls are retried by the client, as it is configured.
#[derive(Debug, Clone)]
pub struct EcsControlPlane {
    client: Client,
}

impl EcsControlPlane {
    /// ECS behind this client, which brings region, credentials, endpoint and retries.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

const DESCRIBE_SERVICES: Call = Call {
    operation: "describe services",
    action: "ecs:DescribeServices",
};
const DESCRIBE_DEFINITION: Call = Call {
    operation: "describe the task definition",
    action: "ecs:DescribeTaskDefinition",
};
const REGISTER: Call = Call {
    operation: "register the task definition",
    action: "ecs:RegisterTaskDefinition and iam:PassRole",
};
const UPDATE: Call = Call {
    operation: "update the service",
    action: "ecs:UpdateService",
};
const LIST_DEPLOYMENTS: Call = Call {
    operation: "list service deployments",
    action: "ecs:ListServiceDeployments",
};
const STOP: Call = Call {
    operation: "stop the service deployment",
    action: "ecs:StopServiceDeployment",
};
const LIST_TASKS: Call = Call {
    operation: "list stopped tasks",
    action: "ecs:ListTasks",
};
const DESCRIBE_TASKS: Call = Call {
    operation: "describe stopped tasks",
    action: "ecs:DescribeTasks",
};

#[async_trait]
impl ControlPlane for EcsControlPlane {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        let mut states = Vec::with_capacity(services.len());
        for batch in services.chunks(SERVICES_PER_CALL) {
            let names = batch.iter().map(ToString::to_string).collect();
            let request = self
                .client
                .describe_services()
                .cluster(cluster.as_str())
                .set_services(Some(names));
            let output = request
                .send()
                .await
                .map_err(|error| not_found(DESCRIBE_SERVICES.failed(error), cluster, None))?;
            for name in batch {
                let found = output
                    .services()
                    .iter()
                    .find(|service| service.service_name() == Some(name.as_str()))
                    // A service that was deleted is described for a while longer.
                    .filter(|service| service.status() != Some("INACTIVE"));
                let Some(service) = found else {
                    return Err(Error::ServiceNotFound {
                        cluster: cluster.clone(),
                        service: name.clone(),
                    });
                };
                states.push(
                    convert::service(name.clone(), service)
                        .map_err(|source| DESCRIBE_SERVICES.garbled(source))?,
                );
            }
        }
        Ok(states)
    }

    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        let recorder = raw::Recorder::default();
        self.client
            .describe_task_definition()
            .task_definition(arn.as_str())
            .include(TaskDefinitionField::Tags)
            .customize()
            .interceptor(recorder.clone())
            .send()
            .await
            .map_err(|error| match DESCRIBE_DEFINITION.failed(error) {
                Error::Refused { code, message, .. }
                    if code.as_deref() == Some("ClientException")
                        && message
                            .as_deref()
                            .is_some_and(|text| text.contains("task definition")) =>
                {
                    Error::TaskDefinitionNotFound {
                        task_definition: arn.to_string(),
                    }
                }
                other => other,
            })?;
        let mut answer = recorder
            .document()
            .map_err(|source| DESCRIBE_DEFINITION.garbled(source))?;
        let mut document = answer["taskDefinition"].take();
        if let (Some(fields), Some(tags)) = (
            document.as_object_mut(),
            answer["tags"]
                .as_array_mut()
                .filter(|tags| !tags.is_empty()),
        ) {
            fields.insert("tags".to_owned(), Value::Array(std::mem::take(tags)));
        }
        Ok(TaskDefinition::new(document))
    }

    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        let body = definition.for_registration().to_string();
        let output = self
            .client
            .register_task_definition()
            // The SDK wants to see a family; what is sent is the document.
            .family(definition.family())
            .set_container_definitions(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| raw::replace_body(request, &body))
            .send()
            .await
            .map_err(|error| REGISTER.failed(error))?;
        output
            .task_definition()
            .and_then(|definition| definition.task_definition_arn())
            .and_then(|arn| arn.parse().ok())
            .ok_or_else(|| REGISTER.garbled("the answer has no ARN".into()))
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        let output = self
            .client
            .update_service()
            .cluster(update.cluster.as_str())
            .service(update.service.as_str())
            .set_task_definition(update.task_definition.as_ref().map(ToString::to_string))
            .force_new_deployment(update.force_new_deployment)
            .send()
            .await
            .map_err(|error| {
                not_found(UPDATE.failed(error), &update.cluster, Some(&update.service))
            })?;
        let service = output
            .service()
            .ok_or_else(|| UPDATE.garbled("the answer has no service".into()))?;
        convert::service(update.service.clone(), service).map_err(|source| UPDATE.garbled(source))
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        // The service revision that a deployment brings has the deployment's number.
        let revision = format!("/{}", id.number());
        let mut next = None;
        for _ in 0..DEPLOYMENT_PAGES {
            let page = self
                .client
                .list_service_deployments()
                .cluster(cluster.as_str())
                .service(service.as_str())
                .set_next_token(next.take())
                .send()
                .await
                .map_err(|error| {
                    not_found(LIST_DEPLOYMENTS.failed(error), cluster, Some(service))
                })?;
            let ours = page.service_deployments().iter().find(|brief| {
                brief
                    .target_service_revision_arn()
                    .is_some_and(|arn| arn.ends_with(&revision))
            });
            if let Some(brief) = ours {
                let status = brief.status().map_or(
                    crate::ServiceDeploymentStatus::Unknown,
                    convert::deployment_status,
                );
                let arn = brief.service_deployment_arn().unwrap_or_default();
                let reason = brief.status_reason().map(str::to_owned);
                return Ok(Some(ServiceDeployment::new(
                    arn,
                    id.clone(),
                    status,
                    reason,
                )));
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(None)
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
        let how = match how {
            StopType::Abort => StopServiceDeploymentStopType::Abort,
            StopType::Rollback => StopServiceDeploymentStopType::Rollback,
        };
        self.client
            .stop_service_deployment()
            .service_deployment_arn(&deployment.arn)
            .stop_type(how)
            .send()
            .await
            .map(drop)
            .map_err(|error| STOP.failed(error))
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        let mut arns = Vec::new();
        let mut pages = self
            .client
            .list_tasks()
            .cluster(cluster.as_str())
            .service_name(service.as_str())
            .desired_status(DesiredStatus::Stopped)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| not_found(LIST_TASKS.failed(error), cluster, Some(service)))?;
            arns.extend_from_slice(page.task_arns());
        }
        let mut tasks = Vec::new();
        for batch in arns.chunks(TASKS_PER_CALL) {
            let request = self
                .client
                .describe_tasks()
                .cluster(cluster.as_str())
                .set_tasks(Some(batch.to_vec()));
            let output = request
                .send()
                .await
                .map_err(|error| not_found(DESCRIBE_TASKS.failed(error), cluster, Some(service)))?;
            let ours = output
                .tasks()
                .iter()
                .filter(|task| task.started_by() == Some(deployment.as_str()));
            tasks.extend(ours.filter_map(|task| {
                let at = task
                    .stopping_at()
                    .or_else(|| task.stopped_at())
                    .map(|time| time.as_nanos());
                convert::stopped_task(task).map(|stopped| (at, stopped))
            }));
        }
        tasks.sort_by(|(a, x), (b, y)| (a, &x.task).cmp(&(b, &y.task)));
        Ok(tasks.into_iter().map(|(_, task)| task).collect())
    }
}
