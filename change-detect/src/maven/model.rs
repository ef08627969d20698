//! A pom with all that it inherits, properties filled in.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::pom::{DependencyRef, Folders, PluginRef, Pom};

/// How many properties are filled in for one value, and how deep, before it is left as it is. Real poms need a handful.
const MOST_EXPANSIONS: usize = 1_000;
const DEEPEST: usize = 32;

/// What Maven makes of a pom, as far as it can be known without a repository.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) group: Option<String>,
    pub(crate) artifact: String,
    pub(crate) version: String,
    pub(crate) packaging: String,
    pub(crate) parent: Option<DependencyRef>,
    pub(crate) dependencies: Vec<DependencyRef>,
    pub(crate) plugins: Vec<PluginRef>,
    pub(crate) extensions: Vec<DependencyRef>,
    /// Lists of versions that are imported by the first poms of the lineage, as many as were asked for.
    pub(crate) boms: Vec<DependencyRef>,
    /// Where what is built comes from, relative to the module.
    pub(crate) main_folders: Vec<String>,
    /// Where tests are, relative to the module.
    pub(crate) test_folders: Vec<String>,
}

impl Model {
    /// Builds the model of `lineage`: the pom, its parent, the parent's parent and so on; it is not empty.
    /// `own` is how many of them are the module's alone, not another module's of the reactor.
    pub(crate) fn new(pom: &Pom, ancestors: &[Rc<Pom>], own: usize) -> Self {
        let lineage: Vec<&Pom> = std::iter::once(pom)
            .chain(ancestors.iter().map(Rc::as_ref))
            .collect();
        let values = Values::new(&lineage);
        let fill = |dependency: &DependencyRef| values.fill_dependency(dependency);

        let managed: Vec<DependencyRef> = lineage
            .iter()
            .flat_map(|pom| &pom.managed)
            .map(fill)
            .collect();
        let mut dependencies: Vec<DependencyRef> = Vec::new();
        for mut dependency in lineage.iter().flat_map(|pom| &pom.dependencies).map(fill) {
            if dependencies
                .iter()
                .any(|nearer| same_key(nearer, &dependency))
            {
                continue;
            }
            if let Some(managed) = managed
                .iter()
                .find(|managed| same_key(managed, &dependency))
            {
                dependency.version = dependency.version.or_else(|| managed.version.clone());
                dependency.scope = dependency.scope.or_else(|| managed.scope.clone());
            }
            dependencies.push(dependency);
        }

        let inherited =
            |generation: usize| move |plugin: &&PluginRef| generation == 0 || plugin.inherited;
        let all = |list: fn(&Pom) -> &Vec<PluginRef>| {
            let plugins = lineage
                .iter()
                .enumerate()
                .flat_map(|(generation, pom)| list(pom).iter().filter(inherited(generation)));
            merged(plugins.map(|plugin| values.fill_plugin(plugin)))
        };
        let managed_plugins = all(|pom| &pom.managed_plugins);
        let mut plugins = all(|pom| &pom.plugins);
        for plugin in &mut plugins {
            if let Some(managed) = managed_plugins
                .iter()
                .find(|managed| same_plugin(managed, plugin))
            {
                merge(plugin, managed.clone());
            }
        }

        let boms = lineage
            .iter()
            .take(own)
            .flat_map(|pom| &pom.managed)
            .map(fill);
        let (main_folders, test_folders) = folders(&lineage, &values);
        Self {
            main_folders,
            test_folders,
            group: values.project("groupId").map(|group| values.fill(&group)),
            artifact: values.fill(&pom.artifact),
            version: values
                .project("version")
                .map(|version| values.fill(&version))
                .unwrap_or_default(),
            packaging: pom
                .packaging
                .as_deref()
                .map_or_else(|| "jar".to_owned(), |packaging| values.fill(packaging)),
            parent: pom.parent.as_ref().and_then(|parent| {
                Some(values.fill_dependency(&DependencyRef {
                    group: parent.group.clone()?,
                    artifact: parent.artifact.clone()?,
                    version: parent.version.clone(),
                    ..DependencyRef::default()
                }))
            }),
            dependencies,
            plugins,
            extensions: lineage
                .iter()
                .flat_map(|pom| &pom.extensions)
                .map(fill)
                .collect(),
            boms: boms
                .filter(|managed| managed.scope.as_deref() == Some("import"))
                .collect(),
        }
    }
}

