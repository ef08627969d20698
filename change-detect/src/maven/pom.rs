//! One pom as it is written.

use std::collections::BTreeMap;

use thiserror::Error;

use super::xml::{Element, Fault, parse};

/// A pom as it is written; nothing is inherited or filled in.
#[derive(Debug, Clone)]
pub(crate) struct Pom {
    pub(crate) text: String,
    pub(crate) group: Option<String>,
    pub(crate) artifact: String,
    pub(crate) version: Option<String>,
    pub(crate) packaging: Option<String>,
    pub(crate) parent: Option<ParentRef>,
    pub(crate) modules: Vec<ModuleRef>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) dependencies: Vec<DependencyRef>,
    pub(crate) managed: Vec<DependencyRef>,
    pub(crate) plugins: Vec<PluginRef>,
    pub(crate) managed_plugins: Vec<PluginRef>,
    pub(crate) extensions: Vec<DependencyRef>,
    pub(crate) folders: Folders,
}

/// Where a pom says that sources are. What it does not say is none or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folders {
    pub(crate) main: Option<String>,
    pub(crate) test: Option<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) test_resources: Vec<String>,
}

/// The `<parent>` of a pom.
#[derive(Debug, Clone)]
pub(crate) struct ParentRef {
    pub(crate) group: Option<String>,
    pub(crate) artifact: Option<String>,
    pub(crate) version: Option<String>,
    /// Where its pom is; none if it is to be looked up elsewhere.
    pub(crate) relative_path: Option<String>,
}

/// One `<module>` of a pom.
#[derive(Debug, Clone)]
pub(crate) struct ModuleRef {
    pub(crate) path: String,
    pub(crate) offset: usize,
}

/// Coordinates of something that is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DependencyRef {
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) classifier: Option<String>,
    pub(crate) scope: Option<String>,
}

/// One `<plugin>` of a pom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PluginRef {
    pub(crate) coordinates: DependencyRef,
    pub(crate) dependencies: Vec<DependencyRef>,
    /// The text of `<skip>`, in the configuration or in one of an execution.
    pub(crate) skip: Option<String>,
    /// Whether children get it as well.
    pub(crate) inherited: bool,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("the root element is `<{0}>`, not `<project>`")]
    NotAProject(String),
    #[error("the project has no `<artifactId>`")]
    NoArtifact,
}

impl Pom {
    /// Reads a pom from its bytes: UTF-8, or else Latin-1.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, (String, Fault)> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            // What matters in a pom is ASCII; the rest is people's names.
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        match Self::from_text(text.clone()) {
            Ok(pom) => Ok(pom),
            Err(fault) => Err((text, fault)),
        }
    }

    fn from_text(text: String) -> Result<Self, Fault> {
        let project = parse(&text)?;
        let fault = |problem: Problem| Fault {
            offset: project.offset,
            source: problem.into(),
        };
        if project.name != "project" {
            return Err(fault(Problem::NotAProject(project.name.clone())));
        }
        let artifact = project
            .text_of("artifactId")
            .ok_or_else(|| fault(Problem::NoArtifact))?;
        let mut pom = Self {
            group: project.text_of("groupId"),
            artifact,
            version: project.text_of("version"),
            packaging: project.text_of("packaging"),
            parent: project.child("parent").map(parent_ref),
            modules: Vec::new(),
            properties: BTreeMap::new(),
            dependencies: Vec::new(),
            managed: Vec::new(),
            plugins: Vec::new(),
            managed_plugins: Vec::new(),
            extensions: Vec::new(),
            folders: Folders::default(),
            text,
        };
        pom.add(&project);
        for profile in project.below(&["profiles"]) {
            // Whether another profile is active depends on the machine and the command line, so none is taken to be.
            if profile
                .at(&["activation", "activeByDefault"])
                .is_some_and(|active| active.text.trim() == "true")
            {
                pom.add(profile);
            }
        }
        Ok(pom)
    }

    /// Adds what a project and a profile have in common.
    fn add(&mut self, section: &Element) {
        for (list, item) in [("modules", "module"), ("subprojects", "subproject")] {
            let modules = section.below(&[list]).filter(|module| module.name == item);
            self.modules.extend(modules.map(|module| ModuleRef {
                path: module.text.trim().to_owned(),
                offset: module.offset,
            }));
        }
        for property in section.below(&["properties"]) {
            self.properties
                .insert(property.name.clone(), property.text.trim().to_owned());
        }
        self.dependencies
            .extend(section.below(&["dependencies"]).filter_map(dependency_ref));
        self.managed.extend(
            section
                .below(&["dependencyManagement", "dependencies"])
                .filter_map(dependency_ref),
        );
        self.plugins
            .extend(section.below(&["build", "plugins"]).filter_map(plugin_ref));
        self.managed_plugins.extend(
            section
                .below(&["build", "pluginManagement", "plugins"])
                .filter_map(plugin_ref),
        );
        self.extensions.extend(
            section
                .below(&["build", "extensions"])
                .filter_map(dependency_ref),
        );
        if let Some(build) = section.child("build") {
            let directories = |list: &str| {
                let items = build.below(&[list]);
                items
                    .filter_map(|item| item.text_of("directory"))
                    .collect::<Vec<_>>()
            };
            let folders = &mut self.folders;
            folders.main = build
                .text_of("sourceDirectory")
                .or_else(|| folders.main.take());
            folders.test = build
                .text_of("testSourceDirectory")
                .or_else(|| folders.test.take());
            folders.resources.extend(directories("resources"));
            folders.test_resources.extend(directories("testResources"));
        }
    }
}

