//! Lambda's Runtime API on loopback, as far as a function sees it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the function told the Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It asked for an event.
    Next(Instant),
    /// It answered the event of this id.
    Response(String, String),
    /// It failed at the event of this id.
    Error(String, String),
}

/// Events that wait to be handed out, each with its id and its time, and who waits for one.
type Events = (Mutex<VecDeque<(String, String, Duration)>>, Condvar);

/// The API. Events are handed out in order; when there is none, the function waits.
pub(crate) struct Runtime {
    address: String,
    events: Arc<Events>,
    said: Receiver<Said>,
}

impl Runtime {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let events = Arc::new((Mutex::new(VecDeque::new()), Condvar::new()));
        let (sender, said) = channel();
        let shared = Arc::clone(&events);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (events, sender) = (Arc::clone(&shared), sender.clone());
                // The function is ended while it waits for an event; that is how each test ends.
                thread::spawn(move || serve(&mut stream.unwrap(), &events, &sender));
            }
        });
        Self {
            address,
            events,
            said,
        }
    }

    /// Hands out an event with so much time for it.
    pub(crate) fn invoke(&self, id: &str, event: &str, time: Duration) {
        let (events, waiting) = &*self.events;
        events
            .lock()
            .unwrap()
            .push_back((id.to_owned(), event.to_owned(), time));
        waiting.notify_all();
    }

    /// What the function says next.
    pub(crate) fn said(&self) -> Said {
        self.said.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    /// Tells a function where the API is, and what else Lambda tells it.
    pub(crate) fn tell(&self, command: &mut Command) {
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "log-exporter")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", "us-east-1");
    }
}

fn serve(stream: &mut TcpStream, events: &Events, said: &Sender<Said>) {
    let mut bytes = Vec::new();
    while let Ok(Some((path, body))) = request(stream, &mut bytes) {
        let parts: Vec<&str> = path
            .trim_start_matches("/2018-06-01/runtime/")
            .split('/')
            .collect();
        let told = match parts.as_slice() {
            ["invocation", "next"] => {
                // Whoever listens may be gone with its test.
                let _ = said.send(Said::Next(Instant::now()));
                let (queue, waiting) = events;
                let mut queue = queue.lock().unwrap();
                let (id, event, time) = loop {
                    match queue.pop_front() {
                        Some(event) => break event,
                        None => queue = waiting.wait(queue).unwrap(),
                    }
                };
                let deadline =
                    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time).as_millis();
                let headers = format!(
                    "Lambda-Runtime-Aws-Request-Id: {id}\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
                     Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:log-exporter\r\n\
                     Content-Type: application/json\r\n"
                );
                reply(stream, 200, &headers, &event)
            }
            ["invocation", id, "response"] => {
                let _ = said.send(Said::Response((*id).to_owned(), body));
                reply(stream, 202, "", "{\"status\":\"OK\"}")
            }
            ["invocation", id, "error"] => {
                let _ = said.send(Said::Error((*id).to_owned(), body));
                reply(stream, 202, "", "{\"status\":\"OK\"}")
            }
            _ => reply(stream, 404, "", "{}"),
        };
        if told.is_err() {
            return;
        }
    }
}

fn reply(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())
}

/// The path and the body of the next request on a connection that is kept.
fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<(String, String)>> {
    let mut buffer = [0; 8192];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let chunked = head
                .to_ascii_lowercase()
                .contains("transfer-encoding: chunked");
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            let rest = &bytes[end + 4..];
            let (body, taken) = match chunked {
                true if !rest.ends_with(b"0\r\n\r\n") => (None, 0),
                true => (Some(unchunked(rest)), rest.len()),
                false if rest.len() < length => (None, 0),
                false => (Some(rest[..length].to_vec()), length),
            };
            if let Some(body) = body {
                bytes.drain(..end + 4 + taken);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                return Ok(Some((path, String::from_utf8_lossy(&body).into_owned())));
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}
