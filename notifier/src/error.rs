//! Why a report did not arrive, by what the caller can do about it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A report was not delivered, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The place was not reached, so nothing arrived. Sending later is safe.
    #[error("channel `{channel}` could not be reached, tried {attempts} times")]
    Unreachable {
        /// The channel's name.
        channel: String,
        /// How often it was tried.
        attempts: u32,
        /// Why the last try failed.
        #[source]
        source: Source,
    },
    /// The place takes nothing for now, so nothing arrived. Sending later is safe.
    #[error("channel `{channel}` is rate limited, tried {attempts} times{}", wait_of(.retry_after.as_ref()))]
    RateLimited {
        /// The channel's name.
        channel: String,
        /// How often it was tried.
        attempts: u32,
        /// How long the place asked to wait, where it did; it is longer than the budget, or the time, that was left.
        retry_after: Option<Duration>,
    },
    /// The place refuses to show anything from here: a dead webhook, an archived channel. Its configuration must change.
    #[error("channel `{channel}` refused the message: {answer}")]
    Refused {
        /// The channel's name.
        channel: String,
        /// What it answered.
        answer: Answer,
    },
    /// The place understood this message not. It is a fault of the renderer or of the place; sending again is of no use.
    #[error("channel `{channel}` did not accept the form of the message: {answer}")]
    InvalidMessage {
        /// The channel's name.
        channel: String,
        /// What it answered.
        answer: Answer,
    },
    /// The message was sent and no clear answer came. It may have arrived: sending again may show it twice.
    #[error("channel `{channel}` may or may not have the message: {}", answer_or_silence(.answer.as_ref()))]
    Ambiguous {
        /// The channel's name.
        channel: String,
        /// What it answered, if it did.
        answer: Option<Answer>,
        /// Why no answer came, if none did.
        #[source]
        source: Option<Source>,
    },
    /// The report is shown, but what belongs into the thread below it is not, or it is not known whether it is.
    #[error("channel `{channel}` shows the report without its details")]
    Details {
        /// The channel's name.
        channel: String,
        /// Why the details did not arrive.
        #[source]
        source: Box<Self>,
    },
    /// The text could not be written out whole.
    #[error("channel `{channel}` could not be written to")]
    Write {
        /// The channel's name.
        channel: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The channel's URL needs https, which this build of the library leaves out.
    #[error("channel `{channel}` needs https, which this build does not include")]
    TlsUnavailable {
        /// The channel's name.
        channel: String,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client of channel `{channel}` could not be set up")]
    Client {
        /// The channel's name.
        channel: String,
        /// Why.
        #[source]
        source: Source,
    },
}

/// What a place answered to a message it did not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The reason it gave, when that is a plain word such as Slack's `no_service`. Other bodies are left out: they may
    /// repeat the request, whose URL is a secret.
    pub code: Option<String>,
}

