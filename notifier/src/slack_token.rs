//! What opens Slack's Web API, and where to post.

use std::fmt;
use std::str::FromStr;

use reqwest::header::HeaderValue;
use serde::Serialize;

/// A bot token for Slack's Web API, such as `xoxb-…`: whoever knows it can post, so it is never shown.
///
/// ```
/// use deploy_notifier::SlackToken;
///
/// let token: SlackToken = "xoxb-1-hunter2".parse()?;
/// assert_eq!(format!("{token:?}"), "SlackToken([redacted])");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SlackToken(String);

/// The text given for a token cannot be one. The text itself is not repeated, because it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token {reason}")]
pub struct InvalidSlackToken {
    reason: &'static str,
}

impl InvalidSlackToken {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("give the app's bot token, which begins with `xoxb-`".to_owned())
    }
}

impl SlackToken {
    /// The header that shows the token, for the one place that sends it.
    pub(crate) fn bearer(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .expect("a token is made of visible ASCII");
        value.set_sensitive(true);
        value
    }
}

impl FromStr for SlackToken {
    type Err = InvalidSlackToken;

    /// White space at the ends, such as the newline of a file, is not part of the token.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| Err(InvalidSlackToken { reason });
        let text = text.trim();
        if text.is_empty() {
            invalid("is empty")
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            invalid("holds characters that no token has")
        } else if text.contains("://") {
            invalid("is a URL")
        } else if text.starts_with("xapp-") {
            invalid("is an app-level token, which cannot post")
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Debug for SlackToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlackToken([redacted])")
    }
}

/// A conversation to post to: its id such as `C0123456789`, or a public channel's name such as `#deployments`.
///
/// ```
/// use deploy_notifier::SlackConversation;
///
/// assert_eq!("#deployments".parse::<SlackConversation>()?.as_str(), "#deployments");
/// assert!("two words".parse::<SlackConversation>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SlackConversation(String);

/// A text that names no conversation. The text itself is not repeated: a secret may have been put in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the channel {reason}")]
pub struct InvalidSlackConversation {
    reason: &'static str,
}

impl InvalidSlackConversation {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("give a channel's id, such as C0123456789, or a name, such as #deployments".to_owned())
    }
}

impl SlackConversation {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SlackConversation {
    type Err = InvalidSlackConversation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| Err(InvalidSlackConversation { reason });
        let name = text.strip_prefix('#').unwrap_or(text);
        let begins = |start: &str| {
            name.get(..start.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(start))
        };
        // It would be sent, and shown in results and logs, as a channel's name.
        if begins("xox") || begins("xapp-") {
            return invalid("is a token, which belongs elsewhere");
        }
        if text.contains("://") {
            return invalid("is a URL");
        }
        // Slack's names have at most 80 characters, and letters of any script.
        let fits = (1..=80).contains(&name.chars().count())
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            invalid("is neither an id nor a name of Slack")
        }
    }
}

impl fmt::Display for SlackConversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token: SlackToken = " xoxb-hunter2\n".parse().unwrap();
        assert!(!format!("{token:?} {:?}", token.bearer()).contains("hunter2"));
        assert_eq!(token.bearer().as_bytes(), b"Bearer xoxb-hunter2");
        for text in [
            "",
            "hunter2 x",
            "xapp-hunter2",
            "https://hunter2",
            "hunter2\u{e9}",
        ] {
            let error = text.parse::<SlackToken>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_conversation_is_an_id_or_a_name() {
        for text in [
            "C0123456789",
            "#deployments",
            "ops-alerts_2",
            "#größe",
            &"a".repeat(80),
        ] {
            assert!(text.parse::<SlackConversation>().is_ok(), "{text}");
        }
        for text in [
            "",
            "#",
            "a b",
            "a\nb",
            "<!channel>",
            "@ada",
            &"a".repeat(81),
        ] {
            assert!(text.parse::<SlackConversation>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_in_place_of_a_conversation_is_refused_and_not_repeated() {
        for text in [
            "xoxb-hunter2",
            "#XOXP-hunter2",
            "xoxe.xoxp-hunter2",
            "xapp-hunter2",
            "xoxb-hunter2 https",
            "https://hooks.slack.com/services/hunter2",
            "hunter2 hunter2",
        ] {
            let error = text.parse::<SlackConversation>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
            assert!(error.hint().is_some());
        }
    }
}
