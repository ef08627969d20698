//! Layout `gradle`: the projects of a Gradle build, as far as they can be read without running it.
//!
//! Settings and build files are programs. What is written in them as a literal is read: `include`, `project(':x')`,
//! `projects.x`, `includeBuild`, `apply from`. Where something is computed instead, everything that it could mean is taken,
//! and the detection says so. A build file counts for its project and, as the model that they inherit, for all projects
//! below it; what `subprojects` or `allprojects` blocks of a build file name is needed by all of those. What lies in `buildSrc`
//! and in `gradle`, the settings and `gradle.properties` count for every project.
//! <https://docs.gradle.org/current/userguide/multi_project_builds.html>

mod build;
mod settings;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use self::build::{Build, Scope, Target, Wanted};
use self::settings::{Entry, Settings};
use crate::globs::Globs;
use crate::inventory::{Inventory, Locked, Node, has_file};
use crate::kinds::{self, Candidate};
use crate::{
    CommitId, Dependency, DiffSource, EdgeKind, EntryKind, Error, Module, ModuleName, RepoPath,
    walk,
};

const SETTINGS: [&str; 2] = ["settings.gradle", "settings.gradle.kts"];

/// Files at the root that count for every project, and folders of which every file does.
const SHARED_FILES: [&str; 5] = [
    "settings.gradle",
    "settings.gradle.kts",
    "gradle.properties",
    "init.gradle",
    "init.gradle.kts",
];
const SHARED_FOLDERS: [&str; 2] = ["buildSrc", "gradle"];