/// Where sources and tests are: what the nearest pom says, else as every pom inherits it.
fn folders(lineage: &[&Pom], values: &Values) -> (Vec<String>, Vec<String>) {
    let one = |field: fn(&Folders) -> &Option<String>, default: &str| {
        let said = lineage
            .iter()
            .find_map(|pom| field(&pom.folders).as_deref());
        vec![values.fill(said.unwrap_or(default))]
    };
    let list = |field: fn(&Folders) -> &Vec<String>, default: &str| -> Vec<String> {
        let said = lineage
            .iter()
            .map(|pom| field(&pom.folders))
            .find(|list| !list.is_empty());
        said.map_or_else(
            || vec![default.to_owned()],
            |list| list.iter().map(|path| values.fill(path)).collect(),
        )
    };
    let main = [
        one(|folders| &folders.main, "src/main/java"),
        list(|folders| &folders.resources, "src/main/resources"),
        vec!["src/main".to_owned()],
    ];
    let test = [
        one(|folders| &folders.test, "src/test/java"),
        list(|folders| &folders.test_resources, "src/test/resources"),
        vec!["src/test".to_owned()],
    ];
    (main.concat(), test.concat())
}

/// The key by which a managed dependency belongs to a used one.
fn same_key(a: &DependencyRef, b: &DependencyRef) -> bool {
    let kind =
        |dependency: &DependencyRef| dependency.kind.clone().unwrap_or_else(|| "jar".to_owned());
    (&a.group, &a.artifact, &a.classifier) == (&b.group, &b.artifact, &b.classifier)
        && kind(a) == kind(b)
}

fn same_plugin(a: &PluginRef, b: &PluginRef) -> bool {
    (&a.coordinates.group, &a.coordinates.artifact)
        == (&b.coordinates.group, &b.coordinates.artifact)
}

/// Joins what several generations say about the same plugin; the nearest comes first and wins.
fn merged(plugins: impl Iterator<Item = PluginRef>) -> Vec<PluginRef> {
    let mut result: Vec<PluginRef> = Vec::new();
    for plugin in plugins {
        match result
            .iter_mut()
            .find(|nearer| same_plugin(nearer, &plugin))
        {
            Some(nearer) => merge(nearer, plugin),
            None => result.push(plugin),
        }
    }
    result
}

fn merge(nearer: &mut PluginRef, farther: PluginRef) {
    nearer.coordinates.version = nearer
        .coordinates
        .version
        .take()
        .or(farther.coordinates.version);
    nearer.skip = nearer.skip.take().or(farther.skip);
    for dependency in farther.dependencies {
        if !nearer
            .dependencies
            .iter()
            .any(|known| same_key(known, &dependency))
        {
            nearer.dependencies.push(dependency);
        }
    }
}

/// What a property may stand for.
#[derive(Debug)]
pub(crate) struct Values {
    properties: BTreeMap<String, String>,
}

impl Values {
    /// The values of a pom and its parents, the pom first.
    pub(crate) fn new(lineage: &[&Pom]) -> Self {
        let mut properties = BTreeMap::new();
        for pom in lineage.iter().rev() {
            properties.extend(pom.properties.clone());
        }
        if let Some(pom) = lineage.first() {
            let parent = pom.parent.as_ref();
            let of_parent = |field: fn(&super::pom::ParentRef) -> &Option<String>| {
                parent.and_then(|parent| field(parent).clone())
            };
            let (group, version) = (
                of_parent(|parent| &parent.group),
                of_parent(|parent| &parent.version),
            );
            for (name, value) in [
                ("groupId", pom.group.clone().or_else(|| group.clone())),
                ("artifactId", Some(pom.artifact.clone())),
                ("version", pom.version.clone().or_else(|| version.clone())),
                (
                    "packaging",
                    pom.packaging.clone().or_else(|| Some("jar".to_owned())),
                ),
                ("parent.groupId", group),
                ("parent.artifactId", of_parent(|parent| &parent.artifact)),
                ("parent.version", version),
            ] {
                let Some(value) = value else { continue };
                for prefix in ["project.", "pom."] {
                    properties.insert(format!("{prefix}{name}"), value.clone());
                }
                // Old poms leave the prefix away; a property of that name comes first.
                properties.entry(name.to_owned()).or_insert(value);
            }
        }
        Self { properties }
    }

    fn project(&self, name: &str) -> Option<String> {
        self.properties.get(&format!("project.{name}")).cloned()
    }

    /// Fills in `${…}`; what is not known stays as it is.
    pub(crate) fn fill(&self, text: &str) -> String {
        if text.contains("${") {
            self.expand(text, &mut Vec::new(), &mut MOST_EXPANSIONS.clone())
        } else {
            text.to_owned()
        }
    }

