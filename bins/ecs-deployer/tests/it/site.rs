//! A simulated ECS with one service, and the binary beside it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ecs_deployer::sim::server::{EcsServer, EcsServerBuilder};
use ecs_deployer::sim::{Clock, ScriptedRuntime, ServiceSpec, SimCluster, Timings};
use ecs_deployer::{ServiceName, TaskDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many seconds of the model pass in one.
const FACTOR: f64 = 100.0;

/// The image that services begin with. Nobody is at home in this registry: it is not waited for.
pub(crate) const OLD: &str =
    "127.0.0.1:1/web:old@sha256:0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d";
/// The image that is deployed. With its digest it is known for certain whether it runs already.
pub(crate) const NEW: &str =
    "127.0.0.1:1/web:new@sha256:1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e";

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

    /// The only service of the document.
    pub(crate) fn service(&self) -> Value {
        let document = self.json();
        assert_eq!(
            document["services"].as_array().unwrap().len(),
            1,
            "{document}"
        );
        document["services"][0].clone()
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

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) server: EcsServer,
    pub(crate) cluster: SimCluster,
    pub(crate) runtime: Arc<ScriptedRuntime>,
}

pub(crate) fn web() -> ServiceName {
    "web".parse().unwrap()
}

impl Site {
    /// One service, `web`, with two tasks of the old image.
    pub(crate) async fn new() -> Self {
        Self::with(|spec| spec, |builder| builder).await
    }

    pub(crate) async fn with(
        spec: impl Fn(ServiceSpec) -> ServiceSpec,
        builder: impl FnOnce(EcsServerBuilder) -> EcsServerBuilder,
    ) -> Self {
        Self::fleet(&["web"], spec, builder).await
    }

    pub(crate) async fn fleet(
        services: &[&str],
        spec: impl Fn(ServiceSpec) -> ServiceSpec,
        builder: impl FnOnce(EcsServerBuilder) -> EcsServerBuilder,
    ) -> Self {
        let timings = Timings::fargate();
        let runtime = Arc::new(ScriptedRuntime::new(timings));
        let name = "dev".parse().unwrap();
        let cluster = SimCluster::with_clock(name, timings, runtime.clone(), Clock::scaled(FACTOR));
        let server = builder(EcsServer::builder(cluster.clone(), runtime.clone()))
            .start()
            .await
            .unwrap();
        for service in services {
            let arn = cluster.register(&definition(service)).unwrap();
            let made = spec(ServiceSpec::new(service.parse().unwrap(), arn, 2));
            cluster.create_service(made).unwrap();
        }
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            server,
            cluster,
            runtime,
        };
        for service in services {
            site.settled(&service.parse().unwrap()).await;
        }
        site
    }

    /// Waits until a service's first deployment is complete.
    async fn settled(&self, service: &ServiceName) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.cluster.last_completed(service).is_none() {
            assert!(Instant::now() < deadline, "{service} does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecs-deployer"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("AWS_ENDPOINT_URL", self.server.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "geheim")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// Deploys the new image to `web`, following it at the model's pace.
    pub(crate) async fn deploy(&self, more: &[&str]) -> Ended {
        self.run(&deploy_arguments(more)).await
    }

    /// Waits until a deployment was begun after the first one, and a little longer.
    pub(crate) async fn begun(&self) {
        for _ in 0..500 {
            if self.cluster.history(&web()).len() > 1 {
                tokio::time::sleep(Duration::from_millis(200)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no deployment was begun");
    }
}

/// `deploy` of the new image to `web`, as JSON; flags in `more` take the place of those that are here.
pub(crate) fn deploy_arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["deploy"];
    for pair in [
        ["--cluster", "dev"],
        ["--service", "web"],
        ["--image", NEW],
        ["--poll", "50ms"],
        ["--timeout", "30s"],
        ["--format", "json"],
    ] {
        if !more.contains(&pair[0]) {
            arguments.extend(pair);
        }
    }
    arguments.extend(more);
    arguments
}

/// Runs a command where it does not keep the server from answering.
pub(crate) async fn ended(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    Ended::of(output.await.unwrap())
}

pub(crate) fn definition(family: &str) -> TaskDefinition {
    let image = if family == "web" {
        OLD.to_owned()
    } else {
        format!("127.0.0.1:1/{family}:old")
    };
    TaskDefinition::new(json!({
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{
            "name": "app",
            "image": image,
            "essential": true,
            "environment": [{"name": "LEVEL", "value": "quiet-value"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/web", "awslogs-stream-prefix": "ecs", "awslogs-region": "us-east-1",
                    "awslogs-create-group": "true",
                },
            },
        }],
        "ofNextYear": {"kept": true},
    }))
}
