//! One pom as it is written.

use std::sync::Arc;

use thiserror::Error;

use super::profile::{Activation, Profile};
use super::xml::{Fault, Xml};

/// Text that is kept many times over.
pub(crate) type Text = Arc<str>;

/// A pom as it is written; nothing is inherited or filled in.
#[derive(Debug)]
pub(crate) struct Pom {
    pub(crate) text: String,
    /// Whether it is of Maven 4's model, in which parents and subprojects may be left to be found.
    pub(crate) finds: bool,
    pub(crate) group: Option<Text>,
    pub(crate) artifact: Text,
    pub(crate) version: Option<Text>,
    pub(crate) packaging: Option<Text>,
    pub(crate) parent: Option<ParentRef>,
    /// Whether it says which modules it has, if only none.
    pub(crate) names_modules: bool,
    pub(crate) section: Arc<Section>,
    pub(crate) profiles: Vec<Profile>,
}

/// What a project and a profile have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    pub(crate) modules: Vec<ModuleRef>,
    /// Names and values, as written; the last of a name counts.
    pub(crate) properties: Vec<(Text, Text)>,
    pub(crate) dependencies: Vec<Arc<DependencyRef>>,
    pub(crate) managed: Vec<Arc<DependencyRef>>,
    pub(crate) plugins: Vec<Arc<PluginRef>>,
    pub(crate) managed_plugins: Vec<Arc<PluginRef>>,
    pub(crate) extensions: Vec<Arc<DependencyRef>>,
    pub(crate) folders: Folders,
}

/// Where a pom says that sources are. What it does not say is none or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folders {
    pub(crate) main: Option<Text>,
    pub(crate) test: Option<Text>,
    pub(crate) resources: Vec<Text>,
    pub(crate) test_resources: Vec<Text>,
}

/// The `<parent>` of a pom.
#[derive(Debug, Clone)]
pub(crate) struct ParentRef {
    pub(crate) group: Option<Text>,
    pub(crate) artifact: Option<Text>,
    pub(crate) version: Option<Text>,
    /// Where its pom is; none if it is to be looked up elsewhere.
    pub(crate) relative_path: Option<Text>,
}

/// One `<module>` of a pom.
#[derive(Debug, Clone)]
pub(crate) struct ModuleRef {
    pub(crate) path: Text,
    pub(crate) offset: usize,
}

/// Coordinates of something that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DependencyRef {
    pub(crate) group: Text,
    pub(crate) artifact: Text,
    pub(crate) version: Option<Text>,
    pub(crate) kind: Option<Text>,
    pub(crate) classifier: Option<Text>,
    pub(crate) scope: Option<Text>,
}

/// One `<plugin>` of a pom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginRef {
    pub(crate) coordinates: DependencyRef,
    pub(crate) dependencies: Vec<Arc<DependencyRef>>,
    /// The text of `<skip>`, in the configuration or in one of an execution.
    pub(crate) skip: Option<Text>,
    /// Whether children get it as well.
    pub(crate) inherited: Option<bool>,
    /// Its executions, each with whether children get it.
    pub(crate) executions: Vec<Option<bool>>,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("the root element is `<{0}>`, not `<project>`")]
    NotAProject(String),
    #[error("the project has no `<artifactId>`")]
    NoArtifact,
}

impl DependencyRef {
    pub(crate) const fn new(group: Text, artifact: Text, version: Option<Text>) -> Self {
        Self {
            group,
            artifact,
            version,
            kind: None,
            classifier: None,
            scope: None,
        }
    }

    /// The key by which lists are merged, and by which a managed dependency belongs to a used one.
    pub(crate) fn key(&self) -> (&str, &str, &str, Option<&str>) {
        let kind = self.kind.as_deref().unwrap_or("jar");
        (
            &self.group,
            &self.artifact,
            kind,
            self.classifier.as_deref(),
        )
    }

    /// Whether it means another module's tests, or something that may hold them.
    pub(crate) fn uses_tests(&self) -> bool {
        self.kind.as_deref() == Some("test-jar") || self.classifier.is_some()
    }

