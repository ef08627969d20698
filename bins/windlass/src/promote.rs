//! `windlass promote`: what runs in one environment, copied to another with its digests, and deployed there.

use std::collections::BTreeMap;

use change_detect::{Module, ModuleName};
use futures_util::stream::{self, StreamExt};
use health_checker::{Target, Verdict};
use image_tagger::{PinnedImage, PushOptions, PushRequest, Reference, Tag};
use windlass_cli::{Exit, Failure};

use crate::choice::Ready;
use crate::event::Event;
use crate::live::Live;
use crate::names;
use crate::pipeline::Pipeline;
use crate::plan::PlannedService;

/// A service to promote, with what serves it where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Promotable {
    /// The service where it goes to; the image names its future repository.
    pub(crate) ready: Ready,
    /// The image that serves where it comes from.
    pub(crate) source: PinnedImage,
}

impl Pipeline<'_> {
    /// Finds out what `source` runs that this environment does not. Without names it is every service that runs there. With
    /// `check` a rollout there that is not completed is an error.
    pub(crate) async fn find_promotable(
        &self,
        source: &Pipeline<'_>,
        names: &[String],
        check: bool,
    ) -> Result<Vec<Promotable>, Failure> {
        let modules: Vec<Module> = if names.is_empty() {
            self.inventory()?
        } else {
            self.wanted(names)?
        };
        let keys: Vec<ModuleName> = modules.iter().map(|module| module.name.clone()).collect();
        let there = source.live(&keys).await?;
        let here = self.live(&keys).await?;
        let from = source.names.environment();
        let mut promotable = Vec::new();
        let planned = self.planned(&modules, &here, &[], &format!("it runs in {from}"))?;
        for plan in planned {
            let Some(image) = self.serving(&plan, &there, from, !names.is_empty(), check)? else {
                continue;
            };
            let runs = here
                .get(&plan.module)
                .filter(|live| live.unfinished.is_none())
                .and_then(|live| live.image.as_ref())
                .and_then(|image| image.as_str().parse::<PinnedImage>().ok());
            if runs.is_some_and(|runs| runs.digest == image.digest) {
                continue;
            }
            promotable.push(self.promotable(plan, image)?);
        }
        self.refuse_missing(promotable.iter().map(|promotable| &promotable.ready.plan))?;
        Ok(promotable)
    }

    /// The image that serves a module in the source; `None` when it is not deployed there and nobody asked for it.
    fn serving(
        &self,
        plan: &PlannedService,
        there: &BTreeMap<ModuleName, Live>,
        from: &str,
        asked: bool,
        check: bool,
    ) -> Result<Option<PinnedImage>, Failure> {
        let module = &plan.module;
        let live = there.get(module);
        // Promoted unseen, it is what was completed last.
        let unfinished = live.and_then(|live| live.unfinished.as_ref());
        if let Some(unfinished) = unfinished.filter(|_| check) {
            return Err(Failure::new(
                Exit::Negative,
                format!("a rollout of `{unfinished}` to `{module}` is not completed in `{from}`"),
            )
            .hint(format!(
                "what does not serve there is not promoted: end it with `windlass run --environment {from}`, or promote what was \
                 completed last with --no-source-check"
            )));
        }
        let Some(image) = live.and_then(|live| live.image.as_ref()) else {
            if asked {
                return Err(
                    Failure::usage(format!("`{module}` is not deployed in `{from}`")).hint(
                        format!("`windlass status --environment {from}` shows what is"),
                    ),
                );
            }
            return Ok(None);
        };
        image.as_str().parse().map(Some).map_err(|_| {
            Failure::usage(format!(
                "`{module}` runs `{image}` in `{from}`, which names no digest: what it serves cannot be told for sure"
            ))
            .hint(format!(
                "deploy it by digest once, with `windlass deploy --environment {from} --service {module}`"
            ))
        })
    }

    fn promotable(&self, plan: PlannedService, source: PinnedImage) -> Result<Promotable, Failure> {
        let commit = source.tag.as_ref().and_then(names::commit_of_tag);
        let environment: Tag = self.names.environment().parse().map_err(|error| {
            Failure::usage(format!(
                "`{}` cannot be an image tag",
                self.names.environment()
            ))
            .caused_by(&error as &image_tagger::InvalidTag)
            .hint("a promotion tags the images with the environment's name")
        })?;
        // The environment's own tag comes last: who sees it finds all others in place.
        let mut tags: Vec<Tag> = commit.iter().map(names::sha_tag).collect();
        tags.extend([names::moving_tag(), environment]);
        tags.dedup();
        let shown = commit
            .as_ref()
            .map_or_else(names::moving_tag, names::sha_tag);
        let image = PinnedImage::new(plan.repository.clone(), Some(shown), source.digest.clone());
        Ok(Promotable {
            ready: Ready {
                plan: PlannedService { tags, ..plan },
                image,
                commit,
                push: None,
            },
            source,
        })
    }

    /// Asks in the source environment whether what is promoted serves there. This is called on the source's pipeline.
    pub(crate) async fn check_source(&self, promotable: &[Promotable]) -> Result<(), Failure> {
        let environment = self.names.environment();
        let mut targets: Vec<Target> = Vec::new();
        for Promotable { ready, .. } in promotable {
            let module = &ready.plan.module;
            let service = self.names.service(module)?;
            self.adapters.site.settle_service(&service).await;
            let target = self
                .adapters
                .site
                .target(module, &service, self.names.health(module)?)?
                .ok_or_else(|| {
                    Failure::usage(format!("nobody said where `{module}` is asked for its health in `{environment}`"))
                        .hint(format!(
                            "set environments.{environment}.health in windlass.toml, or promote unseen with --no-source-check"
                        ))
                })?;
            targets.push(match &ready.commit {
                Some(commit) => target.expect_revision(crate::rollout::revision(commit)),
                None => target,
            });
            self.listeners.tell(&Event::SourceChecking {
                service: module.to_string(),
            });
        }
        let report = health_checker::check(
            &*self.adapters.probe,
            &targets,
            &self.health_options(),
            &|_| {},
        )
        .await;
        let mut bad = Vec::new();
        for target in &report.targets {
            let healthy = target.verdict == Verdict::Healthy;
            self.listeners.tell(&Event::SourceChecked {
                service: target.name.to_string(),
                healthy,
                reason: target.reason.clone(),
            });
            if !healthy {
                let why = target
                    .reason
                    .clone()
                    .unwrap_or_else(|| "its health check did not pass".to_owned());
                bad.push(format!("`{}`: {why}", target.name));
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Negative,
            format!(
                "not promoted: {} of {} in `{environment}` do not serve what is to be promoted\n  {}",
                bad.len(),
                promotable.len(),
                bad.join("\n  ")
            ),
        )
        .hint(format!(
            "nothing was changed; heal `{environment}` first, or name the services that serve with --service"
        )))
    }

    /// Copies the images with their digests and what is attached to them, and deploys them.
    pub(crate) async fn copy_and_release(
        &self,
        source: &Pipeline<'_>,
        promotable: Vec<Promotable>,
    ) -> Result<(), Failure> {
        let options = PushOptions::default().attachments(true);
        let copies = promotable.iter().map(|promotable| {
            let options = &options;
            async move {
                let plan = &promotable.ready.plan;
                image_tagger::promote(
                    &*source.adapters.registry,
                    &promotable.source.repository,
                    &Reference::Digest(promotable.source.digest.clone()),
                    &*self.adapters.registry,
                    &PushRequest::new(plan.repository.clone(), plan.tags.clone()),
                    options,
                    &|detail| {
                        self.listeners.tell(&Event::Push {
                            service: plan.module.to_string(),
                            detail,
                        });
                    },
                )
                .await
            }
        });
        let copied: Vec<_> = stream::iter(copies)
            .buffered(self.config.deploy.max_parallel)
            .collect()
            .await;
        let services: Vec<PlannedService> = promotable
            .iter()
            .map(|promotable| promotable.ready.plan.clone())
            .collect();
        let receipts = self.receipts(&services, copied)?;
        let ready: Vec<Ready> = promotable
            .into_iter()
            .zip(receipts)
            .map(|(promotable, receipt)| Ready {
                push: Some(receipt),
                ..promotable.ready
            })
            .collect();
        self.release(&ready).await;
        Ok(())
    }
}
