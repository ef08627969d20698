//! Export tasks that take their time, which moto's do not: CloudWatch Logs is played by the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::site::{Ended, command};

const HOUR: i64 = 3_600_000;

/// CloudWatch Logs with the groups `/ecs/a`, `/ecs/b` and `/rare/a`; no export task comes to an end by itself.
struct Tasks {
    url: String,
    tasks: Arc<Mutex<Vec<Value>>>,
}

impl Tasks {
    fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let tasks = Arc::new(Mutex::new(Vec::new()));
        let served = Arc::clone(&tasks);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &served);
            }
        });
        Self { url, tasks }
    }

    /// `export --bulk` into a bucket.
    fn export(&self, more: &[&str]) -> Ended {
        let mut arguments = vec!["export", "--bulk", "--bucket", "b", "--poll", "50ms"];
        arguments.extend(more);
        let mut command = command(&arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("AWS_REGION", "us-east-1");
        Ended::of(command.output().unwrap())
    }

    fn created(&self) -> Vec<Value> {
        self.tasks.lock().unwrap().clone()
    }
}

fn answer(stream: &TcpStream, tasks: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream);
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            // After the first line come the headers, and then an empty line.
            match line.trim_end().is_empty() {
                true => break,
                false => continue,
            }
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => operation = value.rsplit('.').next().unwrap().to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let (status, said) = said(&operation, &asked, &mut tasks.lock().unwrap());
    let said = said.to_string();
    write!(
        &mut &*stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    )
    .unwrap();
}

fn said(operation: &str, asked: &Value, tasks: &mut Vec<Value>) -> (u16, Value) {
    match operation {
        "DescribeLogGroups" => {
            let prefix = asked["logGroupNamePrefix"].as_str().unwrap_or_default();
            let groups = ["/ecs/a", "/ecs/b", "/rare/a"];
            let groups = groups.into_iter().filter(|name| name.starts_with(prefix));
            let group = |name: &str| {
                let class = match name.starts_with("/rare") {
                    true => "INFREQUENT_ACCESS",
                    false => "STANDARD",
                };
                json!({
                    "logGroupName": name, "creationTime": 1, "logGroupClass": class,
                    "arn": format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"),
                })
            };
            let groups: Vec<Value> = groups.map(group).collect();
            (200, json!({ "logGroups": groups }))
        }
        "CreateExportTask" if !tasks.is_empty() => (
            400,
            json!({"__type": "LimitExceededException", "message": "one at a time"}),
        ),
        "CreateExportTask" => {
            let mut task = asked.clone();
            task["taskId"] = "t-1".into();
            task["status"] = json!({"code": "RUNNING"});
            tasks.push(task);
            (200, json!({"taskId": "t-1"}))
        }
        "DescribeExportTasks" => {
            let of = |task: &&Value| match asked["statusCode"].as_str() {
                Some(code) => task["status"]["code"] == code,
                None => task["taskId"] == asked["taskId"],
            };
            let found: Vec<&Value> = tasks.iter().filter(of).collect();
            (200, json!({ "exportTasks": found }))
        }
        _ => (400, json!({"__type": "UnknownOperationException"})),
    }
}

fn hour() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap() / HOUR
}

#[test]
fn a_task_of_relative_times_is_found_again_by_the_next_run() {
    loop {
        let (tasks, before) = (Tasks::serve(), hour());
        let export = || {
            let ended = tasks.export(&[
                "--prefix",
                "/ecs/a",
                "--from",
                "2d",
                "--to",
                "13h",
                "--deadline",
                "300ms",
                "--format",
                "json",
            ]);
            ended.assert_code(8);
            ended.json()["tasks"][0]["resumed"].clone()
        };
        assert_eq!([export(), export()], [false, true]);
        let created = tasks.created();
        assert_eq!(created.len(), 1, "{created:?}");
        // CreateExportTask's end is part of the time.
        let (from, to) = (created[0]["from"].as_i64(), created[0]["to"].as_i64());
        assert_eq!((from.unwrap() % HOUR, (to.unwrap() + 1) % HOUR), (0, 0));
        // Another hour has other times.
        if hour() == before {
            break;
        }
    }
}

#[test]
fn the_deadline_is_one_for_all_groups_and_those_that_are_left_are_named() {
    let tasks = Tasks::serve();
    let times = ["--from", "2026-11-01", "--to", "2026-11-02"];
    let arguments = [&times[..], &["--prefix", "/ecs/", "--deadline", "2s"]].concat();
    let started = std::time::Instant::now();
    let ended = tasks.export(&arguments);
    let took = started.elapsed();
    ended.assert_code(4);
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
    let says = [
        "/ecs/a  task t-1  is still running",
        "/ecs/b  NOT followed: the deadline",
    ];
    for text in says {
        assert!(ended.stdout.contains(text), "{text}: {ended:?}");
    }
    assert!(ended.stderr.contains("1 task followed"), "{ended:?}");
    assert_eq!(tasks.created().len(), 1);
}

#[test]
fn a_dry_run_refuses_what_the_run_would() {
    let tasks = Tasks::serve();
    let dry = |more: &[&str]| tasks.export(&[&["--dry-run", "--from", "2d"], more].concat());
    let young = dry(&["--to", "1h", "--prefix", "/ecs/"]);
    young.assert_code(2);
    assert!(young.stderr.contains("younger than 12 hours"), "{young:?}");
    let rare = dry(&["--to", "1d", "--prefix", "/rare/"]);
    rare.assert_code(2);
    assert!(
        rare.stderr.contains("not of the class STANDARD"),
        "{rare:?}"
    );
    let some = dry(&["--to", "1d", "--prefix", "/"]);
    some.assert_code(4);
    for text in ["would export /ecs/b of", "/rare/a  would NOT export: "] {
        assert!(some.stdout.contains(text), "{text}: {some:?}");
    }
    let all = dry(&["--to", "1d", "--prefix", "/ecs/", "--format", "json"]);
    all.assert_code(0);
    assert_eq!(all.json()["tasks"][1]["group"], "/ecs/b");
    assert_eq!(tasks.created(), [Value::Null; 0]);
}
