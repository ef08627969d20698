//! The way of a run: detect, plan, build, push, deploy, check, tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use change_detect::{CommitId, Detection, ModuleName, ModuleReport};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use image_tagger::{FleetItem, FleetOptions, PushOptions, PushRequest, Receipt, Source};
use windlass_cli::Failure;

use crate::adapters::Adapters;
use crate::checkout::Checkout;
use crate::config::{Config, OnUnknown};
use crate::event::{Event, Listeners};
use crate::failures;
use crate::images::Images;
use crate::live::{Live, live};
use crate::names::{self, Names};
use crate::notify::Notifier;
use crate::outcome::{PlanOutcome, PlannedPush, RunOutcome, ServiceRun};
use crate::plan::{self, Plan, PlannedService};
use crate::rollout::{RolledOut, Rollout, RolloutOptions, Rollouts};
use crate::verdict::Verdict;

/// A run's input, all of it.
pub(crate) struct Pipeline<'a> {
    pub(crate) checkout: &'a Checkout,
    pub(crate) config: &'a Config,
    pub(crate) names: &'a Names,
    pub(crate) adapters: &'a Adapters,
    pub(crate) notifier: &'a Notifier,
    pub(crate) listeners: &'a Listeners<'a>,
}

/// What was found out before anything is touched.
pub(crate) struct Found {
    pub(crate) detection: Detection,
    pub(crate) plan: Plan,
}

