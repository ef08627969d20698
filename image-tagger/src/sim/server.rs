//! Any registry over HTTP on this machine, with the quirks of registries: for testing code that pushes and pulls.
//!
//! ```
//! # #[cfg(feature = "http")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use image_tagger::sim::SimRegistry;
//! use image_tagger::sim::server::{Quirks, RegistryServer, RequestKind};
//! use image_tagger::{HttpRegistry, ImageSpec, PushOptions, PushRequest, pack, push};
//!
//! // As ECR, and the connection is lost in the middle of the first layer.
//! let server = RegistryServer::builder(Arc::new(SimRegistry::new()))
//!     .quirks(Quirks::ecr().cut_upload(1000, 1))
//!     .start()
//!     .await?;
//! let repository = server.create_repository("team/app")?;
//!
//! let image = pack(&ImageSpec::new().file("app/main", true, "#!/bin/sh\n".repeat(100_000)))?;
//! let request = PushRequest::new(repository, vec!["v1".parse()?]);
//! let client = HttpRegistry::builder().insecure_http(true).build()?;
//! push(&client, &image, &request, &PushOptions::default(), &|_| {}).await?;
//!
//! let puts = server.summary().of_kind(RequestKind::UploadFinish);
//! assert!(puts.requests >= 2);
//! server.shutdown().await;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "http"))]
//! # fn main() {}
//! ```

mod answer;
mod auth;
mod blobs;
mod intake;
mod log;
mod manifests;
mod quirks;
mod route;
mod service;
mod session;
mod uploads;
mod when;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use self::auth::Auth;
pub use self::log::{LoggedRequest, RequestCount, RequestSummary};
pub use self::quirks::{Quirks, Throttle};
pub use self::route::RequestKind;
pub use self::when::When;

use self::auth::Gate;
use self::log::Log;
use self::service::Service;
use self::session::Sessions;
use crate::{Error, InvalidRepository, Registry, Repository};

/// A registry that answers over HTTP on 127.0.0.1, in the OCI distribution protocol 1.1.
///
/// It has manifests, blobs and their uploads, mounts, and lists of tags; nothing is deleted, and referrers and the catalog are
/// not listed. Blobs on their way in are kept in temporary files. Dropping the server cuts its connections;
/// [`shutdown`](Self::shutdown) lets requests end that have begun.
#[derive(Debug)]
pub struct RegistryServer {
    address: SocketAddr,
    service: Arc<Service>,
    stop: watch::Sender<()>,
    listening: JoinHandle<()>,
}

/// Starts a [`RegistryServer`].
#[derive(Debug)]
pub struct RegistryServerBuilder {
    registry: Arc<dyn Registry>,
    port: u16,
    host: Option<String>,
    quirks: Quirks,
    spool: Option<PathBuf>,
}

impl RegistryServerBuilder {
    /// Sets the port; any free one by default.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the host of the repositories in the registry behind: `a/b` is `HOST/a/b` there. By default it is the server's own
    /// address, so that both sides have the same name for a repository.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets how the server departs from the protocol, and how it fails.
    #[must_use]
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Sets the folder where blobs are kept while they come in; the system's folder for temporary files by default.
    #[must_use]
    pub fn spool_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(folder.into());
        self
    }

    /// Starts the server on the runtime that this is called on.
    ///
    /// # Errors
    /// [`Error::Server`] when the port is taken.
    pub async fn start(self) -> Result<RegistryServer, Error> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let failed = |source| Error::Server {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let service = Arc::new(Service {
            registry: self.registry,
            host: self.host.unwrap_or_else(|| address.to_string()),
            address,
            quirks: Mutex::new(self.quirks),
            repositories: Mutex::default(),
            gate: Gate::default(),
            sessions: Sessions::new(self.spool),
            log: Arc::new(Log::default()),
        });
        let (stop, stopped) = watch::channel(());
        let listening = tokio::spawn(listen(listener, Arc::clone(&service), stopped));
        Ok(RegistryServer {
            address,
            service,
            stop,
            listening,
        })
    }
}

impl RegistryServer {
    /// Serves a registry on a free port, without quirks.
    ///
    /// # Errors
    /// As of [`RegistryServerBuilder::start`].
    pub async fn start(registry: Arc<dyn Registry>) -> Result<Self, Error> {
        Self::builder(registry).start().await
    }

    /// Prepares to serve a registry.
    pub fn builder(registry: Arc<dyn Registry>) -> RegistryServerBuilder {
        RegistryServerBuilder {
            registry,
            port: 0,
            host: None,
            quirks: Quirks::new(),
            spool: None,
        }
    }

    /// Where it answers.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A repository's name for clients: `127.0.0.1:PORT/path`.
    ///
    /// # Errors
    /// When `path` is not a repository's path.
    pub fn repository(&self, path: &str) -> Result<Repository, InvalidRepository> {
        format!("{}/{path}", self.address).parse()
    }

    /// Creates a repository, for [`Quirks::require_repositories`]; returns its name for clients.
    ///
    /// # Errors
    /// When `path` is not a repository's path.
    pub fn create_repository(&self, path: &str) -> Result<Repository, InvalidRepository> {
        let repository = self.repository(path)?;
        self.repositories(|created| created.insert(path.to_owned()));
        Ok(repository)
    }

    fn repositories<T>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        let created = self.service.repositories.lock();
        change(&mut created.unwrap_or_else(PoisonError::into_inner))
    }

    /// Departs from the protocol in other ways from the next request on. Faults and the use of passwords are counted anew;
    /// tokens that were issued and upload sessions stay.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.service.gate.forget_passwords();
        let current = self.service.quirks.lock();
        *current.unwrap_or_else(PoisonError::into_inner) = quirks;
    }

    /// All requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.service.log.requests()
    }

    /// What the requests so far come to.
    pub fn summary(&self) -> RequestSummary {
        RequestSummary::of(&self.requests())
    }

    /// Begins to count anew.
    pub fn forget_requests(&self) {
        self.service.log.forget();
    }

    /// Takes no more connections, answers the requests that have begun, and returns when the last one is answered.
    pub async fn shutdown(mut self) {
        // With nobody listening any more there is nothing to stop.
        let _ = self.stop.send(());
        let _ = (&mut self.listening).await;
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Takes connections until it is told to stop, then waits for them. Dropping the future cuts them.
async fn listen(listener: TcpListener, service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let next = {
            let accepted = std::pin::pin!(listener.accept());
            let stop = std::pin::pin!(stopped.changed());
            match select(stop, accepted).await {
                Either::Left(_) => break,
                Either::Right((accepted, _)) => accepted,
            }
        };
        match next {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&service), stopped.clone()));
            }
            // Out of files, or the client has gone already: the next one may be luckier.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, service: Arc<Service>, mut stopped: watch::Receiver<()>) {
    // It only makes answers faster.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Arc::clone(&service).answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let stop = std::pin::pin!(stopped.changed());
    if let Either::Left(_) = select(stop, connection.as_mut()).await {
        connection.as_mut().graceful_shutdown();
        // How a connection ends is the client's business, or was asked for.
        let _ = connection.await;
    }
}
