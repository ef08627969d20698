//! The simulated cluster as a control plane.

use async_trait::async_trait;

use super::SimCluster;
use super::cluster::{CallFault, Phase, Record, Service, SimDeployment, State, Task};
use crate::{
    BreakerSettings, ClusterName, ControlPlane, Deployment, DeploymentDetails, DeploymentId,
    DeploymentStatus, Directory, Error, HookAction, ServiceDeployment, ServiceDeploymentStatus,
    ServiceName, ServiceRevision, ServiceRevisionArn, ServiceState, ServiceUpdate, StopType,
    StoppedTask, TaskDefinition, TaskDefinitionArn,
};

impl SimCluster {
    /// Counts a call, fails it if it is to fail, and lets the scheduler catch up.
    fn enter(&self, operation: &'static str) -> Result<std::sync::MutexGuard<'_, State>, Error> {
        let mut state = self.lock();
        *state.calls.entry(operation).or_default() += 1;
        match state.faults.pop_front() {
            Some(CallFault::Throttled) => {
                return Err(Error::Throttled {
                    operation,
                    request_id: None,
                });
            }
            Some(CallFault::Unreachable) => {
                let source = std::io::Error::new(
                    std::io::ErrorKind::ConnectionReset,
                    "the simulated connection was reset",
                );
                return Err(Error::Unreachable {
                    operation,
                    source: Box::new(source),
                });
            }
            None => {}
        }
        self.inner.advance(&mut state);
        Ok(state)
    }

    fn check(&self, cluster: &ClusterName) -> Result<(), Error> {
        if *cluster == self.inner.name {
            Ok(())
        } else {
            Err(Error::ClusterNotFound {
                cluster: cluster.clone(),
            })
        }
    }

    fn service<'a>(
        &self,
        state: &'a mut State,
        service: &ServiceName,
    ) -> Result<&'a mut Service, Error> {
        let cluster = self.inner.name.clone();
        state
            .services
            .get_mut(service)
            .ok_or_else(|| Error::ServiceNotFound {
                cluster,
                service: service.clone(),
            })
    }
}

#[async_trait]
impl ControlPlane for SimCluster {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        let mut state = self.enter("describe services")?;
        self.check(cluster)?;
        services
            .iter()
            .map(|name| {
                self.service(&mut state, name)
                    .map(|service| describe(service))
            })
            .collect()
    }

    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        let state = self.enter("describe a task definition")?;
        let mut document = state.definition(arn)?.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("taskDefinitionArn".to_owned(), arn.as_str().into());
            fields.insert("revision".to_owned(), arn.revision().into());
            fields.insert("status".to_owned(), "ACTIVE".into());
        }
        Ok(TaskDefinition::new(document))
    }

    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        let mut state = self.enter("register a task definition")?;
        self.inner.register(&mut state, definition)
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        let mut state = self.enter("update the service")?;
        self.check(&update.cluster)?;
        if let Some(arn) = &update.task_definition {
            state.definition(arn)?;
        }
        let id = state.next_deployment();
        let service = self.service(&mut state, &update.service)?;
        if let Some(count) = update.desired_count {
            service.spec.desired_count = count;
        }
        let differs = update
            .task_definition
            .as_ref()
            .is_some_and(|arn| *arn != service.spec.task_definition);
        if differs || update.force_new_deployment {
            if let Some(arn) = &update.task_definition {
                service.spec.task_definition = arn.clone();
            }
            service.begin(id);
        }
        Ok(describe(service))
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        let mut state = self.enter("describe a service deployment")?;
        self.check(cluster)?;
        let service = self.service(&mut state, service)?;
        let name = service.spec.name.clone();
        let record = service.records.iter().find(|record| record.id == *id);
        Ok(record.map(|record| {
            let mut described = brief(cluster, &name, record);
            described.details = Some(Box::new(DeploymentDetails::default()));
            described
        }))
    }

    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        let mut state = self.enter("list service deployments")?;
        self.check(cluster)?;
        let service = self.service(&mut state, service)?;
        let name = service.spec.name.clone();
        Ok(service
            .records
            .iter()
            .rev()
            .map(|record| brief(cluster, &name, record))
            .collect())
    }

    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        let state = self.enter("describe service revisions")?;
        let find = |arn: &ServiceRevisionArn| {
            let id = arn.deployment();
            let record = state
                .services
                .values()
                .flat_map(|service| &service.records)
                .find(|record| record.id == id)?;
            let task_definition = record.task_definition.clone()?;
            Some(ServiceRevision::new(arn.clone(), task_definition))
        };
        Ok(revisions.iter().filter_map(find).collect())
    }

    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        _hook: &str,
        _action: HookAction,
    ) -> Result<(), Error> {
        let _state = self.enter("continue the deployment")?;
        Err(Error::Refused {
            operation: "continue the deployment",
            code: Some("ConflictException".to_owned()),
            message: Some(format!(
                "The service deployment {} is not waiting for an action.",
                deployment.arn
            )),
            request_id: None,
        })
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
        let mut state = self.enter("stop the deployment")?;
        let number = state.next();
        let refused = |message: &str| Error::Refused {
            operation: "stop the deployment",
            code: Some("ConflictException".to_owned()),
            message: Some(message.to_owned()),
            request_id: None,
        };
        let service = state
            .services
            .values_mut()
            .find(|service| {
                service
                    .records
                    .iter()
                    .any(|record| record.id == deployment.id)
            })
            .ok_or_else(|| refused("The service deployment does not exist."))?;
        let under_way = service.record(&deployment.id).is_some_and(|record| {
            matches!(
                record.status,
                ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress
            )
        });
        if !under_way {
            return Err(refused("The service deployment has already ended."));
        }
        let can_go_back = service
            .deployments
            .iter()
            .any(|d| d.id != deployment.id && d.rollout_state == crate::RolloutState::Completed);
        if how == StopType::Rollback && !can_go_back {
            return Err(refused(
                "There is no successful deployment to roll back to.",
            ));
        }
        service.fail(
            &deployment.id,
            "Service deployment stopped by the user.",
            how == StopType::Rollback,
            number,
        );
        Ok(())
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        let mut state = self.enter("list stopped tasks")?;
        self.check(cluster)?;
        let service = self.service(&mut state, service)?;
        let of_deployment = service
            .tasks
            .iter()
            .filter(|task| task.deployment == *deployment);
        Ok(of_deployment
            .filter_map(|task| match &task.phase {
                // A task's desired status is STOPPED from the moment it is asked to stop.
                Phase::Stopped(stopped) | Phase::Stopping { stopped, .. } => Some(stopped.clone()),
                Phase::Pending | Phase::Running { .. } => None,
            })
            .collect())
    }
}

