//! One service from its pushed image to the proof that the new build alone answers, or to the old one's return.

mod back;

use std::time::{Duration, Instant};

use change_detect::CommitId;
use ecs_deployer::{
    ClusterName, ControlPlane, DeployRequest, ImageChange, RollbackRequest, ServiceName,
    ServiceOutcome,
};
use health_checker::{Probe, Target, TargetReport};
use image_tagger::PinnedImage;
use windlass_cli::{Exit, Failure};

use crate::config::OnFailure;
use crate::event::{Event, Listeners};
use crate::failures;
use crate::names::{commit_of, image_ref};
use crate::verdict::Verdict;

pub(crate) use self::back::GoBack;

/// Why a good verdict is the control plane's alone.
const NOT_ASKED: &str =
    "ECS says so; the service itself was not asked, for the environment has no `health`";

/// The parts of a rollout that all services of a run share.
pub(crate) struct Rollouts<'a> {
    pub(crate) plane: &'a dyn ControlPlane,
    pub(crate) probe: &'a dyn Probe,
    pub(crate) cluster: &'a ClusterName,
    pub(crate) options: RolloutOptions,
    pub(crate) listeners: &'a Listeners<'a>,
}

/// How long to wait, how often to look, and what to do with a failure.
#[derive(Debug, Clone)]
pub(crate) struct RolloutOptions {
    pub(crate) timeout: Duration,
    pub(crate) poll: Duration,
    /// How often the service itself is asked while ECS is at work, when answers are only shown.
    pub(crate) watch: Duration,
    pub(crate) on_failure: OnFailure,
    pub(crate) health: health_checker::Options,
}

/// One service to roll out.
pub(crate) struct Rollout<'a> {
    /// The module's name, which people know.
    pub(crate) module: &'a str,
    pub(crate) service: &'a ServiceName,
    pub(crate) image: &'a PinnedImage,
    /// The commit that must answer; `None` if nobody can tell which one the image was built from.
    pub(crate) commit: Option<&'a CommitId>,
    /// The commit that answered before, if it is known.
    pub(crate) from: Option<&'a CommitId>,
    /// Where to ask for health; `None` if nobody said where.
    pub(crate) target: Option<Target>,
    /// The service was made for this run, its first deployment is under way.
    pub(crate) is_new: bool,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RolledOut {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    pub(crate) deployment: Option<ServiceOutcome>,
    pub(crate) rollback: Option<ServiceOutcome>,
    pub(crate) health: Option<TargetReport>,
    pub(crate) seconds: f64,
}

