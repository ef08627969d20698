//! The model behind ECS's own protocol, awsJson 1.1 over HTTP on this machine: for testing whatever speaks to ECS.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use ecs_deployer::sim::server::EcsServer;
//! use ecs_deployer::sim::{Clock, ScriptedRuntime, SimCluster, Timings};
//!
//! let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
//! // An hour in a minute.
//! let cluster = SimCluster::with_clock("dev".parse()?, Timings::fargate(), runtime.clone(), Clock::scaled(60.0));
//! let server = EcsServer::builder(cluster, runtime).start().await?;
//! // AWS_ENDPOINT_URL_ECS for a client:
//! println!("http://{}", server.address());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod arns;
mod body;
mod clusters;
mod control;
mod definitions;
mod deployments;
mod logs;
mod refusal;
mod service_json;
mod service_settings;
mod services;
mod tags;
mod task_json;
mod tasks;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::api::Api;
use self::arns::Place;
use super::plane::EPOCH;
use super::{ScriptedRuntime, SimCluster};

/// A simulated account's ECS on 127.0.0.1. Dropping it cuts its connections; [`shutdown`](Self::shutdown) lets requests end
/// that have begun.
#[derive(Debug)]
pub struct EcsServer {
    address: SocketAddr,
    stop: watch::Sender<()>,
    listening: JoinHandle<()>,
}

/// Starts an [`EcsServer`].
#[derive(Debug)]
pub struct EcsServerBuilder {
    cluster: SimCluster,
    runtime: Arc<ScriptedRuntime>,
    listen: SocketAddr,
    place: Place,
    epoch: u64,
    denied: BTreeSet<String>,
    throttle: bool,
    fills_in: bool,
}

impl EcsServerBuilder {
    /// Sets where it listens; any free port of 127.0.0.1 by default.
    #[must_use]
    pub const fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the region and the account of its ARNs; `us-east-1` and `123456789012` by default.
    #[must_use]
    pub fn place(mut self, region: impl Into<String>, account: impl Into<String>) -> Self {
        self.place = Place {
            region: region.into(),
            account: account.into(),
        };
        self
    }

    /// Sets when the model's time begins, in milliseconds since 1970; 2026-01-01 by default.
    #[must_use]
    pub const fn epoch(mut self, milliseconds: u64) -> Self {
        self.epoch = milliseconds;
        self
    }

    /// Answers an action, such as `UpdateService` or `ecs:UpdateService`, with `AccessDeniedException`.
    #[must_use]
    pub fn deny(mut self, action: &str) -> Self {
        let name = action.rsplit(':').next().unwrap_or(action);
        self.denied.insert(name.to_owned());
        self
    }

    /// Sets whether calls are throttled at the published rates; they are by default.
    #[must_use]
    pub const fn throttle(mut self, on: bool) -> Self {
        self.throttle = on;
        self
    }

    /// Sets whether described task definitions have the defaults that ECS writes into them, such as `"volumes": []`; they do
    /// by default.
    #[must_use]
    pub const fn fill_in_defaults(mut self, on: bool) -> Self {
        self.fills_in = on;
        self
    }

    /// Starts the server on the runtime that this is called on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(self) -> io::Result<EcsServer> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        self.cluster.limit_rates(self.throttle);
        let api = Arc::new(Api {
            cluster: self.cluster,
            runtime: self.runtime,
            place: self.place,
            epoch: self.epoch,
            denied: self.denied,
            fills_in: self.fills_in,
            tags: Mutex::new(BTreeMap::new()),
        });
        let (stop, stopped) = watch::channel(());
        let listening = tokio::spawn(listen(listener, api, stopped));
        Ok(EcsServer {
            address,
            stop,
            listening,
        })
    }
}

impl EcsServer {
    /// Prepares to serve a cluster and all others of its account. `runtime` is the one that the cluster's tasks are played by.
    pub fn builder(cluster: SimCluster, runtime: Arc<ScriptedRuntime>) -> EcsServerBuilder {
        EcsServerBuilder {
            cluster,
            runtime,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            place: Place::default(),
            epoch: EPOCH,
            denied: BTreeSet::new(),
            throttle: true,
            fills_in: true,
        }
    }

    /// Where it answers.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for `AWS_ENDPOINT_URL_ECS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The names of the actions that it answers.
    pub fn actions() -> impl Iterator<Item = &'static str> {
        api::ACTIONS.iter().map(|(name, _)| *name)
    }

    /// Takes no more connections, answers the requests that have begun, and returns when the last one is answered.
    pub async fn shutdown(mut self) {
        // With nobody listening any more there is nothing to stop.
        let _ = self.stop.send(());
        let _ = (&mut self.listening).await;
    }
}

impl Drop for EcsServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Takes connections until it is told to stop, then waits for them. Dropping the future cuts them.
async fn listen(listener: TcpListener, api: Arc<Api>, mut stopped: watch::Receiver<()>) {
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
                connections.spawn(serve(stream, Arc::clone(&api), stopped.clone()));
            }
            // Out of files, or the client has gone already: the next one may be luckier.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, api: Arc<Api>, mut stopped: watch::Receiver<()>) {
    // It only makes answers faster.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| wire::answer(Arc::clone(&api), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let stop = std::pin::pin!(stopped.changed());
    if let Either::Left(_) = select(stop, connection.as_mut()).await {
        connection.as_mut().graceful_shutdown();
        // How a connection ends is the client's business, or was asked for.
        let _ = connection.await;
    }
}
