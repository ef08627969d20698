//! A Maven monorepo as the pipeline meets it: six services, and modules that some of them share.

use crate::repo::Repo;

/// The services, each with the modules that it needs.
pub(crate) const SERVICES: [(&str, &[&str]); 6] = [
    ("config-server", &[]),
    ("api-gateway", &["common-util"]),
    ("user-service", &["common-event", "common-util"]),
    ("task-service", &["user-service"]),
    ("report-service", &["common-event"]),
    ("skill-service", &["common-util"]),
];

/// The modules that are no services.
const SHARED: [&str; 2] = ["common-event", "common-util"];

/// A file of the shared module `common-event`, on which three services depend.
pub(crate) const EVENT: &str = "common/common-event/src/main/java/Event.java";

/// Those three, in the order of a report.
pub(crate) const EVENT_USERS: [&str; 3] = ["report-service", "task-service", "user-service"];

/// The names of all services in the order in which they are deployed: by groups, then by name.
pub(crate) const ORDER: [&str; 6] = [
    "config-server",
    "api-gateway",
    "report-service",
    "skill-service",
    "task-service",
    "user-service",
];

/// Writes the repository's files but for the configuration.
pub(crate) fn write(repo: &Repo) {
    repo.write(".gitignore", "target/\n.windlass/\n");
    repo.write("README.md", "# Skill tracker\n");
    repo.write("tools/build.py", include_str!("build.py"));
    let services = SERVICES.iter().map(|(name, _)| *name);
    let modules = std::iter::once("common").chain(services);
    repo.write("pom.xml", &parent("skilltracker", None, modules));
    let common = parent("common", Some("skilltracker"), SHARED.into_iter());
    repo.write("common/pom.xml", &common);
    for name in SHARED {
        let pom = module(name, "common", &[]);
        repo.write(&format!("common/{name}/pom.xml"), &pom);
    }
    repo.write(EVENT, "class Event {}\n");
    for (name, needs) in SERVICES {
        let pom = module(name, "skilltracker", needs);
        repo.write(&format!("{name}/pom.xml"), &pom);
        repo.write(
            &format!("{name}/Dockerfile"),
            "FROM eclipse-temurin:17-jre\n",
        );
        let source = format!("{name}/src/main/java/Main.java");
        repo.write(&source, "class Main {}\n");
    }
}

const HEAD: &str = "<project><modelVersion>4.0.0</modelVersion>";

fn under(parent: &str) -> String {
    format!(
        "<parent><groupId>io.skilltracker</groupId><artifactId>{parent}</artifactId><version>1.0.0</version></parent>"
    )
}

fn parent<'a>(name: &str, above: Option<&str>, modules: impl Iterator<Item = &'a str>) -> String {
    let coordinates = above.map_or_else(
        || "<groupId>io.skilltracker</groupId><version>1.0.0</version>".to_owned(),
        under,
    );
    let modules: String = modules
        .map(|module| format!("<module>{module}</module>"))
        .collect();
    format!(
        "{HEAD}{coordinates}<artifactId>{name}</artifactId><packaging>pom</packaging><modules>{modules}</modules></project>\n"
    )
}

fn module(name: &str, above: &str, needs: &[&str]) -> String {
    let needs: String = needs
        .iter()
        .map(|need| {
            format!(
                "<dependency><groupId>io.skilltracker</groupId><artifactId>{need}</artifactId>\
                 <version>${{project.version}}</version></dependency>"
            )
        })
        .collect();
    format!(
        "{HEAD}{}<artifactId>{name}</artifactId><dependencies>{needs}</dependencies></project>\n",
        under(above)
    )
}
