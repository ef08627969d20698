//! Services that somebody asks for, and the image that each of them is to run: it stands in a registry already.

use std::collections::{BTreeMap, BTreeSet};

use change_detect::{CommitId, Module, ModuleName};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use image_tagger::{PinnedImage, Receipt, Reference, Tag, inspect};
use serde::{Serialize, Serializer};
use windlass_cli::{Failure, nearest};

use crate::failures;
use crate::live::Live;
use crate::names;
use crate::pipeline::Pipeline;
use crate::plan::{self, PlannedService};
use crate::report::cut;

/// How many of the names that are not known are shown.
const SHOWN: usize = 10;

/// How much of each.
const SHOWN_CHARACTERS: usize = 80;

/// Services and an image tag.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Their modules' names.
    pub(crate) services: Vec<String>,
    /// Which image of each.
    pub(crate) image: WantedImage,
    /// Why, in one line.
    pub(crate) why: String,
}

/// Which image is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedImage {
    /// The one that a tag names now.
    Tag(Tag),
    /// The one that was built from a commit.
    Commit(CommitId),
}

impl WantedImage {
    fn tag(&self) -> Tag {
        match self {
            Self::Tag(tag) => tag.clone(),
            Self::Commit(commit) => names::sha_tag(commit),
        }
    }
}

/// A service and the image that it is to run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ready {
    /// The service.
    #[serde(flatten)]
    pub(crate) plan: PlannedService,
    /// The image; its tag tells the commit where that is known.
    #[serde(serialize_with = "text")]
    pub(crate) image: PinnedImage,
    /// The commit that must answer.
    pub(crate) commit: Option<CommitId>,
    /// How it came into the registry, when this run brought it.
    #[serde(skip)]
    pub(crate) push: Option<Receipt>,
}

fn text<S: Serializer>(image: &PinnedImage, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(image)
}

impl Pipeline<'_> {
    /// The modules of these names; all names must be services of the repository, and none is taken twice.
    pub(crate) fn wanted(&self, names: &[String]) -> Result<Vec<Module>, Failure> {
        let inventory = self.inventory()?;
        let known: Vec<&str> = inventory
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        let unknown: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| !known.contains(name))
            .collect();
        if let Some(first) = unknown.first() {
            let mut list: Vec<String> = unknown
                .iter()
                .take(SHOWN)
                .map(|name| format!("`{}`", cut(name, SHOWN_CHARACTERS)))
                .collect();
            if unknown.len() > SHOWN {
                list.push(format!("and {} more", unknown.len() - SHOWN));
            }
            let list = list.join(", ");
            let (noun, verb) = if unknown.len() == 1 {
                ("service", "is")
            } else {
                ("services", "are")
            };
            let near = nearest(first, known.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            return Err(Failure::usage(format!(
                "the {noun} {list} {verb} not in the repository at {}",
                self.checkout.head().id.short()
            ))
            .hint(format!("{near}the services are: {}", known.join(", "))));
        }
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        Ok(inventory
            .into_iter()
            .filter(|module| wanted.contains(module.name.as_str()))
            .collect())
    }

    /// What is known of these services before anything is touched, in the order in which they are deployed.
    pub(crate) fn planned(
        &self,
        modules: &[Module],
        live: &BTreeMap<ModuleName, Live>,
        tags: &[Tag],
        why: &str,
    ) -> Result<Vec<PlannedService>, Failure> {
        let inventory: Vec<ModuleName> = self
            .inventory()?
            .into_iter()
            .map(|module| module.name)
            .collect();
        let order = &self.config.deploy.order;
        let groups = plan::groups(order, &inventory)?;
        let mut services = Vec::new();
        for module in modules {
            // Refused now rather than when all is pushed.
            self.names.health(&module.name)?;
            let current = live.get(&module.name);
            services.push(PlannedService {
                module: module.name.clone(),
                path: module.path.clone(),
                service: self.names.service(&module.name)?,
                repository: self.names.repository(&module.name)?,
                tags: tags.to_vec(),
                change: None,
                why: why.to_owned(),
                from: current.and_then(|live| live.image.clone()),
                from_commit: current.and_then(|live| live.commit.clone()),
                group: groups
                    .get(module.name.as_str())
                    .copied()
                    .unwrap_or(order.len()),
                missing: current.is_none() && !self.adapters.site.makes_services(),
                obstacle: current.and_then(|live| live.obstacle.clone()),
            });
        }
        services.sort_by(|a, b| (a.group, &a.module).cmp(&(b.group, &b.module)));
        Ok(services)
    }

    /// Finds the image of each service that was asked for. Nothing is touched, and one that is missing is an error.
    pub(crate) async fn find_ordered(&self, order: &Order) -> Result<Vec<Ready>, Failure> {
        let modules = self.wanted(&order.services)?;
        let names: Vec<ModuleName> = modules.iter().map(|module| module.name.clone()).collect();
        let live = self.live(&names).await?;
        let services = self.planned(&modules, &live, &[], &order.why)?;
        self.refuse_missing(&services)?;
        let found = services
            .into_iter()
            .map(|service| self.find_image(service, &order.image));
        stream::iter(found)
            .buffered(self.config.deploy.max_parallel)
            .try_collect()
            .await
    }

    async fn find_image(
        &self,
        plan: PlannedService,
        wanted: &WantedImage,
    ) -> Result<Ready, Failure> {
        let tag = wanted.tag();
        let found = inspect(
            &*self.adapters.registry,
            &plan.repository,
            &Reference::Tag(tag.clone()),
        )
        .await
        .map_err(|error| failures::push(&error))?;
        let Some(found) = found else {
            let hint = match wanted {
                WantedImage::Tag(_) => format!(
                    "name a tag that `{}` has with --image-tag; `windlass run` pushes sha-<commit> and latest",
                    plan.repository
                ),
                WantedImage::Commit(_) => format!(
                    "build and push that commit first, with `windlass run --environment {}`; a commit that does not \
                     affect the service has no image of it",
                    self.names.environment()
                ),
            };
            return Err(Failure::usage(format!(
                "there is no image `{}:{tag}` for `{}`",
                plan.repository, plan.module
            ))
            .hint(hint));
        };
        let commit = match wanted {
            WantedImage::Commit(commit) => Some(commit.clone()),
            WantedImage::Tag(tag) => names::commit_of_tag(tag)
                .or_else(|| found.config.revision().and_then(|text| text.parse().ok())),
        };
        let shown = commit.as_ref().map_or(tag, names::sha_tag);
        Ok(Ready {
            image: PinnedImage::new(plan.repository.clone(), Some(shown), found.digest),
            plan,
            commit,
            push: None,
        })
    }
}
