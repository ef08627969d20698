//! A registry of its own for a contender, and a wire to it that is counted.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::servers::{answers, free_port};
use crate::task::Error;

/// What went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::bench) struct Traffic {
    /// Requests, by the registry's own log.
    pub(in crate::bench) requests: u64,
    /// Bytes from the client, everything included.
    pub(in crate::bench) sent: u64,
}

/// CNCF's registry with nothing in it, until this is dropped.
#[derive(Debug)]
pub(in crate::bench) struct Registry {
    child: Child,
    folder: PathBuf,
    wire: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Registry {
    pub(in crate::bench) fn start(scratch: &Path, name: &str) -> Result<Self, Error> {
        let folder = scratch.join(format!("registry-{name}"));
        let broken = |source| {
            Error::broken(
                format!("starting docker-registry in `{}`", folder.display()),
                source,
            )
        };
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(broken)?;
        }
        fs::create_dir_all(&folder).map_err(broken)?;
        let port = free_port().map_err(broken)?;
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {:?}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            folder.join("blobs").to_string_lossy()
        );
        fs::write(&config, text).map_err(broken)?;
        let log = fs::File::create(folder.join("log")).map_err(broken)?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Error::Setup(
                    "docker-registry is not installed (Debian package `docker-registry`)"
                        .to_owned(),
                ),
                _ => broken(source),
            })?;
        let sent = Arc::default();
        let wire = wire(port, &sent).map_err(broken)?;
        let registry = Self {
            child,
            folder,
            wire,
            sent,
        };
        let address = format!("127.0.0.1:{port}");
        let begun = Instant::now();
        while !answers(&address, "/v2/") {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(Error::Broken(format!(
                    "docker-registry does not answer at {address}"
                )));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    /// Where contenders find it.
    pub(in crate::bench) fn host(&self) -> String {
        self.wire.to_string()
    }

    pub(in crate::bench) fn traffic(&self) -> Result<Traffic, Error> {
        // A line is written after its answer: let the last ones come.
        thread::sleep(Duration::from_millis(50));
        let path = self.folder.join("log");
        let text = fs::read_to_string(&path)
            .map_err(|source| Error::broken(format!("reading `{}`", path.display()), source))?;
        // The access log, in Apache's form; the look whether it answers came past the wire, from another client.
        let requests = text
            .lines()
            .filter(|line| {
                line.contains(" HTTP/1.1\" ")
                    && !line.contains("\"GET /v2/ HTTP/1.1\" 200 2 \"\" \"\"")
            })
            .count();
        Ok(Traffic {
            requests: requests as u64,
            sent: self.sent.load(Ordering::Relaxed),
        })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(self.folder.join("blobs"));
    }
}

/// A port that leads to another one, and counts what goes there.
fn wire(to: u16, sent: &Arc<AtomicU64>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let sent = Arc::clone(sent);
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(client) = client else { continue };
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
                continue;
            };
            let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else {
                continue;
            };
            let sent = Arc::clone(&sent);
            thread::spawn(move || pass(client, server, Some(&sent)));
            thread::spawn(move || pass(server_too, client_too, None));
        }
    });
    Ok(address)
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: Option<&AtomicU64>) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
        if let Some(count) = count {
            count.fetch_add(length as u64, Ordering::Relaxed);
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
