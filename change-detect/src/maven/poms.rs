//! The poms of one commit, and what they inherit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::command_line::CommandLine;
use super::lineage::Lineage;
use super::pom::{ParentRef, Pom, Section, Text};
use super::profile::{Selected, of_the_machine, select};
use super::values::expand;
use super::xml::position;
use crate::{CommitId, DiffSource, EntryKind, Error, RepoPath};

pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

type Found = (RepoPath, Arc<Pom>);

/// A pom, its active profiles, and which lineage is its parent's.
type LineageKey = (RepoPath, Vec<usize>, Option<usize>);

/// The poms of one commit, each read once.
#[derive(Debug)]
pub(crate) struct Poms<'a> {
    source: &'a dyn DiffSource,
    at: &'a CommitId,
    pub(crate) line: CommandLine,
    read: HashMap<RepoPath, Option<Arc<Pom>>>,
    /// What folders have in them, by name, and whether it is a folder.
    listed: HashMap<RepoPath, BTreeMap<Vec<u8>, bool>>,
    parents: HashMap<RepoPath, Option<Found>>,
    lineages: HashMap<LineageKey, (usize, Arc<Lineage>)>,
    /// Where the reactor's projects are, by group and artifact as written.
    known: HashMap<(Text, Text), RepoPath>,
    /// Profiles that were taken as inactive since they depend on the machine: the pom, their place in it, and on what.
    pub(crate) unknown: BTreeMap<(RepoPath, usize), &'static str>,
}

/// A lineage, and the files outside of it that it depends on.
#[derive(Debug, Clone)]
pub(crate) struct Assembled {
    pub(crate) lineage: Arc<Lineage>,
    /// Files that profiles ask for.
    pub(crate) asked: BTreeSet<RepoPath>,
}

impl<'a> Poms<'a> {
    pub(crate) fn new(source: &'a dyn DiffSource, at: &'a CommitId) -> Result<Self, Error> {
        let config = join(&RepoPath::root(), super::command_line::FILE).unwrap_or_default();
        let line = source.read(at, &config)?;
        Ok(Self {
            source,
            at,
            line: line
                .map(|line| CommandLine::read(&line))
                .unwrap_or_default(),
            read: HashMap::new(),
            listed: HashMap::new(),
            parents: HashMap::new(),
            lineages: HashMap::new(),
            known: HashMap::new(),
            unknown: BTreeMap::new(),
        })
    }

    /// Reads poms ahead, on several threads. Faults are left for when they are asked for.
    pub(crate) fn read_ahead(&mut self, folder: &RepoPath, paths: &[Text]) {
        let mut wanted: Vec<RepoPath> = paths
            .iter()
            .filter_map(|path| {
                let target = join(folder, path)?;
                if path.ends_with(".xml") {
                    Some(target)
                } else {
                    join(&target, "pom.xml")
                }
            })
            .filter(|path| !self.read.contains_key(path))
            .collect();
        wanted.sort();
        wanted.dedup();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        if wanted.len() < 2 || threads < 2 {
            return;
        }
        let (source, at) = (self.source, self.at);
        let size = wanted.len().div_ceil(threads.min(8));
        let read: Vec<(RepoPath, Pom)> = std::thread::scope(|scope| {
            let parts: Vec<_> = wanted
                .chunks(size)
                .map(|part| {
                    scope.spawn(move || {
                        let pom = |path: &RepoPath| {
                            let bytes = source.read(at, path).ok()??;
                            Some((path.clone(), Pom::read(bytes).ok()?))
                        };
                        part.iter().filter_map(pom).collect::<Vec<_>>()
                    })
                })
                .collect();
            let parts = parts.into_iter().filter_map(|part| part.join().ok());
            parts.flatten().collect()
        });
        self.read.extend(
            read.into_iter()
                .map(|(path, pom)| (path, Some(Arc::new(pom)))),
        );
    }

    pub(crate) fn pom(&mut self, path: &RepoPath) -> Result<Option<Arc<Pom>>, Error> {
        if let Some(known) = self.read.get(path) {
            return Ok(known.clone());
        }
        let pom = match self.source.read(self.at, path)? {
            None => None,
            Some(bytes) => Some(Arc::new(Pom::read(bytes).map_err(|(text, fault)| {
                self.invalid(path, &text, fault.offset, fault.source)
            })?)),
        };
        self.read.insert(path.clone(), pom.clone());
        Ok(pom)
    }

