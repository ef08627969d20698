//! A folder with images to push, and a registry to push them to.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use image_tagger::sim::SimRegistry;
use image_tagger::sim::server::{Quirks, RegistryServer};
use image_tagger::{Digest, ImageSpec, OciLayout, PushOptions, PushRequest, pack, push};
use serde_json::Value;
use tempfile::TempDir;

/// A folder, and a server that serves a registry in memory.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) server: RegistryServer,
    pub(crate) registry: SimRegistry,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It failed with one clear error that names these.
    pub(crate) fn assert_refused(&self, code: i32, names: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for name in names {
            assert!(self.stderr.contains(name), "`{name}` is not in {self:?}");
        }
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Quirks::new()).await
    }

    pub(crate) async fn with(quirks: Quirks) -> Self {
        let registry = SimRegistry::new();
        let server = RegistryServer::builder(Arc::new(registry.clone()))
            .quirks(quirks)
            .start()
            .await
            .unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            server,
            registry,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A repository of the server, `HOST/REPO`.
    pub(crate) fn repository(&self, path: &str) -> String {
        format!("{}/{path}", self.server.address())
    }

    /// Writes a layout with one image; returns its digest and it as a source.
    pub(crate) async fn layout(
        &self,
        name: &str,
        content: &str,
        revision: &str,
    ) -> (Digest, String) {
        let mut spec = ImageSpec::new().file("app/content", false, content);
        if !revision.is_empty() {
            spec = spec.label("org.opencontainers.image.revision", revision);
        }
        let image = pack(&spec).unwrap();
        let layouts = OciLayout::new(self.path());
        let request = PushRequest::new(
            format!("layouts.local/{name}").parse().unwrap(),
            vec!["v1".parse().unwrap()],
        );
        push(&layouts, &image, &request, &PushOptions::default(), &|_| {})
            .await
            .unwrap();
        let source = format!("oci:layouts.local/{name}:v1");
        (image.digest().clone(), source)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_image-tagger"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path())
            .stdin(Stdio::null());
        for name in [
            "DOCKER_CONFIG",
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
            "WINDLASS_LOG",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary beside the server, with plain HTTP.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command(arguments);
        command.arg("--insecure-http");
        ended(command).await
    }
}

/// Runs a command where it does not keep the server from answering.
pub(crate) async fn ended(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    Ended::of(output.await.unwrap())
}

/// A git repository with these commits, one after the other; returns their ids.
pub(crate) fn history(folder: &Path, commits: usize) -> (PathBuf, Vec<String>) {
    let path = folder.join("history");
    std::fs::create_dir_all(&path).unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(arguments)
            .current_dir(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    let ids = (0..commits)
        .map(|number| {
            let title = format!("Commit {number}");
            git(&["commit", "--quiet", "--allow-empty", "--message", &title]);
            git(&["rev-parse", "HEAD"])
        })
        .collect();
    (path, ids)
}
