//! Poms, written briefly.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Files by their path.
pub(super) type Files = BTreeMap<String, String>;

/// `group:artifact:version` and what else a dependency says, as elements.
fn used(spec: &str) -> String {
    let mut words = spec.split_whitespace();
    let coordinates: Vec<&str> = words.next().unwrap_or_default().split(':').collect();
    let mut xml = String::new();
    for (element, value) in ["groupId", "artifactId", "version"].iter().zip(coordinates) {
        xml += &format!("<{element}>{value}</{element}>");
    }
    for word in words {
        let (element, value) = word.split_once('=').unwrap();
        xml += &format!("<{element}>{value}</{element}>");
    }
    xml
}

pub(super) fn uses(specs: &[&str]) -> String {
    let all: String = specs
        .iter()
        .map(|spec| format!("<dependency>{}</dependency>", used(spec)))
        .collect();
    format!("<dependencies>{all}</dependencies>")
}

pub(super) fn manages(specs: &[&str]) -> String {
    format!(
        "<dependencyManagement>{}</dependencyManagement>",
        uses(specs)
    )
}

pub(super) fn modules(names: &str) -> String {
    let all: String = names
        .split_whitespace()
        .map(|name| format!("<module>{name}</module>"))
        .collect();
    format!("<packaging>pom</packaging><modules>{all}</modules>")
}

pub(super) fn profile(id: &str, activation: &str, body: &str) -> String {
    format!("<profile><id>{id}</id><activation>{activation}</activation>{body}</profile>")
}

/// A pom of its own.
pub(super) fn pom(coordinates: &str, body: &str) -> String {
    let xml = used(coordinates);
    format!("<project><modelVersion>4.0.0</modelVersion>{xml}{body}</project>")
}

/// A pom with a parent, `group:artifact:version` and maybe `relativePath=…`.
pub(super) fn child(parent: &str, artifact: &str, body: &str) -> String {
    let parent = used(parent);
    format!(
        "<project><modelVersion>4.0.0</modelVersion><parent>{parent}</parent><artifactId>{artifact}</artifactId>{body}</project>"
    )
}

/// What Maven finds in its local repository: a parent, and jars that a build is extended with.
pub(super) fn local_repository(folder: &Path) {
    // An archive with nothing in it.
    let nothing = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let needed_to_extend = "org.codehaus.plexus:plexus-utils:1.1";
    for coordinates in ["ext:parent:1", "acme:ext:2.0", needed_to_extend] {
        let parts: Vec<&str> = coordinates.split(':').collect();
        let [group, artifact, version] = parts[..] else {
            panic!("{coordinates}")
        };
        let place = folder
            .join(group.replace('.', "/"))
            .join(artifact)
            .join(version);
        fs::create_dir_all(&place).unwrap();
        let packaging = if artifact == "parent" { "pom" } else { "jar" };
        let text = pom(coordinates, &format!("<packaging>{packaging}</packaging>"));
        fs::write(place.join(format!("{artifact}-{version}.pom")), text).unwrap();
        fs::write(place.join(format!("{artifact}-{version}.jar")), &nothing).unwrap();
    }
}
