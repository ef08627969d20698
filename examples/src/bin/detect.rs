//! What did the last commit change, whom does it affect, and why?
//!
//! `detect [DIR [BASE [HEAD]]]` reads the git repository at DIR and compares HEAD~1 with HEAD unless told otherwise.
//! Without arguments it looks at a repository that exists only in memory.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::env;
use std::error::Error;
use std::path::Path;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, CommitId, DiffSource, GitSource, Options, detect};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some(dir) = arguments.first() {
        let repository = GitSource::discover(Path::new(dir))?;
        let revision = |index: usize, default| arguments.get(index).map_or(default, String::as_str);
        let base = repository.resolve(revision(1, "HEAD~1"))?;
        let head = repository.resolve(revision(2, "HEAD"))?;
        return show(&repository, base, &head);
    }

    // A Maven project: two services that share a module, and one that does not.
    let repository = SimRepository::new();
    let base = repository.save(
        Draft::new("Three services")
            .file(
                "pom.xml",
                root_pom(&[
                    "common-event",
                    "user-service",
                    "task-service",
                    "report-service",
                ]),
            )
            .file("common-event/pom.xml", pom("common-event", None))
            .file(
                "common-event/src/main/java/Event.java",
                "record Event(String id) {}",
            )
            .file(
                "user-service/pom.xml",
                pom("user-service", Some("common-event")),
            )
            .file(
                "task-service/pom.xml",
                pom("task-service", Some("common-event")),
            )
            .file("report-service/pom.xml", pom("report-service", None))
            .file("README.md", "three services"),
    )?;
    let head = repository.save(
        Draft::new("Give events a time")
            .file(
                "common-event/src/main/java/Event.java",
                "record Event(String id, long time) {}",
            )
            .file("README.md", "three services, one event"),
    )?;
    show(&repository, base, &head)
}

/// Detects and prints what a pipeline would act on.
fn show(
    repository: &dyn DiffSource,
    base: CommitId,
    head: &CommitId,
) -> Result<(), Box<dyn Error>> {
    println!("{} -> {}", base.short(), head.short());
    let detection = detect(repository, &Bases::One(base), head, &Options::default())?;
    if detection.is_empty() {
        println!("nothing to deploy");
    }
    for service in &detection.services {
        println!(
            "deploy {}",
            detection
                .explain(service)
                .unwrap_or_else(|| service.to_string())
        );
    }
    for (index, wave) in detection.waves.iter().enumerate() {
        let names: Vec<&str> = wave.iter().map(|module| module.as_str()).collect();
        println!("build wave {}: {}", index + 1, names.join(", "));
    }
    for path in &detection.unowned {
        println!("belongs to no module: {path}");
    }
    Ok(())
}

fn root_pom(modules: &[&str]) -> String {
    let modules: String = modules
        .iter()
        .map(|module| format!("<module>{module}</module>"))
        .collect();
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>shop</artifactId>\
         <version>1</version><packaging>pom</packaging><modules>{modules}</modules></project>"
    )
}

fn pom(name: &str, uses: Option<&str>) -> String {
    let parent = "<parent><groupId>org.example</groupId><artifactId>shop</artifactId><version>1</version></parent>";
    let uses = uses.map(|module| {
        format!("<dependency><groupId>org.example</groupId><artifactId>{module}</artifactId><version>1</version></dependency>")
    });
    format!(
        "<project><modelVersion>4.0.0</modelVersion>{parent}<artifactId>{name}</artifactId><dependencies>{}</dependencies></project>",
        uses.unwrap_or_default()
    )
}
