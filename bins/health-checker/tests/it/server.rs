//! A small HTTP server on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) const UP: &str = r#"{"status":"UP"}"#;
pub(crate) const DOWN: &str = r#"{"status":"DOWN"}"#;

/// What is sent back: a status and a body, or nothing at all.
pub(crate) type Reply = Option<(u16, String)>;

/// A running server, which ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn body(status: u16, body: &str) -> Reply {
    Some((status, body.to_owned()))
}

impl Server {
    /// Answers by the connection's number and the path. Each connection is closed after its answer.
    pub(crate) fn start(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (kept, reply) = (Arc::clone(&heads), Arc::new(reply));
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (kept, reply) = (Arc::clone(&kept), Arc::clone(&reply));
                thread::spawn(move || serve(&stream.unwrap(), connection, &kept, &*reply));
            }
        });
        Self { address, heads }
    }

    pub(crate) fn up() -> Self {
        Self::start(|_, _| body(200, UP))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What was asked, each with its headers.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    connection: usize,
    heads: &Mutex<Vec<String>>,
    reply: &(dyn Fn(usize, &str) -> Reply + Send + Sync),
) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if !matches!(reader.read_line(&mut head), Ok(1..)) {
            return;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap().push(head);
    match reply(connection, &path) {
        Some((status, body)) => {
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
        None => thread::sleep(Duration::from_secs(60)),
    }
}
