//! The sample repository: a Maven monorepo of twelve services with real git history.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windlass_cli::Failure;

use crate::args::Break;
use crate::local::MANNER_FILE;

/// The service that the sample's change is about, and that breaks when asked to.
pub(super) const CHANGED: &str = "user-service";

/// The services, each with the modules that it depends on.
const SERVICES: [(&str, &[&str]); 12] = [
    ("config-server", &[]),
    ("discovery-server", &[]),
    ("api-gateway", &["common-security"]),
    ("user-service", &["common-security", "common-event"]),
    ("task-service", &["common-util", "user-service"]),
    ("skill-service", &["common-util"]),
    ("assessment-service", &["common-security"]),
    ("analytics-service", &["common-util"]),
    ("feedback-service", &["common-util"]),
    ("notification-service", &["common-event"]),
    ("report-service", &["common-util"]),
    ("recommendation-service", &[]),
];

/// The shared modules, below `skilltracker-common/`.
const COMMON: [&str; 3] = ["common-event", "common-security", "common-util"];

const CONFIG: &str = r#"[detect]
layout = "maven"

[deploy]
order = [["config-server"], ["discovery-server"], ["api-gateway"], ["user-service"]]
"#;

/// A git repository that is being made.
#[derive(Debug)]
pub(super) struct Sample {
    root: PathBuf,
    commits: u32,
}

impl Sample {
    /// Makes the repository with its first commits.
    pub(super) fn create(root: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(root).map_err(|error| unwritable(root, &error))?;
        let mut sample = Self {
            root: root.to_owned(),
            commits: 0,
        };
        sample.git(&["init", "--quiet", "--initial-branch=main"])?;
        sample.write(&poms())?;
        sample.commit("Lay out the skill tracker: twelve services and what they share")?;
        sample.write(&sources())?;
        sample.commit("Let every service say hello")?;
        sample.write(&BTreeMap::from([(
            "windlass.toml".to_owned(),
            CONFIG.to_owned(),
        )]))?;
        sample.commit("Deploy with windlass")?;
        Ok(sample)
    }

    /// Commits the change that the demo deploys, broken if so asked.
    pub(super) fn change(&mut self, how: Option<Break>) -> Result<(), Failure> {
        let mut files = BTreeMap::from([
            (
                java("", CHANGED),
                class(CHANGED, "Hello, whoever you are called"),
            ),
            (
                java("skilltracker-common/", "common-event"),
                class("common-event", "UserRenamed"),
            ),
            (
                "README.md".to_owned(),
                "# Skill tracker\n\nUsers can choose a display name.\n".to_owned(),
            ),
        ]);
        let manner = match how {
            Some(Break::Crash) => Some("exit-code = 1\n".to_owned()),
            Some(Break::Unhealthy) => Some("health = \"DOWN\"\n".to_owned()),
            // The build took its classes from a cache: the image is new, what answers is the old build.
            Some(Break::Stale) => Some(format!("revision = \"{}\"\n", self.head()?)),
            Some(Break::BadImage) | None => None,
        };
        if let Some(manner) = manner {
            files.insert(format!("{CHANGED}/{MANNER_FILE}"), manner);
        }
        self.write(&files)?;
        self.commit("Let users choose a display name")
    }

    fn head(&self) -> Result<String, Failure> {
        self.git(&["rev-parse", "HEAD"])
            .map(|out| out.trim().to_owned())
    }

    fn write(&self, files: &BTreeMap<String, String>) -> Result<(), Failure> {
        for (path, text) in files {
            let path = self.root.join(path);
            let written = path
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| unwritable(&path, &error))?;
        }
        Ok(())
    }

    fn commit(&mut self, title: &str) -> Result<(), Failure> {
        self.git(&["add", "--all"])?;
        self.commits += 1;
        self.git(&["commit", "--quiet", "--message", title])
            .map(drop)
    }

    /// Runs git away from the user's own configuration, so that no hook, signature or template gets in.
    fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        let date = format!("2026-03-0{}T09:00:00+00:00", 1 + self.commits);
        let mut command = Command::new("git");
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_COMMON_DIR",
        ] {
            command.env_remove(name);
        }
        let output = command
            .args(arguments)
            .current_dir(&self.root)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada Demo")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada Demo")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| {
                Failure::usage("cannot start `git`")
                    .caused_by(&error)
                    .hint("the demo makes a git repository: install git")
            })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Failure::unreachable(format!(
            "`git {}` failed: {said}",
            arguments.join(" ")
        )))
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write `{}`", path.display()))
        .caused_by(error)
        .hint("give --dir a folder that you may write")
}

