//! A runtime that plays a part by image.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Behaviour, Observation, TaskLaunch, TaskRuntime, Timings};
use crate::{ContainerName, TaskId};

/// How many stopped tasks it remembers for their log lines.
const REMEMBERED: usize = 1000;

/// Plays tasks by the first container's digest or else its image; what has no part is healthy.
#[derive(Debug)]
pub struct ScriptedRuntime {
    timings: Timings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<String, Behaviour>,
    logs: BTreeMap<String, Vec<String>>,
    tasks: BTreeMap<TaskId, Played>,
    /// The last time that the model asked for.
    now: Duration,
    /// How many tasks of an image were started.
    started: BTreeMap<String, u32>,
}

#[derive(Debug)]
struct Played {
    launch: TaskLaunch,
    /// The how many-th of its image it is, from 1.
    number: u32,
}

impl ScriptedRuntime {
    /// A runtime whose tasks take the model's times.
    pub fn new(timings: Timings) -> Self {
        Self {
            timings,
            state: Mutex::default(),
        }
    }

    /// Gives the tasks of an image, or of a digest, a part. Running ones change at once.
    pub fn part(&self, image: impl Into<String>, behaviour: Behaviour) {
        self.lock().parts.insert(image.into(), behaviour);
    }

    /// Sets what the tasks of an image write to their log.
    pub fn log_lines(&self, image: impl Into<String>, lines: Vec<String>) {
        self.lock().logs.insert(image.into(), lines);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is set for a task's first container, by its digest or else by its image.
    fn of<'a, T>(values: &'a BTreeMap<String, T>, launch: &TaskLaunch) -> Option<&'a T> {
        let (_, image) = launch.images.first()?;
        let digest = launch.digests.get(image.as_str());
        digest
            .and_then(|digest| values.get(digest))
            .or_else(|| values.get(image.as_str()))
    }
}

impl TaskRuntime for ScriptedRuntime {
    fn start(&self, launch: &TaskLaunch) {
        let mut state = self.lock();
        state.now = state.now.max(launch.at);
        let image = launch.images.first().map(|(_, image)| image.to_string());
        let number = state.started.entry(image.unwrap_or_default()).or_default();
        *number += 1;
        let played = Played {
            number: *number,
            launch: launch.clone(),
        };
        state.tasks.insert(launch.task.clone(), played);
        if state.tasks.len() > REMEMBERED {
            state.tasks.pop_first();
        }
    }

    fn observe(&self, task: &TaskId) -> Observation {
        let now = self.lock().now;
        self.observe_at(task, now)
    }

    fn observe_at(&self, task: &TaskId, at: Duration) -> Observation {
        let mut state = self.lock();
        state.now = state.now.max(at);
        let Some(played) = state.tasks.get(task) else {
            return Observation::Pending;
        };
        let mut part = State::of(&state.parts, &played.launch).unwrap_or(&Behaviour::Healthy);
        if let Behaviour::AtFirst { tasks, part: first } = part
            && played.number <= *tasks
        {
            part = first;
        }
        part.play(
            &played.launch,
            at.saturating_sub(played.launch.at),
            &self.timings,
        )
    }

    fn log(&self, launch: &TaskLaunch, _container: &ContainerName) -> Vec<String> {
        let state = self.lock();
        State::of(&state.logs, launch).cloned().unwrap_or_default()
    }

    fn stop(&self, task: &TaskId) {
        self.lock().tasks.remove(task);
    }
}
