//! Where a URL leads.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::Trouble;
use crate::text;

/// Host and port of a target, and whether TLS is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
    pub(crate) scheme: String,
}

impl Endpoint {
    pub(crate) fn of(url: &Url) -> Result<Self, Trouble> {
        let scheme = url.scheme();
        let (port, is_tls) = match scheme {
            "http" => (Some(80), false),
            "https" => (Some(443), true),
            "tcp" => (None, false),
            "redis" => (Some(6379), false),
            "rediss" => (Some(6379), true),
            "amqp" => (Some(5672), false),
            "amqps" => (Some(5671), true),
            "mongodb" => (Some(27017), wants_tls(url)),
            other => {
                let scheme = text::clean(other, 40);
                return Err(Trouble::unreachable(format!(
                    "cannot be asked: there is no probe for `{scheme}`"
                )));
            }
        };
        if is_tls && !cfg!(feature = "tls") {
            return Err(Trouble::unreachable(format!(
                "cannot be asked over {scheme}: this build has no TLS"
            )));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            // A URL writes an IPv6 address in brackets, nobody else does.
            Some(Host::Ipv6(ip)) => ip.to_string(),
            _ => {
                return Err(Trouble::unreachable(
                    "cannot be asked: its address has no host",
                ));
            }
        };
        let port = url
            .port()
            .or(port)
            .ok_or_else(|| Trouble::unreachable("cannot be asked: its address has no port"))?;
        Ok(Self {
            host,
            port,
            is_tls,
            scheme: scheme.to_owned(),
        })
    }

    /// The address, if the host is one. URLs of other schemes than HTTP's keep addresses as names.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some((ip, self.port).into())
    }
}

/// `mongodb://` says in its options whether TLS is spoken.
fn wants_tls(url: &Url) -> bool {
    url.query_pairs()
        .any(|(key, value)| matches!(&*key, "tls" | "ssl") && value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> (String, u16, bool) {
        let endpoint = Endpoint::of(&url.parse().unwrap()).unwrap();
        (endpoint.host, endpoint.port, endpoint.is_tls)
    }

    #[test]
    fn each_scheme_has_its_port() {
        for (url, host, port, is_tls) in [
            ("http://h/x", "h", 80, false),
            ("redis://127.0.0.1", "127.0.0.1", 6379, false),
            ("redis://[::1]:7000/0", "::1", 7000, false),
            ("amqp://u:p@mq/vhost", "mq", 5672, false),
            ("mongodb://db", "db", 27017, false),
            ("tcp://h:9", "h", 9, false),
        ] {
            assert_eq!(endpoint(url), (host.to_owned(), port, is_tls), "{url}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_is_told_by_the_scheme_or_by_mongodbs_options() {
        for (url, port) in [
            ("https://h", 443),
            ("rediss://h", 6379),
            ("amqps://h", 5671),
            ("mongodb://h/?tls=true", 27017),
        ] {
            assert_eq!(endpoint(url), ("h".to_owned(), port, true), "{url}");
        }
    }

    #[test]
    fn what_leads_nowhere_says_so() {
        let words = |url: &str| {
            let trouble = Endpoint::of(&url.parse().unwrap()).unwrap_err();
            trouble.words(&super::super::Clock::start(std::time::Duration::ZERO))
        };
        assert_eq!(
            words("gopher://h/"),
            "cannot be asked: there is no probe for `gopher`"
        );
        assert_eq!(words("tcp://h"), "cannot be asked: its address has no port");
        assert_eq!(
            words("redis:///0"),
            "cannot be asked: its address has no host"
        );
    }
}
