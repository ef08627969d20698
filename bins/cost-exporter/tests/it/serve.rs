//! `serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cost_exporter::sim::SimFault;

use crate::aws::{stub, with};
use crate::run::{command, folder};

/// A server that is ended with the test.
struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &tempfile::TempDir, more: &[&str]) -> Self {
        let saved = ["--source", "file:saved.json"];
        Self::of(command(folder.path()), &[&saved, more].concat())
    }

    fn of(mut command: Command, more: &[&str]) -> Self {
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(more);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("serving http://")
            .unwrap()
            .strip_suffix("/metrics")
            .unwrap()
            .to_owned();
        // The rest must be read, or the server would wait for a reader.
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *heard.lock().unwrap() += &(line + "\n");
            }
        });
        Self {
            child,
            address,
            said,
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn until(&self, path: &str, part: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = self.get(path);
            if text.contains(part) {
                return text;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "no {part} in {text}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn metrics_are_served_and_refreshed() {
    let folder = folder();
    let mut server = Server::start(
        &folder,
        &["--interval", "1s", "--sink", "prometheus-textfile=c.prom"],
    );
    let text = server.until("/metrics", "aws_cost_exporter_up 1\n");
    assert!(
        text.contains("content-type: text/plain; version=0.0.4"),
        "{text}"
    );
    assert!(text.contains("aws_cost_month_to_date{"), "{text}");
    server.until("/metrics", "refreshes_total{result=\"succeeded\"} 2");
    assert!(folder.path().join("c.prom").exists());
    let asked = Command::new("kill")
        .arg(server.child.id().to_string())
        .status()
        .unwrap();
    assert!(asked.success());
    assert_eq!(
        server.child.wait().unwrap().code(),
        Some(0),
        "to be stopped is how a server ends"
    );
}

#[test]
fn metrics_are_kept_when_a_refresh_fails_and_come_back_when_one_does_not() {
    let (stub, folder) = (stub(), folder());
    let more = ["--interval", "1s", "--no-forecast", "--timeout", "1s"];
    let server = Server::of(with(&stub, &folder), &more);
    let before = server.until("/metrics", "aws_cost_exporter_up 1\n");
    let costs = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("aws_cost_month_to_date{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(costs(&before).len() > 30);
    // Refused.
    (0..3).for_each(|_| stub.source().fault(SimFault::Denied));
    let failed = server.until("/metrics", "aws_cost_exporter_up 0\n");
    assert_eq!(costs(&failed), costs(&before));
    let told = server.said.lock().unwrap().clone();
    assert!(
        told.contains("requests: 1 ($0.01), and nothing was published"),
        "{told}"
    );
    server.until("/metrics", "aws_cost_exporter_up 1\n");
}

#[test]
fn a_refresh_that_gets_no_answer_is_a_failed_one() {
    let (stub, folder) = (stub(), folder());
    stub.slow_down("GetCostAndUsage", Duration::from_secs(60));
    let more = [
        "--interval",
        "1s",
        "--timeout",
        "1s",
        "--budget-requests",
        "1",
    ];
    let server = Server::of(with(&stub, &folder), &more);
    server.until("/metrics", "refreshes_total{result=\"failed\"} 2");
    stub.slow_down("GetCostAndUsage", Duration::ZERO);
    server.until("/metrics", "aws_cost_exporter_up 1\n");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(folder.path())
        .args(["serve", "--source", "file:saved.json", "--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&address));
}
