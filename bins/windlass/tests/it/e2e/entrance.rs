//! The load balancer in front of all services: `/SERVICE/…` goes to the next healthy task of that service.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ecs_deployer::TaskId;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::http;

#[derive(Debug)]
pub(crate) struct Entrance {
    address: SocketAddr,
    targets: Mutex<BTreeMap<String, Vec<(TaskId, SocketAddr)>>>,
    closed: AtomicBool,
}

impl Entrance {
    pub(crate) async fn open() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let entrance = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            targets: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&entrance);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let entrance = Arc::clone(&shared);
                tokio::spawn(async move { entrance.serve(stream).await });
            }
        });
        entrance
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// From now on nobody is let in, or everybody.
    pub(crate) fn close(&self, on: bool) {
        self.closed.store(on, Ordering::SeqCst);
    }

    pub(crate) fn register(&self, service: &str, task: &TaskId, address: SocketAddr) {
        let mut targets = self.targets.lock().unwrap();
        let service = targets.entry(service.to_owned()).or_default();
        service.push((task.clone(), address));
    }

    pub(crate) fn deregister(&self, task: &TaskId) {
        for service in self.targets.lock().unwrap().values_mut() {
            service.retain(|(known, _)| known != task);
        }
    }

    fn next(&self, service: &str) -> Option<SocketAddr> {
        let mut targets = self.targets.lock().unwrap();
        let service = targets.get_mut(service).filter(|all| !all.is_empty())?;
        service.rotate_left(1);
        service.last().map(|(_, address)| *address)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Ok(head) = http::head(&mut stream).await else {
            return;
        };
        let path = http::path(&head).trim_start_matches('/');
        let (service, rest) = path.split_once('/').unwrap_or((path, ""));
        let target = self.next(service);
        let target = target.filter(|_| !self.closed.load(Ordering::SeqCst));
        let passed = match target {
            Some(target) => http::get(target, &format!("/{rest}")).await,
            None => Err(std::io::ErrorKind::NotConnected.into()),
        };
        match passed {
            Ok((_, answer)) => {
                let _ = stream.write_all(&answer).await;
            }
            Err(_) => http::answer(&mut stream, 503, "{}").await,
        }
    }
}
