//! What all commands work with, and how they find out what changed and what runs.

use std::collections::{BTreeMap, BTreeSet};

use change_detect::{Bases, Detection, Module, ModuleName};
use image_tagger::{PushOptions, PushRequest};
use windlass_cli::Failure;

use crate::adapters::Adapters;
use crate::args::RangeArgs;
use crate::checkout::Checkout;
use crate::config::{Config, OnUnknown};
use crate::event::{Event, Listeners};
use crate::failures;
use crate::images::Images;
use crate::ledger::Ledger;
use crate::live::{Live, live};
use crate::names::{self, Names};
use crate::outcome::{PlanOutcome, PlannedPush};
use crate::plan::{self, Plan, PlannedService};

/// A run's input, all of it.
pub(crate) struct Pipeline<'a> {
    pub(crate) checkout: &'a Checkout,
    pub(crate) config: &'a Config,
    pub(crate) names: &'a Names,
    pub(crate) adapters: &'a Adapters,
    pub(crate) listeners: &'a Listeners<'a>,
    pub(crate) ledger: &'a Ledger,
}

/// What was found out before anything is touched.
pub(crate) struct Found {
    pub(crate) detection: Detection,
    pub(crate) plan: Plan,
}

impl Pipeline<'_> {
    /// Finds out what changed since what runs, and decides what to do about it.
    pub(crate) async fn find_out(&self, range: &RangeArgs) -> Result<Found, Failure> {
        let base = range
            .base
            .as_deref()
            .map(|revision| self.checkout.resolve(revision))
            .transpose()?;
        let options = self.detect_options(range.on_unknown)?;
        let inventory: Vec<ModuleName> = self
            .inventory()?
            .into_iter()
            .map(|module| module.name)
            .collect();
        let live = self.live(&inventory).await?;
        let bases = match range.all {
            true => Bases::Nothing,
            false => plan::bases(base, &live)?,
        };
        let head = &self.checkout.head().id;
        let detection = change_detect::detect(self.checkout.source(), &bases, head, &options)
            .map_err(|error| failures::detect(&error))?;
        let mut plan = plan::plan(
            &detection,
            &inventory,
            &live,
            self.names,
            &self.config.deploy.order,
            self.adapters.site.makes_services(),
        )?;
        if range.all {
            plan.asked_for_all();
        }
        let mut suspects = self.once_there(&live, &options);
        suspects.extend(detection.removed.iter().cloned());
        plan.removed = self
            .left_behind(&inventory, suspects)
            .await
            .into_keys()
            .collect();
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
                change: service
                    .change
                    .map_or_else(String::new, |change| change.to_string()),
                why: service.why.clone(),
            });
        }
        Ok(Found { detection, plan })
    }

    /// Tells people what they should know and what stops nothing.
    pub(crate) fn warn(&self, message: String) {
        self.listeners.tell(&Event::Warning {
            message: message.clone(),
        });
        self.ledger.note(|entries| entries.warnings.push(message));
    }

    pub(crate) fn detect_options(
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

    /// The services of the repository at the commit to deploy; never empty.
    pub(crate) fn inventory(&self) -> Result<Vec<Module>, Failure> {
        let (source, head) = (self.checkout.source(), &self.checkout.head().id);
        let inventory: Vec<Module> =
            change_detect::services_at(source, head, &self.detect_options(None)?)
                .map_err(|error| failures::detect(&error))?
                .into_iter()
                .filter(|module| module.kind == change_detect::ModuleKind::Service)
                .collect();
        if inventory.is_empty() {
            // An empty list must not pass for "nothing changed".
            return Err(Failure::usage(format!("found no service at {}", head.short())).hint(
                "name their folders in windlass.toml, such as: [detect] services = [\"cart\", \"apps/*\"]; without \
                 detect.services, layout directories takes the folders under services/, maven, gradle, cargo, npm and go the \
                 modules of their build that make an image; layout auto tries them",
            ));
        }
        plan::distinct(&inventory, self.names)?;
        Ok(inventory)
    }

    /// The modules of the commit; a graph that cannot be had is missed in the drawn report alone.
    pub(crate) fn graph(&self) -> Option<change_detect::Graph> {
        let options = self.detect_options(None).ok()?;
        change_detect::graph(self.checkout.source(), &self.checkout.head().id, &options).ok()
    }

    /// What these services run now.
    pub(crate) async fn live(
        &self,
        inventory: &[ModuleName],
    ) -> Result<BTreeMap<ModuleName, Live>, Failure> {
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
        range: &RangeArgs,
        allow_dirty: bool,
    ) -> Result<PlanOutcome, Failure> {
        let found = self.find_out(range).await?;
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
            warnings: [
                self.ledger.entries().warnings,
                self.missing(services.iter().map(|planned| &planned.service)),
                self.dirty(!services.is_empty(), allow_dirty),
            ]
            .concat(),
            services,
            removed: found.plan.removed,
            detection: found.detection,
        })
    }

    /// Refuses, before anything is touched, services that do not exist and that a deployment does not make, and those that cannot
    /// be deployed to.
    pub(crate) fn refuse_missing<'a>(
        &self,
        services: impl IntoIterator<Item = &'a PlannedService> + Clone,
    ) -> Result<(), Failure> {
        let missing = self.missing(services.clone());
        if missing.is_empty() {
            return Ok(());
        }
        let hints: BTreeSet<&str> = services
            .into_iter()
            .filter_map(|service| match &service.obstacle {
                _ if service.missing => Some(
                    "services are made by infrastructure code: make it first, or leave the module out with detect.services",
                ),
                obstacle => obstacle.as_ref()?.hint.as_deref(),
            })
            .collect();
        let hints: Vec<&str> = hints.into_iter().collect();
        Err(Failure::usage(missing.join("\n  ")).hint(hints.join("; ")))
    }

    /// What there is to say of a work tree that builds would be made from.
    fn dirty(&self, builds: bool, allow_dirty: bool) -> Vec<String> {
        if !builds || self.config.build.command.is_none() {
            return Vec::new();
        }
        match self.checkout.require_clean(allow_dirty) {
            Ok(warning) => warning.into_iter().collect(),
            Err(refusal) => vec![refusal.in_a_line()],
        }
    }

    /// What there is to say of those that do not exist or cannot be deployed to.
    fn missing<'a>(&self, services: impl IntoIterator<Item = &'a PlannedService>) -> Vec<String> {
        services
            .into_iter()
            .filter_map(|service| {
                let module = &service.module;
                if service.missing {
                    return Some(format!(
                        "`{module}` cannot be deployed: the cluster `{}` has no service `{}`",
                        self.names.cluster(),
                        service.service
                    ));
                }
                let obstacle = service.obstacle.as_ref()?;
                Some(format!("`{module}`: {}", obstacle.reason))
            })
            .collect()
    }

    async fn plan_push(
        &self,
        service: &PlannedService,
    ) -> Result<Option<image_tagger::PushPlan>, Failure> {
        if self.config.build.command.is_some() || self.config.build.image.is_some() {
            return Ok(None);
        }
        let images = Images::new(self.checkout, &self.config.build, true)?;
        let source = images.source(service).await?;
        let (request, options) = (self.push_request(service), self.push_options());
        image_tagger::plan(&*self.adapters.registry, &*source, &request, &options)
            .await
            .map(Some)
            .map_err(|error| failures::push(&error))
    }

    pub(crate) fn push_request(&self, service: &PlannedService) -> PushRequest {
        PushRequest::new(
            service.repository.clone(),
            vec![names::sha_tag(&self.checkout.head().id)],
        )
        .moving(names::moving_tag())
    }

    pub(crate) fn push_options(&self) -> PushOptions {
        PushOptions::default()
            .ancestry(self.checkout.ancestry())
            .settle(self.adapters.site.settle())
    }

    /// How health is asked for here.
    pub(crate) fn health_options(&self) -> health_checker::Options {
        let (defaults, health) = (self.adapters.site.pace(), &self.config.health);
        health_checker::Options::default()
            .successes(health.successes.unwrap_or(3))
            .interval(health.interval.unwrap_or(defaults.health_interval))
            .timeout(health.timeout.unwrap_or(defaults.health_timeout))
            .latency_ceiling(
                health
                    .latency_ceiling
                    .unwrap_or(std::time::Duration::from_secs(1)),
            )
    }
}
