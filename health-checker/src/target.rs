//! What is asked whether it serves.

use std::fmt;
use std::str::FromStr;

use url::Url;

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
/// # Ok::<(), health_checker::InvalidTarget>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// What people call it.
    pub name: TargetName,
    /// Where it is asked. A user name and a password in it are sent as HTTP Basic authentication.
    pub url: Url,
    /// How its answer is read.
    pub kind: TargetKind,
    /// The build that must answer; `None` if any build will do.
    pub expect_revision: Option<Revision>,
    /// Where the answering build says which one it is; read only if a revision is expected.
    pub revision_from: RevisionSource,
}

/// How a target's answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TargetKind {
    /// Spring Boot's actuator: only 200 with a JSON body whose `status` is `UP` is good.
    #[default]
    Actuator,
    /// Any HTTP server: each 2xx is good.
    Plain,
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
            Self::Url { .. } | Self::Scheme { .. } => {
                Some("write a URL such as `http://host:8080/actuator/health`".to_owned())
            }
            Self::Revision(invalid) => invalid.hint(),
            Self::Name(_) => None,
        }
    }
}

impl Target {
    /// A target that is read as an actuator and of which no particular build is expected.
    ///
    /// The URL is not checked here: a probe answers "could not tell" where it does not know the scheme.
    pub fn new(name: TargetName, url: Url) -> Self {
        Self {
            name,
            url,
            kind: TargetKind::default(),
            expect_revision: None,
            revision_from: RevisionSource::default(),
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

    /// The URL without user name and password: the only form that is ever shown.
    pub fn shown_url(&self) -> Url {
        let mut url = self.url.clone();
        // Both fail only for URLs that cannot have either, such as `data:`.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url
    }

    pub(crate) fn named(name: Option<&str>, url: &str) -> Result<Self, InvalidTarget> {
        let parsed = Url::parse(url).map_err(|source| InvalidTarget::Url {
            text: showable(url),
            source,
        })?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(InvalidTarget::Scheme {
                scheme: text::clean(parsed.scheme(), 40),
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
            .finish()
    }
}

/// Host, port and path: what tells the services behind one balancer apart.
fn address(url: &Url) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!(
        "{}{port}{}",
        url.host_str().unwrap_or_default(),
        url.path().trim_end_matches('/')
    )
}

/// A text that was meant as a URL, without what stands before an `@`, which may be a password.
fn showable(url: &str) -> String {
    text::clean(url.rsplit_once('@').map_or(url, |(_, rest)| rest), 120)
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