/// Whether a commit has such a layout at its root.
pub(crate) fn applies(source: &dyn DiffSource, at: &CommitId) -> Result<bool, Error> {
    for file in SETTINGS {
        if has_file(source, at, &RepoPath::root(), file.as_bytes())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A project with its build files.
#[derive(Debug)]
struct Project {
    entry: Entry,
    builds: Vec<Build>,
}

/// Where something is said that concerns a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// In its own build file.
    Own,
    /// In one of a project above it.
    Above,
    /// In a plugin of the repository's own.
    Convention,
}

/// The plugins that are written as scripts, in `buildSrc` and in included builds.
fn conventions(
    source: &dyn DiffSource,
    at: &CommitId,
    projects: &[Project],
    settings: &mut Settings,
) -> Result<Vec<Build>, Error> {
    let included = projects.iter().filter(|project| !project.entry.is_main());
    let included = included.map(|project| project.entry.folder.clone());
    let mut found = Vec::new();
    for folder in std::iter::once(path("buildSrc")).chain(included) {
        for file in walk(source, at, &folder)? {
            let name = file.path.file_name();
            let is_script = name.ends_with(b".gradle") || name.ends_with(b".gradle.kts");
            let is_class = [&b".kt"[..], b".java", b".groovy"]
                .iter()
                .any(|ending| name.ends_with(ending));
            if is_class
                && let Some(bytes) = source.read(at, &file.path)?
                && String::from_utf8_lossy(&bytes).contains("project(")
            {
                settings.caveat(format!(
                    "`{}` may make projects need each other: what only it says is not seen",
                    file.path
                ));
            }
            if !is_script || name.starts_with(b"settings.") || name.starts_with(b"build.") {
                continue;
            }
            if let Some(bytes) = source.read(at, &file.path)? {
                found.push(Build::parse(file.path, &String::from_utf8_lossy(&bytes)));
            }
        }
    }
    Ok(found)
}

/// Reads the modules of a commit.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let mut settings = Settings::read(source, at)?;
    let mut projects = Vec::new();
    for entry in settings.entries()? {
        let builds = Build::read(source, at, &entry)?;
        projects.push(Project { entry, builds });
    }
    let names = names(&projects);
    let mut shared: BTreeSet<RepoPath> = SHARED_FILES.iter().map(|file| path(file)).collect();
    for folder in SHARED_FOLDERS {
        shared.extend(
            walk(source, at, &path(folder))?
                .into_iter()
                .map(|file| file.path),
        );
    }

    let by_path: BTreeMap<&str, usize> = projects
        .iter()
        .map(|project| project.entry.path.as_str())
        .zip(0..)
        .collect();
    let conventions = conventions(source, at, &projects, &mut settings)?;
    let mut used = vec![false; projects.len()];
    let mut dependencies = Vec::new();
    for (index, project) in projects.iter().enumerate() {
        let mut edges: BTreeMap<(usize, bool), String> = BTreeMap::new();
        // What a build file says of all projects below it is said of this one too.
        let above = projects
            .iter()
            .filter(|other| other.entry.is_above(&project.entry));
        let inherited = above.flat_map(|other| {
            let builds = other.builds.iter();
            builds.map(|build| (build, Said::Above))
        });
        let own = project.builds.iter().map(|build| (build, Said::Own));
        // Which projects a convention is applied to cannot be told.
        let conventions = conventions.iter().map(|build| (build, Said::Convention));
        let conventions = conventions.filter(|_| project.entry.is_main());
        for (build, said) in own.chain(inherited).chain(conventions) {
            let own = said == Said::Own;
            let said = |wanted: &&Wanted| match (said, wanted.scope) {
                (Said::Own, scope) => scope != Scope::Below,
                (Said::Above, scope) => scope != Scope::Own,
                (Said::Convention, _) => true,
            };
            for wanted in build.wants.iter().filter(said) {
                let all = || {
                    projects
                        .iter()
                        .enumerate()
                        .map(|(on, _)| on)
                        .collect::<Vec<_>>()
                };
                let meant = match &wanted.target {
                    Target::Path(wanted) => {
                        by_path.get(wanted.as_str()).copied().into_iter().collect()
                    }
                    Target::Accessor(words) => accessed(&projects, words).into_iter().collect(),
                    Target::Computed => {
                        settings.caveat(format!(
                            "`{}` names projects by what it computes: it is taken to need every project",
                            build.file
                        ));
                        all()
                    }
                };
                for on in meant.into_iter().filter(|on| *on != index) {
                    edges
                        .entry((on, wanted.tests_only))
                        .or_insert_with(|| wanted.detail.clone());
                }
            }
            for script in build.computed_scripts().filter(|_| own) {
                settings.caveat(format!(
                    "`{}` applies a script that it computes ({script}): a change there is not seen",
                    build.file
                ));
            }
        }
        // An included build is used by its plugins or its coordinates, of which nothing is said here.
        for (on, other) in projects.iter().enumerate() {
            if project.entry.is_main() && !other.entry.is_main() {
                settings.caveat(format!(
                    "the settings include the build `{}`: every project is taken to need it",
                    other.entry.folder
                ));
                edges
                    .entry((on, false))
                    .or_insert_with(|| "includeBuild".to_owned());
            }
        }
        let mut list = Vec::new();
        let main: BTreeSet<usize> = edges
            .keys()
            .filter(|(_, tests)| !tests)
            .map(|(on, _)| *on)
            .collect();
        for ((on, tests_only), detail) in edges {
            used[on] |= !tests_only;
            if !tests_only || !main.contains(&on) {
                list.push(
                    Dependency::new(names[on].clone(), EdgeKind::Dependency, Some(detail))
                        .for_tests_only(tests_only),
                );
            }
        }
        let parent = project
            .entry
            .parent()
            .and_then(|parent| by_path.get(parent).copied());
        list.extend(parent.map(|parent| {
            Dependency::new(names[parent].clone(), EdgeKind::Parent, None).unordered()
        }));
        dependencies.push(list);
    }

    let mut candidates = Vec::new();
    for (index, project) in projects.iter().enumerate() {
        let holds_others = projects
            .iter()
            .any(|other| project.entry.is_above(&other.entry));
        used[index] |= holds_others;
        let says = |what: fn(&Build) -> bool| project.builds.iter().any(what) && !holds_others;
        candidates.push(Candidate {
            folder: project.entry.folder.clone(),
            deploys: says(|build| build.makes_image)
                || (!holds_others && has_file(source, at, &project.entry.folder, b"Dockerfile")?),
            program: says(|build| build.is_program),
        });
    }
    let kinds = kinds::choose(services, &candidates, &used);
    let mut nodes = Vec::new();
    let mut locks = BTreeSet::new();
    for (index, (dependencies, kind)) in dependencies.into_iter().zip(kinds).enumerate() {
        let Project { entry, builds } = &projects[index];
        let mut model = shared.clone();
        for build in builds {
            model.insert(build.file.clone());
            model.extend(build.scripts(&entry.folder));
        }
        locks.extend(entry.folder.join("gradle.lockfile"));
        nodes.push(Node {
            module: Module {
                name: names[index].clone(),
                path: entry.folder.clone(),
                kind,
                dependencies,
            },
            model,
            // The root's folder has all kinds of files that no project is made of.
            aggregator: entry.path == ":" && projects.len() > 1,
        });
    }
    let mut inventory = Inventory::ordered(nodes);
    inventory.locks = locks;
    inventory.caveats = settings.caveats;
    Ok(inventory)
}