    /// Whether, as a managed dependency, it stands for the list of versions of another pom.
    pub(crate) fn is_import(&self) -> bool {
        self.scope.as_deref() == Some("import") && self.kind.as_deref() == Some("pom")
    }
}

impl PluginRef {
    pub(crate) fn key(&self) -> (&str, &str) {
        (&self.coordinates.group, &self.coordinates.artifact)
    }
}

impl Pom {
    /// Reads a pom from its bytes: UTF-8, or else Latin-1. A fault comes with the text.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, (String, Fault)> {
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // What matters in a pom is ASCII; the rest is people's names.
            Err(error) => error.as_bytes().iter().copied().map(char::from).collect(),
        };
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        match Self::from_text(&text) {
            Ok(pom) => Ok(Self { text, ..pom }),
            Err(fault) => Err((text, fault)),
        }
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        Xml::new(text).root(|xml, root| {
            let offset = xml.offset();
            let fault = |problem: Problem| Fault {
                offset,
                source: problem.into(),
            };
            if root != "project" {
                return Err(fault(Problem::NotAProject(root.to_owned())));
            }
            let space = text.get(offset..).and_then(|tag| tag.split('>').next());
            let mut model_version: Option<Text> = None;
            let mut artifact = None;
            let mut section = Section::default();
            let mut pom = Self {
                text: String::new(),
                finds: false,
                group: None,
                artifact: Text::default(),
                version: None,
                packaging: None,
                parent: None,
                names_modules: false,
                section: Arc::default(),
                profiles: Vec::new(),
            };
            xml.children(|xml, name| {
                match name {
                    "modelVersion" => model_version = xml.text()?,
                    "groupId" => pom.group = xml.text()?,
                    "artifactId" => artifact = xml.text()?,
                    "version" => pom.version = xml.text()?,
                    "packaging" => pom.packaging = xml.text()?,
                    "parent" => pom.parent = Some(parent(xml)?),
                    "profiles" => xml.each("profile", |xml| {
                        pom.profiles.push(profile(xml)?);
                        Ok(())
                    })?,
                    name => {
                        pom.names_modules |= matches!(name, "modules" | "subprojects");
                        section.add(xml, name)?;
                    }
                }
                Ok(())
            })?;
            pom.artifact = artifact.ok_or_else(|| fault(Problem::NoArtifact))?;
            pom.finds = model_version.map_or_else(
                || space.is_some_and(|tag| tag.contains("maven.apache.org/POM/4.1.0")),
                |version| &*version == "4.1.0",
            );
            section.normalize();
            pom.section = Arc::new(section);
            Ok(pom)
        })
    }
}

impl Section {
    /// Reads one child of a project or profile; what does not matter is left for the reader to pass over.
    fn add(&mut self, xml: &mut Xml<'_>, name: &str) -> Result<(), Fault> {
        match name {
            "modules" | "subprojects" => {
                let item = name.strip_suffix('s').unwrap_or(name);
                xml.each(item, |xml| {
                    let offset = xml.offset();
                    let path = xml.text()?;
                    self.modules
                        .extend(path.map(|path| ModuleRef { path, offset }));
                    Ok(())
                })
            }
            "properties" => xml.children(|xml, name| {
                let value = xml.text()?.unwrap_or_default();
                self.properties.push((name.into(), value));
                Ok(())
            }),
            "dependencies" => dependencies(xml, &mut self.dependencies),
            "dependencyManagement" => {
                xml.each("dependencies", |xml| dependencies(xml, &mut self.managed))
            }
            "build" => xml.children(|xml, name| match name {
                "plugins" => plugins(xml, &mut self.plugins),
                "pluginManagement" => {
                    xml.each("plugins", |xml| plugins(xml, &mut self.managed_plugins))
                }
                "extensions" => xml.each("extension", |xml| {
                    self.extensions.extend(dependency(xml)?.map(Arc::new));
                    Ok(())
                }),
                "sourceDirectory" => {
                    self.folders.main = xml.text()?;
                    Ok(())
                }
                "testSourceDirectory" => {
                    self.folders.test = xml.text()?;
                    Ok(())
                }
                "resources" => directories(xml, "resource", &mut self.folders.resources),
                "testResources" => {
                    directories(xml, "testResource", &mut self.folders.test_resources)
                }
                _ => Ok(()),
            }),
            _ => Ok(()),
        }
    }
}

