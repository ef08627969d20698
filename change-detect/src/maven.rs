//! Layout `maven`: the modules of a reactor, in the order that Maven builds them in.
//!
//! What cannot be read from the repository alone is taken as Maven would take it on a machine without settings: profiles
//! are active only if they are by default, and parents from elsewhere contribute nothing.

mod command_line;
mod lineage;
mod model;
mod pom;
mod poms;
mod profile;
mod reactor;
mod section;
mod sorter;
mod values;
mod xml;

pub(crate) use self::xml::position;

use std::collections::{BTreeMap, BTreeSet};

use self::model::Model;
use self::pom::DependencyRef;
use self::poms::join;
use self::reactor::{Project, Reactor};
use self::sorter::Edge;
use crate::globs::Globs;
use crate::inventory::{Inventory, Node, has_file};
use crate::{
    CommitId, Dependency, DiffSource, EdgeKind, Error, InvalidModuleName, Module, ModuleKind,
    ModuleName, RepoPath,
};

/// Plugins that make an image or a program to deploy of a module.
const DEPLOYING: [&str; 2] = ["spring-boot-maven-plugin", "jib-maven-plugin"];

/// Files at the root that count for every module of the reactor.
const SHARED_FILES: [&str; 2] = [".mvn/extensions.xml", ".mvn/maven.config"];

/// Reads the reactor of a commit, in the order that Maven builds it in.
///
/// Fails with [`Error::NoReactor`], [`Error::InvalidPom`], [`Error::DuplicateModule`], [`Error::Cycle`] and as `source`
/// does.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let reactor = Reactor::read(source, at)?;
    let names = names(&reactor)?;
    let (edges, mut labels) = edges(&reactor);
    let sorted = sorter::sort(reactor.projects.len(), &edges).map_err(|circle| Error::Cycle {
        modules: circle
            .into_iter()
            .map(|project| names[project].clone())
            .collect(),
    })?;

    let mut dependencies: Vec<Vec<Dependency>> = vec![Vec::new(); reactor.projects.len()];
    let kept = edges
        .iter()
        .zip(&sorted.kept)
        .map(|(edge, kept)| kept.then_some(edge));
    let ordering: Vec<_> = kept
        .zip(labels.drain(..))
        .filter_map(|(edge, label)| edge.map(|edge| (edge.from, edge.to, label)))
        .collect();
    for (from, to, label) in ordering.into_iter().chain(boms(&reactor)) {
        let Label {
            kind,
            detail,
            tests,
        } = label;
        let next = Dependency::new(names[to].clone(), kind, detail).with_tests(tests);
        let known = dependencies[from].iter().any(|known| {
            known.on == next.on && known.kind == next.kind && known.uses_tests() == tests
        });
        if !known {
            dependencies[from].push(next);
        }
    }

    let kinds = kinds(source, at, &reactor, services, &dependencies, &names)?;
    let mut shared_files = Vec::new();
    for file in SHARED_FILES {
        // Known to be valid paths; were they not, there would be nothing to watch.
        shared_files.extend(file.parse::<RepoPath>());
    }
    let mut nodes = Vec::new();
    for index in sorted.order {
        let Project {
            pom_path,
            folder,
            aggregator,
            other_files,
            ..
        } = &reactor.projects[index];
        let mut model: BTreeSet<RepoPath> =
            other_files.iter().chain(&shared_files).cloned().collect();
        model.insert(pom_path.clone());
        let module = Module {
            name: names[index].clone(),
            path: folder.clone(),
            kind: kinds[index],
            dependencies: std::mem::take(&mut dependencies[index]),
        };
        nodes.push(Node {
            module,
            model,
            aggregator: *aggregator,
        });
    }
    let mut inventory = Inventory::new(nodes);
    inventory.caveats.clone_from(&reactor.caveats);
    inventory.selectors = selectors(&reactor, &names);
    inventory.tests = reactor
        .projects
        .iter()
        .zip(names)
        .map(|(project, name)| (name, tests(project)))
        .collect();
    Ok(inventory)
}

