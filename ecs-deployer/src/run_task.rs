//! One task by itself, such as a migration, from its start to its exit code.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    ClusterName, ContainerName, ContainerState, Error, LogStream, StopCode, TaskDefinition,
    TaskDefinitionArn, TaskId, TaskLogs, TaskRequest, TaskRunner, TaskState,
};

/// How to follow a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOptions {
    /// How long it may take; then it is stopped.
    pub timeout: Duration,
    /// Between two looks.
    pub poll: Duration,
    /// Whose exit code counts; `None` takes the first container that the task cannot do without.
    pub container: Option<ContainerName>,
}

impl Default for RunOptions {
    /// An hour, a look every 5 seconds.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3600),
            poll: Duration::from_secs(5),
            container: None,
        }
    }
}

impl RunOptions {
    /// Sets how long it may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time between two looks.
    #[must_use]
    pub const fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets whose exit code counts.
    #[must_use]
    pub fn container(mut self, container: Option<ContainerName>) -> Self {
        self.container = container;
        self
    }
}

/// What a task tells as it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum TaskEvent {
    /// ECS has taken it.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// What it runs.
        task_definition: TaskDefinitionArn,
    },
    /// It has come further.
    TaskStatus {
        /// The task.
        task: TaskId,
        /// `PROVISIONING`, `PENDING`, `RUNNING`, … as ECS has it.
        status: String,
    },
    /// A container wrote a line.
    LogLine {
        /// The container.
        container: ContainerName,
        /// The line.
        line: String,
    },
    /// Its logs cannot be read. Said once.
    LogsUnread {
        /// Why.
        problem: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// ECS could not be asked; it is asked again.
    LookFailed {
        /// What went wrong.
        error: String,
    },
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskOutcome {
    /// The task.
    pub task: TaskId,
    /// What it ran.
    pub task_definition: TaskDefinitionArn,
    /// The exit code that counts; `None` when that container never ran.
    pub exit_code: Option<i64>,
    /// Why it stopped, as a code.
    pub stop_code: Option<StopCode>,
    /// Why it stopped, in ECS's words.
    pub reason: Option<String>,
    /// What became of its containers.
    pub containers: Vec<ContainerState>,
    /// Whether it took too long and was stopped.
    pub timed_out: bool,
    /// How long it took.
    pub seconds: f64,
}

impl TaskOutcome {
    /// Whether the container that counts did its work: it exited with 0, and of its own accord. One that was stopped by
    /// somebody, or lost its host, may exit with 0 as well and has not come to its end.
    pub fn is_success(&self) -> bool {
        !self.timed_out
            && self.exit_code == Some(0)
            && self.stop_code == Some(StopCode::EssentialContainerExited)
    }
}

/// Whose exit code counts.
///
/// # Errors
/// [`Error::NoSuchContainer`] when the options name a container that the task definition does not have.
fn counting(
    definition: &TaskDefinition,
    options: &RunOptions,
) -> Result<Option<ContainerName>, Error> {
    let Some(wanted) = &options.container else {
        return Ok(definition.main_container());
    };
    let containers: Vec<ContainerName> = definition
        .containers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    if containers.contains(wanted) {
        return Ok(Some(wanted.clone()));
    }
    Err(Error::NoSuchContainer {
        family: definition.family().to_owned(),
        wanted: wanted.to_string(),
        containers,
    })
}

/// Runs a task and follows it to its end.
///
/// Dropping the future leaves the task running: [`follow_task`] takes it up again.
///
/// # Errors
/// When the task could not be started, or the options name a container that it does not have; afterwards for an error that
/// waiting does not mend.
pub async fn run_task(
    runner: &dyn TaskRunner,
    logs: Option<&dyn TaskLogs>,
    definition: &TaskDefinition,
    request: &TaskRequest,
    options: &RunOptions,
    observer: &(dyn Fn(TaskEvent) + Send + Sync),
) -> Result<TaskOutcome, Error> {
    counting(definition, options)?;
    let task = runner.run_task(request).await?;
    observer(TaskEvent::TaskStarted {
        task: task.task.clone(),
        task_definition: task.task_definition.clone(),
    });
    follow_task(
        runner,
        logs,
        definition,
        &request.cluster,
        task,
        options,
        observer,
    )
    .await
}

/// Follows a task to its end.
///
/// # Errors
/// For an error that waiting does not mend, such as a task that ECS has forgotten; for a container in the options that it
/// does not have.
pub async fn follow_task(
    runner: &dyn TaskRunner,
    logs: Option<&dyn TaskLogs>,
    definition: &TaskDefinition,
    cluster: &ClusterName,
    task: TaskState,
    options: &RunOptions,
    observer: &(dyn Fn(TaskEvent) + Send + Sync),
) -> Result<TaskOutcome, Error> {
    let counts = counting(definition, options)?;
    let started = Instant::now();
    let deadline = started + options.timeout;
    let mut reader = logs.map(|logs| Reader::new(logs, definition, &task.task));
    let mut task = task;
    let mut status = String::new();
    let mut timed_out = false;
    loop {
        if task.status != status {
            status.clone_from(&task.status);
            observer(TaskEvent::TaskStatus {
                task: task.task.clone(),
                status: status.clone(),
            });
        }
        if let Some(reader) = &mut reader {
            reader.read(observer).await;
        }
        if task.is_stopped() {
            break;
        }
        if !timed_out && Instant::now() >= deadline {
            timed_out = true;
            let reason = "it took too long";
            runner.stop_task(cluster, &task.task, reason).await?;
        }
        tokio::time::sleep(options.poll.max(Duration::from_millis(1))).await;
        match runner
            .describe_tasks(cluster, std::slice::from_ref(&task.task))
            .await
        {
            Ok(found) => {
                task = found
                    .into_iter()
                    .next()
                    .ok_or_else(|| Error::TaskForgotten {
                        task: task.task.clone(),
                    })?;
            }
            Err(error) if error.is_passing() => observer(TaskEvent::LookFailed {
                error: error.to_string(),
            }),
            Err(error) => return Err(error),
        }
    }
    if let Some(reader) = &mut reader {
        // Its last lines may be a moment behind its end.
        tokio::time::sleep(options.poll).await;
        reader.read(observer).await;
    }
    let exit_code = task
        .containers
        .iter()
        .find(|container| counts.as_ref().is_none_or(|name| container.name == *name))
        .and_then(|container| container.exit_code);
    Ok(TaskOutcome {
        task: task.task,
        task_definition: task.task_definition,
        exit_code,
        stop_code: task.stop_code,
        reason: task.reason,
        containers: task.containers,
        timed_out,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Reads what the containers write.
struct Reader<'a> {
    logs: &'a dyn TaskLogs,
    streams: BTreeMap<ContainerName, (LogStream, Option<String>)>,
    is_blind: bool,
}

impl<'a> Reader<'a> {
    fn new(logs: &'a dyn TaskLogs, definition: &TaskDefinition, task: &TaskId) -> Self {
        let streams = definition.log_streams(task).into_iter();
        Self {
            logs,
            streams: streams
                .map(|(name, stream)| (name, (stream, None)))
                .collect(),
            is_blind: false,
        }
    }

    async fn read(&mut self, observer: &(dyn Fn(TaskEvent) + Send + Sync)) {
        if self.is_blind {
            return;
        }
        for (container, (stream, position)) in &mut self.streams {
            loop {
                let page = match self.logs.lines_after(stream, position.as_deref()).await {
                    Ok(page) => page,
                    Err(error) if error.is_passing() => break,
                    Err(error) => {
                        observer(TaskEvent::LogsUnread {
                            problem: error.to_string(),
                            hint: error.hint(),
                        });
                        self.is_blind = true;
                        return;
                    }
                };
                let is_last = page.lines.is_empty();
                for line in page.lines {
                    observer(TaskEvent::LogLine {
                        container: container.clone(),
                        line,
                    });
                }
                if page.next.is_some() {
                    *position = page.next;
                }
                if is_last {
                    break;
                }
            }
        }
    }
}
