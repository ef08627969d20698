//! A server that answers with exactly the bytes it is told to, well-formed or not.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Sends this, as late as that.
    Slow(Duration, String),
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

/// How many slow answers are awaited, and were at most.
#[derive(Debug, Default)]
pub(crate) struct Peak {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Peak {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Server {
    /// Answers each request by what `reply` says of its connection's number and its path.
    pub(crate) async fn start(
        reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(address, reply).await.unwrap()
    }

    /// The same at an address that may be taken.
    pub(crate) async fn start_at(
        address: SocketAddr,
        reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_counted(address, Arc::default(), reply).await
    }

    /// The same, counting how many slow answers are awaited together with those of other servers.
    pub(crate) async fn start_counted(
        address: SocketAddr,
        peak: Arc<Peak>,
        reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
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
                    Arc::clone(&peak),
                    Arc::clone(&reply),
                ));
            }
        });
        Ok(Self {
            address,
            log,
            accepting,
        })
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

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    log: Arc<Mutex<Log>>,
    peak: Arc<Peak>,
    reply: Replies,
) {
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
            Reply::Slow(wait, bytes) => {
                peak.enter();
                tokio::time::sleep(wait).await;
                // Before the answer: whoever has it may begin the next at once.
                peak.leave();
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
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
