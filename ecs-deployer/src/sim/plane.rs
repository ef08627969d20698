//! The simulated cluster as a control plane.

mod describe;
mod tasks;

use async_trait::async_trait;

use self::describe::{brief, describe, detailed, revision};
use super::SimCluster;
use super::model::{Service, Task};
use super::state::{CallFault, State};
use crate::{
    AccountLookUp, AlarmState, ClusterName, ControlPlane, DeploymentId, Directory, Error,
    HookAction, ServiceDeployment, ServiceName, ServiceRevision, ServiceRevisionArn, ServiceState,
    ServiceUpdate, StopType, StoppedTask, TaskDefinition, TaskDefinitionArn,
};

/// How many services one `DescribeServices` takes.
const SERVICES_A_CALL: usize = 10;

/// How many revisions one `DescribeServiceRevisions` takes.
const REVISIONS_A_CALL: usize = 20;

/// How many names a list has on a page.
const NAMES_A_PAGE: usize = 100;

/// When the model's time begins, in milliseconds since 1970: 2026-01-01.
pub(super) const EPOCH: u64 = 1_767_225_600_000;

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
                // Whether it was refused or carried out, nobody learns it.
                let _ = carry_out(&mut state);
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

    /// The service that had a deployment.
    fn having<'a>(
        &self,
        state: &'a mut State,
        id: &DeploymentId,
    ) -> Result<&'a mut Service, Error> {
        let services = state
            .clusters
            .get_mut(&self.name)
            .into_iter()
            .flat_map(|content| content.services.values_mut());
        services
            .into_iter()
            .find(|service| service.records.iter().any(|record| record.id == *id))
            .ok_or_else(|| Error::Refused {
                operation: "find the service deployment",
                code: Some("ServiceDeploymentNotFoundException".to_owned()),
                message: Some("The service deployment does not exist.".to_owned()),
                request_id: None,
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
            if let Some(count) = update.desired_count {
                service.spec.desired_count = count;
            }
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
        let actions = ["ListServiceDeployments", "DescribeServiceDeployments"];
        self.call("describe a service deployment", &actions, |state| {
            let service = self.service(state, cluster, service)?;
            let record = service.records.iter().find(|record| record.id == *id);
            Ok(record.map(|record| detailed(&self.name, service, record)))
        })
    }

    async fn service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<ServiceDeployment>, Error> {
        let actions = ["ListServiceDeployments"];
        self.call("list service deployments", &actions, |state| {
            let service = self.service(state, cluster, service)?;
            let name = &service.spec.name;
            let records = service.records.iter().rev();
            Ok(records
                .map(|record| brief(&self.name, name, record))
                .collect())
        })
    }

    async fn service_revisions(
        &self,
        revisions: &[ServiceRevisionArn],
    ) -> Result<Vec<ServiceRevision>, Error> {
        let calls = revisions.len().div_ceil(REVISIONS_A_CALL);
        let actions = vec!["DescribeServiceRevisions"; calls];
        self.call("describe service revisions", &actions, |state| {
            let find = |arn: &ServiceRevisionArn| {
                let id = arn.deployment();
                let services = state.clusters.get(&self.name)?.services.values();
                let record = services
                    .flat_map(|service| &service.records)
                    .find(|record| record.id == id)?;
                Some(revision(state, arn, record))
            };
            Ok(revisions.iter().filter_map(find).collect())
        })
    }

    async fn continue_deployment(
        &self,
        deployment: &ServiceDeployment,
        hook: &str,
        action: HookAction,
    ) -> Result<(), Error> {
        let actions = ["ContinueServiceDeployment"];
        self.call("continue the service deployment", &actions, |state| {
            let now = self.now();
            let service = self.having(state, &deployment.id)?;
            service.answer_hook(&deployment.id, hook, action, now)
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
            self.having(state, &deployment.id)?
                .request_stop(&deployment.id, how, now)
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

#[async_trait]
impl Directory for SimCluster {
    async fn clusters(&self) -> Result<Vec<ClusterName>, Error> {
        self.call("list clusters", &["ListClusters"], |state| {
            Ok(state.clusters.keys().cloned().collect())
        })
    }

    async fn services(&self, cluster: &ClusterName) -> Result<Vec<ServiceName>, Error> {
        let names = Self::services(self);
        let actions = vec!["ListServices"; names.len().div_ceil(NAMES_A_PAGE).max(1)];
        self.call("list services", &actions, |_| {
            self.check(cluster)?;
            Ok(names)
        })
    }
}

#[async_trait]
impl AccountLookUp for SimCluster {
    async fn alarms(&self, names: &[String]) -> Result<Vec<Option<AlarmState>>, Error> {
        self.call("describe alarms", &["DescribeAlarms"], |state| {
            let state_of = |name: &String| {
                Some(if state.alarms.contains(name) {
                    AlarmState::Alarm
                } else {
                    AlarmState::Ok
                })
            };
            Ok(names.iter().map(state_of).collect())
        })
    }
}