impl Rollouts<'_> {
    /// Rolls one service out and follows it to its end. Dropping the future leaves ECS's own deployment going.
    pub(crate) async fn roll_out(&self, rollout: &Rollout<'_>) -> RolledOut {
        let started = Instant::now();
        let mut ended = self.follow(rollout).await;
        ended.seconds = started.elapsed().as_secs_f64();
        self.listeners.tell(&Event::Finished {
            service: rollout.module.to_owned(),
            verdict: ended.verdict,
            reason: ended.reason.clone(),
            seconds: ended.seconds,
        });
        ended
    }

    async fn follow(&self, rollout: &Rollout<'_>) -> RolledOut {
        let deployment = match self.deploy_and_watch(rollout).await {
            Ok(outcome) => outcome,
            Err(error) => return RolledOut::broken_off(&failures::deploy(&error)),
        };
        let verdict = match deployment.verdict {
            ecs_deployer::Verdict::Deployed => Verdict::Deployed,
            ecs_deployer::Verdict::Unchanged => Verdict::Unchanged,
            ecs_deployer::Verdict::RolledBack => {
                return self.confirm_old(rollout, deployment).await;
            }
            ecs_deployer::Verdict::RollbackFailed => Verdict::RollbackFailed,
            ecs_deployer::Verdict::Superseded => Verdict::Superseded,
            ecs_deployer::Verdict::TimedOut => Verdict::TimedOut,
            // An outcome that this program does not know is no success.
            _ => Verdict::Failed,
        };
        let ended = RolledOut::after(verdict, deployment);
        if verdict == Verdict::Unchanged {
            // The image is the one that runs, whatever commit it was built from once more: it answers as it did.
            let runs = self.running_commit(rollout, &ended).await;
            let mut ended = self.confirm_new(rollout, ended, runs.as_ref()).await;
            if ended.verdict.is_good()
                && let (Some(commit), Some(runs)) = (rollout.commit, &runs)
                && commit != runs
            {
                let more = ended.reason.replace(format!(
                    "the image of {} is the one that runs already, since {}",
                    commit.short(),
                    runs.short()
                ));
                if let Some(more) = more {
                    ended.add_reason(&more);
                }
            }
            ended
        } else if verdict.is_good() {
            self.confirm_new(rollout, ended, rollout.commit).await
        } else {
            ended
        }
    }

    /// The commit by whose tag the image runs that was left alone.
    async fn running_commit(&self, rollout: &Rollout<'_>, ended: &RolledOut) -> Option<CommitId> {
        let arn = ended.deployment.as_ref()?.task_definition.as_ref()?;
        match self.plane.describe_task_definition(arn).await {
            Ok(definition) => definition
                .containers()
                .iter()
                .find_map(|(_, image)| commit_of(image)),
            Err(_) => rollout.from.cloned(),
        }
    }

    /// Deploys, and meanwhile asks the service itself, so that the change from old to new can be seen.
    async fn deploy_and_watch(
        &self,
        rollout: &Rollout<'_>,
    ) -> Result<ServiceOutcome, ecs_deployer::Error> {
        let on_failure = match self.options.on_failure {
            OnFailure::Rollback => ecs_deployer::OnFailure::Rollback,
            OnFailure::Keep => ecs_deployer::OnFailure::Keep,
        };
        let options = ecs_deployer::Options::default()
            .timeout(self.options.timeout)
            .poll(self.options.poll)
            .on_failure(on_failure);
        let observer = |event| {
            self.listeners.tell(&Event::Rollout {
                service: rollout.module.to_owned(),
                detail: event,
            })
        };
        let deploy = async {
            if rollout.is_new {
                return ecs_deployer::wait(
                    self.plane,
                    self.cluster,
                    rollout.service,
                    None,
                    &options,
                    &observer,
                )
                .await;
            }
            let request = DeployRequest::new(
                self.cluster.clone(),
                rollout.service.clone(),
                ImageChange::All(image_ref(rollout.image)),
            );
            ecs_deployer::deploy(self.plane, &request, &options, &observer).await
        };
        tokio::select! {
            outcome = deploy => outcome,
            never = self.watch(rollout) => match never {},
        }
    }

    /// Probes for as long as the rollout runs. Answers are shown and do not count: old tasks may still answer.
    async fn watch(&self, rollout: &Rollout<'_>) -> std::convert::Infallible {
        let Some(target) = rollout.target.clone() else {
            return std::future::pending().await;
        };
        let target = match rollout.commit {
            Some(commit) => target.expect_revision(revision(commit)),
            None => target,
        };
        let options = self
            .options
            .health
            .clone()
            .successes(u32::MAX)
            .interval(self.options.watch)
            .timeout(Duration::from_secs(24 * 3600));
        loop {
            let observer = self.health_observer(rollout.module, true);
            health_checker::check(
                self.probe,
                std::slice::from_ref(&target),
                &options,
                &observer,
            )
            .await;
        }
    }

    fn health_observer(
        &self,
        module: &str,
        watching: bool,
    ) -> impl Fn(health_checker::Event) + Send + Sync {
        move |detail| {
            self.listeners.tell(&Event::Health {
                service: module.to_owned(),
                watching,
                detail,
            })
        }
    }

    /// The rollout is done: from now on every answer must be the new build's.
    async fn confirm_new(
        &self,
        rollout: &Rollout<'_>,
        mut ended: RolledOut,
        commit: Option<&CommitId>,
    ) -> RolledOut {
        let Some(report) = self.check(rollout, commit).await else {
            return self.unseen(rollout, ended);
        };
        if report.verdict == health_checker::Verdict::Healthy {
            ended.health = Some(report);
            return ended;
        }
        let problem = report
            .reason
            .clone()
            .unwrap_or_else(|| "its health check did not pass".to_owned());
        ended.health = Some(report);
        let deployment = ended.deployment.as_ref();
        let previous = deployment
            .and_then(|outcome| outcome.previous_task_definition.clone())
            // What runs is no way back from itself.
            .filter(|previous| {
                deployment.is_none_or(|outcome| outcome.task_definition.as_ref() != Some(previous))
            });
        let (OnFailure::Rollback, Some(previous)) = (self.options.on_failure, previous) else {
            ended.verdict = Verdict::Failed;
            ended.reason = Some(match self.options.on_failure {
                OnFailure::Keep => {
                    format!("{problem}; left as it is, as on-failure = \"keep\" asks")
                }
                OnFailure::Rollback => {
                    format!("{problem}; there is no earlier revision to go back to")
                }
            });
            return ended;
        };
        self.listeners.tell(&Event::RollingBack {
            service: rollout.module.to_owned(),
            reason: problem.clone(),
        });
        let request =
            RollbackRequest::new(self.cluster.clone(), rollout.service.clone()).to(previous);
        let options = ecs_deployer::Options::default()
            .timeout(self.options.timeout)
            .poll(self.options.poll);
        let observer = |event| {
            self.listeners.tell(&Event::Rollout {
                service: rollout.module.to_owned(),
                detail: event,
            })
        };
        match ecs_deployer::rollback(self.plane, &request, &options, &observer).await {
            Ok(outcome) if outcome.verdict == ecs_deployer::Verdict::RolledBack => {
                ended.rollback = Some(outcome);
                ended.reason = Some(problem);
                self.prove_old(rollout, ended).await
            }
            Ok(outcome) => {
                let why = outcome
                    .reason
                    .clone()
                    .unwrap_or_else(|| "the old revision did not come up".to_owned());
                ended.rollback = Some(outcome);
                ended.verdict = Verdict::RollbackFailed;
                ended.reason = Some(format!("{problem}; and going back failed: {why}"));
                ended
            }
            Err(error) => {
                ended.verdict = Verdict::RollbackFailed;
                ended.reason = Some(format!("{problem}; and going back failed: {error}"));
                ended
            }
        }
    }

    /// Nobody said where to ask: what the control plane says is all there is.
    fn unseen(&self, rollout: &Rollout<'_>, mut ended: RolledOut) -> RolledOut {
        ended.add_reason(NOT_ASKED);
        self.listeners.tell(&Event::NotAsked {
            service: rollout.module.to_owned(),
        });
        ended
    }

    /// The deployer has gone back by itself.
    async fn confirm_old(&self, rollout: &Rollout<'_>, deployment: ServiceOutcome) -> RolledOut {
        let ended = RolledOut::after(Verdict::RolledBack, deployment);
        self.prove_old(rollout, ended).await
    }

    /// "Rolled back" is said only when the old build answers again.
    async fn prove_old(&self, rollout: &Rollout<'_>, mut ended: RolledOut) -> RolledOut {
        let problem = ended
            .reason
            .take()
            .unwrap_or_else(|| "the rollout failed".to_owned());
        let old = rollout.from.map_or_else(
            || "the old revision".to_owned(),
            |commit| commit.short().to_owned(),
        );
        match self.check(rollout, rollout.from).await {
            None => {
                ended.verdict = Verdict::RolledBack;
                ended.reason = Some(format!("{problem}; rolled back to {old}; {NOT_ASKED}"));
            }
            Some(report) if report.verdict == health_checker::Verdict::Healthy => {
                ended.verdict = Verdict::RolledBack;
                ended.reason = Some(format!("{problem}; rolled back, {old} answers again"));
                ended.health.get_or_insert(report);
            }
            Some(report) => {
                let why = report
                    .reason
                    .clone()
                    .unwrap_or_else(|| "its health check did not pass".to_owned());
                ended.verdict = Verdict::RollbackFailed;
                ended.reason = Some(format!(
                    "{problem}; rolled back, but {old} does not serve: {why}"
                ));
                ended.health = Some(report);
            }
        }
        ended
    }

    async fn check(
        &self,
        rollout: &Rollout<'_>,
        commit: Option<&CommitId>,
    ) -> Option<TargetReport> {
        let mut target = rollout.target.clone()?;
        if let Some(commit) = commit {
            target = target.expect_revision(revision(commit));
        }
        let observer = self.health_observer(rollout.module, false);
        let report =
            health_checker::check(self.probe, &[target], &self.options.health, &observer).await;
        report.targets.into_iter().next()
    }
}

