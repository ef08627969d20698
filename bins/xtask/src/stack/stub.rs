//! A web server on loopback for what the binaries speak to: services' health and Slack's webhook.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::task::Error;

/// Answers `/up…` and `/slack` well, everything else badly, until it is dropped.
#[derive(Debug)]
pub(super) struct Stub {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    pub(super) fn start() -> Result<Self, Error> {
        let broken = |source: io::Error| Error::broken("cannot serve on loopback", source);
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(broken)?;
        let address = listener.local_addr().map_err(broken)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(stream) = stream {
                    // A client that went away is no news.
                    thread::spawn(move || drop(serve(&stream)));
                }
            }
        });
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, which looks at the flag.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    let path = line.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(path);
    let mut stream = stream;
    stream.write_all(
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
}

fn answer(path: &str) -> (&'static str, &'static str) {
    if path.starts_with("/up") {
        ("200 OK", "{\"status\": \"UP\"}")
    } else if path == "/slack" {
        ("200 OK", "ok")
    } else if path == "/refused" {
        ("404 Not Found", "no_service")
    } else {
        ("503 Service Unavailable", "{\"status\": \"DOWN\"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::answers;

    #[test]
    fn what_is_up_is_answered_with_200_and_the_rest_is_not() {
        let stub = Stub::start().unwrap();
        let address = stub.address.to_string();
        assert!(answers(&address, "/up/web"));
        assert!(answers(&address, "/slack"));
        assert!(!answers(&address, "/down"));
        drop(stub);
        assert!(!answers(&address, "/up/web"));
    }
}
