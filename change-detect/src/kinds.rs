//! Which modules are services, where nobody said so.

use crate::globs::Globs;
use crate::{ModuleKind, RepoPath};

/// What speaks for a module being a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) folder: RepoPath,
    /// Whether something in it makes an image of it: a Dockerfile, a plugin.
    pub(crate) deploys: bool,
    /// Whether it is a program, not only a library.
    pub(crate) program: bool,
}

/// Decides for each module: with globs, those whose folder matches are services; else those that make an image; if there are
/// none, the programs that no other module uses; if there are none of those either, all that no other module uses. Where
/// every module is used by another, all programs are, or all modules.
pub(crate) fn choose(services: &Globs, candidates: &[Candidate], used: &[bool]) -> Vec<ModuleKind> {
    let images = candidates.iter().any(|candidate| candidate.deploys);
    let programs = candidates
        .iter()
        .zip(used)
        .any(|(candidate, used)| candidate.program && !used);
    let service = |(candidate, used): (&Candidate, &bool)| {
        if !services.is_empty() {
            services.matches(&candidate.folder)
        } else if images {
            candidate.deploys
        } else {
            !used && (candidate.program || !programs)
        }
    };
    let mut chosen: Vec<bool> = candidates.iter().zip(used).map(service).collect();
    if services.is_empty() && !chosen.contains(&true) {
        // They need each other in circles.
        let any = candidates.iter().any(|candidate| candidate.program);
        chosen = candidates
            .iter()
            .map(|candidate| candidate.program || !any)
            .collect();
    }
    let kind = |service| {
        if service {
            ModuleKind::Service
        } else {
            ModuleKind::Shared
        }
    };
    chosen.into_iter().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(globs: &[&str], modules: &[(&str, bool, bool, bool)]) -> Vec<bool> {
        let globs: Vec<String> = globs.iter().map(ToString::to_string).collect();
        let candidates: Vec<Candidate> = modules
            .iter()
            .map(|(folder, deploys, program, _)| Candidate {
                folder: folder.parse().unwrap(),
                deploys: *deploys,
                program: *program,
            })
            .collect();
        let used: Vec<bool> = modules.iter().map(|module| module.3).collect();
        choose(&Globs::new(&globs).unwrap(), &candidates, &used)
            .into_iter()
            .map(|kind| kind == ModuleKind::Service)
            .collect()
    }

    #[test]
    fn globs_decide_then_images_then_unused_programs() {
        let modules = [
            ("a", false, true, false),
            ("b", false, true, true),
            ("c", false, false, false),
        ];
        assert_eq!(kinds(&[], &modules), [true, false, false]);
        assert_eq!(kinds(&["c"], &modules), [false, false, true]);
        let libraries = [("a", false, false, true), ("b", false, false, false)];
        assert_eq!(kinds(&[], &libraries), [false, true]);
        let with_image = [("a", false, true, false), ("b", true, false, true)];
        assert_eq!(kinds(&[], &with_image), [false, true]);
        let circle = [("a", false, true, true), ("b", false, false, true)];
        assert_eq!(kinds(&[], &circle), [true, false]);
        assert_eq!(kinds(&[], &circle[1..]), [true]);
    }
}
