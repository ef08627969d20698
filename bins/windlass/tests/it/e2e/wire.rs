//! The way to the registry: counts who comes, and can be held.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A port that leads to another address.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: AtomicUsize,
    held: AtomicBool,
    reached: AtomicBool,
}

impl Wire {
    pub(crate) fn to(server: &str) -> Self {
        let server: SocketAddr = server.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(server) else {
                    continue;
                };
                let (back, forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let state = Arc::clone(&shared);
                thread::spawn(move || pass(client, server, Some(&state)));
                thread::spawn(move || pass(back, forth, None));
            }
        });
        Self { address, state }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// From now on nothing gets through, or everything.
    pub(crate) fn hold(&self, on: bool) {
        self.state.reached.store(false, Ordering::SeqCst);
        self.state.held.store(on, Ordering::SeqCst);
    }

    /// Whether somebody waits.
    pub(crate) fn reached(&self) -> bool {
        self.state.reached.load(Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: Option<&State>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while state.is_some_and(|state| state.held.load(Ordering::SeqCst)) {
            state.inspect(|state| state.reached.store(true, Ordering::SeqCst));
            thread::sleep(Duration::from_millis(2));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
