//! A load balancer on loopback: each connection goes to the next healthy task.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ecs_deployer::TaskId;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What an Application Load Balancer answers when no target is healthy.
const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: windlass-local\r\n\
Content-Type: text/html\r\nContent-Length: 88\r\nConnection: close\r\n\r\n\
<html><body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>\n";

/// How long a client may take to send its request head when there is nobody to pass it to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The entrance to one service. Old and new tasks answer in turn while both are registered.
#[derive(Debug)]
pub(super) struct Balancer {
    address: SocketAddr,
    targets: Arc<Mutex<Targets>>,
    accepting: AbortHandle,
}

#[derive(Debug, Default)]
struct Targets {
    registered: Vec<(TaskId, SocketAddr)>,
    next: usize,
}

impl Balancer {
    /// Opens the entrance on a free port. Must be called within a tokio runtime.
    pub(super) fn open() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let targets = Arc::new(Mutex::new(Targets::default()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&targets))).abort_handle();
        Ok(Self {
            address,
            targets,
            accepting,
        })
    }

    /// Where the service is reached.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends connections to this task too.
    pub(super) fn register(&self, task: &TaskId, address: SocketAddr) {
        let mut targets = lock(&self.targets);
        if !targets.registered.iter().any(|(known, _)| known == task) {
            targets.registered.push((task.clone(), address));
        }
    }

    /// Sends no further connection to this task.
    pub(super) fn deregister(&self, task: &TaskId) {
        lock(&self.targets)
            .registered
            .retain(|(known, _)| known != task);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(targets: &Mutex<Targets>) -> MutexGuard<'_, Targets> {
    targets.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, targets: Arc<Mutex<Targets>>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(serve(client, Arc::clone(&targets)));
            }
            // Out of file descriptors, most likely: let some connections end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(mut client: TcpStream, targets: Arc<Mutex<Targets>>) {
    // One round over the targets: a task that just went away must not cost the client its answer.
    let attempts = lock(&targets).registered.len();
    for _ in 0..attempts {
        let Some(address) = pick(&targets) else { break };
        if let Ok(mut task) = TcpStream::connect(address).await {
            // Either side may hang up; there is nobody to tell.
            let _ = copy_bidirectional(&mut client, &mut task).await;
            return;
        }
    }
    let _ = tokio::time::timeout(PATIENCE, refuse(&mut client)).await;
}

fn pick(targets: &Mutex<Targets>) -> Option<SocketAddr> {
    let mut targets = lock(targets);
    let count = targets.registered.len();
    let index = targets.next.checked_rem(count)?;
    targets.next = index + 1;
    Some(targets.registered[index].1)
}

/// Reads the request's head before it answers: an answer to an unread request may be lost in a reset.
async fn refuse(client: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 8192 {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..count]);
    }
    client.write_all(UNAVAILABLE).await?;
    client.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn task(name: &str) -> TaskId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn tasks_answer_in_turn() {
        let balancer = Balancer::open().unwrap();
        balancer.register(&task("old"), server("old").await);
        balancer.register(&task("new"), server("new").await);
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(ask(balancer.address()).await);
        }
        assert_eq!(answers, ["old", "new", "old", "new"]);
        balancer.deregister(&task("old"));
        assert_eq!(ask(balancer.address()).await, "new");
        assert_eq!(ask(balancer.address()).await, "new");
    }

    #[tokio::test]
    async fn nobody_healthy_is_a_503_of_the_stated_length() {
        let balancer = Balancer::open().unwrap();
        let answer = ask(balancer.address()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{head} / {}",
            body.len()
        );
    }

    #[tokio::test]
    async fn a_task_that_went_away_costs_no_answer() {
        let balancer = Balancer::open().unwrap();
        let gone = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap();
        balancer.register(&task("gone"), gone);
        balancer.register(&task("here"), server("here").await);
        for _ in 0..3 {
            assert_eq!(ask(balancer.address()).await, "here");
        }
    }
}