#[async_trait]
impl Directory for SimCluster {
    async fn clusters(&self) -> Result<Vec<ClusterName>, Error> {
        let _state = self.enter("list clusters")?;
        Ok(vec![self.inner.name.clone()])
    }

    async fn services(&self, cluster: &ClusterName) -> Result<Vec<ServiceName>, Error> {
        let state = self.enter("list services")?;
        self.check(cluster)?;
        Ok(state.services.keys().cloned().collect())
    }
}

/// A record without its details.
fn brief(cluster: &ClusterName, service: &ServiceName, record: &Record) -> ServiceDeployment {
    let number = record.id.number();
    let arn = format!("service-deployment/{cluster}/{service}/{number}");
    let mut brief =
        ServiceDeployment::new(arn, record.id.clone(), record.status, record.reason.clone());
    brief.target = format!("service-revision/{cluster}/{service}/{number}")
        .parse()
        .ok();
    brief
}

fn describe(service: &Service) -> ServiceState {
    let count = |which: &dyn Fn(&Task) -> bool| {
        u32::try_from(service.tasks.iter().filter(|task| which(task)).count()).unwrap_or(u32::MAX)
    };
    let is_running = |task: &Task| matches!(task.phase, Phase::Running { .. });
    let is_pending = |task: &Task| matches!(task.phase, Phase::Pending);
    let deployment = |deployment: &SimDeployment| {
        let mut described = Deployment::new(
            deployment.id.clone(),
            deployment.status,
            deployment.task_definition.clone(),
        );
        let is_primary = deployment.status == DeploymentStatus::Primary;
        described.desired = if is_primary {
            service.spec.desired_count
        } else {
            0
        };
        described.running = count(&|task| task.deployment == deployment.id && is_running(task));
        described.pending = count(&|task| task.deployment == deployment.id && is_pending(task));
        described.failed_tasks = deployment.failed;
        described.rollout_state = deployment.rollout_state;
        described
            .rollout_state_reason
            .clone_from(&deployment.reason);
        described
    };
    let mut state = ServiceState::new(
        service.spec.name.clone(),
        service.spec.task_definition.clone(),
    );
    state.desired = service.spec.desired_count;
    state.running = count(&is_running);
    state.pending = count(&is_pending);
    state.deployments = service.deployments.iter().map(deployment).collect();
    state.events = service.events.iter().cloned().collect();
    state.minimum_healthy_percent = service.spec.minimum_healthy_percent;
    state.maximum_percent = service.spec.maximum_percent;
    state.breaker = service
        .spec
        .circuit_breaker
        .map(|breaker| BreakerSettings::new(breaker.rollback));
    state
}
