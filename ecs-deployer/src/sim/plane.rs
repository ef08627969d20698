//! The simulated cluster as a control plane.

use async_trait::async_trait;

use super::SimCluster;
use super::cluster::{CallFault, State};
use super::model::{Service, SimDeployment, Task};
use crate::{
    ClusterName, ControlPlane, Deployment, DeploymentId, DeploymentStatus, Error,
    ServiceDeployment, ServiceName, ServiceState, ServiceUpdate, StopType, StoppedTask,
    TaskDefinition, TaskDefinitionArn,
};

/// How many services one `DescribeServices` takes.
const SERVICES_A_CALL: usize = 10;

impl SimCluster {
    /// Makes a call of the control plane: counts it and the calls of the API that it takes, fails it if it is to fail, lets the
    /// scheduler catch up.
    fn call<T>(
        &self,
        operation: &'static str,
        actions: &[&str],
        carry_out: impl FnOnce(&mut State) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        *state.calls.entry(operation).or_default() += 1;
        let throttled = || Error::Throttled {
            operation,
            request_id: None,
        };
        for action in actions {
            if !state.rates.take(action) {
                return Err(throttled());
            }
        }
        let lost = || {
            let source = std::io::Error::new(
                std::io::ErrorKind::ConnectionReset,
                "the simulated connection was reset",
            );
            Error::Unreachable {
                operation,
                source: Box::new(source),
            }
        };
        match state.faults.pop_front() {
            Some(CallFault::Throttled) => {
                state.rates.count_throttled();
                Err(throttled())
            }
            Some(CallFault::Unreachable) => Err(lost()),
            Some(CallFault::AnswerLost) => {
                carry_out(&mut state)?;
                Err(lost())
            }
            None => carry_out(&mut state),
        }
    }

    fn service<'a>(
        &self,
        state: &'a mut State,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<&'a mut Service, Error> {
        self.check(cluster)?;
        state
            .service_mut(&self.name, service)
            .ok_or_else(|| Error::ServiceNotFound {
                cluster: cluster.clone(),
                service: service.clone(),
            })
    }

    fn check(&self, cluster: &ClusterName) -> Result<(), Error> {
        let given = cluster.as_str();
        let name = given.rsplit('/').next().unwrap_or(given);
        if name == self.name.as_str() {
            Ok(())
        } else {
            Err(Error::ClusterNotFound {
                cluster: cluster.clone(),
            })
        }
    }
}

#[async_trait]
impl ControlPlane for SimCluster {
    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[ServiceName],
    ) -> Result<Vec<ServiceState>, Error> {
        let actions = vec!["DescribeServices"; services.len().div_ceil(SERVICES_A_CALL)];
        self.call("describe services", &actions, |state| {
            self.check(cluster)?;
            services
                .iter()
                .map(|name| {
                    self.service(state, cluster, name)
                        .map(|service| describe(service))
                })
                .collect()
        })
    }

    async fn describe_task_definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        let actions = ["DescribeTaskDefinition"];
        self.call("describe a task definition", &actions, |state| {
            let mut document = state.definition(arn)?.document.clone();
            if let Some(fields) = document.as_object_mut() {
                fields.insert("taskDefinitionArn".to_owned(), arn.as_str().into());
                fields.insert("revision".to_owned(), arn.revision().into());
                fields.insert("status".to_owned(), "ACTIVE".into());
            }
            Ok(TaskDefinition::new(document))
        })
    }

    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, Error> {
        let actions = ["RegisterTaskDefinition"];
        let now = self.now();
        self.call("register a task definition", &actions, |state| {
            state.register(definition, now)
        })
    }

    async fn update_service(&self, update: &ServiceUpdate) -> Result<ServiceState, Error> {
        self.call("update the service", &["UpdateService"], |state| {
            if let Some(arn) = &update.task_definition {
                state.definition(arn)?;
            }
            let id = state.next_deployment();
            let alarms = state.alarms.clone();
            let now = self.now();
            let service = self.service(state, &update.cluster, &update.service)?;
            let current = &service.spec.task_definition;
            let wanted = update.task_definition.as_ref();
            let differs = wanted.is_some_and(|arn| arn.short() != current.short());
            let begins = differs || update.force_new_deployment;
            if begins {
                if let Some(arn) = wanted {
                    service.spec.task_definition = arn.clone();
                }
                service.begin(id, now, &alarms);
            }
            let described = describe(service);
            if begins {
                state.agenda.begun(&self.name, &update.service, now);
            }
            Ok(described)
        })
    }

    async fn service_deployment(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<ServiceDeployment>, Error> {
        let actions = ["ListServiceDeployments"];
        self.call("describe a service deployment", &actions, |state| {
            let service = self.service(state, cluster, service)?;
            let record = service.records.iter().find(|record| record.id == *id);
            Ok(record.map(|record| {
                let arn = format!(
                    "service-deployment/{}/{}/{}",
                    self.name,
                    service.spec.name,
                    id.number()
                );
                ServiceDeployment::new(arn, id.clone(), record.status, record.reason.clone())
            }))
        })
    }

    async fn stop_deployment(
        &self,
        deployment: &ServiceDeployment,
        how: StopType,
    ) -> Result<(), Error> {
        let actions = ["StopServiceDeployment"];
        self.call("stop the service deployment", &actions, |state| {
            let now = self.now();
            let services = state
                .clusters
                .get_mut(&self.name)
                .into_iter()
                .flat_map(|content| content.services.values_mut());
            for service in services {
                if service.record(&deployment.id).is_some() {
                    return service.request_stop(&deployment.id, how, now);
                }
            }
            Err(Error::Refused {
                operation: "stop the service deployment",
                code: Some("ServiceDeploymentNotFoundException".to_owned()),
                message: Some("The service deployment does not exist.".to_owned()),
                request_id: None,
            })
        })
    }

    async fn stopped_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Error> {
        let actions = ["ListTasks", "DescribeTasks"];
        self.call("list stopped tasks", &actions, |state| {
            let service = self.service(state, cluster, service)?;
            Ok(service
                .tasks
                .iter()
                .filter(|task| task.is_of(deployment))
                // A task's desired status is STOPPED from the moment it is asked to stop.
                .filter_map(Task::stopped_task)
                .cloned()
                .collect())
        })
    }
}

fn describe(service: &Service) -> ServiceState {
    let is_pending = |task: &Task| task.is_wanted() && !task.is_running();
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
        described.running = service.count(|task| task.is_of(&deployment.id) && task.is_running());
        described.pending = service.count(|task| task.is_of(&deployment.id) && is_pending(task));
        described.failed_tasks = deployment.failed;
        described.rollout_state = deployment.rollout_state;
        described
            .rollout_state_reason
            .clone_from(&deployment.reason);
        described
    };
    let spec = &service.spec;
    let mut state = ServiceState::new(spec.name.clone(), spec.task_definition.clone());
    if service.draining {
        state.status = "DRAINING".to_owned();
    }
    state.desired = spec.desired_count;
    state.running = service.count(Task::is_running);
    state.pending = service.count(is_pending);
    state.deployments = service.deployments.iter().map(deployment).collect();
    state.events = service
        .events
        .iter()
        .map(|said| said.event.clone())
        .collect();
    state.minimum_healthy_percent = spec.minimum_healthy_percent;
    state.maximum_percent = spec.maximum_percent;
    state.controller = spec.controller.clone();
    state
}
