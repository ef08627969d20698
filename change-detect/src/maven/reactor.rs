//! The projects of a reactor, collected as Maven does.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use thiserror::Error;

use super::lineage::Lineage;
use super::model::{Model, Versions, versions};
use super::pom::{DependencyRef, ModuleRef, Pom, Section, Text};
use super::poms::{Assembled, Poms, Source, join};
use super::values::Values;
use crate::{CommitId, DiffSource, Error, RepoPath};

/// How deep modules may hold modules, and lists of versions import each other. Paths end long before.
const DEEPEST: usize = 64;

#[derive(Debug, Error)]
enum Problem {
    #[error("it has the module `{0}`, which has no pom")]
    NoModule(Text),
    #[error("it has the module `{0}`, which is outside the repository")]
    Outside(Text),
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
    pub(crate) model: Model,
    /// Whether it holds other modules together.
    pub(crate) aggregator: bool,
    /// Files that count for it though no project of the reactor is made of them: poms that it inherits from, and what
    /// profiles ask for.
    pub(crate) other_files: BTreeSet<RepoPath>,
    /// Whether versions may come from a parent or list of versions that the repository does not have.
    open: bool,
}

/// All projects, in the order that Maven collects them in: modules before what holds them.
#[derive(Debug)]
pub(crate) struct Reactor {
    commit: CommitId,
    pub(crate) projects: Vec<Project>,
    index: Index,
    /// What could not be known, and what was assumed instead.
    pub(crate) caveats: Vec<String>,
}

/// Projects by group and artifact, each with its version.
type Index = HashMap<(Text, Text), Vec<(Text, usize)>>;

/// A project that is not looked at further yet.
#[derive(Debug)]
struct Collected {
    path: RepoPath,
    pom: Arc<Pom>,
    aggregator: bool,
}

impl Reactor {
    /// Reads the reactor whose root is the `pom.xml` at the repository's root.
    pub(crate) fn read(source: &dyn DiffSource, at: &CommitId) -> Result<Self, Error> {
        let mut poms = Poms::new(source, at)?;
        let root = join(&RepoPath::root(), "pom.xml").unwrap_or_default();
        if poms.pom(&root)?.is_none() {
            return Err(Error::NoReactor { commit: at.clone() });
        }
        let used = RefCell::new(BTreeSet::new());
        let mut collected = Vec::new();
        let mut seen = HashSet::new();
        collect(&mut poms, root, 0, &mut seen, &mut collected, &used)?;
        let found = collected
            .iter()
            .map(|found| (found.path.clone(), Arc::clone(&found.pom)));
        poms.know(found);

        // What a list of versions says is only known once all coordinates are.
        let mut assembled = Vec::new();
        let mut index = Index::new();
        for (place, Collected { path, pom, .. }) in collected.iter().enumerate() {
            let found = poms.assemble(path, pom, true)?;
            let values = Values {
                model: &found.lineage,
                line: &poms.line,
                used: &used,
            };
            let fill = |text: &Option<Text>| text.as_ref().map(|text| values.fill(text));
            let Some(group) = fill(&found.lineage.group) else {
                return Err(poms.invalid(path, "", 0, Problem::NoGroup.into()));
            };
            let version = fill(&found.lineage.version).unwrap_or_default();
            let name = (group, values.fill(&pom.artifact));
            index.entry(name).or_default().push((version, place));
            assembled.push(found);
        }
        index.values_mut().for_each(|same| as_java_maps(same));

        let members: HashSet<&RepoPath> = collected.iter().map(|found| &found.path).collect();
        let mut lists = Lists {
            poms,
            collected: &collected,
            index: &index,
            used: &used,
            known: HashMap::new(),
        };
        let mut projects = Vec::new();
        for (found, Assembled { lineage, asked }) in collected.iter().zip(assembled) {
            let foreign: BTreeSet<RepoPath> = lineage
                .generations()
                .skip(1)
                .map(|parent| parent.path.clone())
                .take_while(|path| !members.contains(path))
                .collect();
            let imported = lists.of(&lineage, &mut Vec::new())?;
            let values = Values {
                model: &lineage,
                line: &lists.poms.line,
                used: &used,
            };
            projects.push(Project {
                pom_path: found.path.clone(),
                folder: found.path.parent().unwrap_or_default(),
                model: Model::new(&values, 1 + foreign.len(), &imported.lists),
                aggregator: found.aggregator,
                other_files: foreign.into_iter().chain(asked).collect(),
                open: imported.open || lineage.ends_outside(),
            });
        }
        let poms = lists.poms;
        let mut caveats: Vec<String> = poms.line.caveats().collect();
        caveats.extend(of_profiles(&poms, &index, &used.borrow()));
        let mut reactor = Self {
            commit: at.clone(),
            projects,
            index,
            caveats,
        };
        let of_versions = reactor.of_versions();
        reactor.caveats.extend(of_versions);
        Ok(reactor)
    }

