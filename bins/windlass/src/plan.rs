//! What a run would do, and why: decided from what changed and what runs, before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use change_detect::{Bases, Change, CommitId, Detection, Module, ModuleName, RepoPath};
use ecs_deployer::{ImageRef, ServiceName};
use image_tagger::{Repository, Tag};
use serde::Serialize;
use windlass_cli::{Failure, nearest};

use crate::live::{Live, Obstacle};
use crate::names::{self, Names};

/// One service that a run deploys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PlannedService {
    /// The module that the service is built from.
    pub(crate) module: ModuleName,
    /// Its folder.
    pub(crate) path: RepoPath,
    /// Its name in ECS.
    pub(crate) service: ServiceName,
    /// Where its image goes.
    pub(crate) repository: Repository,
    /// The tags that the image gets, the moving one last.
    pub(crate) tags: Vec<Tag>,
    /// Whether it changed itself, is affected by another module, or is new; `None` when somebody asked for it.
    pub(crate) change: Option<Change>,
    /// Why it is part of the run, in one line.
    pub(crate) why: String,
    /// The image that serves now.
    pub(crate) from: Option<ImageRef>,
    /// The commit that serves now, when the image's tag tells.
    pub(crate) from_commit: Option<CommitId>,
    /// Services of one group are deployed together, groups one after the other.
    pub(crate) group: usize,
    /// There is no such service, and a deployment does not make one here.
    pub(crate) missing: bool,
    /// What stands in the way of every deployment of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) obstacle: Option<Obstacle>,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Plan {
    /// The services to deploy, in the order of their groups, then by name.
    pub(crate) services: Vec<PlannedService>,
    /// Services that were deployed once and that the repository has no more. A run leaves them alone.
    pub(crate) removed: Vec<ModuleName>,
    /// Why there is nothing to do, if so.
    pub(crate) nothing: Option<String>,
}

impl Plan {
    /// Says of each service that nobody looked whether it changed.
    pub(crate) fn asked_for_all(&mut self) {
        for service in &mut self.services {
            service.change = None;
            "asked for, with all services".clone_into(&mut service.why);
        }
    }
}

/// The base that each service is compared with: the one that was asked for, or the commit that runs.
///
/// A service is left out, and so counts as new, when it was never deployed or when a deployment of it was begun and not
/// completed: whatever it runs then is not to be relied on.
pub(crate) fn bases(
    asked: Option<CommitId>,
    live: &BTreeMap<ModuleName, Live>,
) -> Result<Bases, Failure> {
    if let Some(base) = asked {
        return Ok(Bases::One(base));
    }
    if live.is_empty() {
        return Ok(Bases::Nothing);
    }
    let mut bases = BTreeMap::new();
    for (module, live) in live {
        match (&live.commit, &live.image) {
            _ if live.unfinished.is_some() => {}
            (Some(commit), _) => {
                bases.insert(module.clone(), commit.clone());
            }
            (None, None) => {}
            (None, Some(image)) => {
                return Err(Failure::usage(format!("`{}` runs `{image}`, whose tag does not tell a commit", live.service))
                    .hint("name the commit that runs with --base REV once, or deploy everything with --all; images pushed by windlass carry a sha-<commit> tag"));
            }
        }
    }
    Ok(Bases::PerService(bases))
}

/// Decides what is deployed, in which order.
pub(crate) fn plan(
    detection: &Detection,
    inventory: &[ModuleName],
    live: &BTreeMap<ModuleName, Live>,
    names: &Names,
    order: &[Vec<String>],
    makes_services: bool,
) -> Result<Plan, Failure> {
    let groups = groups(order, inventory)?;
    let head = &detection.head;
    let mut services = Vec::new();
    for module in &detection.services {
        let Some(report) = detection
            .modules
            .iter()
            .find(|report| report.name == *module)
        else {
            continue;
        };
        // Refused now rather than when all is pushed.
        names.health(module)?;
        let current = live.get(module);
        let unfinished = current.and_then(|live| live.unfinished.as_ref());
        let why = match unfinished {
            Some(image) => format!("a rollout of {} was begun and not completed", short(image)),
            None => why(detection, module),
        };
        services.push(PlannedService {
            module: module.clone(),
            path: report.path.clone(),
            service: names.service(module)?,
            repository: names.repository(module)?,
            tags: vec![names::sha_tag(head), names::moving_tag()],
            change: Some(report.change),
            why,
            from: current.and_then(|live| live.image.clone()),
            from_commit: current.and_then(|live| live.commit.clone()),
            group: groups.get(module.as_str()).copied().unwrap_or(order.len()),
            missing: current.is_none() && !makes_services,
            obstacle: current.and_then(|live| live.obstacle.clone()),
        });
    }
    services.sort_by(|a, b| (a.group, &a.module).cmp(&(b.group, &b.module)));
    let nothing = services
        .is_empty()
        .then(|| idle(detection, inventory, live));
    Ok(Plan {
        services,
        removed: detection.removed.clone(),
        nothing,
    })
}

