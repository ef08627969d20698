//! The load balancer in front of the simulated services. It asks the simulator which tasks are healthy, and answers for the
//! next of them as its image would: with the commit in the image's tag.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bench::deploy::simulator::get;

/// It runs until the program ends.
#[derive(Debug)]
pub(super) struct Balancer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Balancer {
    /// Opens it for the simulator at this address.
    pub(super) fn open(simulator: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let requests = Arc::<AtomicUsize>::default();
        let (count, simulator) = (Arc::clone(&requests), simulator.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, simulator) = (Arc::clone(&count), simulator.clone());
                // A connection that breaks off is the client's business.
                thread::spawn(move || drop(serve(&stream, &simulator, &count)));
            }
        });
        Ok(Self { address, requests })
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many requests came so far.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: &TcpStream, simulator: &str, count: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let turn = count.fetch_add(1, Ordering::Relaxed);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let service = path.split('/').nth(2).unwrap_or_default();
        let state = get(simulator, "/_windlass/state").map_err(io::Error::other)?;
        let tasks = healthy(&state, &format!("sdt-dev-{service}"));
        let (status, body) = match (tasks.len(), path.ends_with("/info")) {
            (0, _) => (503, "{}".to_owned()),
            (_, false) => (200, r#"{"status":"UP"}"#.to_owned()),
            (all, true) => {
                let commit = tasks.get(turn % all).copied().unwrap_or_default();
                (
                    200,
                    format!(r#"{{"git":{{"commit":{{"id":"{commit}"}}}}}}"#),
                )
            }
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes())?;
    }
}

/// The commits of the healthy tasks of a service, by the simulator's state; empty where the image's tag tells none.
fn healthy<'a>(state: &'a str, service: &str) -> Vec<&'a str> {
    let Some((_, rest)) = state.split_once(&format!("\"{service}\":{{\"deployments\":")) else {
        return Vec::new();
    };
    let Some((_, tasks)) = rest.split_once("\"tasks\":[") else {
        return Vec::new();
    };
    let tasks = tasks.split(']').next().unwrap_or_default();
    tasks
        .split("{\"deployment\":")
        .filter(|task| {
            task.contains("\"health\":\"Healthy\"") && task.contains("\"status\":\"RUNNING\"")
        })
        .map(|task| {
            let tag = task.split_once(":sha-").map_or("", |(_, tag)| tag);
            tag.split(['@', '"']).next().unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_healthy_tasks_of_the_service_answer_and_with_their_own_commit() {
        let task = |image: &str, health: &str, status: &str| {
            format!(
                r#"{{"deployment":"ecs-svc/1","health":{health},"images":{{"h/dev/a:{image}":"sha256:00"}},"status":"{status}","task":"t","task_definition":"a:1"}}"#
            )
        };
        let state = format!(
            r#"{{"clusters":{{"sdt-dev":{{"sdt-dev-a":{{"deployments":[{{"deployment":"ecs-svc/1","truth":null}}],"tasks":[{},{},{}]}},"sdt-dev-b":{{"deployments":[],"tasks":[{}]}}}}}}}}"#,
            task("sha-0a1b@sha256:ff", "\"Healthy\"", "RUNNING"),
            task("sha-2c3d", "\"Unknown\"", "RUNNING"),
            task("latest", "\"Healthy\"", "RUNNING"),
            task("sha-4e5f", "null", "STOPPED"),
        );
        assert_eq!(healthy(&state, "sdt-dev-a"), ["0a1b", ""]);
        assert_eq!(healthy(&state, "sdt-dev-b"), [""; 0]);
        assert_eq!(healthy(&state, "sdt-dev-c"), [""; 0]);
    }
}