    /// The projects that coordinates mean: of that version, or all if the version is none or a range, or not known.
    pub(crate) fn matching(&self, used: &DependencyRef) -> impl Iterator<Item = usize> {
        let projects = self.index.get(&(used.group.clone(), used.artifact.clone()));
        projects
            .into_iter()
            .flatten()
            .filter(|(own, _)| match used.version.as_deref() {
                None | Some("") => true,
                Some(version) => {
                    version.starts_with(['[', '(']) || version == &**own || version.contains("${")
                }
            })
            .map(|(_, project)| *project)
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

    /// Uses of the reactor's own modules in a version that the repository does not tell.
    fn of_versions(&self) -> Vec<String> {
        let mut caveats = BTreeSet::new();
        for project in &self.projects {
            let Model {
                dependencies,
                plugins,
                ..
            } = &project.model;
            let of_plugins = plugins.iter().flat_map(|plugin| {
                std::iter::once(&plugin.coordinates).chain(&plugin.dependencies)
            });
            for used in dependencies.iter().chain(of_plugins) {
                let open = match used.version.as_deref() {
                    None | Some("") => project.open,
                    Some(version) => version.contains("${"),
                };
                if open && self.matching(used).next().is_some() {
                    let DependencyRef {
                        group, artifact, ..
                    } = used;
                    caveats.insert(format!(
                        "`{}` leaves the version of `{group}:{artifact}` to what is outside the repository, so it is taken \
                         to mean the module here: give it a version",
                        project.pom_path
                    ));
                }
            }
        }
        caveats.into_iter().collect()
    }
}

/// Profiles that depend on the machine and that could change the reactor.
fn of_profiles(poms: &Poms<'_>, index: &Index, used: &BTreeSet<Text>) -> Vec<String> {
    let artifacts: HashSet<&Text> = index.keys().map(|(_, artifact)| artifact).collect();
    let mut caveats = Vec::new();
    for ((path, place), on) in &poms.unknown {
        let Some(pom) = poms.known_pom(path) else {
            continue;
        };
        let profile = &pom.profiles[*place];
        let Section {
            modules,
            properties,
            dependencies,
            managed,
            plugins,
            managed_plugins,
            ..
        } = &profile.section;
        let plugins = plugins.iter().chain(managed_plugins);
        let of_plugins = plugins.flat_map(|plugin| {
            let own = plugin.dependencies.iter().map(|used| &used.artifact);
            own.chain([&plugin.coordinates.artifact])
        });
        let named = dependencies
            .iter()
            .chain(managed)
            .map(|used| &used.artifact);
        let matters = !modules.is_empty()
            || properties.iter().any(|(name, _)| used.contains(name))
            || managed.iter().any(|managed| managed.is_import())
            || named
                .chain(of_plugins)
                .any(|artifact| artifact.contains("${") || artifacts.contains(artifact));
        if matters {
            let id = &profile.id;
            caveats.push(format!(
                "the profile `{id}` of `{path}` depends on {on}, so it is taken as inactive: choose with `-P {id}` or \
                 `-P !{id}` in `{}`",
                super::command_line::FILE
            ));
        }
    }
    caveats
}

/// What lists of versions in the reactor say.
#[derive(Debug)]
struct Lists<'a, 'p> {
    poms: Poms<'p>,
    collected: &'a [Collected],
    index: &'a Index,
    used: &'a RefCell<BTreeSet<Text>>,
    /// By project.
    known: HashMap<usize, (Arc<Versions>, bool)>,
}

/// The lists that a pom imports.
#[derive(Debug, Default)]
struct Imported {
    lists: Vec<Arc<Versions>>,
    /// Whether one of them is not in the repository.
    open: bool,
}

impl Lists<'_, '_> {
    /// `importing` are the projects that are being imported already.
    fn of(&mut self, lineage: &Lineage, importing: &mut Vec<usize>) -> Result<Imported, Error> {
        let mut imported = Imported::default();
        for import in lineage.managed_imports() {
            let values = Values {
                model: lineage,
                line: &self.poms.line,
                used: self.used,
            };
            let import = values.fill_dependency(import);
            if !import.is_import() {
                continue;
            }
            let name = (import.group.clone(), import.artifact.clone());
            let same = self.index.get(&name).into_iter().flatten();
            let mut same = same.filter(|(version, _)| Some(version) == import.version.as_ref());
            let Some((_, project)) = same.next_back() else {
                imported.open = true;
                continue;
            };
            if importing.contains(project) || importing.len() == DEEPEST {
                continue;
            }
            let (list, open) = self.list(*project, importing)?;
            imported.lists.push(list);
            imported.open |= open;
        }
        Ok(imported)
    }

