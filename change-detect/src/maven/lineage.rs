//! A pom with all that it inherits, as it is written.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::pom::{DependencyRef, PluginRef, Pom, Section, Text};
use super::section::{heritable, inherited, last_of_each, merged};
use crate::RepoPath;

/// A pom with its active profiles and its parents. Nothing is filled in, so that children can share it.
#[derive(Debug)]
pub(crate) struct Lineage {
    pub(crate) path: RepoPath,
    pub(crate) pom: Arc<Pom>,
    pub(crate) parent: Option<Arc<Self>>,
    /// Its own, or else its parent's.
    pub(crate) group: Option<Text>,
    pub(crate) version: Option<Text>,
    /// The pom and its active profiles, nothing inherited.
    pub(crate) section: Arc<Section>,
    pub(crate) dependencies: Vec<Arc<DependencyRef>>,
    pub(crate) plugins: Arc<Vec<Arc<PluginRef>>>,
    pub(crate) managed_plugins: Arc<Vec<Arc<PluginRef>>>,
    pub(crate) extensions: Vec<Arc<DependencyRef>>,
    managed: Managed,
    /// The properties of the section.
    properties: HashMap<Text, Text>,
    /// What children get.
    heritable: OnceLock<[Arc<Vec<Arc<PluginRef>>>; 2]>,
}

/// The managed dependencies of one generation, by artifact.
#[derive(Debug, Default)]
struct Managed {
    list: Vec<Arc<DependencyRef>>,
    by_artifact: HashMap<Text, Vec<usize>>,
    /// Those whose artifact has a property in it.
    open: Vec<usize>,
    /// Those that may be imports.
    imports: Vec<usize>,
}

impl Lineage {
    pub(crate) fn new(
        path: RepoPath,
        pom: Arc<Pom>,
        section: Arc<Section>,
        parent: Option<Arc<Self>>,
    ) -> Self {
        let named = pom.parent.as_ref();
        let group = pom
            .group
            .clone()
            .or_else(|| parent.as_ref()?.group.clone())
            .or_else(|| named?.group.clone());
        let version = pom
            .version
            .clone()
            .or_else(|| parent.as_ref()?.version.clone())
            .or_else(|| named?.version.clone());
        let nothing = Vec::new();
        let of_parent = |list: fn(&Self) -> &Vec<Arc<DependencyRef>>| {
            parent.as_deref().map_or(&nothing, list).as_slice()
        };
        let dependencies = merged(
            &section.dependencies,
            of_parent(|parent| &parent.dependencies),
            false,
        );
        let extensions = merged(
            &section.extensions,
            of_parent(|parent| &parent.extensions),
            false,
        );
        let [plugins, managed_plugins] = match parent.as_deref().map(Self::heritable) {
            None => [
                Arc::new(section.plugins.clone()),
                Arc::new(section.managed_plugins.clone()),
            ],
            Some([plugins, managed]) => {
                let join = |own: &Vec<Arc<PluginRef>>, parents: &Arc<Vec<Arc<PluginRef>>>| {
                    if own.is_empty() {
                        Arc::clone(parents)
                    } else {
                        Arc::new(inherited(own, parents))
                    }
                };
                [
                    join(&section.plugins, plugins),
                    join(&section.managed_plugins, managed),
                ]
            }
        };
        let managed_above = parent.as_deref().is_some_and(Self::manages);
        let managed = if managed_above && !section.managed.is_empty() {
            Managed::new(last_of_each(&section.managed))
        } else {
            Managed::new(section.managed.clone())
        };
        Self {
            path,
            group,
            version,
            dependencies,
            plugins,
            managed_plugins,
            extensions,
            managed,
            properties: section.properties.iter().cloned().collect(),
            heritable: OnceLock::new(),
            pom,
            section,
            parent,
        }
    }

    fn heritable(&self) -> &[Arc<Vec<Arc<PluginRef>>>; 2] {
        self.heritable.get_or_init(|| {
            [
                Arc::new(heritable(&self.plugins)),
                Arc::new(heritable(&self.managed_plugins)),
            ]
        })
    }

