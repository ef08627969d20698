//! The projects of a reactor, collected as Maven does.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use thiserror::Error;

use super::model::{Model, Values};
use super::pom::{DependencyRef, ModuleRef, Pom};
use super::xml::position;
use crate::{CommitId, DiffSource, Error, RepoPath};

/// How deep modules may hold modules. Paths end long before.
const DEEPEST: usize = 64;

type Source = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Error)]
enum Problem {
    #[error("it has the module `{0}`, which has no pom")]
    NoModule(String),
    #[error("it has the module `{0}`, which is outside the repository")]
    Outside(String),
    #[error("modules hold modules more than {DEEPEST} deep")]
    TooDeep,
    #[error("neither it nor its parent has a `<groupId>`")]
    NoGroup,
}

/// One project of the reactor.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) pom_path: RepoPath,
    pub(crate) folder: RepoPath,
    pub(crate) pom: Rc<Pom>,
    pub(crate) model: Model,
    /// Poms that it inherits from and that are no projects of the reactor themselves.
    pub(crate) inherited_files: Vec<RepoPath>,
}

/// All projects, in the order that Maven collects them in: modules before what holds them.
#[derive(Debug)]
pub(crate) struct Reactor {
    commit: CommitId,
    pub(crate) projects: Vec<Project>,
    by_name: BTreeMap<(String, String), Vec<usize>>,
}

impl Reactor {
    /// Reads the reactor whose root is the `pom.xml` at the repository's root.
    pub(crate) fn read(source: &dyn DiffSource, at: &CommitId) -> Result<Self, Error> {
        let mut poms = Poms {
            source,
            at,
            read: BTreeMap::new(),
        };
        let root = join(&RepoPath::root(), "pom.xml").unwrap_or_default();
        if poms.pom(&root)?.is_none() {
            return Err(Error::NoReactor { commit: at.clone() });
        }
        let mut collected = Vec::new();
        collect(&mut poms, root, 0, &mut BTreeSet::new(), &mut collected)?;

        // A parent may also be any project of the reactor, wherever it is.
        let mut known: BTreeMap<(String, String), RepoPath> = BTreeMap::new();
        for (path, pom) in &collected {
            if let Some(group) = group(pom) {
                known
                    .entry((group, pom.artifact.clone()))
                    .or_insert_with(|| path.clone());
            }
        }
        let members: BTreeSet<RepoPath> = collected.iter().map(|(path, _)| path.clone()).collect();
        let mut reactor = Self {
            commit: at.clone(),
            projects: Vec::new(),
            by_name: BTreeMap::new(),
        };
        for (pom_path, pom) in collected {
            let ancestors = poms.ancestors(&pom_path, &pom, &known)?;
            let foreign = ancestors
                .iter()
                .take_while(|(path, _)| !members.contains(path))
                .count();
            let inherited_files = ancestors[..foreign]
                .iter()
                .map(|(path, _)| path.clone())
                .collect();
            let ancestors: Vec<Rc<Pom>> = ancestors.into_iter().map(|(_, pom)| pom).collect();
            let model = Model::new(&pom, &ancestors, 1 + foreign);
            let folder = pom_path.parent().unwrap_or_default();
            let project = Project {
                pom_path,
                folder,
                pom,
                model,
                inherited_files,
            };
            let Some(group) = project.model.group.clone() else {
                return Err(reactor.invalid(&project, Problem::NoGroup.into()));
            };
            let name = (group, project.model.artifact.clone());
            reactor
                .by_name
                .entry(name)
                .or_default()
                .push(reactor.projects.len());
            reactor.projects.push(project);
        }
        Ok(reactor)
    }

    /// The projects that coordinates mean: of that version, or all if the version is none or a range.
    pub(crate) fn matching<'a>(
        &'a self,
        used: &'a DependencyRef,
    ) -> impl Iterator<Item = usize> + 'a {
        let projects = self
            .by_name
            .get(&(used.group.clone(), used.artifact.clone()));
        projects
            .into_iter()
            .flatten()
            .copied()
            .filter(|project| match used.version.as_deref() {
                None | Some("") => true,
                Some(version) => {
                    version.starts_with(['[', '('])
                        || version == self.projects[*project].model.version
                }
            })
    }

    /// An error about a project's pom as a whole.
    pub(crate) fn invalid(&self, project: &Project, source: Source) -> Error {
        Error::InvalidPom {
            commit: self.commit.clone(),
            path: project.pom_path.clone(),
            line: 1,
            column: 1,
            source,
        }
    }
}

/// The poms of one commit, each read once.
#[derive(Debug)]
struct Poms<'a> {
    source: &'a dyn DiffSource,
    at: &'a CommitId,
    read: BTreeMap<RepoPath, Option<Rc<Pom>>>,
}

