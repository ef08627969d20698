//! Running the binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use deploy_notifier::testing::SlackStub;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const FAILED: &str = r#"{"event":"deployment-failed","environment":"dev","commit":"2fd4e1c6","title":"Fix \"login\" -> <!channel>","services":[{"name":"task-service","status":"failed","reason":"exit code 137"}]}"#;
pub(crate) const STARTED: &str =
    r#"{"event":"deployment-started","environment":"dev","commit":"2fd4e1c6"}"#;
pub(crate) const COMPLETED: &str =
    r#"{"event":"deployment-completed","environment":"dev","commit":"2fd4e1c6","seconds":332}"#;

/// A folder to run in, and a Slack to talk to.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) stub: SlackStub,
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
            stub: SlackStub::start(),
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

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notifier"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("GITHUB_OUTPUT")
            .env_remove("GITHUB_STEP_SUMMARY")
            .env("HOOK", self.stub.webhook())
            .env("DEAD", self.stub.dead_webhook())
            .env("PLAIN", self.stub.plain_hook())
            .env("TOKEN", SlackStub::TOKEN)
            .env("WRONG_TOKEN", "xoxb-hunter2-wrong")
            .stdin(Stdio::null());
        command
    }

    /// Runs with a report in a file.
    pub(crate) fn send(&self, report: &str, arguments: &[&str]) -> Ended {
        self.write("report.json", report);
        let arguments = [&["send", "--report", "report.json"], arguments].concat();
        Ended::of(self.command(&arguments).output().unwrap())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
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
