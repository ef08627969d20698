//! Log groups in moto, and the binary.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::Value;
use tempfile::TempDir;

const HOUR: i64 = 3_600_000;

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

    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self:?}");
    }
}

/// The binary with these arguments, and nothing of the surroundings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_log-exporter"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Ended {
    Ended::of(command(arguments).output().unwrap())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// The events of a group, by stream and message, and how often each was put.
pub(crate) type Truth = BTreeMap<(String, String), usize>;

/// A bucket and groups of its own in moto.
pub(crate) struct Site {
    url: String,
    pub(crate) name: String,
    pub(crate) folder: TempDir,
    /// The hour in which the test began.
    hour: i64,
    logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
}

impl Site {
    /// The moto server that `cargo xtask test` starts.
    pub(crate) async fn find(name: &str) -> Option<Self> {
        let url = std::env::var("WINDLASS_TEST_MOTO")
            .ok()
            .filter(|url| !url.is_empty());
        let Some(url) = url else {
            println!("skipped: WINDLASS_TEST_MOTO is not set");
            return None;
        };
        let keys = || Credentials::new("testing", "testing", None, None, "test");
        let logs = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&url)
            .credentials_provider(keys())
            .build();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&url)
            .credentials_provider(keys())
            .build();
        let site = Self {
            url,
            name: format!("log-exporter-{name}-{}", std::process::id()),
            folder: TempDir::new().unwrap(),
            hour: now() / HOUR * HOUR,
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs),
            s3: aws_sdk_s3::Client::from_conf(s3),
        };
        site.s3
            .create_bucket()
            .bucket(&site.name)
            .send()
            .await
            .unwrap();
        Some(site)
    }

    pub(crate) fn group(&self, name: &str) -> String {
        format!("/{}/{name}", self.name)
    }

    /// The start of the hour that began so long ago.
    pub(crate) fn ago(&self, hours: i64) -> String {
        log_exporter::Millis::from_epoch(self.hour - hours * HOUR).to_string()
    }

    /// Makes a group of this name in another region.
    pub(crate) async fn create_elsewhere(&self, group: &str) {
        let config = self.logs.config().to_builder();
        let config = config.region(Region::new("eu-west-1")).build();
        let logs = aws_sdk_cloudwatchlogs::Client::from_conf(config);
        let create = logs.create_log_group().log_group_name(group);
        create.send().await.unwrap();
    }

    /// Makes a group with some events in each of the hours that began so long ago, and returns them.
    pub(crate) async fn fill(&self, group: &str, hours: &[i64], each: i64) -> Truth {
        let create = self.logs.create_log_group().log_group_name(group);
        create.send().await.unwrap();
        let mut truth = Truth::new();
        for stream in ["web/1", "web/2"] {
            let create = self.logs.create_log_stream().log_group_name(group);
            create.log_stream_name(stream).send().await.unwrap();
            let mut events = Vec::new();
            for ago in hours {
                let start = self.hour - ago * HOUR;
                for n in 0..each {
                    // The first and the last millisecond of the hour among them.
                    let time = start + n * (HOUR - 1) / (each - 1).max(1);
                    let message = format!("{ago} hours ago, number {n}: \"\u{e9}\"\n");
                    *truth
                        .entry((stream.to_owned(), message.clone()))
                        .or_default() += 1;
                    let event = InputLogEvent::builder().timestamp(time).message(message);
                    events.push(event.build().unwrap());
                }
            }
            let put = self.logs.put_log_events().log_group_name(group);
            let put = put.log_stream_name(stream).set_log_events(Some(events));
            put.send().await.unwrap();
        }
        truth
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("AWS_REGION", "us-east-1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// What the archive has of a group.
    pub(crate) fn archived(&self, group: &str, archive: &[&str]) -> Truth {
        let mut arguments = vec!["cat", "--group", group];
        arguments.extend(archive);
        let ended = self.run(&arguments);
        ended.assert_code(0);
        let mut found = Truth::new();
        for line in ended.stdout.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            *found.entry((text("stream"), text("message"))).or_default() += 1;
        }
        found
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        let listed = self
            .s3
            .list_objects_v2()
            .bucket(&self.name)
            .send()
            .await
            .unwrap();
        let keys = listed
            .contents()
            .iter()
            .map(|object| object.key().unwrap().to_owned());
        keys.collect()
    }
}
