//! Saving a cluster and starting it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::cluster::{Phase, Record, Service, SimDeployment, State, Task};
use super::{ServiceSpec, SimCluster, TaskRuntime, Timings};
use crate::{
    ClusterName, DeploymentId, Error, RolloutState, ServiceEvent, TaskDefinitionArn, TaskId,
};

/// The form of a snapshot; another one is refused.
const VERSION: u32 = 1;

/// A cluster at rest: what must run, and what has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    cluster: ClusterName,
    counter: u64,
    definitions: BTreeMap<String, Vec<Value>>,
    services: Vec<SavedService>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedService {
    spec: ServiceSpec,
    deployments: Vec<SimDeployment>,
    records: Vec<Record>,
    events: Vec<ServiceEvent>,
    last_completed: Option<TaskDefinitionArn>,
    /// The deployments whose tasks are wanted, one entry a task.
    wanted: Vec<DeploymentId>,
}

impl SimCluster {
    /// What must run, and what has happened. Tasks that have stopped are not part of it.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let services = state
            .services
            .values()
            .map(|service| SavedService {
                spec: service.spec.clone(),
                deployments: service.deployments.clone(),
                records: service.records.clone(),
                events: service.events.iter().cloned().collect(),
                last_completed: service.last_completed.clone(),
                wanted: service
                    .tasks
                    .iter()
                    .filter(|task| task.is_wanted())
                    .map(|task| task.deployment.clone())
                    .collect(),
            })
            .collect();
        Snapshot {
            version: VERSION,
            cluster: self.inner.name.clone(),
            counter: state.counter,
            definitions: state.definitions.clone(),
            services,
        }
    }

    /// Starts a saved cluster again. Every task that was wanted is started afresh; a deployment that was under way goes on.
    ///
    /// # Errors
    /// [`Error::InvalidSnapshot`] when the snapshot is of another version or does not hold together.
    pub fn restore(
        snapshot: Snapshot,
        timings: Timings,
        runtime: Arc<dyn TaskRuntime>,
    ) -> Result<Self, Error> {
        let invalid = |problem: String| Error::InvalidSnapshot { problem };
        if snapshot.version != VERSION {
            return Err(invalid(format!(
                "its version is {}, and this program reads {VERSION}",
                snapshot.version
            )));
        }
        let mut state = State {
            next_pass: Instant::now() + timings.scheduler_pass,
            definitions: snapshot.definitions,
            services: BTreeMap::new(),
            counter: snapshot.counter,
            faults: VecDeque::new(),
            calls: BTreeMap::new(),
        };
        for saved in snapshot.services {
            let mut tasks = Vec::new();
            for deployment in &saved.wanted {
                let of = saved
                    .deployments
                    .iter()
                    .find(|known| known.id == *deployment)
                    .ok_or_else(|| {
                        invalid(format!(
                            "a task of `{}` belongs to no deployment",
                            saved.spec.name
                        ))
                    })?;
                let id: TaskId = format!("{:032x}", state.next())
                    .parse()
                    .map_err(|_| invalid("a task has no id".to_owned()))?;
                tasks.push(Task {
                    id,
                    deployment: deployment.clone(),
                    task_definition: of.task_definition.clone(),
                    phase: Phase::Pending,
                    replaced_by: None,
                });
            }
            for deployment in saved
                .deployments
                .iter()
                .filter(|d| d.rollout_state != RolloutState::Failed)
            {
                state
                    .definition(&deployment.task_definition)
                    .map_err(|error| invalid(error.to_string()))?;
            }
            let service = Service {
                spec: saved.spec,
                deployments: saved.deployments,
                records: saved.records,
                tasks,
                events: saved.events.into(),
                streak: 0,
                next_launch: None,
                stuck_since: None,
                ready_since: None,
                last_completed: saved.last_completed,
            };
            state.services.insert(service.spec.name.clone(), service);
        }
        let cluster = Self::with_state(snapshot.cluster, timings, runtime, state);
        let state = cluster.lock();
        for service in state.services.values() {
            for task in &service.tasks {
                if let Ok(definition) = state.definition(&task.task_definition) {
                    cluster.inner.launch(service, task, definition);
                }
            }
        }
        drop(state);
        Ok(cluster)
    }
}
