//! Rolling out images that stand in the registry, group after group.

use futures_util::stream::{self, StreamExt};
use windlass_cli::Failure;

use crate::choice::Ready;
use crate::event::Event;
use crate::names;
use crate::outcome::ServiceRun;
use crate::pipeline::Pipeline;
use crate::plan::PlannedService;
use crate::rollout::{RolledOut, Rollout, RolloutOptions, Rollouts};
use crate::verdict::Verdict;

impl Pipeline<'_> {
    /// Deploys group after group. A group with a failure is the last one.
    pub(crate) async fn release(&self, services: &[Ready]) {
        let mut bad: Option<(String, Verdict)> = None;
        for group in services.chunk_by(|a, b| a.plan.group == b.plan.group) {
            if let Some((module, verdict)) = &bad {
                let reason = format!("not started because {module} {}", verdict.as_clause());
                for ready in group {
                    self.not_started(ready, &reason);
                }
                continue;
            }
            let rollouts = group.iter().map(|ready| self.release_one(ready));
            let ended: Vec<(String, Verdict)> = stream::iter(rollouts)
                .buffered(self.config.deploy.max_parallel)
                .collect()
                .await;
            bad = ended.into_iter().find(|(_, verdict)| !verdict.is_good());
        }
    }

    fn not_started(&self, ready: &Ready, reason: &str) {
        let mut run = ServiceRun::not_started(ready.plan.clone(), reason);
        run.push.clone_from(&ready.push);
        run.image = Some(ready.image.to_string());
        run.commit.clone_from(&ready.commit);
        self.listeners.tell(&Event::Finished {
            service: ready.plan.module.to_string(),
            verdict: Verdict::NotStarted,
            reason: run.reason.clone(),
            seconds: 0.0,
        });
        self.ledger.ended(run);
    }

    async fn release_one(&self, ready: &Ready) -> (String, Verdict) {
        let rolled = match self.roll_out(ready).await {
            Ok(rolled) => rolled,
            // The other services' outcomes must not be lost over this one's.
            Err(failure) => self.broken_off(&ready.plan, &failure),
        };
        let module = ready.plan.module.to_string();
        let verdict = rolled.verdict;
        self.ledger.ended(ServiceRun {
            plan: ready.plan.clone(),
            commit: ready.commit.clone(),
            verdict,
            reason: rolled.reason,
            image: Some(ready.image.to_string()),
            push: ready.push.clone(),
            deployment: rolled.deployment,
            rollback: rolled.rollback,
            health: rolled.health,
            seconds: rolled.seconds,
        });
        (module, verdict)
    }

    /// The end of a service whose rollout or way back could not be begun.
    pub(crate) fn broken_off(&self, plan: &PlannedService, failure: &Failure) -> RolledOut {
        let rolled = RolledOut::broken_off(failure);
        self.listeners.tell(&Event::Finished {
            service: plan.module.to_string(),
            verdict: rolled.verdict,
            reason: rolled.reason.clone(),
            seconds: rolled.seconds,
        });
        rolled
    }

    async fn roll_out(&self, ready: &Ready) -> Result<RolledOut, Failure> {
        let service = &ready.plan;
        let target = self.adapters.site.target(
            &service.module,
            &service.service,
            self.names.health(&service.module)?,
        )?;
        let is_new = self
            .adapters
            .site
            .create(&service.service, &names::image_ref(&ready.image))
            .await?;
        Ok(self
            .rollouts()
            .roll_out(&Rollout {
                module: service.module.as_str(),
                service: &service.service,
                image: &ready.image,
                commit: ready.commit.as_ref(),
                from: service.from_commit.as_ref(),
                target,
                is_new,
            })
            .await)
    }

    /// The parts that all rollouts of the run share.
    pub(crate) fn rollouts(&self) -> Rollouts<'_> {
        Rollouts {
            plane: &*self.adapters.plane,
            probe: &*self.adapters.probe,
            cluster: self.names.cluster(),
            options: self.rollout_options(),
            listeners: self.listeners,
        }
    }

    fn rollout_options(&self) -> RolloutOptions {
        let defaults = self.adapters.site.pace();
        let timeout = self
            .config
            .deploy
            .timeout
            .unwrap_or(defaults.rollout_timeout);
        // Without a timeout of its own the configuration cannot know that of the environment.
        let poll = self
            .config
            .deploy
            .poll
            .unwrap_or(defaults.poll)
            .min(timeout / 4);
        let interval = self
            .config
            .health
            .interval
            .unwrap_or(defaults.health_interval);
        RolloutOptions {
            timeout,
            poll,
            // A rollout takes minutes, and every service is watched at once.
            watch: interval.max(poll),
            on_failure: self.config.deploy.on_failure,
            health: self.health_options(),
        }
    }
}
