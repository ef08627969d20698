//! How lists of a pom are merged: with its profiles, and with its parent.
//!
//! Lists are merged as they are written, before properties are filled in, in the order of Maven's `ModelMerger`,
//! `DefaultModelNormalizer`, `DefaultProfileInjector` and `DefaultInheritanceAssembler`
//! (<https://github.com/apache/maven/tree/maven-3.8.7/maven-model-builder>).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::pom::{DependencyRef, PluginRef, Section, Text};

impl Section {
    /// Removes what stands twice: the last of a dependency counts, in the place of the first, and plugins are joined.
    pub(crate) fn normalize(&mut self) {
        self.dependencies = last_of_each(&self.dependencies);
        let mut places: HashMap<(Text, Text), usize> = HashMap::new();
        let mut plugins: Vec<Arc<PluginRef>> = Vec::new();
        for plugin in self.plugins.drain(..) {
            let key = (
                plugin.coordinates.group.clone(),
                plugin.coordinates.artifact.clone(),
            );
            match places.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(plugins.len());
                    plugins.push(plugin);
                }
                Entry::Occupied(place) => {
                    let first = &mut plugins[*place.get()];
                    let mut last = PluginRef::clone(&plugin);
                    last.take(first, false, false);
                    *first = Arc::new(last);
                }
            }
        }
        self.plugins = plugins;
    }

    /// Adds an active profile; what it says counts more.
    pub(crate) fn inject(&mut self, profile: &Self) {
        for module in &profile.modules {
            if !self.modules.iter().any(|known| known.path == module.path) {
                self.modules.push(module.clone());
            }
        }
        self.properties.extend(profile.properties.iter().cloned());
        self.dependencies = merged(&self.dependencies, &profile.dependencies, true);
        self.managed = merged(&self.managed, &profile.managed, true);
        let over = |own: &PluginRef, profiles: &PluginRef| {
            let mut plugin = own.clone();
            plugin.take(profiles, true, false);
            plugin
        };
        for (own, profiles) in [
            (&mut self.plugins, &profile.plugins),
            (&mut self.managed_plugins, &profile.managed_plugins),
        ] {
            if !profiles.is_empty() {
                *own = interleaved(std::mem::take(own), profiles, over);
            }
        }
        let (own, profiles) = (&mut self.folders, &profile.folders);
        own.resources.extend(profiles.resources.iter().cloned());
        own.test_resources
            .extend(profiles.test_resources.iter().cloned());
    }
}

impl PluginRef {
    /// Takes what another says about the same plugin. It counts more if it is `dominant`; if it is the parent's, only
    /// what is inherited is taken.
    fn take(&mut self, from: &Self, dominant: bool, inheriting: bool) {
        fn take<T: Clone>(own: &mut Option<T>, from: Option<&T>, dominant: bool) {
            if let Some(from) = from
                && (dominant || own.is_none())
            {
                *own = Some(from.clone());
            }
        }
        let inherited = from.inherited != Some(false);
        if inherited || !inheriting {
            take(&mut self.skip, from.skip.as_ref(), dominant);
            take(&mut self.inherited, from.inherited.as_ref(), dominant);
        }
        let version = from.coordinates.version.as_ref();
        take(&mut self.coordinates.version, version, dominant);
        self.dependencies = merged(&self.dependencies, &from.dependencies, dominant);
        let executions = from.executions.iter().copied();
        self.executions
            .extend(executions.filter(|flag| !inheriting || flag.unwrap_or(inherited)));
    }

    /// Fills in what management says about the plugin.
    pub(crate) fn manage(&mut self, managed: &Self) {
        self.take(managed, false, false);
    }
}

/// Those of a parent's plugins that its children get, as they get them.
pub(crate) fn heritable(plugins: &[Arc<PluginRef>]) -> Vec<Arc<PluginRef>> {
    let inherited = plugins
        .iter()
        .filter(|plugin| plugin.inherited != Some(false) || !plugin.executions.is_empty());
    inherited
        .map(|plugin| {
            let plain = plugin.inherited != Some(false)
                && plugin.executions.iter().all(|flag| *flag != Some(false));
            if plain {
                return Arc::clone(plugin);
            }
            let coordinates = DependencyRef {
                version: None,
                ..plugin.coordinates.clone()
            };
            let mut child = PluginRef {
                coordinates,
                dependencies: Vec::new(),
                skip: None,
                inherited: None,
                executions: Vec::new(),
            };
            child.take(plugin, false, true);
            Arc::new(child)
        })
        .collect()
}

/// A child's plugins with those of its parent, which are [`heritable`] already.
pub(crate) fn inherited(own: &[Arc<PluginRef>], parents: &[Arc<PluginRef>]) -> Vec<Arc<PluginRef>> {
    interleaved(parents.to_vec(), own, |parents, own| {
        let mut plugin = own.clone();
        plugin.take(parents, false, true);
        plugin
    })
}