impl Answer {
    /// An answer with a status and the body that came with it.
    pub(crate) fn new(status: u16, body: &str) -> Self {
        let word = body.trim();
        let plain = (1..=64).contains(&word.len())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        Self {
            status,
            code: plain.then(|| word.to_owned()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        match &self.code {
            Some(code) => write!(f, ", `{code}`"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// The name of the channel it happened to.
    pub fn channel(&self) -> &str {
        match self {
            Self::Unreachable { channel, .. }
            | Self::RateLimited { channel, .. }
            | Self::Refused { channel, .. }
            | Self::InvalidMessage { channel, .. }
            | Self::Ambiguous { channel, .. }
            | Self::Details { channel, .. }
            | Self::Write { channel, .. }
            | Self::TlsUnavailable { channel }
            | Self::Client { channel, .. } => channel,
        }
    }

    /// Whether the report certainly did not arrive. When false it may have, and sending again may show it twice.
    pub fn outcome_known(&self) -> bool {
        match self {
            Self::Ambiguous { .. } | Self::Details { .. } | Self::Write { .. } => false,
            Self::Unreachable { .. }
            | Self::RateLimited { .. }
            | Self::Refused { .. }
            | Self::InvalidMessage { .. }
            | Self::TlsUnavailable { .. }
            | Self::Client { .. } => true,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { .. } => {
                "check the host of the webhook and that this machine may reach it"
            }
            Self::RateLimited { .. } => {
                "Slack takes about one message per second from a webhook: send fewer, or allow a longer retry budget"
            }
            Self::Refused { answer, .. } => return refusal_hint(answer),
            Self::InvalidMessage { .. } => {
                "check that the URL is of this kind of webhook; if it is, the message is at fault: please report it"
            }
            Self::Ambiguous { .. } => "look into the channel before sending it again",
            Self::Details { source, .. } => return source.hint(),
            Self::Write { .. } => return None,
            Self::TlsUnavailable { .. } => "build with the feature `tls` of deploy-notifier",
            Self::Client { .. } => {
                "https needs the system's root certificates: install the package `ca-certificates`"
            }
        };
        Some(hint.to_owned())
    }
}

/// What to do about a refusal. The codes are those of Slack's incoming webhooks and of its Web API.
fn refusal_hint(answer: &Answer) -> Option<String> {
    let hint = match (answer.code.as_deref(), answer.status) {
        (
            Some(
                "invalid_token" | "no_service" | "no_service_id" | "no_active_hooks" | "no_team"
                | "team_disabled",
            ),
            _,
        ) => {
            "the webhook is revoked or mistyped: make a new one and update the secret that holds its URL"
        }
        (
            Some(
                "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked"
                | "token_expired" | "org_login_required" | "ekm_access_denied",
            ),
            _,
        ) => {
            "the token is revoked, expired or mistyped: install the app again and update the secret that holds its token"
        }
        (Some("not_in_channel"), _) => {
            "the app is not in the channel: invite it there, or give it the scope `chat:write.public`"
        }
        (
            Some("missing_scope" | "no_permission" | "not_allowed_token_type" | "access_denied"),
            _,
        ) => {
            "the token may not do that: give the app the scope `chat:write`, install it again and use its bot token"
        }
        (Some("channel_is_archived" | "is_archived"), _) => {
            "the channel is archived: unarchive it, or use another one"
        }
        (Some("channel_not_found" | "user_not_found"), _) => {
            "the channel is gone or was never there, or it is private and the app is not in it: use one that exists, by its id"
        }
        (
            Some(
                "action_prohibited"
                | "posting_to_general_channel_denied"
                | "restricted_action"
                | "restricted_action_read_only_channel"
                | "restricted_action_thread_only_channel",
            ),
            _,
        ) => {
            "an administrator of the workspace restricts posting there: ask one, or use another channel"
        }
        (_, 300..=399) => "the URL redirects, and the message is not sent on: use the final URL",
        (_, 401 | 403 | 404 | 410) => {
            "the webhook does not exist or does not accept this caller: check its URL"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn wait_of(retry_after: Option<&Duration>) -> String {
    match retry_after {
        Some(wait) => format!(", and it asks to wait {} s", wait.as_secs()),
        None => String::new(),
    }
}

fn answer_or_silence(answer: Option<&Answer>) -> String {
    match answer {
        Some(answer) => answer.to_string(),
        None => "it did not answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_a_plain_word_and_no_other_body() {
        assert_eq!(
            Answer::new(404, "no_service\n").to_string(),
            "status 404, `no_service`"
        );
        for body in [
            "",
            "<html>",
            "POST /services/T0/B0/secret",
            "No_Service",
            &"a".repeat(65),
        ] {
            assert_eq!(Answer::new(500, body).to_string(), "status 500", "{body}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let hint = |status, body| {
            Error::Refused {
                channel: "slack".into(),
                answer: Answer::new(status, body),
            }
            .hint()
            .unwrap_or_default()
        };
        assert!(hint(404, "no_service").contains("make a new one"));
        assert!(hint(403, "invalid_token").contains("make a new one"));
        assert!(hint(410, "channel_is_archived").contains("archived"));
        assert!(hint(404, "channel_not_found").contains("gone"));
        assert!(hint(403, "action_prohibited").contains("administrator"));
        assert!(hint(302, "").contains("redirects"));
        assert_eq!(hint(418, "teapot"), "");
    }

    #[test]
    fn only_a_message_that_may_have_arrived_is_of_unknown_outcome() {
        let channel = || "slack".to_owned();
        let ambiguous = Error::Ambiguous {
            channel: channel(),
            answer: Some(Answer::new(500, "rollup_error")),
            source: None,
        };
        assert!(!ambiguous.outcome_known());
        assert_eq!(
            ambiguous.to_string(),
            "channel `slack` may or may not have the message: status 500, `rollup_error`"
        );
        let limited = Error::RateLimited {
            channel: channel(),
            attempts: 2,
            retry_after: Some(Duration::from_secs(90)),
        };
        assert!(limited.outcome_known());
        assert_eq!(
            limited.to_string(),
            "channel `slack` is rate limited, tried 2 times, and it asks to wait 90 s"
        );
    }
}
