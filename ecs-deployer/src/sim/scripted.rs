//! A runtime that plays a part by image.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Observation, TaskHealth, TaskLaunch, TaskRuntime, Timings};
use crate::{StopCode, StoppedContainer, TaskId};

/// How the tasks of an image behave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// They start and stay healthy.
    Healthy,
    /// Their image is not in the registry.
    MissingImage,
    /// A secret of theirs cannot be fetched.
    MissingSecret,
    /// Their container exits before it is RUNNING.
    CrashAtStart {
        /// The exit code.
        exit_code: i64,
    },
    /// Their container exits after it ran for a while.
    CrashAfter {
        /// How long it runs.
        running: Duration,
        /// The exit code.
        exit_code: i64,
    },
    /// Their container is killed for want of memory after it ran for a while.
    OutOfMemory {
        /// How long it runs.
        running: Duration,
    },
    /// They run, and their health checks fail.
    Unhealthy {
        /// What the load balancer says.
        reason: String,
    },
    /// They take this long to be healthy after they run.
    SlowStart {
        /// How long.
        warm_up: Duration,
    },
}

/// Plays tasks by the first container's image; images without a part are healthy.
#[derive(Debug)]
pub struct ScriptedRuntime {
    timings: Timings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<String, Behaviour>,
    tasks: BTreeMap<TaskId, (TaskLaunch, Instant)>,
}

impl ScriptedRuntime {
    /// A runtime whose tasks take the model's times.
    pub fn new(timings: Timings) -> Self {
        Self {
            timings,
            state: Mutex::default(),
        }
    }

    /// Gives the tasks of an image a part. Running ones change at once.
    pub fn part(&self, image: impl Into<String>, behaviour: Behaviour) {
        self.lock().parts.insert(image.into(), behaviour);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskRuntime for ScriptedRuntime {
    fn start(&self, launch: &TaskLaunch) {
        self.lock()
            .tasks
            .insert(launch.task.clone(), (launch.clone(), Instant::now()));
    }

    fn observe(&self, task: &TaskId) -> Observation {
        let state = self.lock();
        let Some((launch, started)) = state.tasks.get(task) else {
            return Observation::Pending;
        };
        let part = launch
            .images
            .first()
            .and_then(|(_, image)| state.parts.get(image.as_str()));
        play(
            part.unwrap_or(&Behaviour::Healthy),
            launch,
            started.elapsed(),
            &self.timings,
        )
    }

    fn stop(&self, task: &TaskId) {
        self.lock().tasks.remove(task);
    }
}

fn play(part: &Behaviour, launch: &TaskLaunch, age: Duration, timings: &Timings) -> Observation {
    if age < timings.start {
        return Observation::Pending;
    }
    let running = age - timings.start;
    let stopped = |stop_code,
                   reason: &str,
                   exit_code: Option<i64>,
                   container_reason: Option<&str>| Observation::Stopped {
        stop_code,
        reason: reason.to_owned(),
        containers: launch
            .images
            .iter()
            .map(|(name, _)| {
                StoppedContainer::new(name.clone(), exit_code, container_reason.map(str::to_owned))
            })
            .collect(),
    };
    let runs = |health| Observation::Running { health };
    let exited = "Essential container in task exited";
    match part {
        Behaviour::Healthy => runs(TaskHealth::Healthy),
        Behaviour::MissingImage => {
            let image = launch
                .images
                .first()
                .map(|(_, image)| image.as_str())
                .unwrap_or_default();
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: not found"
            );
            stopped(StopCode::TaskFailedToStart, &reason, None, Some(&reason))
        }
        Behaviour::MissingSecret => {
            let reason = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed";
            stopped(StopCode::TaskFailedToStart, reason, None, None)
        }
        Behaviour::CrashAtStart { exit_code } => stopped(
            StopCode::EssentialContainerExited,
            exited,
            Some(*exit_code),
            None,
        ),
        Behaviour::CrashAfter {
            running: limit,
            exit_code,
        } if running >= *limit => stopped(
            StopCode::EssentialContainerExited,
            exited,
            Some(*exit_code),
            None,
        ),
        Behaviour::OutOfMemory { running: limit } if running >= *limit => {
            let reason = "OutOfMemoryError: Container killed due to memory usage";
            stopped(
                StopCode::EssentialContainerExited,
                exited,
                Some(137),
                Some(reason),
            )
        }
        Behaviour::CrashAfter { .. } | Behaviour::OutOfMemory { .. } => runs(TaskHealth::Healthy),
        Behaviour::Unhealthy { reason } => runs(TaskHealth::Unhealthy {
            reason: reason.clone(),
        }),
        Behaviour::SlowStart { warm_up } if running < *warm_up => runs(TaskHealth::Unknown),
        Behaviour::SlowStart { .. } => runs(TaskHealth::Healthy),
    }
}
