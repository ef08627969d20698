//! A git repository to run the binary in.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A repository in a temporary folder.
pub(crate) struct Repo {
    folder: TempDir,
}

impl Repo {
    /// A repository without commits.
    pub(crate) fn empty() -> Self {
        let repo = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Layout `directories`, with these services and a fast local cluster.
    pub(crate) fn with_services(services: &[&str]) -> Self {
        let repo = Self::empty();
        repo.write(
            "windlass.toml",
            "[environments.local]\nprovider = \"local\"\nspeed = 200\n",
        );
        for service in services {
            repo.write(&format!("services/{service}/main.txt"), "one\n");
        }
        repo.commit("Begin");
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits everything and returns the commit.
    pub(crate) fn commit(&self, title: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", title]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs([
                ("GIT_AUTHOR_NAME", "Ada"),
                ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "Ada"),
                ("GIT_COMMITTER_EMAIL", "ada@example.com"),
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The binary, in this repository, with nothing of the surroundings that would change what it does.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = windlass(arguments);
        command.current_dir(self.path());
        command
    }

    pub(crate) fn windlass(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// `windlass run --environment local --format json`; the document and the exit code.
    pub(crate) fn run(&self, more: &[&str]) -> (Value, i32) {
        let ended =
            self.windlass(&[&["run", "--environment", "local", "--format", "json"], more].concat());
        (ended.json(), ended.code)
    }
}

/// The binary, away from the surroundings.
pub(crate) fn windlass(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.args(arguments).stdin(Stdio::null());
    for name in [
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "AWS_PROFILE",
        "WINDLASS_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It failed with one clear error and a hint.
    pub(crate) fn assert_refused(&self, code: i32, names: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains("error: "), "{self:?}");
        assert!(self.stderr.contains("hint: "), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:?}");
        // Who asked for JSON is told in JSON, too.
        let document = serde_json::from_str::<Value>(&self.stdout);
        assert!(
            self.stdout.is_empty() || document.is_ok_and(|document| document["error"].is_string()),
            "{self:?}"
        );
        for name in names {
            assert!(self.stderr.contains(name), "`{name}` is not in {self:?}");
        }
    }
}

/// The names of a run's services with their verdicts.
pub(crate) fn verdicts(document: &Value) -> Vec<(String, String)> {
    let services = document["services"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    services
        .iter()
        .map(|service| (text(&service["module"]), text(&service["verdict"])))
        .collect()
}

/// The services of a document, all with one verdict.
pub(crate) fn all(services: &[&str], verdict: &str) -> Vec<(String, String)> {
    services
        .iter()
        .map(|service| ((*service).to_owned(), verdict.to_owned()))
        .collect()
}

impl Ended {
    /// It failed with one clear error and a hint, after it had told what it was about to do.
    pub(crate) fn assert_refused_after_start(&self, code: i32, names: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:?}");
        assert!(self.stderr.contains("hint: "), "{self:?}");
        for name in names {
            assert!(self.stderr.contains(name), "`{name}` is not in {self:?}");
        }
    }
}
