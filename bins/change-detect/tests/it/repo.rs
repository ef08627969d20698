//! A git repository to run the binary in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A repository in a temporary folder.
pub(crate) struct Repo(TempDir);

impl Repo {
    /// A repository without commits.
    pub(crate) fn empty() -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// A repository with a first commit of `services/NAME/src/main.txt`, one for each name.
    pub(crate) fn with_services(services: &[&str]) -> Self {
        let repo = Self::empty();
        for service in services {
            repo.write(&format!("services/{service}/src/main.txt"), "one\n");
        }
        repo.commit("Begin");
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Commits everything and returns the commit.
    pub(crate) fn commit(&self, title: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", title]);
        self.rev("HEAD")
    }

    pub(crate) fn rev(&self, rev: &str) -> String {
        self.git(&["rev-parse", rev]).trim().to_owned()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let person = |role: &str| {
            [
                (format!("GIT_{role}_NAME"), "Ada"),
                (format!("GIT_{role}_EMAIL"), "ada@example.com"),
            ]
        };
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(person("AUTHOR"))
            .envs(person("COMMITTER"))
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A clone over the file protocol, so that depths and filters count.
    pub(crate) fn clone(&self, arguments: &[&str]) -> Self {
        let clone = Self(tempfile::tempdir().unwrap());
        let url = format!("file://{}", self.path().display());
        clone.git(&[&["clone", "--quiet"], arguments, &[&url, "."]].concat());
        clone
    }

    /// The binary, in this repository, with nothing of the surroundings that would change what it does.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_change-detect"));
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        for name in [
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_EVENT_NAME",
            "GITHUB_EVENT_PATH",
            "GITHUB_SHA",
            "GIT_DIR",
            "GIT_WORK_TREE",
            "WINDLASS_LOG",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// The document of a run that ends well.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.json()
    }

    /// The services of such a document.
    pub(crate) fn services(&self, arguments: &[&str]) -> Vec<String> {
        strings(&self.json(arguments)["services"])
    }
}

/// A JSON array of strings.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap_or_else(|| panic!("{value}"));
    items
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
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

    /// It failed with one error that names what it has to, and with a remedy.
    pub(crate) fn assert_refused(&self, code: i32, names: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:?}");
        assert!(self.stderr.contains("hint: "), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        for name in names {
            assert!(self.stderr.contains(name), "`{name}` in {self:?}");
        }
    }
}