/// What `mvn -pl` takes for projects that it would not find by their folders.
fn selectors(reactor: &Reactor, names: &[ModuleName]) -> BTreeMap<ModuleName, String> {
    let mut folders: BTreeMap<&RepoPath, usize> = BTreeMap::new();
    for project in &reactor.projects {
        *folders.entry(&project.folder).or_default() += 1;
    }
    let mut selectors = BTreeMap::new();
    for (project, name) in reactor.projects.iter().zip(names) {
        let folder = project.folder.to_string();
        // Commas divide the list, colons are of coordinates, and some first characters take back or ask.
        let plain = !folder.contains([',', ':', '"'])
            && !folder.starts_with(['!', '-', '+', '?'])
            && folder.trim() == folder;
        if plain && folders.get(&project.folder) == Some(&1) {
            continue;
        }
        match name.as_str().matches(':').count() {
            0 => _ = selectors.insert(name.clone(), format!(":{name}")),
            1 => _ = selectors.insert(name.clone(), name.to_string()),
            // Of several versions only the file tells which is meant.
            _ => _ = selectors.insert(name.clone(), project.pom_path.to_string()),
        }
    }
    selectors
}

/// The folders that hold nothing but a project's tests, as far as that can be told.
fn tests(project: &Project) -> Vec<RepoPath> {
    let folder = |path: &str| {
        let base = ["${project.basedir}", "${basedir}"];
        let below = base.iter().find_map(|base| path.strip_prefix(base));
        let path = below.unwrap_or(path);
        join(&project.folder, path).filter(|_| !path.contains("${"))
    };
    let model = &project.model;
    // A folder that is not known may be any.
    let Some(main) = model
        .main_folders
        .iter()
        .map(|path| folder(path))
        .collect::<Option<Vec<_>>>()
    else {
        return Vec::new();
    };
    let tests = model.test_folders.iter().filter_map(|path| folder(path));
    tests
        .filter(|tests| {
            !main
                .iter()
                .any(|main| main.starts_with(tests) || tests.starts_with(main))
        })
        .collect()
}