impl Poms<'_> {
    fn pom(&mut self, path: &RepoPath) -> Result<Option<Rc<Pom>>, Error> {
        if let Some(known) = self.read.get(path) {
            return Ok(known.clone());
        }
        let pom = match self.source.read(self.at, path)? {
            None => None,
            Some(bytes) => Some(Rc::new(Pom::read(&bytes).map_err(|(text, fault)| {
                self.invalid(path, &text, fault.offset, fault.source)
            })?)),
        };
        self.read.insert(path.clone(), pom.clone());
        Ok(pom)
    }

    /// The pom that a path means from a folder: a file, or a folder with a `pom.xml`.
    fn find(
        &mut self,
        folder: &RepoPath,
        path: &str,
    ) -> Result<Option<(RepoPath, Rc<Pom>)>, Error> {
        let Some(target) = join(folder, path) else {
            return Ok(None);
        };
        let inside = join(&target, "pom.xml");
        for candidate in inside.into_iter().chain([target]) {
            if let Some(pom) = self.pom(&candidate)? {
                return Ok(Some((candidate, pom)));
            }
        }
        Ok(None)
    }

    /// The parents of a pom, as far as the repository has them, each with its path.
    fn ancestors(
        &mut self,
        path: &RepoPath,
        pom: &Rc<Pom>,
        known: &BTreeMap<(String, String), RepoPath>,
    ) -> Result<Vec<(RepoPath, Rc<Pom>)>, Error> {
        let mut ancestors: Vec<(RepoPath, Rc<Pom>)> = Vec::new();
        let mut seen = BTreeSet::from([path.clone()]);
        let (mut path, mut pom) = (path.clone(), Rc::clone(pom));
        while let Some(parent) = self.parent(&path, &pom, known)? {
            // Poms that are each other's parents are Maven's to complain about.
            if !seen.insert(parent.0.clone()) {
                break;
            }
            (path, pom) = parent.clone();
            ancestors.push(parent);
        }
        Ok(ancestors)
    }

    fn parent(
        &mut self,
        path: &RepoPath,
        pom: &Pom,
        known: &BTreeMap<(String, String), RepoPath>,
    ) -> Result<Option<(RepoPath, Rc<Pom>)>, Error> {
        let Some(parent) = &pom.parent else {
            return Ok(None);
        };
        let (Some(wanted_group), Some(wanted_artifact)) = (&parent.group, &parent.artifact) else {
            return Ok(None);
        };
        if let Some(relative) = &parent.relative_path
            && let Some((path, found)) = self.find(&path.parent().unwrap_or_default(), relative)?
            && found.artifact == *wanted_artifact
            && group(&found).is_none_or(|group| group == *wanted_group)
            && same_version(parent.version.as_deref(), version(&found).as_deref())
        {
            return Ok(Some((path, found)));
        }
        let Some(path) = known.get(&(wanted_group.clone(), wanted_artifact.clone())) else {
            return Ok(None);
        };
        let Some(found) = self.pom(path)? else {
            return Ok(None);
        };
        let same = same_version(parent.version.as_deref(), version(&found).as_deref());
        Ok(same.then(|| (path.clone(), found)))
    }

    fn invalid(&self, path: &RepoPath, text: &str, offset: usize, source: Source) -> Error {
        let (line, column) = position(text, offset);
        Error::InvalidPom {
            commit: self.at.clone(),
            path: path.clone(),
            line,
            column,
            source,
        }
    }
}

/// Collects a pom's modules, then the pom itself.
fn collect(
    poms: &mut Poms<'_>,
    path: RepoPath,
    depth: usize,
    seen: &mut BTreeSet<RepoPath>,
    collected: &mut Vec<(RepoPath, Rc<Pom>)>,
) -> Result<(), Error> {
    let Some(pom) = poms.pom(&path)? else {
        return Ok(());
    };
    if !seen.insert(path.clone()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or_default();
    let values = if pom.modules.iter().any(|module| module.path.contains("${")) {
        let ancestors = poms.ancestors(&path, &pom, &BTreeMap::new())?;
        let lineage: Vec<&Pom> = std::iter::once(pom.as_ref())
            .chain(ancestors.iter().map(|(_, pom)| pom.as_ref()))
            .collect();
        Values::new(&lineage)
    } else {
        Values::new(&[&pom])
    };
    for ModuleRef {
        path: module,
        offset,
    } in &pom.modules
    {
        let module = values.fill(module);
        let invalid = |poms: &Poms<'_>, problem: Problem| {
            poms.invalid(&path, &pom.text, *offset, problem.into())
        };
        if module.is_empty() {
            continue;
        }
        if depth == DEEPEST {
            return Err(invalid(poms, Problem::TooDeep));
        }
        if join(&folder, &module).is_none() {
            return Err(invalid(poms, Problem::Outside(module)));
        }
        match poms.find(&folder, &module)? {
            Some((path, _)) => collect(poms, path, depth + 1, seen, collected)?,
            None => return Err(invalid(poms, Problem::NoModule(module))),
        }
    }
    collected.push((path, pom));
    Ok(())
}

/// Follows a relative path as poms write it; none if it leaves the repository.
pub(crate) fn join(folder: &RepoPath, path: &str) -> Option<RepoPath> {
    let mut here = folder.clone();
    for name in path.split(['/', '\\']) {
        here = match name {
            "" | "." => here,
            ".." => here.parent()?,
            name => here.join(name).ok()?,
        };
    }
    Some(here)
}

fn group(pom: &Pom) -> Option<String> {
    pom.group
        .clone()
        .or_else(|| pom.parent.as_ref()?.group.clone())
}

fn version(pom: &Pom) -> Option<String> {
    pom.version
        .clone()
        .or_else(|| pom.parent.as_ref()?.version.clone())
}

/// Whether a parent's version is the one wanted; one with a property in it, or a range, is taken to be.
fn same_version(wanted: Option<&str>, found: Option<&str>) -> bool {
    match (wanted, found) {
        (Some(wanted), Some(found)) => {
            let open =
                wanted.contains("${") || found.contains("${") || wanted.starts_with(['[', '(']);
            open || wanted == found
        }
        _ => true,
    }
}
