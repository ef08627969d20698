//! Simulated services: tasks behind a balancer, each with its build and its life, in the place of a network.
//!
//! Everything runs on tokio's clock, so a rollout of ten minutes passes at once where time is paused.

mod rollout;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::name::TargetName;
use crate::probe::{Observation, Probe};
use crate::revision::Revision;
use crate::target::Target;

pub use rollout::{RolloutFault, SimRollout};

/// What a simulated task does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Answers 200 UP at once.
    Up,
    /// Answers 200 UP, as late as this.
    Slow(Duration),
    /// Answers 503 DOWN.
    Down,
    /// Refuses the connection.
    Refuse,
    /// Accepts the connection and never answers.
    Hang,
    /// Is not there, or no more: the balancer does not send it connections.
    Gone,
}

/// A simulated task: its build, and what it does from when on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimTask {
    revision: Option<Revision>,
    life: BTreeMap<Duration, Vec<Answer>>,
}

impl SimTask {
    /// A task that is up from the start and says which build it is.
    pub fn new(revision: Revision) -> Self {
        Self {
            revision: Some(revision),
            ..Self::nameless()
        }
    }

    /// A task that is up from the start and does not say which build it is.
    pub fn nameless() -> Self {
        Self {
            revision: None,
            life: [(Duration::ZERO, vec![Answer::Up])].into(),
        }
    }

    /// From `when` on, counted from the making of the [`SimProbe`], it answers so.
    #[must_use]
    pub fn at(self, when: Duration, answer: Answer) -> Self {
        self.flapping_at(when, [answer])
    }

    /// From `when` on it gives these answers in turn, one to each connection, over and over. None at all means that it
    /// is gone.
    #[must_use]
    pub fn flapping_at(
        mut self,
        when: Duration,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        let mut answers: Vec<Answer> = answers.into_iter().collect();
        if answers.is_empty() {
            answers.push(Answer::Gone);
        }
        self.life.insert(when, answers);
        self
    }

    fn answers(&self, now: Duration) -> &[Answer] {
        self.life
            .range(..=now)
            .next_back()
            .map_or(&[Answer::Gone], |(_, answers)| answers)
    }
}

/// A probe of simulated services. Each target's name stands for a balancer that gives every connection to the next task.
#[derive(Debug)]
pub struct SimProbe {
    start: Instant,
    state: Mutex<SimState>,
}

#[derive(Debug, Default)]
struct SimState {
    services: BTreeMap<TargetName, SimService>,
    in_flight: usize,
    peak: usize,
}

#[derive(Debug, Default)]
struct SimService {
    /// Each task and how many connections it was given.
    tasks: Vec<(SimTask, usize)>,
    connections: usize,
}

impl SimService {
    /// Gives a connection to the next task that is there.
    fn connect(&mut self, now: Duration) -> (Answer, Option<Revision>) {
        let mut there: Vec<&mut (SimTask, usize)> = self
            .tasks
            .iter_mut()
            .filter(|(task, given)| {
                let answers = task.answers(now);
                answers[given % answers.len()] != Answer::Gone
            })
            .collect();
        let turn = self.connections;
        self.connections += 1;
        if there.is_empty() {
            return (Answer::Gone, None);
        }
        let place = turn % there.len();
        let (task, given) = &mut *there[place];
        let answers = task.answers(now);
        let answer = answers[*given % answers.len()];
        *given += 1;
        (answer, task.revision.clone())
    }
}

impl Default for SimProbe {
    fn default() -> Self {
        Self::new()
    }
}

impl SimProbe {
    /// A world without services, whose time begins now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Puts a task behind the balancer of this name.
    pub fn add(&self, service: &TargetName, task: SimTask) {
        self.state()
            .services
            .entry(service.clone())
            .or_default()
            .tasks
            .push((task, 0));
    }

    /// How many connections the balancer of this name was given.
    pub fn connections(&self, service: &TargetName) -> usize {
        self.state()
            .services
            .get(service)
            .map_or(0, |service| service.connections)
    }

    /// How many probes were under way at the same time, at most.
    pub fn peak(&self) -> usize {
        self.state().peak
    }

    fn state(&self) -> MutexGuard<'_, SimState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a probe as under way, until it is answered or dropped.
struct InFlight<'a>(&'a SimProbe);