/// A name for each project: its artifactId, with more of its coordinates where that is not alone.
fn names(reactor: &Reactor) -> Result<Vec<ModuleName>, Error> {
    let forms = |model: &Model| {
        let (group, artifact, version) = (
            model.group.clone().unwrap_or_default(),
            &model.artifact,
            &model.version,
        );
        [
            artifact.to_string(),
            format!("{group}:{artifact}"),
            format!("{group}:{artifact}:{version}"),
        ]
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for project in &reactor.projects {
        for form in forms(&project.model) {
            *counts.entry(form).or_default() += 1;
        }
    }
    let mut taken: BTreeMap<ModuleName, &RepoPath> = BTreeMap::new();
    let mut names = Vec::new();
    for project in &reactor.projects {
        let [short, middle, long] = forms(&project.model);
        let alone = |form: &String| counts.get(form) == Some(&1);
        let name = if alone(&short) {
            short
        } else if alone(&middle) {
            middle
        } else {
            long
        };
        let name: ModuleName = name
            .parse()
            .map_err(|error: InvalidModuleName| reactor.invalid(project, error.into()))?;
        if let Some(first) = taken.insert(name.clone(), &project.pom_path) {
            return Err(Error::DuplicateModule {
                name,
                first: first.clone(),
                second: project.pom_path.clone(),
            });
        }
        names.push(name);
    }
    Ok(names)
}

/// What an edge is.
#[derive(Debug)]
struct Label {
    kind: EdgeKind,
    detail: Option<String>,
    /// Whether it uses the other's tests as well.
    tests: bool,
}

impl Label {
    const fn new(kind: EdgeKind, detail: Option<String>) -> Self {
        Self {
            kind,
            detail,
            tests: false,
        }
    }

    fn of(kind: EdgeKind, used: &DependencyRef, detail: String) -> Self {
        Self {
            kind,
            detail: Some(detail),
            tests: used.uses_tests(),
        }
    }
}

/// The edges that Maven sorts by, in the order in which it adds them, and what they are.
fn edges(reactor: &Reactor) -> (Vec<Edge>, Vec<Label>) {
    let (mut edges, mut labels) = (Vec::new(), Vec::new());
    for (from, project) in reactor.projects.iter().enumerate() {
        let mut add = |used: &DependencyRef, force: bool, safe: bool, label: &dyn Fn() -> Label| {
            for to in reactor.matching(used).filter(|to| *to != from) {
                edges.push(Edge {
                    from,
                    to,
                    force,
                    safe,
                });
                labels.push(label());
            }
        };
        for used in &project.model.dependencies {
            let scope = used.scope.as_deref().unwrap_or("compile");
            add(used, false, false, &|| {
                let what = if used.uses_tests() { "tests, " } else { "" };
                Label::of(EdgeKind::Dependency, used, format!("{what}{scope} scope"))
            });
        }
        if let Some(parent) = &project.model.parent {
            add(parent, true, false, &|| Label::new(EdgeKind::Parent, None));
        }
        for plugin in &project.model.plugins {
            add(&plugin.coordinates, false, true, &|| {
                Label::new(EdgeKind::Plugin, Some("plugin".to_owned()))
            });
            for used in &plugin.dependencies {
                let detail = format!("dependency of {}", plugin.coordinates.artifact);
                add(used, false, true, &|| {
                    Label::of(EdgeKind::Plugin, used, detail.clone())
                });
            }
        }
        for extension in &project.model.extensions {
            add(extension, false, true, &|| {
                Label::new(EdgeKind::Plugin, Some("build extension".to_owned()))
            });
        }
    }
    (edges, labels)
}

/// Imports of lists of versions: Maven does not sort by them, but what they say comes through.
fn boms(reactor: &Reactor) -> Vec<(usize, usize, Label)> {
    let mut imports = Vec::new();
    for (from, project) in reactor.projects.iter().enumerate() {
        for bom in &project.model.boms {
            imports.extend(
                reactor
                    .matching(bom)
                    .filter(|to| *to != from)
                    .map(|to| (from, to, Label::new(EdgeKind::Bom, None))),
            );
        }
    }
    imports
}

fn kinds(
    source: &dyn DiffSource,
    at: &CommitId,
    reactor: &Reactor,
    services: &Globs,
    dependencies: &[Vec<Dependency>],
    names: &[ModuleName],
) -> Result<Vec<ModuleKind>, Error> {
    let mut chosen = Vec::new();
    for project in &reactor.projects {
        chosen.push(if services.is_empty() {
            deploys(source, at, project)?
        } else {
            services.matches(&project.folder)
        });
    }
    if services.is_empty() && !chosen.contains(&true) {
        let used: BTreeSet<&ModuleName> = dependencies
            .iter()
            .flatten()
            .filter(|dependency| dependency.kind != EdgeKind::Parent)
            .map(|dependency| &dependency.on)
            .collect();
        let leaf = |(project, name): (&Project, &ModuleName)| {
            matches!(&*project.model.packaging, "jar" | "war") && !used.contains(name)
        };
        chosen = reactor.projects.iter().zip(names).map(leaf).collect();
    }
    Ok(chosen
        .into_iter()
        .map(|service| {
            if service {
                ModuleKind::Service
            } else {
                ModuleKind::Shared
            }
        })
        .collect())
}

/// Whether a module looks like one that is deployed by itself.
fn deploys(source: &dyn DiffSource, at: &CommitId, project: &Project) -> Result<bool, Error> {
    // A Dockerfile beside the modules, or a plugin that they inherit, is for the modules.
    if project.aggregator {
        return Ok(false);
    }
    let plugin = project.model.plugins.iter().any(|plugin| {
        DEPLOYING.contains(&&*plugin.coordinates.artifact) && plugin.skip.as_deref() != Some("true")
    });
    Ok((plugin && &*project.model.packaging != "pom")
        || has_file(source, at, &project.folder, b"Dockerfile")?)
}