impl RolledOut {
    /// Says one thing more of how it ended.
    fn add_reason(&mut self, more: &str) {
        self.reason = Some(match self.reason.take() {
            Some(reason) => format!("{reason}; {more}"),
            None => more.to_owned(),
        });
    }

    fn after(verdict: Verdict, deployment: ServiceOutcome) -> Self {
        Self {
            verdict,
            reason: deployment.reason.clone(),
            deployment: Some(deployment),
            rollback: None,
            health: None,
            seconds: 0.0,
        }
    }

    /// What could not be begun, or not be followed.
    pub(crate) fn broken_off(failure: &Failure) -> Self {
        Self {
            verdict: match failure.exit() {
                Exit::Usage => Verdict::Refused,
                _ => Verdict::Unknown,
            },
            reason: Some(failure.in_a_line()),
            deployment: None,
            rollback: None,
            health: None,
            seconds: 0.0,
        }
    }
}

/// The commit as a health check expects it.
pub(crate) fn revision(commit: &CommitId) -> health_checker::Revision {
    commit.as_str().parse().expect("a commit id is a revision")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_further_leaves_what_was_said() {
        let failure = Failure::usage("it runs already");
        let mut ended = RolledOut::broken_off(&failure);
        ended.add_reason(NOT_ASKED);
        assert_eq!(ended.reason, Some(format!("it runs already; {NOT_ASKED}")));
        ended.reason = None;
        ended.add_reason(NOT_ASKED);
        assert_eq!(ended.reason.as_deref(), Some(NOT_ASKED));
    }

    #[test]
    fn a_service_that_cannot_be_deployed_to_is_refused_and_a_lost_line_is_not_known() {
        let deadlock = ecs_deployer::Error::Deadlock {
            service: "web".parse().unwrap(),
            desired: 2,
        };
        let ended = RolledOut::broken_off(&failures::deploy(&deadlock));
        assert_eq!(ended.verdict, Verdict::Refused);
        assert!(
            ended.reason.unwrap().contains("maximum percent"),
            "the hint"
        );

        let lost = ecs_deployer::Error::Unreachable {
            operation: "describe services",
            source: "the line is cut".into(),
        };
        let ended = RolledOut::broken_off(&failures::deploy(&lost));
        assert_eq!(ended.verdict, Verdict::Unknown);
        assert!(
            ended.reason.unwrap().contains("the line is cut"),
            "the cause"
        );
    }
}
