//! Tasks: listing, describing, starting, stopping.

use async_trait::async_trait;
use aws_sdk_ecs::types::{self, DesiredStatus};

use super::EcsControlPlane;
use super::failure::{Call, not_found};
use crate::{
    ClusterName, ContainerState, DeploymentId, Error, LaunchSettings, ServiceName, StopCode,
    StoppedContainer, StoppedTask, TaskId, TaskRequest, TaskRunner, TaskState,
};

/// How many tasks one `DescribeTasks` takes.
const TASKS_PER_CALL: usize = 100;

const LIST: Call = Call {
    operation: "list tasks",
    action: "ecs:ListTasks",
};
const DESCRIBE: Call = Call {
    operation: "describe tasks",
    action: "ecs:DescribeTasks",
};
const RUN: Call = Call {
    operation: "run a task",
    action: "ecs:RunTask and iam:PassRole",
};
const STOP: Call = Call {
    operation: "stop the task",
    action: "ecs:StopTask",
};

impl EcsControlPlane {
    /// The ARNs of a service's tasks.
    pub(super) async fn list_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        status: DesiredStatus,
    ) -> Result<Vec<String>, Error> {
        let mut arns = Vec::new();
        let mut pages = self
            .client
            .list_tasks()
            .cluster(cluster.as_str())
            .service_name(service.as_str())
            .desired_status(status)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| not_found(LIST.failed(error), cluster, Some(service)))?;
            arns.extend_from_slice(page.task_arns());
        }
        Ok(arns)
    }

    /// Tasks by their ids or ARNs, in the API's order.
    pub(super) async fn describe_task_batches(
        &self,
        cluster: &ClusterName,
        tasks: &[String],
    ) -> Result<Vec<types::Task>, Error> {
        let mut described = Vec::with_capacity(tasks.len());
        for batch in tasks.chunks(TASKS_PER_CALL) {
            let output = self
                .client
                .describe_tasks()
                .cluster(cluster.as_str())
                .set_tasks(Some(batch.to_vec()))
                .send()
                .await
                .map_err(|error| not_found(DESCRIBE.failed(error), cluster, None))?;
            described.extend(output.tasks.unwrap_or_default());
        }
        Ok(described)
    }
}

#[async_trait]
impl TaskRunner for EcsControlPlane {
    async fn running_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<TaskState>, Error> {
        let arns = self
            .list_tasks(cluster, service, DesiredStatus::Running)
            .await?;
        let mut tasks: Vec<TaskState> = self
            .describe_task_batches(cluster, &arns)
            .await?
            .iter()
            .filter_map(state)
            .collect();
        tasks.sort_by(|a, b| a.task.cmp(&b.task));
        Ok(tasks)
    }

    async fn describe_tasks(
        &self,
        cluster: &ClusterName,
        tasks: &[TaskId],
    ) -> Result<Vec<TaskState>, Error> {
        let ids: Vec<String> = tasks.iter().map(ToString::to_string).collect();
        let described: Vec<TaskState> = self
            .describe_task_batches(cluster, &ids)
            .await?
            .iter()
            .filter_map(state)
            .collect();
        let in_order = tasks
            .iter()
            .filter_map(|id| described.iter().find(|task| task.task == *id).cloned());
        Ok(in_order.collect())
    }

    async fn run_task(&self, request: &TaskRequest) -> Result<TaskState, Error> {
        let overrides = request.overrides.iter().map(|(name, change)| {
            let environment = change.environment.iter().map(|(name, value)| {
                types::KeyValuePair::builder()
                    .name(name)
                    .value(value)
                    .build()
            });
            types::ContainerOverride::builder()
                .name(name.as_str())
                .set_command(change.command.clone())
                .set_environment(
                    Some(environment.collect()).filter(|list: &Vec<_>| !list.is_empty()),
                )
                .build()
        });
        let overrides: Vec<_> = overrides.collect();
        let overrides = (!overrides.is_empty()).then(|| {
            types::TaskOverride::builder()
                .set_container_overrides(Some(overrides))
                .build()
        });
        let output = self
            .client
            .run_task()
            .cluster(request.cluster.as_str())
            .task_definition(request.task_definition.as_str())
            .set_launch_type(
                request
                    .launch
                    .launch_type
                    .as_deref()
                    .map(types::LaunchType::from),
            )
            .set_capacity_provider_strategy(providers(&request.launch)?)
            .set_platform_version(request.launch.platform_version.clone())
            .set_network_configuration(network(&request.launch)?)
            .set_overrides(overrides)
            .set_started_by(request.started_by.clone())
            .set_client_token(request.token.clone())
            .count(1)
            .send()
            .await
            .map_err(
                |error| match not_found(RUN.failed(error), &request.cluster, None) {
                    Error::Refused { code, message, .. }
                        if code.as_deref() == Some("ClientException")
                            && message
                                .as_deref()
                                .is_some_and(|text| text.contains("TaskDefinition not found")) =>
                    {
                        Error::TaskDefinitionNotFound {
                            task_definition: request.task_definition.to_string(),
                        }
                    }
                    other => other,
                },
            )?;
        if let Some(task) = output.tasks().iter().find_map(state) {
            return Ok(task);
        }
        let reason = output.failures().first().map_or_else(
            || "ECS gave no reason".to_owned(),
            |failure| {
                let reason = failure.reason().unwrap_or("ECS gave no reason");
                match failure.detail() {
                    Some(detail) => format!("{reason}: {detail}"),
                    None => reason.to_owned(),
                }
            },
        );
        Err(Error::TaskNotStarted {
            task_definition: request.task_definition.to_string(),
            reason,
        })
    }

