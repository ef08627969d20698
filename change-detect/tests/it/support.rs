//! Short words for repositories and what was detected in them.

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, CommitId, Detection, Error, ModuleName, Options, RepoPath, detect};

pub(crate) fn name(name: &str) -> ModuleName {
    name.parse().unwrap()
}

pub(crate) fn path(path: &str) -> RepoPath {
    path.parse().unwrap()
}

pub(crate) fn names(names: &[ModuleName]) -> Vec<&str> {
    names.iter().map(ModuleName::as_str).collect()
}

/// Two commits: one that the drafts begin with, and one on top of it.
pub(crate) fn history(base: Draft, head: Draft) -> (SimRepository, CommitId, CommitId) {
    let repository = SimRepository::new();
    let base = repository.save(base).unwrap();
    let head = repository.save(head).unwrap();
    (repository, base, head)
}

pub(crate) fn try_between(base: Draft, head: Draft, options: &Options) -> Result<Detection, Error> {
    let (repository, base, head) = history(base, head);
    detect(&repository, &Bases::One(base), &head, options)
}

pub(crate) fn between(base: Draft, head: Draft, options: &Options) -> Detection {
    try_between(base, head, options).unwrap()
}

/// `name change: why; why` of each module.
pub(crate) fn report(detection: &Detection) -> Vec<String> {
    let line = |module: &change_detect::ModuleReport| {
        let why: Vec<String> = module.why.iter().map(ToString::to_string).collect();
        format!("{} {}: {}", module.name, module.change, why.join("; "))
    };
    detection.modules.iter().map(line).collect()
}
