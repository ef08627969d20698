//! A simulator in this process with a client of the SDK, and the binary as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use ecs_deployer::sim::server::{EcsServer, EcsServerBuilder};
use ecs_deployer::sim::{Clock, Scenario, SimCluster, Timings};

/// Minutes of the model in a second.
pub(crate) const FACTOR: f64 = 600.0;

pub(crate) struct Site {
    pub(crate) server: EcsServer,
    pub(crate) client: Client,
    pub(crate) cluster: SimCluster,
}

impl Site {
    /// Serves a built-in scenario, throttling off.
    pub(crate) async fn new(scenario: &str) -> Self {
        Self::with(scenario, |builder| builder.throttle(false)).await
    }

    pub(crate) async fn with(
        scenario: &str,
        change: impl FnOnce(EcsServerBuilder) -> EcsServerBuilder,
    ) -> Self {
        Self::of(&Scenario::built_in(scenario).unwrap(), change).await
    }

    pub(crate) async fn of(
        scenario: &Scenario,
        change: impl FnOnce(EcsServerBuilder) -> EcsServerBuilder,
    ) -> Self {
        let clock = Clock::scaled(FACTOR);
        let (cluster, tasks) = scenario.stage(Timings::fargate(), clock).unwrap();
        let server = change(EcsServer::builder(cluster.clone(), tasks))
            .start()
            .await
            .unwrap();
        let client = client(&server.url());
        Self {
            server,
            client,
            cluster,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> serde_json::Value {
        let url = format!("{}/_windlass/{path}", self.server.url());
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        body: serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let url = format!("{}/_windlass/{path}", self.server.url());
        let client = reqwest::Client::new();
        let answer = client.post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

/// A client without retries.
pub(crate) fn client(url: &str) -> Client {
    let config = aws_sdk_ecs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "test"))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// The binary, running.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) first_line: String,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first_line)
            .unwrap();
        Self { child, first_line }
    }

    /// Asks it to end, and returns its exit code.
    pub(crate) fn terminate(mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
        for _ in 0..500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end within five seconds");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecs-simulator"));
    command.args(arguments);
    command
}
