//! Probing over HTTP/1.1, one connection at a time.
//!
//! This speaks through hyper's connection directly instead of through a client with a pool: a probe is one connection
//! by definition, and here that is what the code says. It is also quicker. Asking a loopback server once took 0.2 ms
//! this way, 0.5 ms with a reqwest client made for each probe without root certificates and 15 ms with them (debug
//! build, 2 cores). Root certificates are loaded once, at the first https target. No proxy is used.

mod answer;
mod connection;
mod request;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use url::Url;

use crate::actuator;
use crate::probe::{Observation, Probe, State};
use crate::revision::Revision;
use crate::target::{RevisionSource, Target, TargetKind};
use crate::text;
use answer::Answer;
use connection::{Connection, Connector, Requests, Trouble};

/// Probes `http` and, with the feature `tls`, `https` targets.
///
/// Each probe resolves the name and connects afresh. Of several addresses of a name it takes the next one each time, so
/// that consecutive probes meet each of them, and one bad address is not passed over; only from IPv6 to IPv4, and the
/// other way round, it goes on to an address of the other kind.
///
/// If a revision is expected, the info endpoint is asked over the same connection. Where the server closes it after the
/// first answer a second one is made; then, and behind a balancer that spreads single requests, health and revision may
/// come from different tasks, and it is the number of successes in a row that tells.
/// [`RevisionSource::Header`](crate::RevisionSource::Header) takes both from one answer.
///
/// Redirects are not followed, bodies are read up to 64 KiB, certificates are verified as the platform does.
#[derive(Debug, Default)]
pub struct HttpProbe {
    try_timeout: Option<Duration>,
    connector: Connector,
}

impl HttpProbe {
    /// How long [`probe`](Probe::probe) takes at most, unless it is told otherwise.
    const TRY_TIMEOUT: Duration = Duration::from_secs(5);

    /// A probe that gives up after 5 s.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when [`probe`](Probe::probe) gives up. A [`check`](crate::check) brings its own limit.
    #[must_use]
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = Some(timeout);
        self
    }
}

#[async_trait]
impl Probe for HttpProbe {
    async fn probe(&self, target: &Target) -> Observation {
        self.probe_within(target, self.try_timeout.unwrap_or(Self::TRY_TIMEOUT))
            .await
    }

    async fn probe_within(&self, target: &Target, limit: Duration) -> Observation {
        let clock = Clock::start(limit);
        match self.ask(target, &clock).await {
            Ok(observation) => observation,
            Err(trouble) => trouble.observation(&clock),
        }
    }
}

/// When a probe began and when it must end.
#[derive(Debug, Clone, Copy)]
struct Clock {
    began: Instant,
    limit: Duration,
    deadline: Instant,
}

impl Clock {
    fn start(limit: Duration) -> Self {
        let began = Instant::now();
        let day = Duration::from_secs(24 * 3600);
        Self {
            began,
            limit,
            deadline: began.checked_add(limit.min(day)).unwrap_or(began),
        }
    }
}

/// What came of asking for the build.
enum Identity {
    NotAsked,
    Told(Revision),
    Untold(String),
    /// The connection was closed before it could be asked.
    Closed,
}

impl HttpProbe {
    async fn ask(&self, target: &Target, clock: &Clock) -> Result<Observation, Trouble> {
        let connection = self.connector.connect(&target.url, clock).await?;
        let (observation, identity) = connection
            .carry(async |mut requests| {
                let answer = requests.get(&target.url, clock).await?;
                let observation = judge(target, &answer).latency(clock.began.elapsed());
                let identity = identify(target, &answer, &observation, &mut requests, clock).await;
                Ok((observation, identity))
            })
            .await?;
        let identity = match identity {
            Identity::Closed => self.ask_info_anew(target, clock).await,
            known => known,
        };
        Ok(with_identity(target, observation, identity))
    }

    async fn ask_info_anew(&self, target: &Target, clock: &Clock) -> Identity {
        let Some(url) = actuator::info_url(&target.url) else {
            return Identity::NotAsked;
        };
        let asked = async {
            let connection: Connection = self.connector.connect(&url, clock).await?;
            connection
                .carry(async |mut requests| requests.get(&url, clock).await)
                .await
        };
        match asked.await {
            Ok(answer) => read_info(&url, &answer),
            Err(trouble) => Identity::Untold(untold(&url, &trouble.words(clock))),
        }
    }
}

