//! A server that answers with exactly the bytes it is told to, well-formed or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends this and awaits the next request.
    Keep(String),
    /// Sends this and closes.
    Close(String),
    /// Sends this and resets the connection.
    Reset(String),
    /// Sends one byte of this every 20 ms.
    Trickle(String),
    /// Sends this, then `x` without end.
    Endless(String),
    /// Sends nothing and keeps the connection open.
    Silence,
}

/// A whole answer with a body.
pub(crate) fn answer(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer that is kept open for the next request.
pub(crate) fn keep(status: u16, body: &str) -> Reply {
    Reply::Keep(answer(status, body))
}

/// The info endpoint's body for a build.
pub(crate) fn info(revision: &str) -> String {
    format!(r#"{{"git":{{"branch":"main","commit":{{"id":"{revision}"}}}}}}"#)
}

pub(crate) const UP: &str = r#"{"status":"UP"}"#;
pub(crate) const DOWN: &str = r#"{"status":"DOWN"}"#;

type Replies = Arc<dyn Fn(usize, &str) -> Reply + Send + Sync>;

/// A request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// On which connection, counted from 0.
    pub(crate) connection: usize,
    pub(crate) path: String,
    pub(crate) head: String,
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Log {
    connections: usize,
    requests: Vec<Seen>,
}

impl Server {
    /// Answers each request by what `reply` says of its connection's number and its path.
    pub(crate) async fn start(
        reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let (shared, reply) = (Arc::clone(&log), Arc::new(reply) as Replies);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = {
                    let mut log = lock(&shared);
                    log.connections += 1;
                    log.connections - 1
                };
                tokio::spawn(serve(
                    stream,
                    connection,
                    Arc::clone(&shared),
                    Arc::clone(&reply),
                ));
            }
        });
        Self {
            address,
            log,
            accepting,
        }
    }

    /// Ends the server; from then on its address refuses connections.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }

    /// The URL of a path of this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        lock(&self.log).connections
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        lock(&self.log).requests.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, connection: usize, log: Arc<Mutex<Log>>, reply: Replies) {
    while let Some(head) = read_head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let what = reply(connection, &path);
        lock(&log).requests.push(Seen {
            connection,
            path,
            head,
        });
        match what {
            Reply::Keep(bytes) => {
                if stream.write_all(bytes.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Close(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Reply::Reset(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                // Closing without lingering makes the kernel send a reset.
                let _ = stream.set_zero_linger();
                return;
            }
            Reply::Trickle(bytes) => {
                for byte in bytes.bytes() {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Reply::Endless(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
                return;
            }
            Reply::Silence => {
                let _ = stream.read(&mut [0; 64]).await;
                return;
            }
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
