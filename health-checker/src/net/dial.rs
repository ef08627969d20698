//! Making connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::{Clock, Endpoint, Resolver, SystemResolver, Trouble};
use crate::text;

/// A connection, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Resolves names and makes connections; it keeps neither.
#[derive(Debug)]
pub(crate) struct Dialer {
    resolver: Arc<dyn Resolver>,
    #[cfg(feature = "tls")]
    tls: super::tls::Tls,
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver))
    }
}

impl Dialer {
    pub(crate) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            #[cfg(feature = "tls")]
            tls: super::tls::Tls::default(),
        }
    }

    #[cfg(all(test, feature = "tls"))]
    pub(super) fn with_tls(tls: super::tls::Tls) -> Self {
        Self {
            resolver: Arc::new(SystemResolver),
            tls,
        }
    }

    /// All addresses of an endpoint, in a fixed order, resolved afresh.
    pub(crate) async fn addresses(
        &self,
        endpoint: &Endpoint,
        clock: &Clock,
    ) -> Result<Vec<SocketAddr>, Trouble> {
        if let Some(address) = endpoint.address() {
            return Ok(vec![address]);
        }
        let host = endpoint.host.as_str();
        let cannot = |error: Option<String>| Trouble::Unreachable {
            reason: format!(
                "cannot be reached: `{}` has no address",
                text::clean(host, 100)
            ),
            error,
            is_wayless: false,
        };
        let found = match timeout_at(clock.deadline, self.resolver.resolve(host)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(cannot(Some(text::chain(&error)))),
            Err(_) => return Err(cannot(Some("timed out".to_owned()))),
        };
        let mut addresses: Vec<SocketAddr> = found
            .into_iter()
            .map(|ip| (ip, endpoint.port).into())
            .collect();
        // Resolvers shuffle and repeat.
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(cannot(None));
        }
        Ok(addresses)
    }

    /// A fresh connection to one address of an endpoint.
    pub(crate) async fn connect(
        &self,
        endpoint: &Endpoint,
        address: SocketAddr,
        clock: &Clock,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let stream = match timeout_at(clock.deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let reason = match error.kind() {
                    io::ErrorKind::ConnectionRefused => {
                        format!("cannot be reached: {address} refuses the connection")
                    }
                    _ => format!("cannot be reached at {address}"),
                };
                return Err(Trouble::Unreachable {
                    reason,
                    error: Some(text::chain(&error)),
                    is_wayless: is_wayless(&error, address),
                });
            }
            Err(_) => {
                return Err(Trouble::NotConnected {
                    host: endpoint.host.clone(),
                });
            }
        };
        // Without it a probe still works, only later.
        let _ = stream.set_nodelay(true);
        if endpoint.is_tls {
            self.secure(stream, endpoint, clock).await
        } else {
            Ok(Box::new(stream))
        }
    }

    #[cfg(feature = "tls")]
    async fn secure(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
        clock: &Clock,
    ) -> Result<Box<dyn Stream>, Trouble> {
        let host = endpoint.host.as_str();
        let is_http = endpoint.scheme == "https";
        match timeout_at(clock.deadline, self.tls.wrap(stream, host, is_http)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(Trouble::Untrusted {
                reason: format!(
                    "cannot be asked over {}: no trusted connection to `{}`",
                    endpoint.scheme,
                    text::clean(host, 100)
                ),
                error: text::chain(&error),
            }),
            Err(_) => Err(Trouble::Silent { status: None }),
        }
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_async,
        reason = "it has the signature of the one that shakes hands"
    )]
    async fn secure(
        &self,
        _: TcpStream,
        endpoint: &Endpoint,
        _: &Clock,
    ) -> Result<Box<dyn Stream>, Trouble> {
        Err(Trouble::unreachable(format!(
            "cannot be asked over {}: this build has no TLS",
            endpoint.scheme
        )))
    }
}

/// Whether this machine has no way to addresses of that kind, whatever is there.
fn is_wayless(error: &io::Error, address: SocketAddr) -> bool {
    // EAFNOSUPPORT, for which the standard library has no word.
    const NO_FAMILY: i32 = match () {
        () if cfg!(windows) => 10047,
        () if cfg!(any(target_os = "linux", target_os = "android")) => 97,
        () => 47,
    };
    match error.kind() {
        io::ErrorKind::NetworkUnreachable => true,
        // Where IPv6 is switched off there is no address to connect from.
        io::ErrorKind::AddrNotAvailable => address.is_ipv6(),
        _ => error.raw_os_error() == Some(NO_FAMILY),
    }
}

/// Sends all of that.
pub(crate) async fn send(
    stream: &mut dyn Stream,
    bytes: &[u8],
    clock: &Clock,
) -> Result<(), Trouble> {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    match timeout_at(clock.deadline, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(off(&error)),
        Err(_) => Err(Trouble::Silent { status: None }),
    }
}

/// Waits for more bytes and adds them to what there is, up to `most` in all.
pub(crate) async fn read_more(
    stream: &mut dyn Stream,
    buffer: &mut Vec<u8>,
    most: usize,
    clock: &Clock,
) -> Result<(), Trouble> {
    let room = most.saturating_sub(buffer.len());
    let mut bytes = [0; 4096];
    let part = room.min(bytes.len());
    match timeout_at(clock.deadline, stream.read(&mut bytes[..part])).await {
        Ok(Ok(0)) => Err(Trouble::Closed {
            status: None,
            error: "end of file".to_owned(),
        }),
        Ok(Ok(read)) => {
            buffer.extend_from_slice(&bytes[..read]);
            Ok(())
        }
        Ok(Err(error)) => Err(off(&error)),
        Err(_) => Err(Trouble::Silent { status: None }),
    }
}

fn off(error: &io::Error) -> Trouble {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Trouble::Closed {
            status: None,
            error: text::chain(error),
        };
    }
    Trouble::broken("breaks the connection off", text::chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_way_is_told_from_a_target_that_is_away() {
        let (v4, v6) = (
            "192.0.2.1:80".parse().unwrap(),
            "[2001:db8::1]:80".parse().unwrap(),
        );
        for (kind, way_v4, way_v6) in [
            (io::ErrorKind::NetworkUnreachable, true, true),
            (io::ErrorKind::AddrNotAvailable, false, true),
            (io::ErrorKind::HostUnreachable, false, false),
            (io::ErrorKind::ConnectionRefused, false, false),
            (io::ErrorKind::TimedOut, false, false),
        ] {
            let found = [v4, v6].map(|address| is_wayless(&kind.into(), address));
            assert_eq!(found, [way_v4, way_v6], "{kind}");
        }
        if cfg!(target_os = "linux") {
            assert!(is_wayless(&io::Error::from_raw_os_error(97), v4));
        }
    }
}