/// Reads what a project's lock file pins: lines of `group:name:version=configurations`.
pub(crate) fn locked(
    source: &dyn DiffSource,
    at: &CommitId,
    inventory: &Inventory,
    lock: &RepoPath,
) -> Result<Locked, Error> {
    let Some(bytes) = source.read(at, lock)? else {
        return Ok(Locked::Absent);
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut pinned: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (coordinates, configurations) = line.split_once('=').unwrap_or((line, ""));
        let (name, version) = coordinates.rsplit_once(':').unwrap_or((coordinates, ""));
        // `empty=…` lists configurations without anything.
        if name != "empty" && !name.is_empty() {
            let content = format!("{version} in {configurations}");
            let entry = pinned.entry(name.to_owned()).or_default();
            if !entry.is_empty() {
                entry.push_str(", ");
            }
            entry.push_str(&content);
        }
    }
    let here = lock.parent();
    let nodes = inventory
        .nodes
        .iter()
        .filter(|node| Some(&node.module.path) == here.as_ref());
    Ok(Locked::Known(
        nodes
            .map(|node| (node.module.name.clone(), pinned.clone()))
            .collect(),
    ))
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap_or_default()
}

/// Names each project by the last part of its path, or the whole path where that is not alone.
fn names(projects: &[Project]) -> Vec<ModuleName> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for project in projects {
        *counts.entry(project.entry.name()).or_default() += 1;
    }
    let name = |project: &Project| {
        let short = project.entry.name();
        let alone = counts.get(short) == Some(&1);
        ModuleName::of(if alone { short } else { &project.entry.path })
    };
    projects.iter().map(name).collect()
}

/// The project that an accessor such as `projects.libs.commonEvent` means: the longest that it begins with.
fn accessed(projects: &[Project], words: &[String]) -> Option<usize> {
    let camel = |part: &str| {
        let mut text = String::new();
        let mut upper = false;
        for c in part.chars() {
            if matches!(c, '-' | '_' | '.') {
                upper = true;
            } else if upper {
                text.extend(c.to_uppercase());
                upper = false;
            } else {
                text.push(c);
            }
        }
        text
    };
    let accessor = |project: &Project| -> Vec<String> {
        project
            .entry
            .path
            .split(':')
            .filter(|part| !part.is_empty())
            .map(camel)
            .collect()
    };
    let accessors = projects.iter().map(accessor).enumerate();
    accessors
        .filter(|(_, accessor)| !accessor.is_empty() && words.starts_with(accessor))
        .max_by_key(|(_, accessor)| accessor.len())
        .map(|(index, _)| index)
}

/// Every folder that has a build file.
fn with_build_files(source: &dyn DiffSource, at: &CommitId) -> Result<Vec<RepoPath>, Error> {
    let mut found = Vec::new();
    let mut open = vec![RepoPath::root()];
    while let Some(folder) = open.pop() {
        let mut has_build = false;
        for entry in source.list(at, &folder)? {
            let name = entry.path.file_name();
            if entry.kind == EntryKind::Directory {
                if !name.starts_with(b".") && name != b"buildSrc" && name != b"build" {
                    open.push(entry.path);
                }
            } else if name == b"build.gradle" || name == b"build.gradle.kts" {
                has_build = true;
            }
        }
        if has_build && !folder.is_root() {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}