    fn list(
        &mut self,
        project: usize,
        importing: &mut Vec<usize>,
    ) -> Result<(Arc<Versions>, bool), Error> {
        if let Some(known) = self.known.get(&project) {
            return Ok(known.clone());
        }
        let Collected { path, pom, .. } = &self.collected[project];
        let Assembled { lineage, .. } = self.poms.assemble(path, pom, false)?;
        importing.push(project);
        let imported = self.of(&lineage, importing)?;
        importing.pop();
        let values = Values {
            model: &lineage,
            line: &self.poms.line,
            used: self.used,
        };
        let list = Arc::new(versions(&values, &imported.lists));
        let known = (list, imported.open || lineage.ends_outside());
        self.known.insert(project, known.clone());
        Ok(known)
    }
}

/// Collects a pom's modules, then the pom itself.
fn collect(
    poms: &mut Poms<'_>,
    path: RepoPath,
    depth: usize,
    seen: &mut HashSet<RepoPath>,
    collected: &mut Vec<Collected>,
    used: &RefCell<BTreeSet<Text>>,
) -> Result<(), Error> {
    let Some(pom) = poms.pom(&path)? else {
        return Ok(());
    };
    if !seen.insert(path.clone()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or_default();
    let modules = modules(poms, &path, &folder, &pom, used)?;
    let names: Vec<Text> = modules.iter().map(|module| module.path.clone()).collect();
    poms.read_ahead(&folder, &names);
    for ModuleRef {
        path: module,
        offset,
    } in &modules
    {
        let invalid = |poms: &Poms<'_>, problem: Problem| {
            poms.invalid(&path, &pom.text, *offset, problem.into())
        };
        if depth == DEEPEST {
            return Err(invalid(poms, Problem::TooDeep));
        }
        if join(&folder, module).is_none() {
            return Err(invalid(poms, Problem::Outside(module.clone())));
        }
        match poms.find(&folder, module)? {
            Some((path, _)) => collect(poms, path, depth + 1, seen, collected, used)?,
            None => return Err(invalid(poms, Problem::NoModule(module.clone()))),
        }
    }
    collected.push(Collected {
        path,
        pom,
        aggregator: !modules.is_empty(),
    });
    Ok(())
}

/// The modules of a pom and its active profiles, properties filled in.
fn modules(
    poms: &mut Poms<'_>,
    path: &RepoPath,
    folder: &RepoPath,
    pom: &Arc<Pom>,
    used: &RefCell<BTreeSet<Text>>,
) -> Result<Vec<ModuleRef>, Error> {
    if pom.section.modules.is_empty() && pom.profiles.is_empty() && !pom.finds {
        return Ok(Vec::new());
    }
    let Assembled { lineage, .. } = poms.assemble(path, pom, true)?;
    let values = Values {
        model: &lineage,
        line: &poms.line,
        used,
    };
    let listed = lineage.section.modules.iter().map(|module| ModuleRef {
        path: values.fill(&module.path),
        offset: module.offset,
    });
    let listed: Vec<ModuleRef> = listed.filter(|module| !module.path.is_empty()).collect();
    let holds = pom.packaging.as_deref() == Some("pom");
    if !listed.is_empty() || !pom.finds || pom.names_modules || !holds {
        return Ok(listed);
    }
    let found = poms.folders_with_pom(folder)?;
    Ok(found
        .into_iter()
        .map(|path| ModuleRef { path, offset: 0 })
        .collect())
}

/// Sorts versions as Java's `HashMap` goes through them, which is how Maven goes through several versions of a module.
fn as_java_maps(versions: &mut [(Text, usize)]) {
    let size = u32::try_from(versions.len()).unwrap_or(u32::MAX >> 1);
    let buckets = size.next_power_of_two().max(2);
    versions.sort_by_key(|(version, _)| {
        let hash = version.encode_utf16().fold(0_u32, |hash, unit| {
            hash.wrapping_mul(31).wrapping_add(u32::from(unit))
        });
        (hash ^ (hash >> 16)) & (buckets - 1)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_gone_through_as_java_does() {
        let sorted = |versions: &[&str]| -> Vec<String> {
            let mut list: Vec<(Text, usize)> = versions
                .iter()
                .map(|version| ((*version).into(), 0))
                .collect();
            as_java_maps(&mut list);
            list.into_iter()
                .map(|(version, _)| version.to_string())
                .collect()
        };
        // As `new HashMap<>(2, 1)` of Java 17 lists its keys.
        assert_eq!(sorted(&["2", "1"]), ["2", "1"]);
        assert_eq!(sorted(&["1", "2"]), ["2", "1"]);
    }
}
