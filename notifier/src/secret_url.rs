//! A URL that is a password.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The URL of a webhook: whoever knows it can post, so it is never shown, not even by `Debug`.
///
/// It is `https`, or `http` to this machine itself.
///
/// ```
/// use deploy_notifier::SecretUrl;
///
/// let url: SecretUrl = "https://hooks.slack.com/services/T000/B000/secret".parse()?;
/// assert_eq!(url.to_string(), "https://hooks.slack.com/[redacted]");
/// assert!("http://hooks.slack.com/services/T000/B000/secret".parse::<SecretUrl>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

/// The text given for a webhook's URL cannot be one. The text itself is not repeated, because it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's URL {reason}")]
pub struct InvalidSecretUrl {
    reason: &'static str,
}

impl InvalidSecretUrl {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("give the whole URL as the service shows it, such as https://hooks.slack.com/services/…".to_owned())
    }
}

impl SecretUrl {
    /// The URL itself, for the one place that posts to it.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl FromStr for SecretUrl {
    type Err = InvalidSecretUrl;

    /// White space at the ends, such as the newline of a file, is not part of the URL.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| Err(InvalidSecretUrl { reason });
        let text = text.trim();
        if text.is_empty() {
            return invalid("is empty");
        }
        let Ok(url) = Url::parse(text) else {
            return invalid("is not a URL");
        };
        let on_this_machine = match url.host() {
            None => return invalid("has no host"),
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if on_this_machine => Ok(Self(url)),
            "http" => invalid("is http, which would send the secret in the clear: use https"),
            _ => invalid("is neither https nor http"),
        }
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The host tells people which webhook it is; the path is the secret, and so is a user before the host.
        write!(
            f,
            "{}://{}/[redacted]",
            self.0.scheme(),
            self.0.host_str().unwrap_or_default()
        )
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_taken() {
        for text in [
            "https://hooks.slack.com/services/T/B/x",
            " https://hooks.slack.com/services/T/B/x\n",
            "http://127.0.0.1:9000/hook",
            "http://[::1]/hook",
            "http://localhost/hook",
        ] {
            assert!(text.parse::<SecretUrl>().is_ok(), "{text}");
        }
        for text in [
            "",
            "hooks.slack.com/x",
            "http://10.0.0.1/x",
            "http://localhost.example/x",
            "file:///etc/x",
            "data:x",
        ] {
            assert!(text.parse::<SecretUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_secret_is_in_no_output() {
        let url: SecretUrl =
            "https://user:hunter2@hooks.slack.com/services/T/B/hunter2?k=hunter2#hunter2"
                .parse()
                .unwrap();
        assert_eq!(format!("{url}"), "https://hooks.slack.com/[redacted]");
        assert_eq!(
            format!("{url:?}"),
            "SecretUrl(https://hooks.slack.com/[redacted])"
        );
        for text in [
            "hunter2",
            "ht tp://hunter2",
            "http://hunter2.example/hunter2",
        ] {
            let error = text.parse::<SecretUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
