//! What is asked whether it serves.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::header::Header;
use crate::name::TargetName;
use crate::revision::Revision;
use crate::text;

/// Something that is asked over and over whether it serves.
///
/// [`FromStr`] reads `URL` or `NAME=URL`; without a name the target is called by its host and path. `Debug` never shows
/// the URL's user name or password.
///
/// ```
/// use health_checker::{Target, TargetKind};
///
/// let target: Target = "user-service=http://10.0.0.7:8080/actuator/health".parse()?;
/// assert_eq!(target.name.as_str(), "user-service");
/// assert_eq!(target.kind, TargetKind::Actuator);
/// assert_eq!("redis://cache".parse::<Target>()?.kind, TargetKind::Redis);
/// # Ok::<(), health_checker::InvalidTarget>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// What people call it.
    pub name: TargetName,
    /// Where it is asked. A user name and a password in it are sent as the protocol has it: as HTTP Basic authentication, as
    /// Redis' `AUTH`. AMQP and MongoDB are asked without.
    pub url: Url,
    /// How it is asked and how its answer is read.
    pub kind: TargetKind,
    /// The build that must answer; `None` if any build will do.
    pub expect_revision: Option<Revision>,
    /// Where the answering build says which one it is; read only if a revision is expected.
    pub revision_from: RevisionSource,
    /// Headers that HTTP questions carry besides the usual ones, or in their place.
    pub headers: Vec<Header>,
    /// A path of the same server that must not be healthy: where it is, something answers whatever it is asked.
    pub canary: Option<String>,
    /// Whether redirects are followed, up to 5. Otherwise one is a failure.
    pub follow_redirects: bool,
    /// Whether the status `UNKNOWN` of an actuator is good. Otherwise it is a failure.
    pub accept_unknown: bool,
    /// Whether an actuator that is up as a whole is good while a component says `DOWN` or `OUT_OF_SERVICE`, as one with a
    /// status aggregator of its own may be. Otherwise it is a failure.
    pub accept_down_components: bool,
    /// Components of an actuator that must be shown and up, by their path: `db`, `db/primary`.
    pub components: Vec<String>,
    /// The management API's check for alarms of a RabbitMQ.
    pub alarms: Option<Url>,
}

/// How a target is asked and how its answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TargetKind {
    /// Spring Boot's actuator: only 200 with a JSON body whose `status` is `UP` is good.
    #[default]
    Actuator,
    /// Any HTTP server: each 2xx is good.
    Plain,
    /// Anything that accepts a TCP connection and keeps it for a moment.
    Tcp,
    /// Redis: `PING` must be answered with `PONG`.
    Redis,
    /// RabbitMQ, or another broker that speaks AMQP 0-9-1: it must greet, and where its management API is named no alarm may
    /// be in effect.
    Amqp,
    /// MongoDB: `hello` must be answered by a primary or a secondary.
    Mongodb,
}

