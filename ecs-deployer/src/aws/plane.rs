//! ECS as a control plane.

use async_trait::async_trait;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::types::{DesiredStatus, StopServiceDeploymentStopType, TaskDefinitionField};
use serde_json::Value;

use super::failure::{Call, not_found};
use super::{EcsControlPlane, convert, raw, tasks};
use crate::{
    ClusterName, ControlPlane, DeploymentId, Error, HookAction, ServiceDeployment, ServiceName,
    ServiceRevision, ServiceRevisionArn, ServiceState, ServiceUpdate, StopType, StoppedTask,
    TaskDefinition, TaskDefinitionArn,
};

/// How many services one `DescribeServices` takes.
const SERVICES_PER_CALL: usize = 10;

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
const STOP: Call = Call {
    operation: "stop the service deployment",
    action: "ecs:StopServiceDeployment",
};
const CONTINUE: Call = Call {
    operation: "continue the service deployment",
    action: "ecs:ContinueServiceDeployment",
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
        let desired_count = update
            .desired_count
            .map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let output = self
            .client
            .update_service()
            .cluster(update.cluster.as_str())
            .service(update.service.as_str())
            .set_task_definition(update.task_definition.as_ref().map(ToString::to_string))
            .set_desired_count(desired_count)
            .force_new_deployment(update.force_new_deployment)
            .customize()
            // A forced one whose answer was lost would begin a deployment with each attempt.
            .config_override(
                aws_sdk_ecs::config::Builder::new().retry_config(RetryConfig::disabled()),
            )
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

    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        self.list_records(cluster, service).await
    }

    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        self.describe_revisions(revisions).await
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        self.find_record(cluster, service, id).await
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

    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        hook: &str,
        action: HookAction,
    ) -> Result<(), Error> {
        self.client
            .continue_service_deployment()
            .service_deployment_arn(&deployment.arn)
            .hook_id(hook)
            .action(convert::hook_action(action))
            .send()
            .await
            .map(drop)
            .map_err(|error| CONTINUE.failed(error))
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        let arns = self
            .list_tasks(cluster, service, DesiredStatus::Stopped)
            .await?;
        let described = self.describe_task_batches(cluster, &arns).await?;
        let mut stopped: Vec<_> = described
            .iter()
            .filter(|task| task.started_by() == Some(deployment.as_str()))
            .filter_map(|task| {
                let at = task.stopping_at().or_else(|| task.stopped_at());
                Some((at.map(|time| time.as_nanos()), tasks::stopped(task)?))
            })
            .collect();
        stopped.sort_by(|(a, x), (b, y)| (a, &x.task).cmp(&(b, &y.task)));
        Ok(stopped.into_iter().map(|(_, task)| task).collect())
    }
}