fn parent(xml: &mut Xml<'_>) -> Result<ParentRef, Fault> {
    let mut parent = ParentRef {
        group: None,
        artifact: None,
        version: None,
        relative_path: Some("../pom.xml".into()),
    };
    xml.children(|xml, name| {
        match name {
            "groupId" => parent.group = xml.text()?,
            "artifactId" => parent.artifact = xml.text()?,
            "version" => parent.version = xml.text()?,
            "relativePath" => parent.relative_path = xml.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(parent)
}

fn profile(xml: &mut Xml<'_>) -> Result<Profile, Fault> {
    let mut profile = Profile {
        id: "default".into(),
        activation: Activation::default(),
        section: Section::default(),
    };
    xml.children(|xml, name| {
        match name {
            "id" => profile.id = xml.text()?.unwrap_or_default(),
            "activation" => profile.activation = Activation::read(xml)?,
            name => profile.section.add(xml, name)?,
        }
        Ok(())
    })?;
    Ok(profile)
}

fn dependencies(xml: &mut Xml<'_>, list: &mut Vec<Arc<DependencyRef>>) -> Result<(), Fault> {
    xml.each("dependency", |xml| {
        list.extend(dependency(xml)?.map(Arc::new));
        Ok(())
    })
}

fn dependency(xml: &mut Xml<'_>) -> Result<Option<DependencyRef>, Fault> {
    let (mut group, mut artifact) = (None, None);
    let mut found = DependencyRef::new(Text::default(), Text::default(), None);
    xml.children(|xml, name| {
        match name {
            "groupId" => group = xml.text()?,
            "artifactId" => artifact = xml.text()?,
            "version" => found.version = xml.text()?,
            "type" => found.kind = xml.text()?,
            "classifier" => found.classifier = xml.text()?,
            "scope" => found.scope = xml.text()?,
            _ => {}
        }
        Ok(())
    })?;
    // Without both it means nothing, and Maven refuses it.
    let both = group.zip(artifact);
    Ok(both.map(|(group, artifact)| DependencyRef {
        group,
        artifact,
        ..found
    }))
}

fn plugins(xml: &mut Xml<'_>, list: &mut Vec<Arc<PluginRef>>) -> Result<(), Fault> {
    xml.each("plugin", |xml| {
        list.extend(plugin(xml)?.map(Arc::new));
        Ok(())
    })
}

fn plugin(xml: &mut Xml<'_>) -> Result<Option<PluginRef>, Fault> {
    let (mut group, mut artifact, mut version) = (None, None, None);
    let (mut dependencies_of, mut inherited, mut executions) = (Vec::new(), None, Vec::new());
    let (mut skip, mut skip_of_execution) = (None, None);
    xml.children(|xml, name| {
        match name {
            "groupId" => group = xml.text()?,
            "artifactId" => artifact = xml.text()?,
            "version" => version = xml.text()?,
            "inherited" => inherited = flag(xml)?,
            "dependencies" => dependencies(xml, &mut dependencies_of)?,
            "configuration" => xml.each("skip", |xml| {
                skip = xml.text()?;
                Ok(())
            })?,
            "executions" => xml.each("execution", |xml| {
                let mut inherited = None;
                xml.children(|xml, name| {
                    match name {
                        "inherited" => inherited = flag(xml)?,
                        "configuration" => xml.each("skip", |xml| {
                            skip_of_execution = xml.text()?;
                            Ok(())
                        })?,
                        _ => {}
                    }
                    Ok(())
                })?;
                executions.push(inherited);
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    let group = group.unwrap_or_else(|| "org.apache.maven.plugins".into());
    Ok(artifact.map(|artifact| PluginRef {
        coordinates: DependencyRef::new(group, artifact, version),
        dependencies: dependencies_of,
        skip: skip.or(skip_of_execution),
        inherited,
        executions,
    }))
}

fn directories(xml: &mut Xml<'_>, item: &str, list: &mut Vec<Text>) -> Result<(), Fault> {
    xml.each(item, |xml| {
        xml.each("directory", |xml| {
            list.extend(xml.text()?);
            Ok(())
        })
    })
}

fn flag(xml: &mut Xml<'_>) -> Result<Option<bool>, Fault> {
    Ok(xml.text()?.map(|text: String| text != "false"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Pom {
        Pom::read(text.into()).unwrap()
    }

    #[test]
    fn profiles_stay_by_themselves() {
        let pom = read(
            "<project><artifactId>a</artifactId><modules><module>x</module><module/></modules><profiles>
              <profile><id>p</id><activation><activeByDefault>true</activeByDefault></activation>
                <modules><module>y</module></modules><properties><p>1</p></properties></profile></profiles></project>",
        );
        let paths = |section: &Section| -> Vec<String> {
            let paths = section.modules.iter().map(|module| module.path.to_string());
            paths.collect()
        };
        assert_eq!(paths(&pom.section), ["x"]);
        assert_eq!(&*pom.profiles[0].id, "p");
        assert_eq!(paths(&pom.profiles[0].section), ["y"]);
    }

    #[test]
    fn an_empty_relative_path_looks_elsewhere() {
        let parent = |xml: &str| {
            let parent = read(&format!(
                "<project><artifactId>a</artifactId><parent>{xml}</parent></project>"
            ));
            parent.parent.unwrap().relative_path
        };
        assert_eq!(parent("").as_deref(), Some("../pom.xml"));
        assert_eq!(parent("<relativePath/>"), None);
        assert_eq!(
            parent("<relativePath>../parent</relativePath>").as_deref(),
            Some("../parent")
        );
    }

    #[test]
    fn old_encodings_and_byte_order_marks_are_read() {
        for bytes in [
            &b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><project><name>Caf\xe9</name><artifactId>a</artifactId></project>"[..],
            b"\xef\xbb\xbf<project><artifactId>a</artifactId></project>",
        ] {
            assert_eq!(&*Pom::read(bytes.to_vec()).unwrap().artifact, "a");
        }
    }

    #[test]
    fn the_model_that_finds_what_is_not_said_is_known_by_version_or_namespace() {
        let finds = |attributes: &str, version: &str| {
            read(&format!(
                "<project {attributes}>{version}<artifactId>a</artifactId></project>"
            ))
            .finds
        };
        let new = "xmlns=\"http://maven.apache.org/POM/4.1.0\"";
        assert!(finds(new, "") && finds("", "<modelVersion>4.1.0</modelVersion>"));
        assert!(!finds(new, "<modelVersion>4.0.0</modelVersion>") && !finds("", ""));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            _ = Pom::read(bytes);
        }

        #[test]
        fn no_order_of_elements_makes_it_panic(
            parts in proptest::collection::vec(
                prop::sample::select(vec![
                    "<project>", "</project>", "<artifactId>", "</artifactId>", "a", "<parent>", "</parent>", "<profiles>",
                    "</profiles>", "<profile>", "</profile>", "<activation>", "</activation>", "<file/>", "<property/>",
                    "<dependencies>", "<dependency>", "</dependency>", "</dependencies>", "<build/>", "${a}",
                    "<modules>", "<module>", "</module>", "</modules>", "<plugins>", "<plugin/>", "</plugins>",
                ]),
                0..30,
            ),
        ) {
            _ = Pom::read(parts.concat().into_bytes());
            _ = Pom::read(format!("<project><artifactId>a</artifactId>{}</project>", parts.concat()).into_bytes());
        }
    }
}
