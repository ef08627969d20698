//! The repository that is deployed from: twelve services in Maven's layout, and a module that three of them share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::repository::git;
use crate::cargo;
use crate::task::Error;

/// The services.
pub(super) const SERVICES: [&str; 12] = [
    "analytics-service",
    "api-gateway",
    "assessment-service",
    "config-server",
    "discovery-server",
    "feedback-service",
    "notification-service",
    "report-service",
    "search-service",
    "skill-service",
    "task-service",
    "user-service",
];

/// The one that changes.
pub(super) const CHANGED: &str = "skill-service";

/// Those that need the shared module.
pub(super) const SHARING: [&str; 3] = ["notification-service", "task-service", "user-service"];

/// Where the shared module is.
const SHARED: &str = "skilltracker-common/common-event";

/// What makes an image of a module: the stub that the end-to-end tests build with.
const BUILD: &str = "bins/windlass/tests/it/e2e/build.py";

/// The work tree, with three commits: all of it, a change in one service, a change in the shared module.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) folder: PathBuf,
    /// The three commits.
    pub(super) commits: [String; 3],
}

impl Tracker {
    pub(super) fn make(folder: PathBuf) -> Result<Self, Error> {
        let mut tracker = Self {
            folder,
            commits: Default::default(),
        };
        tracker.lay_out()?;
        tracker.git(&["init", "--quiet", "--initial-branch=dev"])?;
        tracker.commits[0] = tracker.commit("Lay out the skill tracker")?;
        let source = format!("services/{CHANGED}/src/main/java/Main.java");
        tracker.write(&source, "class Main { int version = 2; }\n")?;
        tracker.commits[1] = tracker.commit("Change a service")?;
        let source = format!("{SHARED}/src/main/java/Event.java");
        tracker.write(&source, "class Event { int version = 2; }\n")?;
        tracker.commits[2] = tracker.commit("Change what three share")?;
        Ok(tracker)
    }

    /// Checks a commit out and builds the images of these services.
    pub(super) fn check_out(&self, commit: &str, services: &[&str]) -> Result<(), Error> {
        self.git(&["checkout", "--quiet", "--detach", commit])?;
        let script = cargo::root().join(BUILD);
        for service in services {
            let mut build = Command::new("python3");
            build
                .arg(&script)
                .arg(format!("services/{service}"))
                .arg(service)
                .current_dir(&self.folder);
            cargo::output(&mut build)?;
        }
        Ok(())
    }

    fn lay_out(&self) -> Result<(), Error> {
        self.write(".gitignore", "target/\n.windlass/\n")?;
        let services = SERVICES.map(|name| format!("services/{name}"));
        let modules: String = std::iter::once("skilltracker-common")
            .chain(services.iter().map(String::as_str))
            .map(|module| format!("<module>{module}</module>"))
            .collect();
        self.write("pom.xml", &pom("skilltracker", None, &aggregate(&modules)))?;
        let common = aggregate("<module>common-event</module>");
        let pom_of_common = pom("skilltracker-common", Some("skilltracker"), &common);
        self.write("skilltracker-common/pom.xml", &pom_of_common)?;
        let shared = pom("common-event", Some("skilltracker-common"), "");
        self.write(&format!("{SHARED}/pom.xml"), &shared)?;
        let event = format!("{SHARED}/src/main/java/Event.java");
        self.write(&event, "class Event {}\n")?;
        for name in SERVICES {
            let needs = match SHARING.contains(&name) {
                true => {
                    "<dependencies><dependency><groupId>io.skilltracker</groupId><artifactId>common-event</artifactId>\
                     <version>1.0.0</version></dependency></dependencies>"
                }
                false => "",
            };
            let folder = format!("services/{name}");
            let text = pom(name, Some("skilltracker"), needs).replace(
                "<artifactId>skilltracker</artifactId>",
                "<artifactId>skilltracker</artifactId><relativePath>../../pom.xml</relativePath>",
            );
            self.write(&format!("{folder}/pom.xml"), &text)?;
            let file = format!("{folder}/Dockerfile");
            self.write(&file, "FROM eclipse-temurin:17-jre\n")?;
            let source = format!("{folder}/src/main/java/Main.java");
            self.write(&source, "class Main {}\n")?;
        }
        Ok(())
    }

    fn commit(&self, title: &str) -> Result<String, Error> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", title])?;
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = git(&self.folder, arguments);
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Ada")
                .env(format!("GIT_{role}_EMAIL"), "ada@example.com")
                .env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
        }
        cargo::output(&mut command).map(|text| text.trim().to_owned())
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Error> {
        write(&self.folder.join(path), text)
    }
}

/// Writes a file and the folders above it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| Error::broken(format!("writing `{}`", path.display()), source))
}

fn aggregate(modules: &str) -> String {
    format!("<packaging>pom</packaging><modules>{modules}</modules>")
}

fn pom(name: &str, parent: Option<&str>, body: &str) -> String {
    let group = "<groupId>io.skilltracker</groupId>";
    let coordinates = parent.map_or_else(
        || format!("{group}<version>1.0.0</version>"),
        |parent| {
            format!(
                "<parent>{group}<artifactId>{parent}</artifactId><version>1.0.0</version></parent>"
            )
        },
    );
    format!(
        "<project><modelVersion>4.0.0</modelVersion>{coordinates}<artifactId>{name}</artifactId>{body}</project>\n"
    )
}