impl TargetKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actuator => "actuator",
            Self::Plain => "plain",
            Self::Tcp => "tcp",
            Self::Redis => "redis",
            Self::Amqp => "amqp",
            Self::Mongodb => "mongodb",
        }
    }

    /// What targets with this scheme are, unless they are told otherwise.
    fn of_scheme(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "http" | "https" => Self::Actuator,
            "tcp" => Self::Tcp,
            "redis" | "rediss" => Self::Redis,
            "amqp" | "amqps" => Self::Amqp,
            "mongodb" => Self::Mongodb,
            _ => return None,
        })
    }

    /// Whether a target with this scheme can be asked so.
    pub(crate) fn fits(self, scheme: &str) -> bool {
        match Self::of_scheme(scheme) {
            Some(Self::Actuator) => matches!(self, Self::Actuator | Self::Plain),
            kind => kind == Some(self),
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a build says which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RevisionSource {
    /// `git.commit.id` of the actuator's info endpoint, asked over the connection that the health answer came from. Its
    /// address is the target's with the last segment `health`, and all after it, replaced by `info`.
    #[default]
    ActuatorInfo,
    /// A header of the health answer itself.
    Header(String),
}

/// Why a text is no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// The text is no URL.
    #[error("`{text}` is not a URL")]
    Url {
        /// The text, as far as it may be shown.
        text: String,
        /// Why it is none.
        #[source]
        source: url::ParseError,
    },
    /// There is no probe for the URL's scheme.
    #[error("`{scheme}` URLs cannot be probed")]
    Scheme {
        /// The scheme, without `://`.
        scheme: String,
    },
    /// The URL names no host, or no port where the scheme has none of its own.
    #[error("`{url}` does not say where to connect")]
    Nowhere {
        /// The URL, without user name and password.
        url: String,
    },
    /// The URL's scheme is not asked in that way.
    #[error("a `{scheme}` URL cannot be probed as `{kind}`")]
    Kind {
        /// The scheme, without `://`.
        scheme: String,
        /// How it was to be asked.
        kind: TargetKind,
    },
    /// There is an `@` behind the host: what was meant as a user name or a password may have been read as host and port.
    #[error("the `{scheme}` URL has an `@` behind its host")]
    Misplaced {
        /// The scheme, without `://`.
        scheme: String,
    },
    /// A path is none.
    #[error("`{path}` is not a path")]
    Path {
        /// The path.
        path: String,
    },
    /// A header is none.
    #[error("a header of the target cannot be sent")]
    Header(#[from] crate::header::InvalidHeader),
    /// The name is none.
    #[error("the target has no usable name")]
    Name(#[from] crate::name::InvalidTargetName),
    /// The revision is none.
    #[error("the target's expected revision is none")]
    Revision(#[from] crate::revision::InvalidRevision),
}

impl InvalidTarget {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Scheme { scheme } if scheme == "mongodb+srv" => Some(
                "name the hosts themselves, one target each: `mongodb://host:27017`".to_owned(),
            ),
            Self::Url { text, .. } if text.starts_with("mongodb://") && text.contains(',') => {
                Some("name each host as a target of its own".to_owned())
            }
            Self::Url { .. } | Self::Scheme { .. } => Some(
                "write a URL such as `http://host:8080/actuator/health`; http, https, tcp, redis, rediss, amqp, amqps and \
                 mongodb can be probed"
                    .to_owned(),
            ),
            Self::Nowhere { .. } => {
                Some("write host and port, such as `tcp://host:5432`".to_owned())
            }
            Self::Kind { .. } => {
                Some("only http and https URLs are `plain` or `actuator`; leave `kind` out for others".to_owned())
            }
            Self::Misplaced { .. } => Some(
                "write `/`, `?`, `#` and `@` in a user name, a password or a path as `%2F`, `%3F`, `%23` and `%40`"
                    .to_owned(),
            ),
            Self::Path { .. } => Some("write a path such as `/no-such-page`".to_owned()),
            Self::Header(_) => Some("write `Name: value`".to_owned()),
            Self::Revision(invalid) => invalid.hint(),
            Self::Name(_) => None,
        }
    }
}

impl Target {
    /// A target that is asked as its URL's scheme has it, and of which no particular build is expected.
    ///
    /// The URL is not checked here: a probe answers "could not tell" where it does not know the scheme.
    pub fn new(name: TargetName, url: Url) -> Self {
        let kind = TargetKind::of_scheme(url.scheme()).unwrap_or_default();
        Self {
            name,
            url,
            kind,
            expect_revision: None,
            revision_from: RevisionSource::default(),
            headers: Vec::new(),
            canary: None,
            follow_redirects: false,
            accept_unknown: false,
            accept_down_components: false,
            components: Vec::new(),
            alarms: None,
        }
    }

    /// Sets how the answer is read.
    #[must_use]
    pub fn kind(mut self, kind: TargetKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the build that must answer.
    #[must_use]
    pub fn expect_revision(mut self, revision: Revision) -> Self {
        self.expect_revision = Some(revision);
        self
    }

    /// Sets where the answering build says which one it is.
    #[must_use]
    pub fn revision_from(mut self, source: RevisionSource) -> Self {
        self.revision_from = source;
        self
    }

    /// Adds a header to HTTP questions.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// Sets a path of the same server that must not be healthy.
    ///
    /// # Errors
    /// When it does not begin with `/`.
    pub fn canary(mut self, path: &str) -> Result<Self, InvalidTarget> {
        if !path.starts_with('/') || path != text::clean(path, 1000) {
            return Err(InvalidTarget::Path {
                path: text::clean(path, 80),
            });
        }
        self.canary = Some(path.to_owned());
        Ok(self)
    }

    /// Sets whether redirects are followed.
    #[must_use]
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.follow_redirects = follow;
        self
    }

    /// Sets whether the status `UNKNOWN` of an actuator is good.
    #[must_use]
    pub fn accept_unknown(mut self, accept: bool) -> Self {
        self.accept_unknown = accept;
        self
    }

    /// Sets whether an actuator that is up as a whole is good while a component says `DOWN` or `OUT_OF_SERVICE`.
    #[must_use]
    pub fn accept_down_components(mut self, accept: bool) -> Self {
        self.accept_down_components = accept;
        self
    }

    /// Adds a component of an actuator that must be shown and up.
    #[must_use]
    pub fn component(mut self, path: impl Into<String>) -> Self {
        self.components.push(path.into());
        self
    }

    /// Sets where a RabbitMQ's management API is, such as `http://user:password@mq:15672`. Without a path it is asked for
    /// `/api/health/checks/alarms`.
    ///
    /// # Errors
    /// When it is no http or https URL.
    pub fn alarms(mut self, mut url: Url) -> Result<Self, InvalidTarget> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidTarget::Scheme {
                scheme: text::clean(url.scheme(), 40),
            });
        }
        if url.path() == "/" {
            url.set_path("/api/health/checks/alarms");
        }
        self.alarms = Some(url);
        Ok(self)
    }

    /// Sets the password of the URL: a way for secrets that must not stand in an argument.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        // It fails only for URLs that cannot have one; those are refused elsewhere.
        let _ = self.url.set_password(Some(password));
        self
    }

    /// The URL without user name and password, and without the values of its query, which may be secrets too: the only form
    /// that is ever shown.
    pub fn shown_url(&self) -> Url {
        let mut url = self.url.clone();
        // Both fail only for URLs that cannot have either, such as `data:`.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.set_fragment(None);
        if let Some(query) = self.url.query() {
            let shown: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((key, _)) => format!("{key}=***"),
                    // Without a key it may be a value.
                    None => "***".to_owned(),
                })
                .collect();
            url.set_query(Some(&shown.join("&")));
        }
        url
    }

    /// A target of this name, or called by its host and path.
    ///
    /// # Errors
    /// When the URL is none or leads nowhere that can be probed, or the name is none.
    pub fn named(name: Option<&str>, url: &str) -> Result<Self, InvalidTarget> {
        let parsed = Url::parse(url).map_err(|source| InvalidTarget::Url {
            text: showable(url),
            source,
        })?;
        if TargetKind::of_scheme(parsed.scheme()).is_none() {
            return Err(InvalidTarget::Scheme {
                scheme: text::clean(parsed.scheme(), 40),
            });
        }
        let has_host = parsed.host_str().is_some_and(|host| !host.is_empty());
        if !has_host || parsed.scheme() == "tcp" && parsed.port().is_none() {
            return Err(InvalidTarget::Nowhere { url: showable(url) });
        }
        // `redis://user:12/34@host`: the rest of a password must not be taken for a path, which is shown.
        let is_web = matches!(parsed.scheme(), "http" | "https");
        let behind = [parsed.path(), parsed.fragment().unwrap_or_default()];
        if !is_web && behind.iter().any(|part| part.contains('@')) {
            return Err(InvalidTarget::Misplaced {
                scheme: parsed.scheme().to_owned(),
            });
        }
        let name = match name {
            Some(name) => name.parse()?,
            None => text::clean(&address(&parsed), 199).parse()?,
        };
        Ok(Self::new(name, parsed))
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            // The `=` of a URL's query stands behind a `:`.
            Some((name, url)) if !name.contains([':', '/', '?']) => Self::named(Some(name), url),
            _ => Self::named(None, text),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("url", &self.shown_url().as_str())
            .field("kind", &self.kind)
            .field("expect_revision", &self.expect_revision)
            .field("revision_from", &self.revision_from)
            .field("headers", &self.headers)
            .field("canary", &self.canary)
            .field("follow_redirects", &self.follow_redirects)
            .field("accept_unknown", &self.accept_unknown)
            .field("accept_down_components", &self.accept_down_components)
            .field("components", &self.components)
            .field("alarms", &self.alarms.as_ref().map(address))
            .finish()
    }
}

