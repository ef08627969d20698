//! The commands that change an environment, from what is asked for to what is done.

use tokio::sync::Notify;
use windlass_cli::Failure;

use crate::args::RangeArgs;
use crate::choice::{Order, Ready};
use crate::event::{Event, Listeners};
use crate::haste::Haste;
use crate::notify::{Announcement, Notifier};
use crate::outcome::Commit;
use crate::pipeline::Pipeline;
use crate::plan::PlannedService;
use crate::promote::Promotable;
use crate::rollback::WayBack;
use crate::verdict::Verdict;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task<'a> {
    /// Deploy what changed.
    Run {
        range: &'a RangeArgs,
        /// Build from a work tree that is not as the commit has it.
        allow_dirty: bool,
    },
    /// Deploy what somebody asks for, by hand or in a dispatch.
    Deploy {
        /// `deploy` or `dispatch`.
        command: &'static str,
        order: &'a Order,
        /// The commit, if the order is about one.
        head: Option<Commit>,
    },
    /// Promote what another environment runs.
    Promote { services: &'a [String], check: bool },
    /// Go back.
    Rollback {
        services: &'a [String],
        to: Option<&'a str>,
    },
}

impl Task<'_> {
    /// The command's name.
    pub(crate) const fn command(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Deploy { command, .. } => command,
            Self::Promote { .. } => "promote",
            Self::Rollback { .. } => "rollback",
        }
    }

    /// Does it. What was found and what became of it stands in the pipeline's ledger, however this ends.
    pub(crate) async fn perform(
        &self,
        pipeline: &Pipeline<'_>,
        source: Option<&Pipeline<'_>>,
        notifier: &Notifier,
        haste: &Haste,
    ) -> Result<(), Failure> {
        let stage = Stage {
            task: self,
            pipeline,
            source,
            notifier,
            haste,
        };
        match self {
            Self::Run { range, allow_dirty } => stage.run(range, *allow_dirty).await,
            Self::Deploy { order, head, .. } => stage.deploy(order, head.clone()).await,
            Self::Promote { services, check } => stage.promote(services, *check).await,
            Self::Rollback { services, to } => stage.rollback(services, *to).await,
        }
    }
}

/// One task at work.
struct Stage<'a> {
    task: &'a Task<'a>,
    pipeline: &'a Pipeline<'a>,
    source: Option<&'a Pipeline<'a>>,
    notifier: &'a Notifier,
    haste: &'a Haste,
}

impl Stage<'_> {
    async fn run(&self, range: &RangeArgs, allow_dirty: bool) -> Result<(), Failure> {
        let pipeline = self.pipeline;
        let found = pipeline.find_changed(range).await?;
        if let Some(reason) = &found.plan.nothing {
            self.nothing(reason.clone());
            return Ok(());
        }
        pipeline.refuse_missing(&found.plan.services)?;
        let images = pipeline.images()?;
        if pipeline.config.build.command.is_some()
            && let Some(warning) = pipeline.checkout.require_clean(allow_dirty)?
        {
            pipeline.warn(warning);
        }
        let gate = pipeline.gate_rules()?;
        let work = pipeline.build_and_release(&images, gate.as_ref(), &found);
        self.announced(found.plan.services.iter(), work).await
    }

    async fn deploy(&self, order: &Order, head: Option<Commit>) -> Result<(), Failure> {
        let ready = self.pipeline.find_ordered(order).await?;
        let head = head.or_else(|| self.common_commit(&ready));
        self.chosen(ready.iter(), head);
        let work = self.pipeline.release(&ready);
        self.announced(ready.iter().map(|ready| &ready.plan), work)
            .await;
        Ok(())
    }

    async fn promote(&self, services: &[String], check: bool) -> Result<(), Failure> {
        let source = self.source.expect("a promotion is opened with its source");
        let found = self.pipeline.find_promotable(source, services, check);
        let promotable = found.await?;
        if promotable.is_empty() {
            self.nothing(nothing_to_promote(source, self.pipeline));
            return Ok(());
        }
        let ready = || promotable.iter().map(|promotable| &promotable.ready);
        let head = self.common_commit(&ready().cloned().collect::<Vec<_>>());
        self.chosen(ready(), head);
        if check {
            source.check_source(&promotable).await?;
        }
        let plans: Vec<PlannedService> = ready().map(|ready| ready.plan.clone()).collect();
        let work = self.pipeline.copy_and_release(source, promotable);
        self.announced(plans.iter(), work).await
    }

    async fn rollback(&self, services: &[String], to: Option<&str>) -> Result<(), Failure> {
        let ways = self.pipeline.find_way_back(services, to).await?;
        self.tell_chosen(ways.iter().map(|way| &way.plan));
        tell_ways(self.pipeline.listeners, &ways);
        let work = self.pipeline.go_back(&ways);
        self.announced(ways.iter().map(|way| &way.plan), work).await;
        let ended = self.pipeline.ledger.entries();
        let ended = ended.services(Verdict::Unknown, "its end was not seen");
        let is_back = |way: &&WayBack| {
            ended.iter().any(|service| {
                service.plan.module == way.plan.module && service.verdict == Verdict::Restored
            })
        };
        if let Some(warning) = run_brings_it_again(self.pipeline, ways.iter().filter(is_back)) {
            self.pipeline.warn(warning);
        }
        Ok(())
    }

    fn nothing(&self, reason: String) {
        self.pipeline.listeners.tell(&Event::NothingToDo {
            reason: reason.clone(),
        });
        self.pipeline
            .ledger
            .note(|entries| entries.nothing = Some(reason));
    }

    fn chosen<'a>(&self, ready: impl Iterator<Item = &'a Ready> + Clone, head: Option<Commit>) {
        self.pipeline.ledger.note(|entries| entries.head = head);
        self.tell_chosen(ready.clone().map(|ready| &ready.plan));
        tell_resolved(self.pipeline.listeners, ready);
    }

    fn tell_chosen<'a>(&self, services: impl Iterator<Item = &'a PlannedService> + Clone) {
        let pipeline = self.pipeline;
        pipeline.ledger.planned(services.clone().cloned());
        let graph = pipeline.graph();
        pipeline.ledger.note(|entries| entries.graph = graph);
        pipeline.listeners.tell(&Event::Chosen {
            command: self.task.command().to_owned(),
            from: self
                .source
                .map(|source| source.names.environment().to_owned()),
            services: services
                .clone()
                .map(|service| service.module.to_string())
                .collect(),
        });
        for service in services {
            pipeline.listeners.tell(&Event::Affected {
                service: service.module.to_string(),
                change: self.task.command().to_owned(),
                why: service.why.clone(),
            });
        }
    }

    /// Does the work while people are told that it begins: neither waits for the other, and work that is done is not
    /// interrupted by who does not want to wait for a channel that hangs.
    async fn announced<'a, T>(
        &self,
        services: impl Iterator<Item = &'a PlannedService>,
        work: impl Future<Output = T>,
    ) -> T {
        let pipeline = self.pipeline;
        pipeline.ledger.note(|entries| entries.announced = true);
        let entries = pipeline.ledger.entries();
        let announcement = Announcement {
            environment: pipeline.names.environment(),
            from: self.source.map(|source| source.names.environment()),
            head: entries.head.as_ref(),
            services: services.collect(),
        };
        let done = Notify::new();
        let work = async {
            let result = work.await;
            self.haste.work_is_done();
            done.notify_one();
            result
        };
        let listeners = pipeline.listeners;
        let haste = self.haste.came();
        let announcing = self
            .notifier
            .started(&announcement, listeners, done.notified(), haste);
        tokio::join!(announcing, work).1
    }

    fn common_commit(&self, ready: &[Ready]) -> Option<Commit> {
        common_commit(self.pipeline, ready)
    }
}