    /// A pom that was read before.
    pub(crate) fn known_pom(&self, path: &RepoPath) -> Option<&Pom> {
        self.read.get(path)?.as_deref()
    }

    /// The pom that a path means from a folder: a file, or a folder with a `pom.xml`.
    pub(crate) fn find(&mut self, folder: &RepoPath, path: &str) -> Result<Option<Found>, Error> {
        let Some(target) = join(folder, path) else {
            return Ok(None);
        };
        let inside = join(&target, "pom.xml");
        // Only one of them can be there; the likely one is looked for first.
        let mut candidates: Vec<RepoPath> = inside.into_iter().chain([target]).collect();
        if path.ends_with(".xml") {
            candidates.reverse();
        }
        for candidate in candidates {
            if let Some(pom) = self.pom(&candidate)? {
                return Ok(Some((candidate, pom)));
            }
        }
        Ok(None)
    }

    /// The folders in a folder that have a pom, by name.
    pub(crate) fn folders_with_pom(&mut self, folder: &RepoPath) -> Result<Vec<Text>, Error> {
        let entries = self.list(folder)?.clone();
        let mut found = Vec::new();
        for (name, _) in entries.into_iter().filter(|(_, is_folder)| *is_folder) {
            let Ok(name) = String::from_utf8(name) else {
                continue;
            };
            if let Some(below) = join(folder, &name)
                && self.list(&below)?.get(&b"pom.xml"[..]) == Some(&false)
            {
                found.push(name.into());
            }
        }
        Ok(found)
    }

    fn list(&mut self, folder: &RepoPath) -> Result<&BTreeMap<Vec<u8>, bool>, Error> {
        if !self.listed.contains_key(folder) {
            let entries = self.source.list(self.at, folder)?;
            let entries = entries.into_iter().map(|entry| {
                let is_folder = entry.kind == EntryKind::Directory;
                (entry.path.file_name().to_vec(), is_folder)
            });
            self.listed.insert(folder.clone(), entries.collect());
        }
        Ok(&self.listed[folder])
    }

    /// From now on, parents may also be any of these poms, wherever they are.
    pub(crate) fn know(&mut self, poms: impl Iterator<Item = Found>) {
        for (path, pom) in poms {
            if let Some(group) = group(&pom) {
                let key = (group.clone(), pom.artifact.clone());
                self.known.entry(key).or_insert(path);
            }
        }
        self.parents.retain(|_, parent| parent.is_some());
    }

    /// A pom with its parents and their active profiles. `in_reactor` is whether it is a project that is built: a pom
    /// that is only imported has no folder and no profiles by name.
    pub(crate) fn assemble(
        &mut self,
        path: &RepoPath,
        pom: &Arc<Pom>,
        in_reactor: bool,
    ) -> Result<Assembled, Error> {
        let mut chain: Vec<Found> = vec![(path.clone(), Arc::clone(pom))];
        let mut seen = HashSet::from([path.clone()]);
        while let Some((path, pom)) = chain.last().cloned() {
            match self.parent(&path, &pom)? {
                // Poms that are each other's parents are Maven's to complain about.
                Some(parent) if seen.insert(parent.0.clone()) => chain.push(parent),
                _ => break,
            }
        }
        // Files that profiles ask for are looked for beside the child, the parents' as well.
        let folder = path.parent().unwrap_or_default();
        let folder = in_reactor.then_some(&folder);
        let mut asked = BTreeSet::new();
        let mut above: Option<(usize, Arc<Lineage>)> = None;
        for (path, pom) in chain.into_iter().rev() {
            let selected = self.select(&pom, folder, &mut asked)?;
            for (place, on) in selected.unknown {
                self.unknown.insert((path.clone(), place), on);
            }
            let key = (path, selected.active, above.as_ref().map(|(id, _)| *id));
            if let Some(known) = self.lineages.get(&key) {
                above = Some(known.clone());
                continue;
            }
            let section = if key.1.is_empty() {
                Arc::clone(&pom.section)
            } else {
                let mut section = Section::clone(&pom.section);
                for place in &key.1 {
                    section.inject(&pom.profiles[*place].section);
                }
                Arc::new(section)
            };
            let parent = above.map(|(_, parent)| parent);
            let lineage = Lineage::new(key.0.clone(), pom, section, parent);
            let next = (self.lineages.len(), Arc::new(lineage));
            self.lineages.insert(key, next.clone());
            above = Some(next);
        }
        let (_, lineage) = above.expect("the chain has at least the pom itself");
        Ok(Assembled { lineage, asked })
    }