impl<'a> InFlight<'a> {
    fn new(probe: &'a SimProbe) -> Self {
        let mut state = probe.state();
        state.in_flight += 1;
        state.peak = state.peak.max(state.in_flight);
        drop(state);
        Self(probe)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

#[async_trait]
impl Probe for SimProbe {
    async fn probe(&self, target: &Target) -> Observation {
        let _in_flight = InFlight::new(self);
        let now = self.start.elapsed();
        let given = self
            .state()
            .services
            .get_mut(&target.name)
            .map(|service| service.connect(now));
        let Some((answer, revision)) = given else {
            return Observation::unknown("cannot be reached: its name has no address")
                .error("no such host");
        };
        let (observation, wait) = match answer {
            Answer::Up | Answer::Slow(_)
                if revision.is_none() && target.expect_revision.is_some() =>
            {
                (
                    Observation::unknown("is up, but does not say which build it is")
                        .status(200)
                        .body_status("UP"),
                    Duration::ZERO,
                )
            }
            Answer::Up => (
                Observation::up().status(200).body_status("UP"),
                Duration::ZERO,
            ),
            Answer::Slow(wait) => (Observation::up().status(200).body_status("UP"), wait),
            Answer::Down => (
                Observation::down("answers 503 DOWN")
                    .status(503)
                    .body_status("DOWN"),
                Duration::ZERO,
            ),
            Answer::Gone => (Observation::down("answers 503").status(503), Duration::ZERO),
            Answer::Refuse => {
                return Observation::unknown("cannot be reached: it refuses the connection")
                    .error("connection refused");
            }
            Answer::Hang => std::future::pending().await,
        };
        tokio::time::sleep(wait).await;
        let observation = observation.latency(wait);
        match revision {
            Some(revision) => observation.revision(revision),
            None => observation,
        }
    }

    async fn probe_within(&self, target: &Target, limit: Duration) -> Observation {
        match tokio::time::timeout(limit, self.probe(target)).await {
            Ok(observation) => observation,
            // Nothing but an accepted connection is ever slow here.
            Err(_) => Observation::down(format!(
                "accepts the connection, but gives no answer within {}",
                crate::text::duration(limit)
            ))
            .latency(limit)
            .error("timed out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{Scene, Stage, builds, probe_contract};

    /// A simulation and the probe that asks it: itself, or a wrapping of it.
    struct SimStage {
        sim: Arc<SimProbe>,
        probe: Box<dyn Probe>,
    }

    #[async_trait]
    impl Stage for SimStage {
        fn probe(&self) -> &dyn Probe {
            &*self.probe
        }

        async fn set(&self, scene: Scene) -> Target {
            let target: Target = format!("{scene:?}=http://user:hunter2@svc/actuator/health")
                .parse()
                .unwrap();
            let [first, second] = builds();
            let task = SimTask::new(first.clone());
            let add = |task| self.sim.add(&target.name, task);
            match scene {
                Scene::Up => add(task),
                Scene::Nameless => add(SimTask::nameless()),
                Scene::Down => add(task.at(Duration::ZERO, Answer::Down)),
                Scene::Refusing => add(task.at(Duration::ZERO, Answer::Refuse)),
                Scene::Silent => add(task.at(Duration::ZERO, Answer::Hang)),
                Scene::Alternating => {
                    add(task);
                    add(SimTask::new(second));
                }
            }
            target.expect_revision(first)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_simulator_keeps_the_contract_of_probes_however_it_is_wrapped() {
        let sim = Arc::new(SimProbe::new());
        probe_contract(&SimStage {
            sim: Arc::clone(&sim),
            probe: Box::new(sim),
        })
        .await;
        let sim = Arc::new(SimProbe::new());
        let boxed: Box<dyn Probe> = Box::new(Arc::clone(&sim));
        probe_contract(&SimStage {
            sim,
            probe: Box::new(boxed),
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_balancer_without_tasks_answers_503() {
        let probe = SimProbe::new();
        let target: Target = "svc=http://svc/actuator/health".parse().unwrap();
        probe.add(
            &target.name,
            SimTask::nameless().flapping_at(Duration::ZERO, []),
        );
        assert_eq!(probe.probe(&target).await.status, Some(503));
        assert_eq!(probe.connections(&target.name), 1);
    }
}