/// Tells the image of each service.
pub(crate) fn tell_resolved<'a>(
    listeners: &Listeners<'_>,
    services: impl Iterator<Item = &'a Ready>,
) {
    for ready in services {
        listeners.tell(&Event::Resolved {
            service: ready.plan.module.to_string(),
            image: ready.image.to_string(),
            commit: ready.commit.as_ref().map(ToString::to_string),
        });
    }
}

/// Tells where each service goes back to.
pub(crate) fn tell_ways(listeners: &Listeners<'_>, ways: &[WayBack]) {
    for way in ways {
        listeners.tell(&Event::GoingBack {
            service: way.plan.module.to_string(),
            to: way.to.short().to_owned(),
            image: way.image.as_ref().map(ToString::to_string),
            commit: way.commit().as_ref().map(ToString::to_string),
        });
    }
}

/// The commit that all images were built from, if it is one and the repository has it.
pub(crate) fn common_commit(pipeline: &Pipeline<'_>, ready: &[Ready]) -> Option<Commit> {
    let first = ready.first()?.commit.as_ref()?;
    if ready
        .iter()
        .any(|ready| ready.commit.as_ref() != Some(first))
    {
        return None;
    }
    // The commit may be one that this clone does not have; then people are told its services alone.
    pipeline
        .checkout
        .info(first)
        .ok()
        .as_ref()
        .map(Commit::from)
}

/// What a rollback does not do: the commit that was gone back from stays at the branch's head. Nothing of the kind is known of a
/// revision whose commit is not, and one of the head is nothing that a run would change.
pub(crate) fn run_brings_it_again<'a>(
    pipeline: &Pipeline<'_>,
    ways: impl IntoIterator<Item = &'a WayBack>,
) -> Option<String> {
    let head = &pipeline.checkout.head().id;
    let names: Vec<&str> = ways
        .into_iter()
        .filter(|way| way.commit().is_some_and(|commit| commit != *head))
        .map(|way| way.plan.module.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "the next `windlass run --environment {}` deploys what came after it to {} again: revert the commit at fault first",
            pipeline.names.environment(),
            names.join(", ")
        )
    })
}

/// Why a promotion has nothing to do.
pub(crate) fn nothing_to_promote(source: &Pipeline<'_>, target: &Pipeline<'_>) -> String {
    format!(
        "{} runs what {} runs",
        target.names.environment(),
        source.names.environment()
    )
}

/// The services of a promotion as they would be deployed.
pub(crate) fn ready(promotable: Vec<Promotable>) -> Vec<Ready> {
    promotable
        .into_iter()
        .map(|promotable| promotable.ready)
        .collect()
}
