//! Amazon ECS and Elastic Load Balancing, through their SDKs.

mod convert;
mod failure;

use async_trait::async_trait;
use aws_sdk_ecs::types::DesiredStatus;

use self::failure::{Call, ecs, elb};
use crate::deployment::{DeploymentView, ServiceRef, Snapshot, TargetGroup, Task, ViewError};

/// How many tasks one `DescribeTasks` takes.
const TASKS_PER_CALL: usize = 100;

/// How many pages of tasks are read, of 100 tasks each. ECS itself has no service with more than 5,000.
const TASK_PAGES: usize = 60;

/// ECS and its load balancers as a [`DeploymentView`]. Throttled and lost calls are retried by the clients, as they are
/// configured.
#[derive(Debug, Clone)]
pub struct EcsView {
    ecs: aws_sdk_ecs::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
}

impl EcsView {
    /// ECS and ELB behind these clients, which bring region, credentials, endpoints and retries.
    pub const fn new(
        ecs: aws_sdk_ecs::Client,
        elb: aws_sdk_elasticloadbalancingv2::Client,
    ) -> Self {
        Self { ecs, elb }
    }
}

const DESCRIBE_SERVICES: Call = Call {
    operation: "describe services",
    action: "ecs:DescribeServices",
};
const LIST_TASKS: Call = Call {
    operation: "list tasks",
    action: "ecs:ListTasks",
};
const DESCRIBE_TASKS: Call = Call {
    operation: "describe tasks",
    action: "ecs:DescribeTasks",
};
const DESCRIBE_HEALTH: Call = Call {
    operation: "describe the health of targets",
    action: "elasticloadbalancing:DescribeTargetHealth",
};

#[async_trait]
impl DeploymentView for EcsView {
    async fn look(&self, service: &ServiceRef) -> Result<Snapshot, ViewError> {
        let output = self
            .ecs
            .describe_services()
            .cluster(service.cluster())
            .services(service.service())
            .send()
            .await
            .map_err(|error| ecs(DESCRIBE_SERVICES, service, error))?;
        let found = output
            .services()
            .iter()
            // A service that was deleted is described for a while longer.
            .find(|found| found.status() != Some("INACTIVE"))
            .ok_or_else(|| ViewError::NotFound {
                service: service.clone(),
            })?;
        let mut groups = Vec::new();
        for balancer in found.load_balancers() {
            if let Some(arn) = balancer.target_group_arn() {
                groups.push(self.group(arn, balancer.container_port()).await?);
            }
        }
        let mut snapshot = Snapshot::default();
        for deployment in found.deployments() {
            let deployment = convert::deployment(deployment);
            snapshot.deployments.push(
                deployment.ok_or_else(|| DESCRIBE_SERVICES.garbled("a deployment lacks its id"))?,
            );
        }
        snapshot.tasks = self.tasks(service).await?;
        snapshot.target_groups = groups;
        Ok(snapshot)
    }
}

impl EcsView {
    /// The running tasks.
    async fn tasks(&self, service: &ServiceRef) -> Result<Vec<Task>, ViewError> {
        let mut arns: Vec<String> = Vec::new();
        let mut next = None;
        for page in 0.. {
            if page == TASK_PAGES {
                return Err(LIST_TASKS.garbled("there are more tasks than a service can have"));
            }
            let output = self
                .ecs
                .list_tasks()
                .cluster(service.cluster())
                .service_name(service.service())
                .desired_status(DesiredStatus::Running)
                .set_next_token(next.take())
                .send()
                .await
                .map_err(|error| ecs(LIST_TASKS, service, error))?;
            arns.extend_from_slice(output.task_arns());
            next = output.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        let mut tasks = Vec::with_capacity(arns.len());
        for batch in arns.chunks(TASKS_PER_CALL) {
            let output = self
                .ecs
                .describe_tasks()
                .cluster(service.cluster())
                .set_tasks(Some(batch.to_vec()))
                .send()
                .await
                .map_err(|error| ecs(DESCRIBE_TASKS, service, error))?;
            tasks.extend(
                output
                    .tasks()
                    .iter()
                    // Listed are those that are to run, also before they do.
                    .filter(|task| task.last_status() == Some("RUNNING"))
                    .map(convert::task),
            );
        }
        tasks.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tasks)
    }

    async fn group(&self, arn: &str, port: Option<i32>) -> Result<TargetGroup, ViewError> {
        let output = self
            .elb
            .describe_target_health()
            .target_group_arn(arn)
            .send()
            .await
            .map_err(|error| elb(DESCRIBE_HEALTH, error))?;
        let mut targets: Vec<_> = output
            .target_health_descriptions()
            .iter()
            .filter_map(convert::target)
            .collect();
        targets.sort_by(|a, b| (&a.id, a.port).cmp(&(&b.id, b.port)));
        Ok(TargetGroup::new(
            convert::group_name(arn),
            port.and_then(|port| u16::try_from(port).ok()),
            targets,
        ))
    }
}
