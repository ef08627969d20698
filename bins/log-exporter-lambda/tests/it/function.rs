//! The function as Lambda runs it, with groups and a bucket in moto.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use log_exporter::aws::S3Archive;
use serde_json::Value;

use crate::runtime::{Runtime, Said};

pub(crate) const HOUR: i64 = 3_600_000;

/// Groups and a bucket of their own.
pub(crate) struct Site {
    url: String,
    pub(crate) name: String,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
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
            name: format!("log-exporter-lambda-{name}-{}", std::process::id()),
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

    pub(crate) fn group(&self) -> String {
        format!("/{}", self.name)
    }

    pub(crate) fn archive(&self) -> S3Archive {
        S3Archive::new(&self.s3, &self.name)
    }

    /// Ten events in each of the hours that began so long ago.
    pub(crate) async fn fill(&self, hours: &[i64]) {
        let group = self.group();
        self.logs
            .create_log_group()
            .log_group_name(&group)
            .send()
            .await
            .unwrap();
        let create = self.logs.create_log_stream().log_group_name(&group);
        create.log_stream_name("web").send().await.unwrap();
        let hour = now() / HOUR * HOUR;
        let mut events = Vec::new();
        for ago in hours {
            for n in 0..10 {
                let event = InputLogEvent::builder()
                    .timestamp(hour - ago * HOUR + n)
                    .message(format!("{ago}/{n}"));
                events.push(event.build().unwrap());
            }
        }
        let put = self.logs.put_log_events().log_group_name(&group);
        put.log_stream_name("web")
            .set_log_events(Some(events))
            .send()
            .await
            .unwrap();
    }

    /// The window that began so long ago, as `plan` writes it.
    pub(crate) fn unit(&self, ago: i64) -> Value {
        let start = log_exporter::Millis::from_epoch(now() / HOUR * HOUR - ago * HOUR);
        let end = log_exporter::Window::containing(start).end();
        serde_json::json!({
            "account": "123456789012", "region": "us-east-1", "group": self.group(),
            "window": start, "sweep": "base", "due": end,
        })
    }

    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> Function {
        let runtime = Runtime::start();
        let mut command = Command::new(env!("CARGO_BIN_EXE_log-exporter-lambda"));
        runtime.tell(&mut command);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("ARCHIVE_BUCKET", &self.name)
            .env("RATE", "1000")
            .env("RESERVE", "1s")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        Function {
            child: command.spawn().unwrap(),
            runtime,
            invocations: 0,
        }
    }
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A function that runs.
pub(crate) struct Function {
    runtime: Runtime,
    child: Child,
    invocations: usize,
}

impl Function {
    /// Hands over an event and returns what came of it.
    pub(crate) fn invoke(&mut self, event: &Value, time: Duration) -> Result<Value, Value> {
        self.invocations += 1;
        let id = format!("request-{}", self.invocations);
        self.runtime.invoke(&id, &event.to_string(), time);
        loop {
            match self.runtime.said() {
                Said::Next(_) => {}
                Said::Response(of, body) => {
                    assert_eq!(of, id);
                    return Ok(serde_json::from_str(&body).unwrap());
                }
                Said::Error(of, body) => {
                    assert_eq!(of, id);
                    return Err(serde_json::from_str(&body).unwrap());
                }
            }
        }
    }

    /// Ends the function and returns its log.
    pub(crate) fn log(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
