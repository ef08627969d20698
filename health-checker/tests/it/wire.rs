//! A server that speaks no protocol of its own: it reads some bytes and answers with some.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One step of a conversation.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Awaits that many bytes.
    Take(usize),
    /// Sends these.
    Give(Vec<u8>),
    /// Sends these one at a time.
    Drip(Vec<u8>),
    /// Closes so that the other side is told by a reset.
    Reset,
    /// Sends without end.
    Flood(u8),
    /// Keeps silent.
    Wait,
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    taken: Arc<Mutex<Vec<u8>>>,
    accepting: JoinHandle<()>,
}

impl Wire {
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps: Vec<Step> = steps.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let (counted, kept) = (Arc::clone(&connections), Arc::clone(&taken));
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let (steps, kept) = (steps.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    for step in steps {
                        match step {
                            Step::Take(count) => {
                                let mut bytes = vec![0; count];
                                if stream.read_exact(&mut bytes).await.is_err() {
                                    return;
                                }
                                kept.lock().unwrap().extend(bytes);
                            }
                            Step::Give(bytes) => {
                                let _ = stream.write_all(&bytes).await;
                            }
                            Step::Drip(bytes) => {
                                for byte in bytes {
                                    if stream.write_all(&[byte]).await.is_err() {
                                        return;
                                    }
                                    tokio::task::yield_now().await;
                                }
                            }
                            Step::Reset => {
                                let _ = stream.set_zero_linger();
                                return;
                            }
                            Step::Flood(byte) => {
                                while stream.write_all(&[byte; 4096]).await.is_ok() {}
                                return;
                            }
                            Step::Wait => {
                                let _ = stream.read(&mut [0; 64]).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            connections,
            taken,
            accepting,
        }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// All bytes that were awaited and came, of all connections.
    pub(crate) fn taken(&self) -> Vec<u8> {
        self.taken.lock().unwrap().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