fn poms() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let modules = |names: &mut dyn Iterator<Item = &str>| {
        names.fold(String::new(), |mut text, name| {
            writeln!(text, "    <module>{name}</module>").expect("writing to a String cannot fail");
            text
        })
    };
    let services = modules(
        &mut std::iter::once("skilltracker-common").chain(SERVICES.iter().map(|(name, _)| *name)),
    );
    files.insert(
        "pom.xml".to_owned(),
        parent("skilltracker", None, &services),
    );
    files.insert(
        "skilltracker-common/pom.xml".to_owned(),
        parent(
            "skilltracker-common",
            Some("skilltracker"),
            &modules(&mut COMMON.into_iter()),
        ),
    );
    for name in COMMON {
        files.insert(
            format!("skilltracker-common/{name}/pom.xml"),
            module(name, "skilltracker-common", &[]),
        );
    }
    for (name, dependencies) in SERVICES {
        files.insert(
            format!("{name}/pom.xml"),
            module(name, "skilltracker", dependencies),
        );
    }
    files.insert(".gitignore".to_owned(), "target/\n.windlass/\n".to_owned());
    files.insert("README.md".to_owned(), "# Skill tracker\n".to_owned());
    files
}

fn sources() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for name in COMMON {
        files.insert(java("skilltracker-common/", name), class(name, "Hello"));
    }
    for (name, _) in SERVICES {
        files.insert(java("", name), class(name, "Hello"));
        let dockerfile = format!(
            "FROM eclipse-temurin:17-jre\nCOPY target/{name}.jar /app/app.jar\nCMD [\"java\", \"-jar\", \"/app/app.jar\"]\n"
        );
        files.insert(format!("{name}/Dockerfile"), dockerfile);
    }
    files
}

fn java(folder: &str, module: &str) -> String {
    format!(
        "{folder}{module}/src/main/java/io/skilltracker/{}.java",
        type_name(module)
    )
}

fn class(module: &str, text: &str) -> String {
    format!(
        "package io.skilltracker;\n\npublic final class {} {{\n    public String say() {{\n        return \"{text}\";\n    }}\n}}\n",
        type_name(module)
    )
}

fn type_name(module: &str) -> String {
    module
        .split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        })
        .collect()
}

const HEADER: &str =
    "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n";

fn parent(name: &str, parent: Option<&str>, modules: &str) -> String {
    let coordinates = parent.map_or_else(
        || "  <groupId>io.skilltracker</groupId>\n  <version>1.0.0</version>\n".to_owned(),
        parent_reference,
    );
    format!(
        "{HEADER}{coordinates}  <artifactId>{name}</artifactId>\n  <packaging>pom</packaging>\n  <modules>\n{modules}  </modules>\n</project>\n"
    )
}

fn module(name: &str, parent: &str, dependencies: &[&str]) -> String {
    let mut text = format!(
        "{HEADER}{}  <artifactId>{name}</artifactId>\n",
        parent_reference(parent)
    );
    if !dependencies.is_empty() {
        text.push_str("  <dependencies>\n");
        for dependency in dependencies {
            write!(
                text,
                "    <dependency>\n      <groupId>io.skilltracker</groupId>\n      <artifactId>{dependency}</artifactId>\n      <version>${{project.version}}</version>\n    </dependency>\n"
            )
            .expect("writing to a String cannot fail");
        }
        text.push_str("  </dependencies>\n");
    }
    text + "</project>\n"
}

fn parent_reference(name: &str) -> String {
    format!(
        "  <parent>\n    <groupId>io.skilltracker</groupId>\n    <artifactId>{name}</artifactId>\n    <version>1.0.0</version>\n  </parent>\n"
    )
}
