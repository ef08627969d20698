//! One connection and the requests that go over it.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::Clock;
use super::answer::Answer;
use super::request;
use crate::probe::Observation;
use crate::text;

/// The most bytes of a body that are read.
const BODY_CAP: usize = 64 * 1024;

/// Why no whole answer came.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The target could not be asked.
    Unreachable {
        reason: String,
        error: Option<String>,
    },
    /// The time was up before there was a connection.
    NotConnected { host: String },
    /// It accepted the connection and then did not answer in time, or not to the end.
    Silent { status: Option<u16> },
    /// It accepted the connection and closed it without a whole answer.
    Closed { status: Option<u16>, error: String },
    /// What it answered is no HTTP, or it broke off.
    Broken {
        reason: &'static str,
        status: Option<u16>,
        error: String,
    },
}

impl Trouble {
    fn unreachable(reason: impl Into<String>) -> Self {
        Self::Unreachable {
            reason: reason.into(),
            error: None,
        }
    }

    /// What happened, as what the target did.
    pub(super) fn words(&self, clock: &Clock) -> String {
        let limit = text::duration(clock.limit);
        match self {
            Self::Unreachable { reason, .. } => reason.clone(),
            Self::NotConnected { host } => {
                format!("cannot be reached: `{host}` accepted no connection within {limit}")
            }
            Self::Silent { status: None } => {
                format!("accepts the connection, but gives no answer within {limit}")
            }
            Self::Silent {
                status: Some(status),
            } => format!("begins to answer {status}, but does not end within {limit}"),
            Self::Closed { status: None, .. } => {
                "closes the connection without an answer".to_owned()
            }
            Self::Closed {
                status: Some(status),
                ..
            } => {
                format!("closes the connection in the midst of its answer {status}")
            }
            Self::Broken { reason, .. } => (*reason).to_owned(),
        }
    }

    pub(super) fn observation(self, clock: &Clock) -> Observation {
        let words = self.words(clock);
        let (observation, status, error) = match self {
            Self::Unreachable { error, .. } => (Observation::unknown(words), None, error),
            Self::NotConnected { .. } => (
                Observation::unknown(words),
                None,
                Some("timed out".to_owned()),
            ),
            Self::Silent { status } => (
                Observation::down(words),
                status,
                Some("timed out".to_owned()),
            ),
            Self::Closed { status, error } | Self::Broken { status, error, .. } => {
                (Observation::down(words), status, Some(error))
            }
        };
        let mut observation = observation.latency(clock.began.elapsed());
        observation.status = status;
        observation.error = error;
        observation
    }
}

/// Makes connections.
#[derive(Debug, Default)]
pub(super) struct Connector {
    /// How many times each name was resolved: of several addresses the next one is taken.
    turns: Mutex<BTreeMap<String, usize>>,
    #[cfg(feature = "tls")]
    tls: super::tls::Tls,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
type BoxedStream = TokioIo<Box<dyn Stream>>;

/// A fresh connection, not yet asked anything.
pub(super) struct Connection {
    requests: Requests,
    wire: http1::Connection<BoxedStream, Empty<Bytes>>,
}

impl Connector {
    #[cfg(all(test, feature = "tls"))]
    pub(super) fn with_tls(tls: super::tls::Tls) -> Self {
        Self {
            turns: Mutex::default(),
            tls,
        }
    }

    pub(super) async fn connect(&self, url: &Url, clock: &Clock) -> Result<Connection, Trouble> {
        let is_tls = match url.scheme() {
            "http" => false,
            "https" if cfg!(feature = "tls") => true,
            "https" => {
                return Err(Trouble::unreachable(
                    "cannot be asked over https: this build has no TLS",
                ));
            }
            other => {
                let scheme = text::clean(other, 40);
                return Err(Trouble::unreachable(format!(
                    "cannot be asked: there is no probe for `{scheme}`"
                )));
            }
        };
        let host = url.host_str().unwrap_or_default();
        let stream = self.dial(url, clock).await?;
        let stream: Box<dyn Stream> = if is_tls {
            self.wrap(stream, host, clock).await?
        } else {
            Box::new(stream)
        };
        let (sender, wire) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Trouble::Broken {
                reason: "breaks the connection off",
                status: None,
                error: text::chain(&error),
            })?;
        Ok(Connection {
            requests: Requests { sender },
            wire,
        })
    }

