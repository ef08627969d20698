//! The failed tasks of a deployment, and when they are enough.

use std::collections::BTreeSet;

use crate::diagnosis::{Kind, kind, sentence};
use crate::{Options, ServiceEvent, ServiceName, StoppedTask, TaskId};

/// What failed so far.
#[derive(Debug, Default)]
pub(super) struct Failures {
    known: BTreeSet<TaskId>,
    tasks: Vec<StoppedTask>,
    permanent: u32,
    transient: u32,
    /// As ECS counts them, where the tasks themselves cannot be seen.
    unseen: u32,
}

impl Failures {
    /// Takes note of a stopped task and says whether it is a failure that was not known.
    pub(super) fn add(&mut self, task: &StoppedTask) -> bool {
        let count = match kind(task) {
            Kind::Harmless => return false,
            Kind::Transient => &mut self.transient,
            Kind::Permanent => &mut self.permanent,
        };
        if !self.known.insert(task.task.clone()) {
            return false;
        }
        *count += 1;
        self.tasks.push(task.clone());
        true
    }

    /// Takes note of tasks that are not to count.
    pub(super) fn skip(&mut self, tasks: &[StoppedTask]) {
        self.known
            .extend(tasks.iter().map(|task| task.task.clone()));
    }

    /// Takes note of ECS's own count of failures.
    pub(super) fn counted(&mut self, failures: u32) {
        self.unseen = self.unseen.max(failures);
    }

    /// Whether the deployment has failed by policy. What nobody could look at is given the patience of what may pass.
    pub(super) fn are_enough(&self, options: &Options) -> bool {
        let all = (self.permanent + self.transient).max(self.unseen);
        self.permanent >= options.permanent_failures.max(1)
            || all
                >= options
                    .transient_failures
                    .max(options.permanent_failures)
                    .max(1)
    }

    /// The failed tasks, oldest first.
    pub(super) fn tasks(&self) -> &[StoppedTask] {
        &self.tasks
    }

    /// The failed tasks, to be completed.
    pub(super) fn tasks_mut(&mut self) -> &mut [StoppedTask] {
        &mut self.tasks
    }

    /// Why it fails, in a sentence; `otherwise` without a failed task.
    pub(super) fn reason(
        &self,
        service: &ServiceName,
        events: &[ServiceEvent],
        otherwise: &str,
    ) -> String {
        sentence(service, &self.tasks, events).unwrap_or_else(|| format!("{service}: {otherwise}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StopCode;

    fn task(id: u32, reason: &str) -> StoppedTask {
        let id = id.to_string().parse().unwrap();
        StoppedTask::new(id, StopCode::TaskFailedToStart, reason, Vec::new())
    }

    const GONE: &str = "CannotPullContainerError: not found";
    const SLOW: &str = "CannotPullContainerError: 429 Too Many Requests";

    #[test]
    fn the_second_permanent_failure_decides_and_the_same_task_counts_once() {
        let options = Options::default();
        let mut failures = Failures::default();
        assert!(failures.add(&task(1, GONE)));
        assert!(!failures.add(&task(1, GONE)));
        assert!(!failures.are_enough(&options));
        failures.add(&task(2, GONE));
        assert!(failures.are_enough(&options));
    }

    #[test]
    fn what_may_pass_is_given_more_patience() {
        let options = Options::default();
        let mut failures = Failures::default();
        for id in 0..options.transient_failures - 1 {
            failures.add(&task(id, SLOW));
            assert!(!failures.are_enough(&options), "{id}");
        }
        failures.add(&task(99, SLOW));
        assert!(failures.are_enough(&options));
    }

    #[test]
    fn failures_that_cannot_be_seen_count_as_ecs_counts_them() {
        let options = Options::default();
        let mut failures = Failures::default();
        failures.counted(options.permanent_failures);
        assert!(!failures.are_enough(&options));
        failures.counted(options.transient_failures);
        assert!(failures.are_enough(&options));
    }
}
