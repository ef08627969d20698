//! Which server, which version, and the token it is shown.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::Url;

use crate::text;

/// Where a SonarQube server is: `https://sonar.example.com`, with a path if it is served below one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerUrl(Url);

/// Why a text is no [`ServerUrl`]. The text itself is not repeated where it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidServerUrl {
    /// It is no URL with a host.
    #[error("`{text}` is no URL such as `https://sonar.example.com`")]
    NoUrl {
        /// The text.
        text: String,
    },
    /// It is a URL of another kind.
    #[error("`{scheme}` is neither http nor https")]
    Scheme {
        /// What it is instead.
        scheme: String,
    },
    /// It holds a user or a password.
    #[error("the URL of the server at `{host}` holds credentials")]
    Credentials {
        /// The host.
        host: String,
    },
}

impl ServerUrl {
    /// The URL of a path below the server.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }

    /// Whether a URL leads to the same scheme, host and port.
    pub fn is_origin_of(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// Whether another server is the same: scheme, host, port and path.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_origin_of(&other.0) && self.0.path() == other.0.path()
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether what is sent can be read on the way: http to another machine.
    pub fn is_exposed(&self) -> bool {
        let is_local = match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        self.0.scheme() == "http" && !is_local
    }

    #[cfg(feature = "http")]
    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidServerUrl;

    fn from_str(written: &str) -> Result<Self, InvalidServerUrl> {
        let invalid = || InvalidServerUrl::NoUrl {
            // What comes before an `@` may be a password.
            text: text::clean(
                written.rsplit_once('@').map_or(written, |(_, host)| host),
                80,
            ),
        };
        let mut url = Url::parse(written).map_err(|_| invalid())?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = text::clean(url.scheme(), 20);
            return Err(InvalidServerUrl::Scheme { scheme });
        }
        let host = url.host_str().ok_or_else(invalid)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidServerUrl::Credentials { host });
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Serialize for ServerUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The version of a server, such as `9.9.4.87374`, `10.8` or `2025.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion {
    major: u32,
    minor: u32,
}

/// Why a text is no [`ServerVersion`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no version such as `9.9.4.87374`")]
pub struct InvalidServerVersion {
    text: String,
}

impl ServerVersion {
    /// The version with this major and minor number.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Whether the server takes a bearer token: from 10.0 on.
    pub fn takes_bearer(self) -> bool {
        self >= Self::new(10, 0)
    }

    /// Whether the server can be in multi-quality-rule mode: from 10.8 on.
    pub fn knows_modes(self) -> bool {
        self >= Self::new(10, 8)
    }
}

impl FromStr for ServerVersion {
    type Err = InvalidServerVersion;

    fn from_str(text: &str) -> Result<Self, InvalidServerVersion> {
        let invalid = || InvalidServerVersion {
            text: text::clean(text, 40),
        };
        let trimmed = text.trim();
        let end = trimmed.find(['-', '+', ' ']).unwrap_or(trimmed.len());
        let mut parts = trimmed[..end].split('.');
        let mut next = || parts.next().map(str::parse::<u32>).transpose();
        let major = next().ok().flatten().ok_or_else(invalid)?;
        let minor = next().map_err(|_| invalid())?.unwrap_or(0);
        Ok(Self { major, minor })
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A token of SonarQube. It shows itself to no one but the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why a text is no [`Token`]; the text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is {0}")]
pub struct InvalidToken(&'static str);

impl Token {
    #[cfg(feature = "http")]
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        // A secret pasted from a page or read from a file often ends with a line break.
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidToken("empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken("not one word of visible ASCII characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_live_below_a_path() {
        let server: ServerUrl = "https://ci.example.com/sonar".parse().unwrap();
        assert_eq!(
            server.join("api/ce/task").as_str(),
            "https://ci.example.com/sonar/api/ce/task"
        );
        assert_eq!(server.to_string(), "https://ci.example.com/sonar");
        let same = "https://ci.example.com:443/sonar/?x#y".parse().unwrap();
        assert!(server.is_same(&same));
        for other in ["http://ci.example.com/sonar", "https://ci.example.com"] {
            assert!(!server.is_same(&other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn credentials_in_the_url_are_refused_and_not_repeated() {
        for bad in [
            "https://admin:hunter2@sonar.example.com",
            "admin:hunter2@sonar.example.com",
            "https://admin:hunter2@",
            "https://admin:hunter2@exa mple",
        ] {
            let error = bad.parse::<ServerUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let token: Token = "squ_hunter2\n".parse().unwrap();
        assert_eq!(format!("{token:?}"), "Token([redacted])");
        assert!("a b".parse::<Token>().is_err());
        assert!("\n".parse::<Token>().is_err());
    }

    #[test]
    fn plain_http_is_exposed_unless_it_stays_on_this_machine() {
        let is_exposed = |url: &str| url.parse::<ServerUrl>().unwrap().is_exposed();
        assert!(is_exposed("http://sonar.internal:9000"));
        for not in [
            "https://sonar",
            "http://localhost:9000",
            "http://127.0.0.1",
            "http://[::1]:9000",
        ] {
            assert!(!is_exposed(not), "{not}");
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        let version = |text: &str| text.parse::<ServerVersion>().unwrap();
        for (text, bearer, modes) in [
            ("9.9.4.87374", false, false),
            ("10.0", true, false),
            ("10.7.0.96327", true, false),
            ("10.8.1.101195", true, true),
            ("24.12.0.100206", true, true),
            ("2025.1.0.102418", true, true),
            ("9.9-SNAPSHOT", false, false),
            ("8", false, false),
        ] {
            assert_eq!(version(text).takes_bearer(), bearer, "{text}");
            assert_eq!(version(text).knows_modes(), modes, "{text}");
        }
        for bad in ["", "x", "10.x", "-1.2", "<html>"] {
            assert!(bad.parse::<ServerVersion>().is_err(), "{bad}");
        }
    }
}
