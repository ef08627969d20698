//! One request and its answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::state::{Answer, State};

/// A request that arrived whole.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
}

pub(super) fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Ok(Some(request)) = read(&mut stream) else {
        return;
    };
    let answer = state
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .answer(&request);
    let (delay, text) = match answer {
        Answer::Nothing => return,
        Answer::Http {
            status,
            retry_after,
            delay,
            body,
        } => {
            let retry = retry_after
                .map(|wait| format!("Retry-After: {wait}\r\n"))
                .unwrap_or_default();
            let head = format!(
                "HTTP/1.1 {status} X\r\n{retry}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            (delay, head + &body)
        }
    };
    thread::sleep(delay);
    // A client that gave up has no use for it.
    let _ = stream.write_all(text.as_bytes());
}

fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let header = |name: &str| {
                head.lines().skip(1).find_map(|line| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case(name)
                        .then(|| value.trim().to_owned())
                })
            };
            let length: usize = header("content-length")
                .and_then(|value| value.parse().ok())
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Ok(Some(Request {
                    path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
                    authorization: header("authorization"),
                    body: bytes[end + 4..end + 4 + length].to_vec(),
                }));
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
