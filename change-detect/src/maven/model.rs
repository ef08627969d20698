//! What Maven makes of a pom, as far as a repository tells.

use std::collections::HashMap;
use std::sync::Arc;

use super::pom::{DependencyRef, PluginRef, Text};
use super::values::Values;

/// A pom with all that it inherits and imports, properties filled in.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) group: Option<Text>,
    pub(crate) artifact: Text,
    pub(crate) version: Text,
    pub(crate) packaging: Text,
    pub(crate) parent: Option<DependencyRef>,
    pub(crate) dependencies: Vec<DependencyRef>,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) extensions: Vec<DependencyRef>,
    /// Lists of versions that are imported by the first poms of the lineage, as many as were asked for.
    pub(crate) boms: Vec<DependencyRef>,
    /// Where what is built comes from, relative to the module.
    pub(crate) main_folders: Vec<Text>,
    /// Where tests are, relative to the module.
    pub(crate) test_folders: Vec<Text>,
}

/// A plugin that a module is built with.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) coordinates: DependencyRef,
    pub(crate) dependencies: Vec<DependencyRef>,
    pub(crate) skip: Option<Text>,
}

/// What a list of versions says, by group, artifact, type and classifier.
pub(crate) type Versions = HashMap<Key, Version>;

type Key = (Text, Text, Text, Option<Text>);

#[derive(Debug, Clone, Default)]
pub(crate) struct Version {
    version: Option<Text>,
    scope: Option<Text>,
}

impl Model {
    /// Builds the model of a lineage. `own` is how many of its generations are the module's alone, not another module's
    /// of the reactor; `imported` are the lists that it imports and that are known, the first first.
    pub(crate) fn new(values: &Values<'_>, own: usize, imported: &[Arc<Versions>]) -> Self {
        let lineage = values.model;
        let fill = |dependency: &Arc<DependencyRef>| values.fill_dependency(dependency);
        let [main, test] = lineage.folders();
        let folders = |list: Vec<Text>| list.iter().map(|path| values.fill(path)).collect();
        Self {
            group: lineage.group.as_ref().map(|group| values.fill(group)),
            artifact: values.fill(&lineage.pom.artifact),
            version: lineage
                .version
                .as_ref()
                .map(|version| values.fill(version))
                .unwrap_or_default(),
            packaging: lineage
                .pom
                .packaging
                .as_ref()
                .map_or_else(|| "jar".into(), |packaging| values.fill(packaging)),
            parent: parent(values),
            dependencies: dependencies(values, imported),
            plugins: plugins(values),
            extensions: lineage.extensions.iter().map(fill).collect(),
            boms: lineage
                .own_imports(own)
                .map(|managed| values.fill_dependency(managed))
                .filter(DependencyRef::is_import)
                .collect(),
            main_folders: folders(main),
            test_folders: folders(test),
        }
    }
}

fn parent(values: &Values<'_>) -> Option<DependencyRef> {
    let lineage = values.model;
    let named = lineage.pom.parent.as_ref()?;
    // Maven 4 finds coordinates that are left away.
    let found = lineage.parent.as_deref();
    let group = named.group.clone().or_else(|| found?.group.clone())?;
    let artifact = named
        .artifact
        .clone()
        .or_else(|| Some(found?.pom.artifact.clone()))?;
    let parent = DependencyRef::new(group, artifact, named.version.clone());
    Some(values.fill_dependency(&parent))
}

fn dependencies(values: &Values<'_>, imported: &[Arc<Versions>]) -> Vec<DependencyRef> {
    let used = &values.model.dependencies;
    let mut dependencies: Vec<DependencyRef> = used
        .iter()
        .map(|dependency| values.fill_dependency(dependency))
        .collect();
    // Of what turns out to be the same once it is filled in, Maven manages only the last.
    let mut last = HashMap::new();
    for (place, dependency) in dependencies.iter().enumerate() {
        last.insert(dependency.key(), place);
    }
    let mut last: Vec<usize> = last.into_values().collect();
    last.sort_unstable();
    for place in last {
        let dependency = &mut dependencies[place];
        if dependency.version.is_none() || dependency.scope.is_none() {
            let found = managed(values, dependency, imported);
            dependency.version = dependency.version.take().or(found.version);
            dependency.scope = dependency.scope.take().or(found.scope);
        }
    }
    dependencies
}