impl DependencyRef {
    /// Whether it means another module's tests, or something that may hold them.
    pub(crate) fn uses_tests(&self) -> bool {
        self.kind.as_deref() == Some("test-jar") || self.classifier.is_some()
    }
}

fn parent_ref(parent: &Element) -> ParentRef {
    let relative_path = match parent.child("relativePath") {
        None => Some("../pom.xml".to_owned()),
        Some(_) => parent.text_of("relativePath"),
    };
    let [group, artifact, version] =
        ["groupId", "artifactId", "version"].map(|name| parent.text_of(name));
    ParentRef {
        group,
        artifact,
        version,
        relative_path,
    }
}

fn dependency_ref(element: &Element) -> Option<DependencyRef> {
    Some(DependencyRef {
        group: element.text_of("groupId")?,
        artifact: element.text_of("artifactId")?,
        version: element.text_of("version"),
        kind: element.text_of("type"),
        classifier: element.text_of("classifier"),
        scope: element.text_of("scope"),
    })
}

fn plugin_ref(element: &Element) -> Option<PluginRef> {
    let group = element
        .text_of("groupId")
        .unwrap_or_else(|| "org.apache.maven.plugins".to_owned());
    let artifact = element.text_of("artifactId")?;
    let in_executions = element
        .below(&["executions"])
        .filter_map(|execution| execution.child("configuration"));
    let skip = element
        .child("configuration")
        .into_iter()
        .chain(in_executions)
        .find_map(|configuration| configuration.text_of("skip"));
    Some(PluginRef {
        coordinates: DependencyRef {
            group,
            artifact,
            version: element.text_of("version"),
            ..DependencyRef::default()
        },
        dependencies: element
            .below(&["dependencies"])
            .filter_map(dependency_ref)
            .collect(),
        skip,
        inherited: element
            .text_of("inherited")
            .is_none_or(|inherited| inherited != "false"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn profiles_count_only_if_active_by_default() {
        let pom = Pom::read(
            b"<project><artifactId>a</artifactId><modules><module>x</module></modules><profiles>
              <profile><activation><activeByDefault>true</activeByDefault></activation>
                <modules><module>y</module></modules><properties><p>1</p></properties></profile>
              <profile><id>release</id><modules><module>z</module></modules></profile></profiles></project>",
        )
        .unwrap();
        let modules: Vec<&str> = pom
            .modules
            .iter()
            .map(|module| module.path.as_str())
            .collect();
        assert_eq!(modules, ["x", "y"]);
        assert_eq!(pom.properties.get("p").map(String::as_str), Some("1"));
    }

    #[test]
    fn an_empty_relative_path_looks_elsewhere() {
        let parent = |xml: &str| {
            let text =
                format!("<project><artifactId>a</artifactId><parent>{xml}</parent></project>");
            Pom::read(text.as_bytes())
                .unwrap()
                .parent
                .unwrap()
                .relative_path
        };
        assert_eq!(parent("").as_deref(), Some("../pom.xml"));
        assert_eq!(parent("<relativePath/>"), None);
        assert_eq!(
            parent("<relativePath>../parent</relativePath>").as_deref(),
            Some("../parent")
        );
    }

    #[test]
    fn an_old_encoding_is_read() {
        let pom = Pom::read(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><project><name>Caf\xe9</name><artifactId>a</artifactId></project>");
        assert_eq!(pom.unwrap().artifact, "a");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            _ = Pom::read(&bytes);
        }

        #[test]
        fn no_order_of_elements_makes_it_panic(
            parts in proptest::collection::vec(
                prop::sample::select(vec![
                    "<project>", "</project>", "<artifactId>", "</artifactId>", "a", "<parent>", "</parent>", "<profiles>",
                    "</profiles>", "<dependencies>", "<dependency>", "</dependency>", "</dependencies>", "<build/>", "${a}",
                    "<modules>", "<module>", "</module>", "</modules>", "<plugins>", "<plugin/>", "</plugins>",
                ]),
                0..30,
            ),
        ) {
            _ = Pom::read(parts.concat().as_bytes());
            _ = Pom::read(format!("<project><artifactId>a</artifactId>{}</project>", parts.concat()).as_bytes());
        }
    }
}
