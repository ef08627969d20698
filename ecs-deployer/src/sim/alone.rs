//! Tasks that are run by themselves, and what tasks have written.

use std::time::Duration;

use serde_json::Value;

use super::cluster::Inner;
use super::model::Task;
use super::state::State;
use crate::{
    ClusterName, ContainerName, Error, ServiceName, StopCode, TaskDefinition, TaskDefinitionArn,
    TaskId,
};

/// A task that is to be run by itself.
#[derive(Debug, Clone)]
pub(super) struct Alone {
    pub(super) task_definition: TaskDefinitionArn,
    pub(super) group: Option<String>,
    pub(super) started_by: Option<String>,
    pub(super) overrides: Option<Value>,
    /// The same token starts no second task.
    pub(super) token: Option<String>,
}

impl State {
    /// Starts a task. The same token finds the task that was started with it.
    pub(super) fn run_alone(
        &mut self,
        inner: &Inner,
        cluster: &ClusterName,
        wanted: Alone,
        at: Duration,
    ) -> Result<TaskId, Error> {
        let definition = self.definition(&wanted.task_definition)?.document.clone();
        if let Some(token) = &wanted.token
            && let Some(known) = self.tokens.get(token)
        {
            return Ok(known.clone());
        }
        let family = wanted.task_definition.family().to_owned();
        let id = self.next_task();
        let group = wanted.group.unwrap_or_else(|| format!("family:{family}"));
        let mut task = Task::new(id.clone(), None, wanted.task_definition, group, at);
        task.started_by = wanted.started_by;
        task.overrides = wanted.overrides;
        task.digests = TaskDefinition::new(definition.clone())
            .containers()
            .iter()
            .map(|(_, image)| (image.to_string(), self.digest(image)))
            .collect();
        // A family's name keeps to the rules of a service's.
        if let Ok(name) = family.parse::<ServiceName>() {
            inner.launch(cluster, &name, &task, &definition);
        }
        if let Some(token) = wanted.token {
            self.tokens.insert(token, id.clone());
        }
        self.clusters
            .entry(cluster.clone())
            .or_default()
            .alone
            .push(task);
        Ok(id)
    }

    /// All tasks of a cluster that it remembers, those of services first.
    pub(super) fn tasks(&self, cluster: &ClusterName) -> impl Iterator<Item = &Task> {
        self.clusters.get(cluster).into_iter().flat_map(|content| {
            content
                .services
                .values()
                .flat_map(|service| &service.tasks)
                .chain(&content.alone)
        })
    }

    pub(super) fn task(&self, cluster: &ClusterName, id: &TaskId) -> Option<&Task> {
        self.tasks(cluster).find(|task| task.id == *id)
    }

    /// Asks a task to stop, as a person does. One that is not there or does not run is left alone; says whether it is there.
    pub(super) fn stop_any(
        &mut self,
        inner: &Inner,
        cluster: &ClusterName,
        id: &TaskId,
        reason: &str,
        at: Duration,
    ) -> bool {
        let Some(content) = self.clusters.get_mut(cluster) else {
            return false;
        };
        let mut tasks = content
            .services
            .values_mut()
            .flat_map(|service| &mut service.tasks)
            .chain(&mut content.alone);
        let Some(task) = tasks.find(|task| task.id == *id) else {
            return false;
        };
        if task.is_wanted() {
            inner.runtime.stop(&task.id);
            task.ask_to_stop(StopCode::UserInitiated, reason, inner.timings.stop, at);
        }
        true
    }

    /// What a container of a task has written, by its log stream `PREFIX/CONTAINER/TASK`; `None` when there is no such stream.
    pub(super) fn log(&self, inner: &Inner, group: &str, stream: &str) -> Option<Vec<String>> {
        let mut parts = stream.rsplit('/');
        let id: TaskId = parts.next()?.parse().ok()?;
        let container: ContainerName = parts.next()?.parse().ok()?;
        let (cluster, task) = self
            .clusters
            .keys()
            .find_map(|cluster| Some((cluster, self.task(cluster, &id)?)))?;
        let document = &self.definition(&task.task_definition).ok()?.document;
        let containers = document["containerDefinitions"].as_array()?;
        let log = &containers
            .iter()
            .find(|known| known["name"].as_str() == Some(container.as_str()))?["logConfiguration"];
        let prefix = log["options"]["awslogs-stream-prefix"].as_str()?;
        let is_it = log["options"]["awslogs-group"].as_str() == Some(group)
            && stream == format!("{prefix}/{container}/{id}");
        let ran = task.started.is_some()
            || task.stopped_task().is_some_and(|stopped| {
                stopped
                    .containers
                    .iter()
                    .any(|container| container.exit_code.is_some())
            });
        if !is_it || !ran {
            return None;
        }
        let service = task.task_definition.family().parse().ok()?;
        let launch = task.as_launch(cluster, &service, document);
        Some(inner.runtime.log(&launch, &container))
    }
}