    fn select(
        &mut self,
        pom: &Pom,
        folder: Option<&RepoPath>,
        asked: &mut BTreeSet<RepoPath>,
    ) -> Result<Selected, Error> {
        if pom.profiles.is_empty() {
            return Ok(Selected::default());
        }
        let line = self.line.clone();
        select(&pom.profiles, &line, folder.is_some(), |path| {
            let Some(folder) = folder else {
                return Ok(None);
            };
            self.exists(&pom.section, &line, folder, path, asked)
        })
    }

    /// Whether a file or folder exists that a profile asks for; none if that cannot be told.
    fn exists(
        &mut self,
        section: &Section,
        line: &CommandLine,
        folder: &RepoPath,
        path: &str,
        asked: &mut BTreeSet<RepoPath>,
    ) -> Result<Option<bool>, Error> {
        let path = expand(path, &|name| {
            let own = section
                .properties
                .iter()
                .rev()
                .find(|(own, _)| &**own == name);
            own.map(|(_, value)| &**value)
                .or_else(|| line.properties.get(name).map(String::as_str))
        });
        let below = path.strip_prefix("${basedir}");
        let here = below.unwrap_or(&path);
        if let Some((_, name)) = here.split_once("${") {
            // A name that nobody fills in stays, and no such file exists.
            return Ok((!of_the_machine(name)).then_some(false));
        }
        if below.is_none() && here.starts_with('/') {
            return Ok(None);
        }
        let Some(target) = join(folder, here) else {
            return Ok(None);
        };
        let Some(folder) = target.parent() else {
            return Ok(Some(true));
        };
        let there = self.list(&folder)?.contains_key(target.file_name());
        asked.insert(target);
        Ok(Some(there))
    }

    /// The parent of a pom, if the repository has it: where the pom says, else any project of the reactor.
    fn parent(&mut self, path: &RepoPath, pom: &Pom) -> Result<Option<Found>, Error> {
        let Some(parent) = &pom.parent else {
            return Ok(None);
        };
        if let Some(known) = self.parents.get(path) {
            return Ok(known.clone());
        }
        let mut found = None;
        if let Some(relative) = &parent.relative_path
            && let Some(there) = self.find(&path.parent().unwrap_or_default(), relative)?
            && is_meant(parent, &there.1, pom.finds)
        {
            found = Some(there);
        } else if let (Some(group), Some(artifact)) = (&parent.group, &parent.artifact)
            && let Some(path) = self.known.get(&(group.clone(), artifact.clone())).cloned()
            && let Some(there) = self.pom(&path)?
            && is_meant(parent, &there, false)
        {
            found = Some((path, there));
        }
        self.parents.insert(path.clone(), found.clone());
        Ok(found)
    }

    /// An error about a place in a pom.
    pub(crate) fn invalid(
        &self,
        path: &RepoPath,
        text: &str,
        offset: usize,
        source: Source,
    ) -> Error {
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

/// Whether a pom is the parent that is asked for. `finds` is whether coordinates may be left away.
fn is_meant(wanted: &ParentRef, found: &Pom, finds: bool) -> bool {
    let artifact = wanted.artifact.as_ref();
    artifact.map_or(finds, |wanted| *wanted == found.artifact)
        && wanted.group.as_ref().map_or(finds, |wanted| {
            group(found).is_none_or(|group| group == wanted)
        })
        && same_version(wanted.version.as_deref(), version(found).as_deref())
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

fn group(pom: &Pom) -> Option<&Text> {
    pom.group
        .as_ref()
        .or_else(|| pom.parent.as_ref()?.group.as_ref())
}

fn version(pom: &Pom) -> Option<Text> {
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
