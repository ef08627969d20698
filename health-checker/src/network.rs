//! The probe of all protocols, and that of HTTP alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use crate::http::Turns;
use crate::net::{Clock, Dialer, Endpoint, Resolver, Trouble};
use crate::probe::{Observation, Probe};
use crate::round::{Families, Round};
use crate::target::{Target, TargetKind};
use crate::{amqp, http, mongodb, redis, tcp};

/// Probes targets in the protocol of their kind: HTTP, TCP, Redis, AMQP 0-9-1 and MongoDB, with TLS where the URL says so and
/// the feature `tls` is on.
///
/// Each probe resolves the name afresh and asks every address that it has, each over a connection of its own: behind a
/// name with several addresses all of them must serve, and one bad address is not passed over. Where a name has addresses
/// of both kinds and all of one kind refuse, the other kind counts and the refusal is told: so `localhost` is a server on
/// `127.0.0.1` even where it is `::1` too.
///
/// If a revision is expected of an HTTP target, the info endpoint is asked over the same connection, two to four times: a
/// balancer may spread single requests, and the next one may reach another task. The number changes from probe to probe, so
/// that no turn keeps in step with it, and one answer of another build makes the probe one of another build. Of a balancer
/// that deals requests out in strict turn, two probes in a row find an old task among up to four. Where the server closes
/// the connection, it is asked over others to the same address.
/// [`RevisionSource::Header`](crate::RevisionSource::Header) takes both from one answer.
///
/// Redirects are followed only where the target says so, bodies are read up to 64 KiB, certificates are verified as the
/// platform does. No proxy is used.
#[derive(Debug)]
pub struct NetworkProbe {
    try_timeout: Duration,
    dialer: Dialer,
    turns: Turns,
}

/// How long [`probe`](Probe::probe) takes at most, unless it is told otherwise.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

impl Default for NetworkProbe {
    fn default() -> Self {
        Self::new()
    }
}

impl NetworkProbe {
    /// A probe that gives up after 5 s and resolves names as the system does.
    pub fn new() -> Self {
        Self::with_dialer(Dialer::default())
    }

    /// A probe that resolves names its own way.
    pub fn with_resolver(resolver: impl Resolver + 'static) -> Self {
        Self::with_dialer(Dialer::new(Arc::new(resolver)))
    }

    pub(crate) fn with_dialer(dialer: Dialer) -> Self {
        Self {
            try_timeout: TRY_TIMEOUT,
            dialer,
            turns: Turns::default(),
        }
    }

    /// Sets when [`probe`](Probe::probe) gives up. A [`check`](crate::check) brings its own limit.
    #[must_use]
    pub const fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    async fn ask(
        &self,
        target: &Target,
        address: SocketAddr,
        clock: &Clock,
    ) -> Result<Observation, Trouble> {
        match target.kind {
            TargetKind::Actuator | TargetKind::Plain => {
                http::ask(&self.dialer, &self.turns, target, address, clock).await
            }
            TargetKind::Tcp => tcp::ask(&self.dialer, target, address, clock).await,
            TargetKind::Redis => redis::ask(&self.dialer, target, address, clock).await,
            TargetKind::Amqp => amqp::ask(&self.dialer, target, address, clock).await,
            TargetKind::Mongodb => mongodb::ask(&self.dialer, target, address, clock).await,
        }
    }

    async fn resolve(&self, target: &Target, clock: &Clock) -> Result<Vec<SocketAddr>, Trouble> {
        let endpoint = Endpoint::of(&target.url)?;
        if !target.kind.fits(&endpoint.scheme) {
            return Err(Trouble::unreachable(format!(
                "cannot be asked: a `{}` URL is not probed as {}",
                endpoint.scheme, target.kind
            )));
        }
        self.dialer.addresses(&endpoint, clock).await
    }

    async fn at(&self, target: &Target, address: SocketAddr, clock: &Clock) -> Observation {
        let observation = match self.ask(target, address, clock).await {
            Ok(observation) => observation,
            Err(trouble) => trouble.observation(clock),
        };
        observation.address(address)
    }
}

#[async_trait]
impl Probe for NetworkProbe {
    async fn probe(&self, target: &Target) -> Observation {
        self.probe_within(target, self.try_timeout).await
    }

    async fn probe_within(&self, target: &Target, limit: Duration) -> Observation {
        let clock = Clock::start(limit);
        let addresses = match self.resolve(target, &clock).await {
            Ok(addresses) => addresses,
            Err(trouble) => return trouble.observation(&clock),
        };
        let asked = addresses
            .into_iter()
            .map(|address| self.at(target, address, &clock));
        Round::of(join_all(asked).await, Families::default()).worst(target)
    }

    async fn addresses(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, Observation> {
        let clock = Clock::start(limit);
        let resolved = self.resolve(target, &clock).await;
        resolved.map_err(|trouble| trouble.observation(&clock))
    }

    async fn probe_at(&self, target: &Target, address: SocketAddr, limit: Duration) -> Observation {
        self.at(target, address, &Clock::start(limit)).await
    }
}

#[cfg(test)]
#[path = "../tests/it/server.rs"]
#[expect(dead_code, reason = "the integration tests use more of it")]
mod server;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::server::{DOWN, Reply, Server, UP, info, keep};
    use super::*;
    use crate::testing::{Scene, Stage, builds, probe_contract};

    /// Real servers on loopback, kept until the checks are over.
    #[derive(Debug, Default)]
    struct Loopback {
        probe: NetworkProbe,
        servers: Mutex<Vec<Server>>,
    }

    #[async_trait]
    impl Stage for Loopback {
        fn probe(&self) -> &dyn Probe {
            &self.probe
        }

        async fn set(&self, scene: Scene) -> Target {
            let [first, second] = builds();
            let expected = first.clone();
            let server = Server::start(move |connection, path| {
                let is_health = path == "/actuator/health";
                let build = if scene == Scene::Alternating && connection % 2 == 1 {
                    &second
                } else {
                    &first
                };
                match scene {
                    Scene::Silent => Reply::Silence,
                    Scene::Down if is_health => keep(503, DOWN),
                    Scene::Nameless if !is_health => keep(404, ""),
                    _ => keep(
                        200,
                        &if is_health {
                            UP.to_owned()
                        } else {
                            info(build.as_str())
                        },
                    ),
                }
            })
            .await;
            let url = server
                .url("/actuator/health")
                .replace("http://", "http://user:hunter2@");
            if scene == Scene::Refusing {
                server.stop().await;
            } else {
                self.servers.lock().unwrap().push(server);
            }
            format!("{scene:?}={url}")
                .parse::<Target>()
                .unwrap()
                .expect_revision(expected)
        }
    }

    #[tokio::test]
    async fn the_network_probe_keeps_the_contract_of_probes() {
        probe_contract(&Loopback::default()).await;
    }
}