impl Pipeline<'_> {
    /// Finds out what changed since what runs, and decides what to do about it.
    pub(crate) async fn find_out(
        &self,
        base: Option<&str>,
        on_unknown: Option<OnUnknown>,
    ) -> Result<Found, Failure> {
        let base = base
            .map(|revision| self.checkout.resolve(revision))
            .transpose()?;
        let options = self.detect_options(on_unknown)?;
        let inventory = self.inventory()?;
        let live = self.live(&inventory).await?;
        let bases = plan::bases(base, &live)?;
        let head = &self.checkout.head().id;
        let detection = change_detect::detect(self.checkout.source(), &bases, head, &options)
            .map_err(|error| failures::detect(&error))?;
        let left_behind = self.left_behind(&live, &inventory, &options);
        let mut plan = plan::plan(
            &detection,
            &inventory,
            &live,
            self.names,
            &self.config.deploy.order,
        )?;
        plan.removed.extend(
            left_behind
                .into_iter()
                .filter(|module| !detection.removed.contains(module)),
        );
        plan.removed.sort_unstable();
        self.listeners.tell(&Event::Detected {
            base: detection.base.as_ref().map(ToString::to_string),
            head: head.to_string(),
            confidence: detection.confidence.to_string(),
            services: plan
                .services
                .iter()
                .map(|service| service.module.to_string())
                .collect(),
            removed: plan.removed.iter().map(ToString::to_string).collect(),
        });
        for service in &plan.services {
            self.listeners.tell(&Event::Affected {
                service: service.module.to_string(),
                change: service.change.to_string(),
                why: service.why.clone(),
            });
        }
        Ok(Found { detection, plan })
    }

    fn detect_options(
        &self,
        on_unknown: Option<OnUnknown>,
    ) -> Result<change_detect::Options, Failure> {
        let detect = &self.config.detect;
        let on_unknown = match on_unknown.unwrap_or(detect.on_unknown) {
            OnUnknown::Fail => change_detect::OnUnknown::Fail,
            OnUnknown::All => change_detect::OnUnknown::All,
        };
        let options = change_detect::Options::default()
            .services(detect.services.clone())
            .global(detect.global.clone())
            .ignore(detect.ignore.clone())
            .on_unknown(on_unknown);
        let Some(layout) = &detect.layout else {
            return Ok(options);
        };
        let layout = layout
            .parse()
            .map_err(|error: change_detect::InvalidLayout| {
                Failure::usage(error.to_string())
                    .hint("set detect.layout in windlass.toml to auto, directories or maven")
            })?;
        Ok(options.layout(layout))
    }

    /// Services that a commit that still runs has, and the commit to deploy has not.
    fn left_behind(
        &self,
        live: &BTreeMap<ModuleName, Live>,
        inventory: &[ModuleName],
        options: &change_detect::Options,
    ) -> Vec<ModuleName> {
        let commits: BTreeSet<&CommitId> = live
            .values()
            .filter_map(|live| live.commit.as_ref())
            .collect();
        let mut modules: BTreeSet<ModuleName> = BTreeSet::new();
        for commit in commits {
            // A commit that cannot be read is the detection's to judge; here it only has nothing to add.
            let there = change_detect::services_at(self.checkout.source(), commit, options)
                .unwrap_or_default();
            modules.extend(
                there
                    .into_iter()
                    .filter(|module| module.kind == change_detect::ModuleKind::Service)
                    .map(|module| module.name)
                    .filter(|module| !inventory.contains(module)),
            );
        }
        modules.into_iter().collect()
    }

    /// The services of the repository at the commit to deploy; never empty.
    pub(crate) fn inventory(&self) -> Result<Vec<ModuleName>, Failure> {
        let (source, head) = (self.checkout.source(), &self.checkout.head().id);
        let inventory: Vec<ModuleName> =
            change_detect::services_at(source, head, &self.detect_options(None)?)
                .map_err(|error| failures::detect(&error))?
                .into_iter()
                .filter(|module| module.kind == change_detect::ModuleKind::Service)
                .map(|module| module.name)
                .collect();
        if inventory.is_empty() {
            // An empty list must not pass for "nothing changed".
            return Err(Failure::usage(format!("found no service at {}", head.short())).hint(
                "layout directories takes the folders under services/, layout maven the modules that build an image; \
                 set detect.layout or detect.services in windlass.toml",
            ));
        }
        Ok(inventory)
    }

    async fn live(&self, inventory: &[ModuleName]) -> Result<BTreeMap<ModuleName, Live>, Failure> {
        let mut services = Vec::new();
        for module in inventory {
            services.push((module.clone(), self.names.service(module)?));
        }
        // Services that were deployed once and left the repository are asked for too: they are what `removed` means.
        let existing = self.adapters.site.existing(&services);
        live(&*self.adapters.plane, self.names.cluster(), &existing)
            .await
            .map_err(|error| failures::deploy(&error))
    }

    /// What would be pushed, as far as it is known without building.
    pub(crate) async fn plan(
        &self,
        base: Option<&str>,
        on_unknown: Option<OnUnknown>,
    ) -> Result<PlanOutcome, Failure> {
        let found = self.find_out(base, on_unknown).await?;
        let mut services = Vec::new();
        for service in found.plan.services {
            let push = self.plan_push(&service).await?;
            services.push(PlannedPush { service, push });
        }
        Ok(PlanOutcome {
            schema: 1,
            environment: self.names.environment().to_owned(),
            head: self.checkout.head().into(),
            nothing: found.plan.nothing,
            services,
            removed: found.plan.removed,
            detection: found.detection,
        })
    }

    async fn plan_push(
        &self,
        service: &PlannedService,
    ) -> Result<Option<image_tagger::PushPlan>, Failure> {
        if self.config.build.command.is_some() || self.config.build.image.is_some() {
            return Ok(None);
        }
        let images = Images::new(self.checkout, &self.config.build, true, 1)?;
        let source = images.source(service).await?;
        let (request, options) = (self.push_request(service), self.push_options());
        image_tagger::plan(&*self.adapters.registry, &*source, &request, &options)
            .await
            .map(Some)
            .map_err(|error| failures::push(&error))
    }

    fn push_request(&self, service: &PlannedService) -> PushRequest {
        PushRequest::new(
            service.repository.clone(),
            vec![names::sha_tag(&self.checkout.head().id)],
        )
        .moving(names::moving_tag())
    }

    fn push_options(&self) -> PushOptions {
        PushOptions::default()
            .ancestry(self.checkout.ancestry())
            .settle(self.adapters.site.settle())
    }

    /// Does what the plan says.
    pub(crate) async fn run(&self, found: Found) -> Result<RunOutcome, Failure> {
        let started = Instant::now();
        let (head, environment) = (self.checkout.head(), self.names.environment());
        let outcome = |services: Vec<ServiceRun>| {
            RunOutcome::new(
                environment,
                head,
                services,
                &found.plan,
                started.elapsed().as_secs_f64(),
            )
        };
        if let Some(reason) = &found.plan.nothing {
            self.listeners.tell(&Event::NothingToDo {
                reason: reason.clone(),
            });
            return Ok(outcome(Vec::new()));
        }
        let packable = self.adapters.site.packable();
        let images = Images::new(
            self.checkout,
            &self.config.build,
            packable,
            self.config.deploy.max_parallel,
        )?;
        self.notifier
            .started(head, environment, &found.plan, self.listeners)
            .await;
        let result = self.build_and_deploy(&images, &found).await;
        self.listeners.tell(&Event::Ended);
        let outcome = match result {
            Ok(services) => outcome(services),
            Err(failure) => {
                // Nothing was deployed: those who were told that it begins are told that it did not happen.
                let reason = failure
                    .message()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let services = found
                    .plan
                    .services
                    .iter()
                    .map(|plan| ServiceRun::not_started(plan.clone(), &*reason))
                    .collect();
                self.notifier
                    .ended(head, &outcome(services), self.listeners)
                    .await;
                return Err(failure);
            }
        };
        self.notifier.ended(head, &outcome, self.listeners).await;
        Ok(outcome)
    }

    async fn build_and_deploy(
        &self,
        images: &Images<'_>,
        found: &Found,
    ) -> Result<Vec<ServiceRun>, Failure> {
        images
            .build(&waves(&found.detection), self.listeners)
            .await?;
        // All images are in the registry, under all tags and read back, before the first task definition names one.
        let receipts = self.push(images, &found.plan.services).await?;
        Ok(self.deploy(&found.plan, &receipts).await)
    }

    async fn push(
        &self,
        images: &Images<'_>,
        services: &[PlannedService],
    ) -> Result<Vec<Receipt>, Failure> {
        let opened = services.iter().map(|service| images.source(service));
        let sources: Vec<Arc<dyn Source>> = stream::iter(opened)
            .buffered(self.config.deploy.max_parallel)
            .try_collect()
            .await?;
        let items: Vec<FleetItem<'_>> = services
            .iter()
            .zip(&sources)
            .map(|(service, source)| FleetItem::new(source, self.push_request(service)))
            .collect();
        let options = FleetOptions::default()
            .max_images(self.config.deploy.max_parallel)
            .push(self.push_options());
        let observers: Vec<_> = services
            .iter()
            .map(|service| {
                |detail| {
                    self.listeners.tell(&Event::Push {
                        service: service.module.to_string(),
                        detail,
                    });
                }
            })
            .collect();
        let observers: Vec<&dyn image_tagger::Observer> = observers
            .iter()
            .map(|observer| observer as &dyn image_tagger::Observer)
            .collect();
        let pushed =
            image_tagger::push_all(&*self.adapters.registry, &items, &options, &observers).await;
        let mut receipts = Vec::new();
        let mut failure = None;
        for (service, pushed) in services.iter().zip(pushed) {
            match pushed {
                Ok(receipt) => {
                    self.tell_pushed(service, &receipt);
                    receipts.push(receipt);
                }
                Err(error) => _ = failure.get_or_insert_with(|| failures::push(&error)),
            }
        }
        failure.map_or(Ok(receipts), Err)
    }

    fn tell_pushed(&self, service: &PlannedService, receipt: &Receipt) {
        self.listeners.tell(&Event::Pushed {
            service: service.module.to_string(),
            pinned: receipt.pinned.to_string(),
            bytes_pushed: receipt.bytes_pushed,
            held_back: receipt
                .tags
                .iter()
                .any(|tag| tag.state == image_tagger::TagState::HeldBack),
        });
    }

    /// Deploys group after group. A group with a failure is the last one.
    async fn deploy(&self, plan: &Plan, receipts: &[Receipt]) -> Vec<ServiceRun> {
        let pairs: Vec<(&PlannedService, &Receipt)> = plan.services.iter().zip(receipts).collect();
        let mut ended: Vec<ServiceRun> = Vec::new();
        for group in pairs.chunk_by(|(a, _), (b, _)| a.group == b.group) {
            if let Some(bad) = ended.iter().find(|service| !service.verdict.is_good()) {
                let reason = format!(
                    "not started because {} {}",
                    bad.plan.module,
                    bad.verdict.as_clause()
                );
                for (service, receipt) in group {
                    let mut run = ServiceRun::not_started((*service).clone(), reason.clone());
                    run.push = Some((*receipt).clone());
                    self.listeners.tell(&Event::Finished {
                        service: service.module.to_string(),
                        verdict: Verdict::NotStarted,
                        reason: run.reason.clone(),
                        seconds: 0.0,
                    });
                    ended.push(run);
                }
                continue;
            }
            let rollouts = group
                .iter()
                .map(|(service, receipt)| self.deploy_one(service, receipt));
            let runs: Vec<ServiceRun> = stream::iter(rollouts)
                .buffered(self.config.deploy.max_parallel)
                .collect()
                .await;
            ended.extend(runs);
        }
        ended
    }

    async fn deploy_one(&self, service: &PlannedService, receipt: &Receipt) -> ServiceRun {
        let rolled = match self.roll_out(service, receipt).await {
            Ok(rolled) => rolled,
            // The other services' outcomes must not be lost over this one's.
            Err(failure) => RolledOut::not_known(failure.message().to_owned()),
        };
        ServiceRun {
            plan: service.clone(),
            verdict: rolled.verdict,
            reason: rolled.reason,
            push: Some(receipt.clone()),
            deployment: rolled.deployment,
            rollback: rolled.rollback,
            health: rolled.health,
            seconds: rolled.seconds,
        }
    }

    async fn roll_out(
        &self,
        service: &PlannedService,
        receipt: &Receipt,
    ) -> Result<RolledOut, Failure> {
        let head = &self.checkout.head().id;
        let image = receipt.pinned.with_tag(names::sha_tag(head));
        let target = self.adapters.site.target(
            &service.module,
            &service.service,
            self.names.health(&service.module)?,
        )?;
        let is_new = self
            .adapters
            .site
            .create(&service.service, &names::image_ref(&image))
            .await?;
        let rollouts = Rollouts {
            plane: &*self.adapters.plane,
            probe: &*self.adapters.probe,
            cluster: self.names.cluster(),
            options: self.rollout_options(),
            listeners: self.listeners,
        };
        Ok(rollouts
            .roll_out(&Rollout {
                module: service.module.as_str(),
                service: &service.service,
                image: &image,
                commit: head,
                from: service.from_commit.as_ref(),
                target,
                is_new,
            })
            .await)
    }

    fn rollout_options(&self) -> RolloutOptions {
        let (defaults, health) = (self.adapters.site.pace(), &self.config.health);
        RolloutOptions {
            timeout: self
                .config
                .deploy
                .timeout
                .unwrap_or(defaults.rollout_timeout),
            poll: defaults.poll,
            on_failure: self.config.deploy.on_failure,
            health: health_checker::Options::default()
                .successes(health.successes.unwrap_or(3))
                .interval(health.interval.unwrap_or(defaults.health_interval))
                .timeout(health.timeout.unwrap_or(defaults.health_timeout))
                .latency_ceiling(
                    health
                        .latency_ceiling
                        .unwrap_or(std::time::Duration::from_secs(1)),
                ),
        }
    }
}

fn waves(detection: &Detection) -> Vec<Vec<&ModuleReport>> {
    let modules: BTreeMap<&ModuleName, &ModuleReport> = detection
        .modules
        .iter()
        .map(|module| (&module.name, module))
        .collect();
    detection
        .waves
        .iter()
        .map(|wave| {
            wave.iter()
                .filter_map(|name| modules.get(name).copied())
                .collect()
        })
        .collect()
}