    /// The pom itself, its parent, the parent's parent and so on, as far as the repository has them.
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |generation| generation.parent.as_deref())
    }

    /// Whether its farthest parent names one that the repository does not have.
    pub(crate) fn ends_outside(&self) -> bool {
        let last = self.generations().last();
        last.is_some_and(|last| last.pom.parent.is_some())
    }

    /// The value of a property, as written.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.generations()
            .find_map(|generation| generation.properties.get(name))
            .map(|value| &**value)
    }

    fn manages(&self) -> bool {
        self.generations()
            .any(|generation| !generation.managed.list.is_empty())
    }

    /// Managed dependencies that may be for an artifact, in the order in which Maven goes through them.
    pub(crate) fn managed_for(&self, artifact: &str) -> Vec<&Arc<DependencyRef>> {
        self.managed_in(|managed| {
            let mut places: Vec<usize> = managed
                .by_artifact
                .get(artifact)
                .into_iter()
                .flatten()
                .chain(&managed.open)
                .copied()
                .collect();
            places.sort_unstable();
            places
        })
    }

    /// Managed dependencies that may be imports of other lists.
    pub(crate) fn managed_imports(&self) -> Vec<&Arc<DependencyRef>> {
        self.managed_in(|managed| managed.imports.clone())
    }

    /// All managed dependencies.
    pub(crate) fn all_managed(&self) -> Vec<&Arc<DependencyRef>> {
        self.managed_in(|managed| (0..managed.list.len()).collect())
    }

    /// Some of each generation; of what several have, the nearest one's.
    fn managed_in(&self, places: impl Fn(&Managed) -> Vec<usize>) -> Vec<&Arc<DependencyRef>> {
        let mut found: Vec<&Arc<DependencyRef>> = Vec::new();
        let mut nearer = HashSet::new();
        for generation in self.generations() {
            let managed = &generation.managed;
            let from = found.len();
            for place in places(managed) {
                let item = &managed.list[place];
                if from == 0 || !nearer.contains(&item.key()) {
                    found.push(item);
                }
            }
            if generation.parent.is_some() {
                nearer.extend(found[from..].iter().map(|item| item.key()));
            }
        }
        found
    }

    /// Imports among the managed dependencies of the nearest generations, as many as are asked for.
    pub(crate) fn own_imports(&self, generations: usize) -> impl Iterator<Item = &DependencyRef> {
        self.generations().take(generations).flat_map(|generation| {
            let managed = &generation.managed;
            managed.imports.iter().map(|place| &*managed.list[*place])
        })
    }

    /// Where sources and tests are: what the nearest pom says, else as every pom inherits it.
    pub(crate) fn folders(&self) -> [Vec<Text>; 2] {
        let said = |read: &dyn Fn(&Section) -> Vec<Text>, default: &str| {
            let mut said = self
                .generations()
                .map(|generation| read(&generation.section));
            let said = said.find(|list| !list.is_empty());
            said.unwrap_or_else(|| vec![default.into()])
        };
        let one = |value: &Option<Text>| value.iter().cloned().collect();
        let main = [
            said(&|section| one(&section.folders.main), "src/main/java"),
            said(
                &|section| section.folders.resources.clone(),
                "src/main/resources",
            ),
            vec!["src/main".into()],
        ];
        let test = [
            said(&|section| one(&section.folders.test), "src/test/java"),
            said(
                &|section| section.folders.test_resources.clone(),
                "src/test/resources",
            ),
            vec!["src/test".into()],
        ];
        [main.concat(), test.concat()]
    }
}

impl Managed {
    fn new(list: Vec<Arc<DependencyRef>>) -> Self {
        let mut managed = Self::default();
        for (place, item) in list.iter().enumerate() {
            if item.artifact.contains("${") {
                managed.open.push(place);
            } else {
                let places = managed.by_artifact.entry(item.artifact.clone());
                places.or_default().push(place);
            }
            let scope = item.scope.as_deref().unwrap_or_default();
            if scope == "import" || scope.contains("${") {
                managed.imports.push(place);
            }
        }
        managed.list = list;
        managed
    }
}
