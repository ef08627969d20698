//! Saving a cluster and starting it again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Completed, Record, Said, Service, SimDeployment, Task, group_of};
use super::replace::has_health_check;
use super::rules::Rules;
use super::state::{Content, Definition, State};
use super::{Clock, ServiceSpec, SimCluster, TaskRuntime, Timings};
use crate::{ClusterName, DeploymentId, Error, RolloutState};

/// The form of a snapshot; another one is refused.
const VERSION: u32 = 2;

/// A cluster at rest: what must run, and what has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    cluster: ClusterName,
    counter: u64,
    time: Duration,
    definitions: BTreeMap<String, Vec<Definition>>,
    pushed: BTreeMap<String, String>,
    services: Vec<SavedService>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedService {
    spec: ServiceSpec,
    created: Duration,
    deployments: Vec<SimDeployment>,
    records: Vec<Record>,
    events: Vec<Said>,
    last_completed: Option<Completed>,
    /// The deployments whose tasks are wanted, one entry a task.
    wanted: Vec<DeploymentId>,
}

/// Only what tells a snapshot's form, so that one of another form is refused for that and not for a field.
#[derive(Debug, Deserialize)]
struct Form {
    version: u32,
}

impl Snapshot {
    /// Reads a snapshot that was saved as JSON.
    ///
    /// # Errors
    /// [`Error::InvalidSnapshot`] when it is of another version or not whole.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let invalid = |error: serde_json::Error| Error::InvalidSnapshot {
            problem: error.to_string(),
        };
        let form: Form = serde_json::from_slice(bytes).map_err(invalid)?;
        check_version(form.version)?;
        serde_json::from_slice(bytes).map_err(invalid)
    }
}

fn check_version(version: u32) -> Result<(), Error> {
    if version == VERSION {
        return Ok(());
    }
    Err(Error::InvalidSnapshot {
        problem: format!("its version is {version}, and this program reads {VERSION}"),
    })
}

impl SimCluster {
    /// What must run, and what has happened. Tasks that have stopped are not part of it.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.lock();
        self.inner.advance(&mut state);
        let services: Vec<SavedService> = state
            .clusters
            .get(&self.name)
            .into_iter()
            .flat_map(|content| content.services.values())
            .map(|service| SavedService {
                spec: service.spec.clone(),
                created: service.created,
                deployments: service.deployments.clone(),
                records: service.records.clone(),
                events: service.events.iter().cloned().collect(),
                last_completed: service.last_completed.clone(),
                wanted: service
                    .tasks
                    .iter()
                    .filter(|task| task.is_wanted())
                    .filter_map(|task| task.deployment.clone())
                    .collect(),
            })
            .collect();
        Snapshot {
            version: VERSION,
            cluster: self.name.clone(),
            counter: state.counter,
            time: services
                .iter()
                .map(SavedService::latest)
                .max()
                .unwrap_or_default(),
            definitions: state.definitions.clone(),
            pushed: state.pushed.clone(),
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
        check_version(snapshot.version)?;
        let clock = Clock::tokio().from(snapshot.time);
        let now = clock.now();
        let mut state = State::new(now + timings.scheduler_pass);
        state.definitions = snapshot.definitions;
        state.pushed = snapshot.pushed;
        state.counter = snapshot.counter;
        let mut content = Content::default();
        for saved in snapshot.services {
            let service = saved.start(&mut state, now)?;
            content.services.insert(service.spec.name.clone(), service);
        }
        state.clusters.insert(snapshot.cluster.clone(), content);
        let name = snapshot.cluster;
        let cluster = Self::with_state(name, timings, runtime, clock, Rules::default(), state);
        let state = cluster.lock();
        let services = state.clusters.get(&cluster.name);
        for service in services
            .into_iter()
            .flat_map(|content| content.services.values())
        {
            for task in &service.tasks {
                if let Ok(definition) = state.definition(&task.task_definition) {
                    let name = &service.spec.name;
                    cluster
                        .inner
                        .launch(&cluster.name, name, task, &definition.document);
                }
            }
        }
        drop(state);
        Ok(cluster)
    }
}

impl SavedService {
    /// When something happened last: time goes on from there, so that a cluster at rest stays the same when it is saved.
    fn latest(&self) -> Duration {
        let events = self.events.iter().map(|said| said.at);
        let records = self.records.iter().map(|record| record.updated);
        let deployments = self.deployments.iter().map(|deployment| deployment.updated);
        events
            .chain(records)
            .chain(deployments)
            .max()
            .unwrap_or(self.created)
    }

    fn start(self, state: &mut State, now: Duration) -> Result<Service, Error> {
        let invalid = |problem: String| Error::InvalidSnapshot { problem };
        let mut tasks = Vec::new();
        for deployment in &self.wanted {
            let of = self
                .deployments
                .iter()
                .find(|known| known.id == *deployment)
                .ok_or_else(|| {
                    invalid(format!(
                        "a task of `{}` belongs to no deployment",
                        self.spec.name
                    ))
                })?;
            let mut task = Task::new(
                state.next_task(),
                Some(deployment.clone()),
                of.task_definition.clone(),
                group_of(&self.spec.name),
                now,
            );
            task.started_by = Some(deployment.to_string());
            task.digests = of.digests.clone();
            let definition = state.definition(&of.task_definition);
            task.container_check = self.spec.container_check
                || definition.is_ok_and(|definition| has_health_check(&definition.document));
            tasks.push(task);
        }
        for deployment in self
            .deployments
            .iter()
            .filter(|d| d.rollout_state != RolloutState::Failed)
        {
            state
                .definition(&deployment.task_definition)
                .map_err(|error| invalid(error.to_string()))?;
        }
        let mut service = Service::new(self.spec, self.created);
        service.deployments = self.deployments;
        service.records = self.records;
        service.tasks = tasks;
        service.events = self.events.into();
        service.last_completed = self.last_completed;
        Ok(service)
    }
}