    async fn dial(&self, url: &Url, clock: &Clock) -> Result<TcpStream, Trouble> {
        let host = url.host_str().unwrap_or_default();
        let late = || Trouble::NotConnected {
            host: host.to_owned(),
        };
        let addresses = self.addresses(url, clock).await?;
        let mut trouble = late();
        for (place, address) in addresses.iter().enumerate() {
            // The first kind of address must not use up the time of the other.
            let left = clock.deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - place).unwrap_or(1);
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without it a probe still works, only later.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => {
                    let reason = match error.kind() {
                        io::ErrorKind::ConnectionRefused => {
                            format!("cannot be reached: {address} refuses the connection")
                        }
                        _ => format!("cannot be reached at {address}"),
                    };
                    trouble = Trouble::Unreachable {
                        reason,
                        error: Some(text::chain(&error)),
                    };
                }
                Err(_) => trouble = late(),
            }
        }
        Err(trouble)
    }

    /// The addresses to try, in order: one, or one of each kind.
    async fn addresses(&self, url: &Url, clock: &Clock) -> Result<Vec<SocketAddr>, Trouble> {
        let port = url.port_or_known_default().unwrap_or(80);
        let name = match url.host() {
            Some(Host::Ipv4(ip)) => return Ok(vec![(IpAddr::V4(ip), port).into()]),
            Some(Host::Ipv6(ip)) => return Ok(vec![(IpAddr::V6(ip), port).into()]),
            Some(Host::Domain(name)) => name,
            None => {
                return Err(Trouble::unreachable(
                    "cannot be asked: its address has no host",
                ));
            }
        };
        let cannot = |error: Option<String>| Trouble::Unreachable {
            reason: format!("cannot be reached: `{name}` has no address"),
            error,
        };
        let found: Vec<SocketAddr> =
            match timeout_at(clock.deadline, lookup_host((name, port))).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => return Err(cannot(Some(text::chain(&error)))),
                Err(_) => return Err(cannot(Some("timed out".to_owned()))),
            };
        let picked = pick(&found, self.turn(name));
        if picked.is_empty() {
            Err(cannot(None))
        } else {
            Ok(picked)
        }
    }

    fn turn(&self, name: &str) -> usize {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(name.to_owned()).or_default();
        *turn = turn.wrapping_add(1);
        *turn
    }

    #[cfg(feature = "tls")]
    async fn wrap(
        &self,
        stream: TcpStream,
        host: &str,
        clock: &Clock,
    ) -> Result<Box<dyn Stream>, Trouble> {
        match timeout_at(clock.deadline, self.tls.wrap(stream, host)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(Trouble::Unreachable {
                reason: format!("cannot be asked over https: no trusted connection to `{host}`"),
                error: Some(text::chain(&error)),
            }),
            Err(_) => Err(Trouble::Silent { status: None }),
        }
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_async,
        reason = "it has the signature of the one that shakes hands"
    )]
    async fn wrap(&self, _: TcpStream, _: &str, _: &Clock) -> Result<Box<dyn Stream>, Trouble> {
        Err(Trouble::unreachable(
            "cannot be asked over https: this build has no TLS",
        ))
    }
}

/// One address of each kind, the preferred kind first; of several the one whose turn it is.
///
/// Addresses of one kind are the nodes of a balancer: all of them must serve, so none stands in for another. The kinds
/// are ways to the same server: a machine without IPv6 reaches `localhost` all the same.
fn pick(found: &[SocketAddr], turn: usize) -> Vec<SocketAddr> {
    let Some(first) = found.first() else {
        return Vec::new();
    };
    let mut picked = Vec::with_capacity(2);
    for preferred in [true, false] {
        let mut same: Vec<SocketAddr> = found
            .iter()
            .copied()
            .filter(|address| (address.is_ipv6() == first.is_ipv6()) == preferred)
            .collect();
        // Resolvers shuffle; the turn must count through a fixed order.
        same.sort_unstable();
        same.dedup();
        if !same.is_empty() {
            picked.push(same[turn % same.len()]);
        }
    }
    picked
}

