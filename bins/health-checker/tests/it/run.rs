//! Running the binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Probes in quick succession, for half a second.
pub(crate) const QUICK: &[&str] = &["--interval", "10ms", "--timeout", "500ms"];

/// The same, for as long as it takes.
pub(crate) const PATIENT: &[&str] = &["--interval", "10ms", "--timeout", "60s"];

/// A folder to run in.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_health-checker"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("GITHUB_OUTPUT")
            .env_remove("GITHUB_STEP_SUMMARY")
            .env("SECRET", "hunter2")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// `check` with these arguments, and then those.
    pub(crate) fn check(&self, arguments: &[&str], more: &[&str]) -> Ended {
        self.run(&[&["check"], arguments, more].concat())
    }

    /// Runs with a text on stdin.
    pub(crate) fn pipe(&self, text: &str, arguments: &[&str]) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Ended {
    /// No run of any test shows a secret.
    pub(crate) fn of(output: Output) -> Self {
        let ended = Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!format!("{ended:?}").contains("hunter2"), "{ended:#?}");
        ended
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Ended with this code, and stderr says all of that.
    pub(crate) fn assert_said(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part} in {self:#?}");
        }
    }
}