/// What is managed for a dependency: by the lineage itself, else by the first import that knows it.
fn managed(values: &Values<'_>, dependency: &DependencyRef, imported: &[Arc<Versions>]) -> Version {
    let candidates = values.model.managed_for(&dependency.artifact);
    let filled = candidates
        .into_iter()
        .map(|managed| values.fill_dependency(managed));
    let mut same = filled
        .filter(|managed| !managed.is_import() && managed.key() == dependency.key())
        .map(|managed| Version {
            version: managed.version,
            scope: managed.scope,
        });
    if imported.is_empty() {
        return same.reduce(Version::or).unwrap_or_default();
    }
    // Imports make a map of the list, in which the last of each stays.
    same.next_back().unwrap_or_else(|| {
        let key = key(dependency);
        let found = imported.iter().find_map(|versions| versions.get(&key));
        found.cloned().unwrap_or_default()
    })
}

impl Version {
    fn or(self, other: Self) -> Self {
        Self {
            version: self.version.or(other.version),
            scope: self.scope.or(other.scope),
        }
    }
}

fn key(dependency: &DependencyRef) -> Key {
    (
        dependency.group.clone(),
        dependency.artifact.clone(),
        dependency.kind.clone().unwrap_or_else(|| "jar".into()),
        dependency.classifier.clone(),
    )
}

/// All that a pom manages, for others that import it.
pub(crate) fn versions(values: &Values<'_>, imported: &[Arc<Versions>]) -> Versions {
    let mut versions = Versions::new();
    for managed in values.model.all_managed() {
        let managed = values.fill_dependency(managed);
        if !managed.is_import() {
            let (version, scope) = (managed.version.clone(), managed.scope.clone());
            let next = Version { version, scope };
            let known = versions.entry(key(&managed)).or_default();
            *known = if imported.is_empty() {
                std::mem::take(known).or(next)
            } else {
                next
            };
        }
    }
    for list in imported {
        for (key, version) in &**list {
            let known = versions.entry(key.clone());
            known.or_insert_with(|| version.clone());
        }
    }
    versions
}

/// The plugins, with what is managed for them.
fn plugins(values: &Values<'_>) -> Vec<Plugin> {
    let lineage = values.model;
    let fill = |plugin: &PluginRef| PluginRef {
        coordinates: values.fill_dependency(&plugin.coordinates),
        dependencies: plugin
            .dependencies
            .iter()
            .map(|dependency| Arc::new(values.fill_dependency(dependency)))
            .collect(),
        skip: plugin.skip.as_ref().map(|skip| values.fill(skip)),
        ..plugin.clone()
    };
    let mut plugins: Vec<PluginRef> = lineage.plugins.iter().map(|plugin| fill(plugin)).collect();
    for plugin in &mut plugins {
        let managed = lineage.managed_plugins.iter().rev().find(|managed| {
            let coordinates = &managed.coordinates;
            values.fill(&coordinates.artifact) == plugin.coordinates.artifact
                && values.fill(&coordinates.group) == plugin.coordinates.group
        });
        if let Some(managed) = managed {
            plugin.manage(&fill(managed));
        }
    }
    plugins
        .into_iter()
        .map(|plugin| Plugin {
            coordinates: plugin.coordinates,
            dependencies: plugin
                .dependencies
                .into_iter()
                .map(Arc::unwrap_or_clone)
                .collect(),
            skip: plugin.skip,
        })
        .collect()
}
