//! Drawn services, drawn fault plans: the verdict is what the model itself says is true, and a test that cannot fail proves
//! nothing, so bugs are planted that it must find.

use std::time::Duration;

use ecs_deployer::sim::{FaultPlan, ServiceSpec, Truth, What};
use ecs_deployer::{
    ControlPlane, DeploymentId, Error, OnFailure, Options, ServiceOutcome, StopCode,
    TaskDefinitionArn, Verdict, deploy,
};

use crate::distorted::{Bug, Distorted};
use crate::stage::{NEW, Stage, name, request, service};

/// How many plans are drawn.
const PLANS: u64 = 600;

/// Longer than any drawn plan needs to be decided, the way there and the way back.
const TIMEOUT: Duration = Duration::from_secs(3 * 3600);

/// One plan, played under the engine.
struct Played {
    stage: Stage,
    plan: FaultPlan,
    keep: bool,
    /// What served before the deployment.
    before: (DeploymentId, TaskDefinitionArn),
    outcome: Result<ServiceOutcome, Error>,
}

/// Plays the plan of a seed; `None` when the service can never replace a task.
async fn play(seed: u64, bug: Bug) -> Option<Played> {
    let stage = Stage::new(|spec| ServiceSpec::draw(seed, spec.name, spec.task_definition)).await;
    if stage.state().await.is_deadlocked() {
        return None;
    }
    let plan = FaultPlan::draw(seed, &service(), NEW);
    let before = stage.cluster.last_completed(&service()).unwrap();
    stage.cluster.apply(&plan, &stage.runtime);
    let keep = seed.is_multiple_of(3);
    let options = Options::default()
        .poll(Duration::from_secs(1 + seed % 17))
        .timeout(TIMEOUT)
        .permanent_failures(u32::try_from(1 + seed % 4).unwrap())
        .on_failure(if keep {
            OnFailure::Keep
        } else {
            OnFailure::Rollback
        });
    let plane = Distorted::new(&stage.cluster, bug);
    let outcome = deploy(&plane, &request(NEW), &options, &|_| {}).await;
    Some(Played {
        stage,
        plan,
        keep,
        before,
        outcome,
    })
}

impl Played {
    fn has(&self, wanted: impl Fn(&What) -> bool) -> bool {
        self.plan
            .happenings
            .iter()
            .any(|happening| wanted(&happening.what))
    }

    /// Compares the verdict with the truth of its moment; `Err` says how they differ.
    async fn judge(&self) -> Result<(), String> {
        let outcome = match &self.outcome {
            Ok(outcome) => outcome,
            // Whoever stops or replaces the service's deployment does not make it unreadable.
            Err(error) => return Err(format!("no verdict: {error}")),
        };
        let Some(id) = outcome.deployment.clone() else {
            let taken_over =
                outcome.verdict == Verdict::Superseded && outcome.superseded_by.is_some();
            return taken_over
                .then_some(())
                .ok_or_else(|| "no deployment".to_owned());
        };
        let truth = self.stage.cluster.truth(&service(), &id).unwrap();
        self.judge_failed_tasks(outcome, &id).await?;
        let says = |right: bool| {
            right
                .then_some(())
                .ok_or_else(|| format!("in truth {truth:?}"))
        };
        match outcome.verdict {
            Verdict::Deployed => says(truth == Truth::Completed)?,
            Verdict::Superseded => says(
                matches!(
                    &truth,
                    Truth::Superseded { by, .. } if Some(by) == outcome.superseded_by.as_ref()
                ) || self.was_taken_over_while_going_back(outcome),
            )?,
            Verdict::RolledBack => self.judge_rolled_back(outcome, &truth)?,
            Verdict::RollbackFailed => says(!matches!(
                truth,
                Truth::Completed | Truth::RolledBack { .. }
            ))?,
            Verdict::Failed => {
                says(self.keep && !matches!(truth, Truth::Completed | Truth::RolledBack { .. }))?;
                self.judge_patience(outcome, &truth)?;
            }
            Verdict::Cancelled => says(
                matches!(truth, Truth::Failed { .. })
                    && self.has(|what| matches!(what, What::Stop)),
            )?,
            Verdict::TimedOut => says(truth == Truth::UnderWay)?,
            other => return Err(format!("{other} is no verdict of a new deployment")),
        }
        if self.plan.is_harmless(NEW) && outcome.verdict != Verdict::Deployed {
            return Err("nothing was in its way".to_owned());
        }
        if truth == Truth::Completed && outcome.verdict != Verdict::Deployed {
            return Err("it was completed".to_owned());
        }
        if outcome.verdict != Verdict::Deployed
            && !outcome
                .reason
                .as_ref()
                .is_some_and(|reason| reason.starts_with("web: "))
        {
            return Err(format!("it does not say why: {:?}", outcome.reason));
        }
        Ok(())
    }