/// Joins plugins with others that go before the next one that both have, or else last.
fn interleaved(
    master: Vec<Arc<PluginRef>>,
    others: &[Arc<PluginRef>],
    join: impl Fn(&PluginRef, &PluginRef) -> PluginRef,
) -> Vec<Arc<PluginRef>> {
    let mut places = HashMap::new();
    for (place, plugin) in master.iter().enumerate() {
        places.entry(plugin.key()).or_insert(place);
    }
    let mut joined: HashMap<usize, Arc<PluginRef>> = HashMap::new();
    let mut before: HashMap<usize, Vec<Arc<PluginRef>>> = HashMap::new();
    let mut pending = Vec::new();
    for other in others {
        match places.get(&other.key()) {
            None => pending.push(Arc::clone(other)),
            Some(place) => {
                let known = joined.get(place).unwrap_or(&master[*place]);
                let both = Arc::new(join(known, other));
                joined.insert(*place, both);
                before.entry(*place).or_default().append(&mut pending);
            }
        }
    }
    drop(places);
    let mut result = Vec::with_capacity(master.len() + others.len());
    for (place, plugin) in master.into_iter().enumerate() {
        result.extend(before.remove(&place).unwrap_or_default());
        result.push(joined.remove(&place).unwrap_or(plugin));
    }
    result.extend(pending);
    result
}

/// Joins lists: what only the second has goes last. Where both have something, the first one's stays unless the second
/// is `dominant`.
pub(crate) fn merged(
    first: &[Arc<DependencyRef>],
    second: &[Arc<DependencyRef>],
    dominant: bool,
) -> Vec<Arc<DependencyRef>> {
    // Maven looks for what stands twice only if it has to merge.
    if second.is_empty() {
        return first.to_vec();
    }
    let all = first.iter().map(|item| (item, true));
    let all = all.chain(second.iter().map(|item| (item, dominant)));
    let mut places = HashMap::new();
    let mut list: Vec<Arc<DependencyRef>> = Vec::with_capacity(first.len() + second.len());
    for (item, wins) in all {
        match places.entry(item.key()) {
            Entry::Vacant(place) => {
                place.insert(list.len());
                list.push(Arc::clone(item));
            }
            Entry::Occupied(place) if wins => list[*place.get()] = Arc::clone(item),
            Entry::Occupied(_) => {}
        }
    }
    list
}

/// The last of each, in the place of the first.
pub(crate) fn last_of_each(list: &[Arc<DependencyRef>]) -> Vec<Arc<DependencyRef>> {
    if list.len() < 2 {
        return list.to_vec();
    }
    merged(&[], list, true)
}

#[cfg(test)]
mod tests {
    use super::super::pom::Pom;
    use super::*;

    fn section(body: &str) -> Arc<Section> {
        let text = format!("<project><artifactId>a</artifactId>{body}</project>");
        Pom::read(text.into()).unwrap().section
    }

    fn plugins(list: &str) -> Vec<Arc<PluginRef>> {
        let plugin = |name: &str| {
            let (name, more) = name.split_once('=').unwrap_or((name, ""));
            let more = match more {
                "own" => "<inherited>false</inherited>",
                "run" => {
                    "<inherited>false</inherited><executions><execution><inherited>true</inherited></execution></executions>"
                }
                version => &format!("<version>{version}</version>"),
            };
            format!("<plugin><artifactId>{name}</artifactId>{more}</plugin>")
        };
        let list: String = list.split_whitespace().map(plugin).collect();
        let section = section(&format!("<build><plugins>{list}</plugins></build>"));
        section.plugins.clone()
    }

    fn shown(plugins: &[Arc<PluginRef>]) -> String {
        let plugin = |plugin: &Arc<PluginRef>| match &plugin.coordinates.version {
            Some(version) => format!("{}={version}", plugin.coordinates.artifact),
            None => plugin.coordinates.artifact.to_string(),
        };
        plugins.iter().map(plugin).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_childs_plugins_stand_before_those_that_the_parent_has_as_well() {
        let parents = heritable(&plugins("p=1 q=1 r=1 only=own ran=run"));
        let own = plugins("x q=2 y p");
        assert_eq!(
            shown(&inherited(&own, &parents)),
            "y p=1 x q=2 r=1 ran",
            "own plugins go before the next that both have"
        );
    }

    #[test]
    fn of_a_dependency_that_stands_twice_the_last_counts_in_the_place_of_the_first() {
        let one = |name: &str, version: &str| {
            format!(
                "<dependency><groupId>g</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
            )
        };
        let list = [one("a", "1"), one("b", "1"), one("a", "2")].concat();
        let section = section(&format!("<dependencies>{list}</dependencies>"));
        let found: Vec<(&str, Option<&str>)> = section
            .dependencies
            .iter()
            .map(|used| (&*used.artifact, used.version.as_deref()))
            .collect();
        assert_eq!(found, [("a", Some("2")), ("b", Some("1"))]);
    }

    #[test]
    fn of_a_plugin_that_stands_twice_the_last_counts_and_takes_from_the_first() {
        assert_eq!(shown(&plugins("p=1 q p=2 q=3")), "p=2 q=3");
    }

    #[test]
    fn a_profile_counts_more_than_its_pom() {
        let mut own = Section::clone(&section(
            "<modules><module>a</module></modules><build><plugins><plugin><artifactId>p</artifactId><version>1</version></plugin></plugins></build>",
        ));
        own.inject(&section(
            "<modules><module>b</module><module>a</module></modules><build><plugins><plugin><artifactId>x</artifactId></plugin>\
             <plugin><artifactId>p</artifactId><version>2</version></plugin></plugins></build>",
        ));
        assert_eq!(shown(&own.plugins), "x p=2");
        let modules: Vec<&str> = own.modules.iter().map(|module| &*module.path).collect();
        assert_eq!(modules, ["a", "b"]);
    }
}