    fn expand<'a>(&'a self, text: &'a str, open: &mut Vec<&'a str>, left: &mut usize) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            let (before, name, whole) = (
                &rest[..start],
                &rest[start + 2..start + length],
                &rest[start..=start + length],
            );
            result.push_str(before);
            match self.properties.get(name) {
                Some(value) if *left > 0 && open.len() < DEEPEST && !open.contains(&name) => {
                    *left -= 1;
                    open.push(name);
                    result.push_str(&self.expand(value, open, left));
                    open.pop();
                }
                _ => result.push_str(whole),
            }
            rest = &rest[start + length + 1..];
        }
        result.push_str(rest);
        result
    }

    fn fill_dependency(&self, dependency: &DependencyRef) -> DependencyRef {
        let optional = |value: &Option<String>| value.as_deref().map(|value| self.fill(value));
        DependencyRef {
            group: self.fill(&dependency.group),
            artifact: self.fill(&dependency.artifact),
            version: optional(&dependency.version),
            kind: optional(&dependency.kind),
            classifier: optional(&dependency.classifier),
            scope: optional(&dependency.scope),
        }
    }

    fn fill_plugin(&self, plugin: &PluginRef) -> PluginRef {
        PluginRef {
            coordinates: self.fill_dependency(&plugin.coordinates),
            dependencies: plugin
                .dependencies
                .iter()
                .map(|dependency| self.fill_dependency(dependency))
                .collect(),
            skip: plugin.skip.as_deref().map(|skip| self.fill(skip)),
            inherited: plugin.inherited,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pom(body: &str) -> Rc<Pom> {
        Rc::new(Pom::read(format!("<project>{body}</project>").as_bytes()).unwrap())
    }

    fn parent() -> Rc<Pom> {
        pom("<groupId>com.acme</groupId><artifactId>parent</artifactId><version>${revision}</version>
             <properties><revision>1.0</revision><lib>${revision}-x</lib></properties>
             <dependencies><dependency><groupId>${project.groupId}</groupId><artifactId>everywhere</artifactId></dependency></dependencies>
             <dependencyManagement><dependencies>
               <dependency><groupId>com.acme</groupId><artifactId>lib</artifactId><version>${lib}</version><scope>test</scope></dependency>
               <dependency><groupId>com.acme</groupId><artifactId>bom</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>
             </dependencies></dependencyManagement>
             <build><pluginManagement><plugins><plugin><artifactId>p</artifactId><version>3</version></plugin></plugins></pluginManagement>
             <plugins><plugin><artifactId>p</artifactId></plugin><plugin><artifactId>q</artifactId><inherited>false</inherited></plugin></plugins></build>")
    }

    #[test]
    fn a_child_inherits_and_overrides() {
        let child = pom(
            "<parent><groupId>com.acme</groupId><artifactId>parent</artifactId><version>${revision}</version></parent>
             <artifactId>${name}</artifactId><properties><name>child</name><revision>2.0</revision></properties>
             <dependencies><dependency><groupId>com.acme</groupId><artifactId>lib</artifactId></dependency></dependencies>",
        );
        let model = Model::new(&child, &[parent()], 1);
        assert_eq!(
            (
                model.group.as_deref(),
                model.artifact.as_str(),
                model.version.as_str()
            ),
            (Some("com.acme"), "child", "2.0")
        );
        let seen: Vec<_> = model
            .dependencies
            .iter()
            .map(|d| {
                (
                    d.artifact.as_str(),
                    d.version.as_deref(),
                    d.scope.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("lib", Some("2.0-x"), Some("test")),
                ("everywhere", None, None)
            ]
        );
        let plugins: Vec<_> = model
            .plugins
            .iter()
            .map(|p| {
                (
                    p.coordinates.artifact.as_str(),
                    p.coordinates.version.as_deref(),
                )
            })
            .collect();
        assert_eq!(plugins, [("p", Some("3"))]);
        assert!(
            model.boms.is_empty(),
            "the parent is a module, so the import is the parent's"
        );
        assert_eq!(Model::new(&child, &[parent()], 2).boms.len(), 1);
    }

    #[test]
    fn properties_that_stand_for_each_other_stay() {
        let pom = pom("<artifactId>a</artifactId><properties><a>${b}</a><b>${a}</b></properties>");
        assert_eq!(
            Values::new(&[&pom]).fill("x ${a} ${unknown} ${"),
            "x ${a} ${unknown} ${"
        );
    }

    #[test]
    fn properties_that_multiply_have_an_end() {
        let levels: String = (1..30)
            .map(|n| format!("<p{n}>${{p{}}}${{p{}}}</p{n}>", n - 1, n - 1))
            .collect();
        let pom = pom(&format!(
            "<artifactId>a</artifactId><properties><p0>x</p0>{levels}</properties>"
        ));
        assert!(Values::new(&[&pom]).fill("${p29}").len() < 100_000);
    }

    proptest! {
        #[test]
        fn filling_in_never_panics(text in "(\\$|\\{|\\}|a|b|é|\\$\\{a\\}){0,20}", a in "(\\$|\\{|\\}|a|b|\\$\\{b\\}){0,10}") {
            let a = a.replace('&', "");
            let pom = pom(&format!("<artifactId>a</artifactId><properties><a>{a}</a><b>${{a}}</b></properties>"));
            Values::new(&[&pom]).fill(&text);
        }
    }
}