/// The chain of reasons, without the name that it begins with.
fn why(detection: &Detection, module: &ModuleName) -> String {
    let chain = detection
        .explain(module)
        .unwrap_or_else(|| "changed".to_owned());
    match chain.strip_prefix(&format!("{module} ← ")) {
        // "is new", with the name gone, wants a subject.
        Some(reasons) if reasons.starts_with("is ") => format!("it {reasons}"),
        Some(reasons) => reasons.to_owned(),
        None => chain,
    }
}

/// Two modules must not become one ECS service or push over each other's image, whichever of them is deployed now. A name that
/// cannot be made is the concern of whoever deploys the module.
pub(crate) fn distinct(inventory: &[Module], names: &Names) -> Result<(), Failure> {
    let (mut services, mut repositories) = (BTreeMap::new(), BTreeMap::new());
    for module in inventory.iter().map(|module| &module.name) {
        let service = names.service(module).ok().map(|name| name.to_string());
        let repository = names.repository(module).ok().map(|name| name.to_string());
        for (key, name, taken) in [
            ("service", service, &mut services),
            ("repository", repository, &mut repositories),
        ] {
            let Some(name) = name else { continue };
            if let Some(other) = taken.insert(name.clone(), module) {
                return Err(Failure::usage(format!(
                    "`{other}` and `{module}` share the {key} `{name}`"
                ))
                .hint(names.how_to_tell_apart(key)));
            }
        }
    }
    Ok(())
}

/// The group of each service that the order names; all others come last.
pub(crate) fn groups<'a>(
    order: &'a [Vec<String>],
    inventory: &[ModuleName],
) -> Result<BTreeMap<&'a str, usize>, Failure> {
    let known: BTreeSet<&str> = inventory.iter().map(ModuleName::as_str).collect();
    let mut groups = BTreeMap::new();
    for (index, names) in order.iter().enumerate() {
        for name in names {
            if !known.contains(name.as_str()) {
                let hint = nearest(name, known.iter().copied()).map_or_else(
                    || {
                        format!(
                            "the services are: {}",
                            known.iter().copied().collect::<Vec<_>>().join(", ")
                        )
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(Failure::usage(format!(
                    "deploy.order names `{name}`, which is no service"
                ))
                .hint(hint));
            }
            if groups.insert(name.as_str(), index).is_some() {
                return Err(Failure::usage(format!("deploy.order names `{name}` twice"))
                    .hint("a service is deployed once, in one group"));
            }
        }
    }
    Ok(groups)
}

/// Why nothing is to be done, in words that do not claim more than was found out.
fn idle(
    detection: &Detection,
    inventory: &[ModuleName],
    live: &BTreeMap<ModuleName, Live>,
) -> String {
    let head = detection.head.short();
    let at_head = inventory
        .iter()
        .filter(|module| {
            live.get(*module).and_then(|live| live.commit.as_ref()) == Some(&detection.head)
        })
        .count();
    let (all, any) = match inventory.len() {
        1 => ("the only service".to_owned(), "the only service".to_owned()),
        count => (
            format!("all {count} services"),
            format!("any of the {count} services"),
        ),
    };
    match &detection.base {
        Some(base) if at_head < inventory.len() => {
            format!("nothing between {} and {head} affects {any}", base.short())
        }
        _ if at_head == inventory.len() => {
            format!(
                "{all} {} {head} already",
                if inventory.len() == 1 { "runs" } else { "run" }
            )
        }
        _ => format!("nothing since what runs affects {any} at {head}"),
    }
}

/// The short commit of an image, or its digest, or its whole name.
pub(crate) fn short(image: &ImageRef) -> String {
    names::commit_of(image).map_or_else(|| image.to_string(), |commit| commit.short().to_owned())
}