/// Reads the health answer.
fn judge(target: &Target, answer: &Answer) -> Observation {
    let status = answer.status;
    let observation = match (status, target.kind) {
        (300..=399, _) => Observation::down(answer.redirect_words(&target.url)),
        (401 | 403 | 407 | 429, _) => {
            Observation::unknown(format!("does not let itself be asked: it answers {status}"))
        }
        (_, TargetKind::Plain) if (200..300).contains(&status) => Observation::up(),
        (_, TargetKind::Plain) => Observation::down(format!("answers {status}")),
        (_, TargetKind::Actuator) => judge_actuator(target, answer),
    };
    observation.status(status)
}

fn judge_actuator(target: &Target, answer: &Answer) -> Observation {
    let status = answer.status;
    if answer.is_cut {
        return Observation::down(format!(
            "answers {status} with a body of more than 64 KiB, which no actuator does"
        ));
    }
    let health = actuator::Health::parse(&answer.body);
    let observation = match status {
        200 if health.is_up() => Observation::up(),
        404 if health.status().is_none() => Observation::down(format!(
            "answers 404: there is no actuator at `{}`",
            target.url.path()
        )),
        200 | 503 => Observation::down(format!("answers {status} {}", health.words())),
        _ => Observation::down(match health.status() {
            Some(_) => format!("answers {status} {}", health.words()),
            None => format!("answers {status}"),
        }),
    };
    match health.status() {
        Some(word) => observation.body_status(word),
        None => observation,
    }
}

/// Finds out which build answered, if that matters.
async fn identify(
    target: &Target,
    answer: &Answer,
    observation: &Observation,
    requests: &mut Requests,
    clock: &Clock,
) -> Identity {
    if let RevisionSource::Header(name) = &target.revision_from {
        return match answer.header(name) {
            None if target.expect_revision.is_none() => Identity::NotAsked,
            None => Identity::Untold(format!(
                "is up, but its answer has no header `{}`",
                text::clean(name, 60)
            )),
            Some(value) => value.parse().map_or_else(
                |_| {
                    Identity::Untold(format!(
                        "is up, but its header `{}` is no commit id",
                        text::clean(name, 60)
                    ))
                },
                Identity::Told,
            ),
        };
    }
    // A bad answer of something that is an actuator is worth a name too: is it the new build that is down?
    let worth_asking = matches!(observation.state, State::Up) || observation.body_status.is_some();
    if target.expect_revision.is_none() || !worth_asking {
        return Identity::NotAsked;
    }
    let Some(url) = actuator::info_url(&target.url) else {
        return Identity::Untold(
            "is up, but cannot be asked which build it is: its address has no segment `health` to stand `info` beside"
                .to_owned(),
        );
    };
    if !requests.is_open(clock).await {
        return Identity::Closed;
    }
    match requests.get(&url, clock).await {
        Ok(answer) => read_info(&url, &answer),
        Err(Trouble::Closed { .. }) => Identity::Closed,
        Err(trouble) => Identity::Untold(untold(&url, &trouble.words(clock))),
    }
}

fn read_info(url: &Url, answer: &Answer) -> Identity {
    if answer.status != 200 {
        return Identity::Untold(format!(
            "{}; expose it with `management.endpoints.web.exposure.include=health,info`",
            untold(url, &format!("answers {}", answer.status))
        ));
    }
    match actuator::revision(&answer.body) {
        Ok(revision) => Identity::Told(revision),
        Err(what) => Identity::Untold(format!(
            "{}; it comes from a `git.properties` in the build, which git-commit-id-maven-plugin writes",
            untold(url, &format!("answers 200 with {what}"))
        )),
    }
}

fn untold(info: &Url, what: &str) -> String {
    format!(
        "is up, but does not say which build it is: `{}` {what}",
        info.path()
    )
}

fn with_identity(target: &Target, mut observation: Observation, identity: Identity) -> Observation {
    match identity {
        Identity::Told(revision) => observation.revision = Some(revision),
        Identity::Untold(reason)
            if target.expect_revision.is_some() && matches!(observation.state, State::Up) =>
        {
            observation.state = State::Unknown { reason };
        }
        _ => {}
    }
    observation
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
        probe: HttpProbe,
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
    async fn the_http_probe_keeps_the_contract_of_probes() {
        probe_contract(&Loopback::default()).await;
    }
}
