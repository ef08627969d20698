//! Going back because somebody asks for it, and seeing that the revision serves.

use std::time::Instant;

use ecs_deployer::{RollbackRequest, ServiceOutcome};
use health_checker::Target;

use super::{NOT_ASKED, RolledOut, Rollouts, revision};
use crate::event::Event;
use crate::failures;
use crate::names::commit_of;
use crate::verdict::Verdict;

/// A way back that is asked for.
pub(crate) struct GoBack<'a> {
    pub(crate) module: &'a str,
    pub(crate) request: RollbackRequest,
    /// Where to ask for health; `None` if nobody said where.
    pub(crate) target: Option<Target>,
}

impl Rollouts<'_> {
    /// Goes back and follows it to its end. Dropping the future leaves ECS's own deployment going.
    pub(crate) async fn go_back(&self, way: &GoBack<'_>) -> RolledOut {
        let started = Instant::now();
        let mut ended = self.follow_back(way).await;
        ended.seconds = started.elapsed().as_secs_f64();
        self.listeners.tell(&Event::Finished {
            service: way.module.to_owned(),
            verdict: ended.verdict,
            reason: ended.reason.clone(),
            seconds: ended.seconds,
        });
        ended
    }

    async fn follow_back(&self, way: &GoBack<'_>) -> RolledOut {
        let options = ecs_deployer::Options::default()
            .timeout(self.options.timeout)
            .poll(self.options.poll);
        let observer = |event| {
            self.listeners.tell(&Event::Rollout {
                service: way.module.to_owned(),
                detail: event,
            });
        };
        let outcome = ecs_deployer::rollback(self.plane, &way.request, &options, &observer).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return RolledOut::broken_off(&failures::deploy(&error)),
        };
        let verdict = match outcome.verdict {
            ecs_deployer::Verdict::RolledBack | ecs_deployer::Verdict::Deployed => {
                Verdict::Restored
            }
            ecs_deployer::Verdict::Unchanged => Verdict::Unchanged,
            ecs_deployer::Verdict::Superseded => Verdict::Superseded,
            ecs_deployer::Verdict::TimedOut => Verdict::TimedOut,
            // An outcome that this program does not know is no success.
            _ => Verdict::RollbackFailed,
        };
        self.prove(way, verdict, outcome).await
    }

    async fn prove(
        &self,
        way: &GoBack<'_>,
        verdict: Verdict,
        outcome: ServiceOutcome,
    ) -> RolledOut {
        let commit = outcome.image.as_ref().and_then(commit_of);
        let mut ended = RolledOut::after(verdict, outcome);
        if !verdict.is_good() {
            return ended;
        }
        let Some(target) = way.target.clone() else {
            ended.add_reason(NOT_ASKED);
            self.listeners.tell(&Event::NotAsked {
                service: way.module.to_owned(),
            });
            return ended;
        };
        let target = match &commit {
            Some(commit) => target.expect_revision(revision(commit)),
            None => target,
        };
        let observer = self.health_observer(way.module, false);
        let report =
            health_checker::check(self.probe, &[target], &self.options.health, &observer).await;
        ended.health = report.targets.into_iter().next();
        // That it was asked for is known; it is no reason to name beside a good verdict.
        ended.reason = None;
        if let Some(report) = &ended.health
            && report.verdict != health_checker::Verdict::Healthy
        {
            ended.verdict = Verdict::RollbackFailed;
            let why = report
                .reason
                .clone()
                .unwrap_or_else(|| "its health check did not pass".to_owned());
            ended.reason = Some(format!("the revision runs and does not serve: {why}"));
        }
        ended
    }
}