    async fn stop_task(
        &self,
        cluster: &ClusterName,
        task: &TaskId,
        reason: &str,
    ) -> Result<(), Error> {
        self.client
            .stop_task()
            .cluster(cluster.as_str())
            .task(task.as_str())
            .reason(reason)
            .send()
            .await
            .map(drop)
            .map_err(|error| not_found(STOP.failed(error), cluster, None))
    }
}

fn providers(
    launch: &LaunchSettings,
) -> Result<Option<Vec<types::CapacityProviderStrategyItem>>, Error> {
    let items: Result<Vec<_>, _> = launch
        .capacity_providers
        .iter()
        .map(|provider| {
            types::CapacityProviderStrategyItem::builder()
                .capacity_provider(&provider.name)
                .weight(provider.weight)
                .base(provider.base)
                .build()
        })
        .collect();
    let items = items.map_err(|error| RUN.garbled(error.into()))?;
    Ok(Some(items).filter(|items| !items.is_empty()))
}

fn network(launch: &LaunchSettings) -> Result<Option<types::NetworkConfiguration>, Error> {
    let Some(network) = &launch.network else {
        return Ok(None);
    };
    let public = if network.public_ip {
        types::AssignPublicIp::Enabled
    } else {
        types::AssignPublicIp::Disabled
    };
    let vpc = types::AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(
            Some(network.security_groups.clone()).filter(|groups| !groups.is_empty()),
        )
        .assign_public_ip(public)
        .build()
        .map_err(|error| RUN.garbled(error.into()))?;
    Ok(Some(
        types::NetworkConfiguration::builder()
            .awsvpc_configuration(vpc)
            .build(),
    ))
}

fn id(task: &types::Task) -> Option<TaskId> {
    task.task_arn()?.rsplit('/').next()?.parse().ok()
}

fn stop_code(task: &types::Task) -> Option<StopCode> {
    task.stop_code().map(|code| StopCode::from(code.as_str()))
}

/// A stopped task; `None` when it has no id that could be named.
pub(super) fn stopped(task: &types::Task) -> Option<StoppedTask> {
    let containers = task.containers().iter().filter_map(|container| {
        let name = container.name()?.parse().ok()?;
        // No exit code means that the container never ran, which is not the same as 0.
        let exit_code = container.exit_code().map(i64::from);
        let reason = container.reason().map(str::to_owned);
        Some(StoppedContainer::new(name, exit_code, reason))
    });
    Some(StoppedTask::new(
        id(task)?,
        stop_code(task).unwrap_or_else(|| StopCode::Other(String::new())),
        task.stopped_reason().unwrap_or_default(),
        containers.collect(),
    ))
}

/// A task as it is; `None` when it has no id or no task definition that could be named.
fn state(task: &types::Task) -> Option<TaskState> {
    let mut state = TaskState::new(
        id(task)?,
        task.task_definition_arn()?.parse().ok()?,
        task.last_status().unwrap_or("UNKNOWN"),
    );
    state.deployment = task
        .started_by()
        .and_then(|by| by.parse::<DeploymentId>().ok());
    state.stop_code = stop_code(task);
    state.reason = task.stopped_reason().map(str::to_owned);
    state.containers = task
        .containers()
        .iter()
        .filter_map(|container| {
            let image = container.image().and_then(|image| image.parse().ok());
            let mut described = ContainerState::new(container.name()?.parse().ok()?, image);
            described.image_digest = container.image_digest().map(str::to_owned);
            described.exit_code = container.exit_code().map(i64::from);
            described.reason = container.reason().map(str::to_owned);
            Some(described)
        })
        .collect();
    Some(state)
}
