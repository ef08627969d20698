//! `windlass run`: detect, build, push, deploy, check.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use image_tagger::{FleetItem, FleetOptions, Receipt, Source};
use windlass_cli::Failure;

use crate::args::RangeArgs;
use crate::builds::{Builds, waves};
use crate::choice::Ready;
use crate::event::Event;
use crate::failures;
use crate::gate::Rules;
use crate::images::Images;
use crate::names;
use crate::pipeline::{Found, Pipeline};
use crate::plan::PlannedService;

impl Pipeline<'_> {
    /// Finds out what a run has to do.
    pub(crate) async fn find_changed(&self, range: &RangeArgs) -> Result<Found, Failure> {
        self.ledger
            .note(|entries| entries.head = Some(self.checkout.head().into()));
        let found = self.find_out(range).await?;
        let graph = self.graph();
        self.ledger.note(|entries| {
            entries.graph = graph;
            entries.rebuilt = found
                .detection
                .modules
                .iter()
                .map(|module| module.name.clone())
                .collect();
            entries.removed.clone_from(&found.plan.removed);
            entries.nothing.clone_from(&found.plan.nothing);
        });
        self.ledger.planned(found.plan.services.clone());
        Ok(found)
    }

    /// Refuses a gate that could not be asked, before people are told that it begins.
    pub(crate) fn gate_rules(&self) -> Result<Option<Rules>, Failure> {
        self.config.gate.as_ref().map(Rules::read).transpose()
    }

    /// Refuses what could not be built here, before people are told that it begins.
    pub(crate) fn images(&self) -> Result<Images<'_>, Failure> {
        let packable = self.adapters.site.packable();
        Images::new(self.checkout, &self.config.build, packable)
    }

    /// Builds, pushes and deploys what was found.
    pub(crate) async fn build_and_release(
        &self,
        images: &Images<'_>,
        gate: Option<&Rules>,
        found: &Found,
    ) -> Result<(), Failure> {
        if let Some(command) = &self.config.build.command {
            let builds = Builds::open(
                self.checkout.root(),
                self.names.environment(),
                command,
                self.config.build.max_parallel,
                self.listeners,
            )?;
            self.ledger
                .note(|entries| entries.logs = Some(builds.logs().to_owned()));
            builds.run(&waves(&found.detection)).await?;
        }
        let services = &found.plan.services;
        if let (Some(rules), Some(gate)) = (gate, &self.config.gate) {
            self.pass_gate(rules, gate, services).await?;
        }
        // All images are in the registry, under all tags and read back, before the first task definition names one.
        let receipts = self.push(images, services).await?;
        let head = &self.checkout.head().id;
        let ready: Vec<Ready> = services
            .iter()
            .zip(receipts)
            .map(|(service, receipt)| Ready {
                plan: service.clone(),
                image: receipt.pinned.with_tag(names::sha_tag(head)),
                commit: Some(head.clone()),
                push: Some(receipt),
            })
            .collect();
        self.release(&ready).await;
        Ok(())
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
        self.receipts(services, pushed)
    }

    /// Tells what became of each push; the first that failed fails them all.
    pub(crate) fn receipts(
        &self,
        services: &[PlannedService],
        pushed: Vec<Result<Receipt, image_tagger::Error>>,
    ) -> Result<Vec<Receipt>, Failure> {
        let mut receipts = Vec::new();
        let mut failure = None;
        for (service, pushed) in services.iter().zip(pushed) {
            match pushed {
                Ok(receipt) => {
                    self.tell_pushed(service, &receipt);
                    receipts.push(receipt);
                }
                Err(error) => {
                    self.listeners.tell(&Event::PushFailed {
                        service: service.module.to_string(),
                        reason: error.to_string(),
                    });
                    _ = failure.get_or_insert_with(|| failures::push(&error));
                }
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
}