    /// What is called a failed task was stopped neither for scaling nor by a person.
    async fn judge_failed_tasks(
        &self,
        outcome: &ServiceOutcome,
        id: &DeploymentId,
    ) -> Result<(), String> {
        let stopped = self
            .stage
            .cluster
            .stopped_tasks(&name(), &service(), id)
            .await
            .unwrap();
        let harmless = stopped.iter().find(|task| {
            let meant = task.reason.starts_with("Scaling activity")
                || task.stop_code == StopCode::UserInitiated;
            meant
                && outcome
                    .stopped_tasks
                    .iter()
                    .any(|failed| failed.task == task.task)
        });
        match harmless {
            Some(task) => Err(format!(
                "the task {} did not fail: {}",
                task.task, task.reason
            )),
            None => Ok(()),
        }
    }

    /// Somebody's deployment replaced ours, or the one that was to bring the old revision back.
    fn was_taken_over_while_going_back(&self, outcome: &ServiceOutcome) -> bool {
        self.has(|what| matches!(what, What::Supersede { .. }))
            && outcome
                .superseded_by
                .as_ref()
                .is_some_and(|by| self.stage.cluster.history(&service()).contains(by))
    }

    /// What served before serves again, and nobody went back without a reason.
    fn judge_rolled_back(&self, outcome: &ServiceOutcome, truth: &Truth) -> Result<(), String> {
        let (_, serves) = self.stage.cluster.last_completed(&service()).unwrap();
        if serves != self.before.1 {
            return Err(format!(
                "{serves} serves, and before it was {}",
                self.before.1
            ));
        }
        match truth {
            Truth::RolledBack {
                task_definition, ..
            } if *task_definition != self.before.1 => {
                Err(format!("it went back to {task_definition}"))
            }
            Truth::RolledBack { .. } => self.judge_patience(outcome, truth),
            // We went back by an update: that is the deployment that took its place.
            Truth::Superseded {
                task_definition, ..
            } if *task_definition == self.before.1 => self.judge_patience(outcome, truth),
            // ECS ended it and stayed with it; we went back.
            Truth::Failed { .. } => self.judge_patience(outcome, truth),
            other => Err(format!("in truth {other:?}")),
        }
    }

    /// A deployment that nobody else ended was ended by us, and that takes failed tasks.
    fn judge_patience(&self, outcome: &ServiceOutcome, truth: &Truth) -> Result<(), String> {
        let by_somebody = self.has(|what| {
            matches!(
                what,
                What::RollBack | What::Stop | What::Supersede { .. } | What::Alarm { .. }
            )
        });
        let by_ecs = matches!(truth, Truth::RolledBack { reason, .. } | Truth::Failed { reason }
            if reason.contains("circuit breaker") || reason.contains("alarm"));
        if by_somebody || by_ecs || !outcome.stopped_tasks.is_empty() {
            Ok(())
        } else {
            Err("it was given up without a failed task".to_owned())
        }
    }
}

/// Plays the plan of a seed under a paused clock and says how the verdict differs from the truth.
fn differs(seed: u64, bug: Bug) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let played = play(seed, bug).await?;
        let difference = played.judge().await.err()?;
        Some(format!(
            "seed {seed}: {difference}\n  outcome: {:?}\n  plan: {:?}",
            played.outcome, played.plan
        ))
    })
}

/// Plays seeds on as many threads as there are cores; the differences in the seeds' order.
fn differences(seeds: std::ops::Range<u64>, bug: Bug) -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let mut found: Vec<(u64, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let seeds = seeds.clone();
                scope.spawn(move || {
                    seeds
                        .filter(|seed| seed % threads == worker)
                        .filter_map(|seed| Some((seed, differs(seed, bug)?)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn the_verdict_is_the_truth_for_every_drawn_plan() {
    let found = differences(0..PLANS, Bug::None);
    println!("plans of the seeds 0..{PLANS} were played");
    assert!(
        found.is_empty(),
        "{} of {PLANS} differ:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn planted_bugs_are_found() {
    for bug in [
        Bug::AnyCompletionIsSuccess,
        Bug::IgnoresSuperseding,
        Bug::ScalingIsFailure,
        Bug::GoesBackToTheNextLower,
    ] {
        let found = differences(0..PLANS / 2, bug);
        println!("{bug:?}: {} of {} plans show it", found.len(), PLANS / 2);
        assert!(!found.is_empty(), "{bug:?} was not found");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_can_be_read_again_from_its_seed() {
    // What is printed for a difference is enough to play it again.
    let played = play(7, Bug::None).await.unwrap();
    assert_eq!(played.plan, FaultPlan::draw(7, &service(), NEW));
    let states = played
        .stage
        .cluster
        .describe_services(&name(), &[service()])
        .await;
    assert!(states.is_ok(), "{states:?}");
}