impl Connection {
    /// Has requests made over this connection, which ends with them.
    pub(super) async fn carry<T>(self, work: impl AsyncFnOnce(Requests) -> T) -> T {
        let Self { requests, wire } = self;
        let work = std::pin::pin!(work(requests));
        let wire = Box::pin(wire);
        match select(work, wire).await {
            Either::Left((done, _)) => done,
            // The server closed it. Whoever asks for more must not wait for a wire that nobody drives: it is dropped by
            // now, and says so.
            Either::Right((_, work)) => work.await,
        }
    }
}

/// The requesting side of a connection.
pub(super) struct Requests {
    sender: SendRequest<Empty<Bytes>>,
}

impl Requests {
    /// Whether another request can go over this connection.
    pub(super) async fn is_open(&mut self, clock: &Clock) -> bool {
        matches!(
            timeout_at(clock.deadline, self.sender.ready()).await,
            Ok(Ok(()))
        )
    }

    /// Asks for a URL and reads the answer.
    pub(super) async fn get(&mut self, url: &Url, clock: &Clock) -> Result<Answer, Trouble> {
        let request = request::get(url).ok_or_else(|| {
            Trouble::unreachable("cannot be asked: its address holds what HTTP cannot carry")
        })?;
        let response = within(clock, None, self.sender.send_request(request)).await?;
        let (parts, mut incoming) = response.into_parts();
        let status = parts.status.as_u16();
        let mut body = Vec::new();
        let mut is_cut = false;
        while let Some(frame) = within(clock, Some(status), async {
            incoming.frame().await.transpose()
        })
        .await?
        {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = BODY_CAP - body.len();
            body.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                is_cut = true;
                break;
            }
        }
        Ok(Answer {
            status,
            headers: parts.headers,
            body,
            is_cut,
        })
    }
}

/// Waits for the server until the time is up.
async fn within<T>(
    clock: &Clock,
    status: Option<u16>,
    work: impl Future<Output = Result<T, hyper::Error>>,
) -> Result<T, Trouble> {
    match timeout_at(clock.deadline, work).await {
        Ok(Ok(value)) => Ok(value),
        Err(_) => Err(Trouble::Silent { status }),
        Ok(Err(error)) => {
            let text = text::chain(&error);
            Err(
                if error.is_incomplete_message() || error.is_canceled() || is_end_of_file(&error) {
                    Trouble::Closed {
                        status,
                        error: text,
                    }
                } else if error.is_parse() {
                    Trouble::Broken {
                        reason: "answers, but not in HTTP",
                        status,
                        error: text,
                    }
                } else {
                    Trouble::Broken {
                        reason: "breaks the connection off",
                        status,
                        error: text,
                    }
                },
            )
        }
    }
}

/// Whether the connection ended within a body.
fn is_end_of_file(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|address| address.parse().unwrap())
            .collect()
    }

    #[test]
    fn consecutive_turns_meet_each_address_in_whatever_order_they_were_found() {
        let (one, other) = (
            addresses(&["10.0.0.2:80", "10.0.0.1:80"]),
            addresses(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.2:80"]),
        );
        assert_eq!(pick(&one, 0), addresses(&["10.0.0.1:80"]));
        assert_eq!(pick(&other, 1), addresses(&["10.0.0.2:80"]));
        assert_eq!(pick(&one, 2), pick(&other, 0));
        assert_eq!(pick(&[], 3), []);
    }

    #[test]
    fn the_other_kind_of_address_is_only_second() {
        let found = addresses(&["[::1]:80", "127.0.0.1:80"]);
        assert_eq!(pick(&found, 7), found);
    }
}