/// Host, port and path: what tells the services behind one balancer apart. What is not the web says so.
fn address(url: &Url) -> String {
    let scheme = match url.scheme() {
        "http" | "https" => String::new(),
        other => format!("{other}://"),
    };
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!(
        "{scheme}{}{port}{}",
        url.host_str().unwrap_or_default(),
        url.path().trim_end_matches('/')
    )
}

/// A text that was meant as a URL: its scheme and its host, where they can be told from what may be a secret.
fn showable(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    // A password may hold any of the marks that end a host, so it is the last `@` that ends it.
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let end = match scheme.is_empty() {
        true => host.find(['?', '#']),
        false => host.find(['/', '?', '#']),
    };
    let shown = match (rest.find('?'), rest.rfind('@')) {
        // It may be one of the query: then what follows it is no host.
        (Some(query), Some(at)) if query < at => "…",
        _ => &host[..end.unwrap_or(host.len())],
    };
    text::clean(&format!("{scheme}{shown}"), 120)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_called_by_its_name_or_by_its_address() {
        let name = |text: &str| text.parse::<Target>().unwrap().name.to_string();
        assert_eq!(name("users=http://h/actuator/health"), "users");
        assert_eq!(
            name("http://h:8080/api/users/actuator/health"),
            "h:8080/api/users/actuator/health"
        );
        assert_eq!(name("https://user:secret@h/"), "h");
        assert_eq!(name("http://h/health?probe=deep"), "h/health");
        assert_eq!(name("redis://:secret@h:7000/0"), "redis://h:7000/0");
    }

    #[test]
    fn what_is_no_url_or_has_no_probe_is_refused_by_name() {
        let error = |text: &str| text.parse::<Target>().unwrap_err();
        assert_eq!(
            error("[user-service,task-service]").to_string(),
            "`[user-service,task-service]` is not a URL"
        );
        assert_eq!(
            error("localhost:8080").to_string(),
            "`localhost` URLs cannot be probed"
        );
        assert_eq!(error("ftp://h/").to_string(), "`ftp` URLs cannot be probed");
        assert_eq!(
            error("=http://h/").to_string(),
            "the target has no usable name"
        );
        assert!(error("http://").hint().unwrap().contains("actuator/health"));
    }

    #[test]
    fn each_scheme_is_asked_in_its_way() {
        let kind = |text: &str| text.parse::<Target>().unwrap().kind;
        for (url, word) in [
            ("http://h/", "actuator"),
            ("https://h/", "actuator"),
            ("tcp://h:9", "tcp"),
            ("redis://h", "redis"),
            ("rediss://:p@h:6380/0", "redis"),
            ("amqp://h", "amqp"),
            ("amqps://h/%2f", "amqp"),
            ("mongodb://h", "mongodb"),
        ] {
            assert_eq!(kind(url).as_str(), word, "{url}");
        }
        assert!(TargetKind::Plain.fits("https") && !TargetKind::Plain.fits("redis"));
    }

    #[test]
    fn what_leads_nowhere_is_refused_with_a_remedy() {
        let error = |text: &str| text.parse::<Target>().unwrap_err();
        for url in ["tcp://h", "redis:///0", "amqp://"] {
            let error = error(url);
            assert!(
                matches!(error, InvalidTarget::Nowhere { .. }),
                "{url}: {error:?}"
            );
        }
        let many = error("mongodb://u:hunter2@a:1,b:2/");
        assert!(many.hint().is_some() && !format!("{many} {many:?}").contains("hunter2"));
        assert!(
            error("mongodb+srv://h/")
                .hint()
                .unwrap()
                .contains("mongodb://host")
        );
    }

    #[test]
    fn a_canary_is_a_path_and_alarms_are_on_the_web() {
        let target = || "http://h/".parse::<Target>().unwrap();
        assert!(target().canary("no-slash").is_err());
        assert!(target().canary("/none").is_ok());
        let alarms = |url: &str| target().alarms(url.parse().unwrap());
        assert_eq!(
            alarms("http://u:hunter2@mq:15672")
                .unwrap()
                .alarms
                .unwrap()
                .path(),
            "/api/health/checks/alarms"
        );
        assert!(
            !format!("{:?}", alarms("http://u:hunter2@mq:15672/x").unwrap()).contains("hunter2")
        );
        assert!(alarms("amqp://mq").is_err());
    }

    #[test]
    fn a_password_is_in_no_text() {
        let target: Target = "https://user:hunter2@h/health".parse().unwrap();
        assert!(!format!("{target:?}").contains("hunter2"));
        assert_eq!(target.shown_url().as_str(), "https://h/health");
        let broken = "http://user:hunter2@:99999/".parse::<Target>().unwrap_err();
        assert!(
            !format!("{broken} {broken:?}").contains("hunter2"),
            "{broken:?}"
        );
    }

    #[test]
    fn what_may_be_a_secret_in_a_query_a_path_or_a_broken_url_is_in_no_text() {
        let target: Target = "http://h/health?token=hunter2&probe=hunter2&hunter2#hunter2"
            .parse()
            .unwrap();
        assert_eq!(
            target.shown_url().as_str(),
            "http://h/health?token=***&probe=***&***"
        );
        assert!(!format!("{target:?} {}", target.name).contains("hunter2"));
        assert!(target.url.as_str().contains("token=hunter2"));
        for (url, part) in [
            ("redis://u:12/hunter2@h/0", "an `@` behind its host"),
            ("amqp://u:12#hunter2@h", "an `@` behind its host"),
            ("http://h:99999/x?token=hunter2", "`http://h:99999` is"),
            ("http://u:hunter2@h:99999/?a=hunter2", "`http://h:99999` is"),
            ("http://u:hun/hunter2@h:99999/", "`http://h:99999` is"),
            ("http://h:99999/?to=a@hunter2", "`http://…` is"),
            ("//u:hunter2@h", "`h` is"),
        ] {
            let error = url.parse::<Target>().unwrap_err();
            assert!(error.to_string().contains(part), "{url}: {error}");
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
            assert!(error.hint().is_some());
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_never_shows_a_password(text in ".{0,80}", host in "[a-z:\\[\\]/]{0,10}") {
            let _ = text.parse::<Target>();
            if let Err(error) = format!("http://u:hunter2@{host}").parse::<Target>() {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains("hunter2"));
            }
        }
    }
}
