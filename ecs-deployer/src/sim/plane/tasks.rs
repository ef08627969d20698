//! The simulated cluster as a runner of tasks, and as what keeps their logs.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::sim::SimCluster;
use crate::sim::alone::Alone;
use crate::sim::model::Task;
use crate::sim::state::State;
use crate::{
    ClusterName, ContainerState, Error, LogPage, LogStream, ServiceName, TaskDefinition, TaskId,
    TaskLogs, TaskRequest, TaskRunner, TaskState,
};

/// How many tasks one `DescribeTasks` takes.
const TASKS_A_CALL: usize = 100;

#[async_trait]
impl TaskRunner for SimCluster {
    async fn running_tasks(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> Result<Vec<TaskState>, Error> {
        let actions = ["ListTasks", "DescribeTasks"];
        self.call("list tasks", &actions, |state| {
            self.service(state, cluster, service)?;
            let service = state.service(&self.name, service);
            let tasks = service.into_iter().flat_map(|service| &service.tasks);
            Ok(tasks
                .filter(|task| task.is_wanted())
                .map(|task| describe(state, task))
                .collect())
        })
    }

    async fn describe_tasks(
        &self,
        cluster: &ClusterName,
        tasks: &[TaskId],
    ) -> Result<Vec<TaskState>, Error> {
        let actions = vec!["DescribeTasks"; tasks.len().div_ceil(TASKS_A_CALL)];
        self.call("describe tasks", &actions, |state| {
            self.check(cluster)?;
            let known = tasks.iter().filter_map(|id| state.task(&self.name, id));
            Ok(known.map(|task| describe(state, task)).collect())
        })
    }

    async fn run_task(&self, request: &TaskRequest) -> Result<TaskState, Error> {
        self.call("run the task", &["RunTask"], |state| {
            self.check(&request.cluster)?;
            let wanted = Alone {
                task_definition: request.task_definition.clone(),
                group: None,
                started_by: request.started_by.clone(),
                overrides: Some(overrides(request)),
                token: request.token.clone(),
            };
            let id = state.run_alone(&self.inner, &self.name, wanted, self.now())?;
            state
                .task(&self.name, &id)
                .map(|task| describe(state, task))
                .ok_or_else(|| Error::TaskNotStarted {
                    task_definition: request.task_definition.to_string(),
                    reason: "the task is not there any more".to_owned(),
                })
        })
    }

    async fn stop_task(
        &self,
        cluster: &ClusterName,
        task: &TaskId,
        reason: &str,
    ) -> Result<(), Error> {
        self.call("stop the task", &["StopTask"], |state| {
            self.check(cluster)?;
            state.stop_any(&self.inner, &self.name, task, reason, self.now());
            Ok(())
        })
    }
}

fn overrides(request: &TaskRequest) -> Value {
    let containers: Vec<Value> = request
        .overrides
        .iter()
        .map(|(name, change)| {
            let environment: Vec<Value> = change
                .environment
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect();
            json!({"name": name, "command": change.command, "environment": environment})
        })
        .collect();
    json!({ "containerOverrides": containers })
}

fn describe(state: &State, task: &Task) -> TaskState {
    let mut described =
        TaskState::new(task.id.clone(), task.task_definition.clone(), task.status());
    described.deployment.clone_from(&task.deployment);
    let stopped = task.stopped_task();
    described.stop_code = stopped.map(|stopped| stopped.stop_code.clone());
    described.reason = stopped.map(|stopped| stopped.reason.clone());
    let containers = state
        .definition(&task.task_definition)
        .map(|definition| TaskDefinition::new(definition.document.clone()).containers())
        .unwrap_or_default();
    described.containers = containers
        .into_iter()
        .map(|(name, image)| {
            let end = stopped.and_then(|stopped| {
                stopped
                    .containers
                    .iter()
                    .find(|container| container.name == name)
            });
            let mut container = ContainerState::new(name, Some(image.clone()));
            if task.started.is_some() {
                container.image_digest = task.digests.get(image.as_str()).cloned();
            }
            container.exit_code = end.and_then(|end| end.exit_code);
            container.reason = end.and_then(|end| end.reason.clone());
            container
        })
        .collect();
    described
}

#[async_trait]
impl TaskLogs for SimCluster {
    async fn last_lines(&self, stream: &LogStream, limit: usize) -> Result<Vec<String>, Error> {
        self.call("read the log", &["GetLogEvents"], |state| {
            let mut lines = state
                .log(&self.inner, &stream.group, &stream.stream)
                .unwrap_or_default();
            Ok(lines.split_off(lines.len().saturating_sub(limit)))
        })
    }

    async fn lines_after(
        &self,
        stream: &LogStream,
        position: Option<&str>,
    ) -> Result<LogPage, Error> {
        self.call("read the log", &["GetLogEvents"], |state| {
            let mut lines = state
                .log(&self.inner, &stream.group, &stream.stream)
                .unwrap_or_default();
            let seen = position.and_then(|text| text.parse().ok()).unwrap_or(0);
            let next = lines.len();
            let new = lines.split_off(usize::min(seen, next));
            Ok(LogPage::new(new, Some(next.to_string())))
        })
    }
}
