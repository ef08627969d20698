//! Why a SonarQube server did not tell.

use std::error::Error;
use std::time::Duration;

/// Why a question to a SonarQube server has no answer.
///
/// No text in it holds a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SonarError {
    /// It may work in a moment: the server or what stands before it is overloaded, restarting or not to be reached.
    #[error("cannot {doing}: {reason}")]
    Transient {
        /// What was tried, as a fragment: `ask for task …`.
        doing: String,
        /// What happened.
        reason: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// The technical error.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The server does not know the token, or wants one (401).
    #[error("cannot {doing}: the server does not accept {}", shown(.has_token))]
    Unauthorized {
        /// What was tried.
        doing: String,
        /// Whether a token was shown.
        has_token: bool,
    },
    /// The token is known and not allowed this (403).
    #[error("cannot {doing}: the token is not allowed to{}", said(.message))]
    Forbidden {
        /// What was tried.
        doing: String,
        /// The permission that is needed.
        permission: &'static str,
        /// What the server says.
        message: Option<String>,
    },
    /// The server has no such thing, or does not say so to this token (404).
    #[error("cannot {doing}: the server answers 404{}", said(.message))]
    NotFound {
        /// What was tried.
        doing: String,
        /// What the server says; a bare 404 says nothing.
        message: Option<String>,
    },
    /// The server sends elsewhere, and neither the request nor the token goes there.
    #[error("cannot {doing}: the server redirects to {to}, which was not followed")]
    Redirected {
        /// What was tried.
        doing: String,
        /// Where to, without path: `https://sonar.example.com`.
        to: String,
        /// Whether it is the same host over https.
        is_upgrade: bool,
    },
    /// The server refuses for another reason.
    #[error("cannot {doing}: the server answers {status}{}", said(.message))]
    Refused {
        /// What was tried.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// What the server says.
        message: Option<String>,
    },
    /// The certificate of the server is not trusted.
    #[error("cannot {doing}: the certificate of {server} is not trusted")]
    Untrusted {
        /// What was tried.
        doing: String,
        /// The server.
        server: String,
        /// The technical error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What the server answered is not what SonarQube answers.
    #[error("cannot {doing}: {reason}")]
    Unreadable {
        /// What was tried.
        doing: String,
        /// What is wrong with the answer.
        reason: String,
        /// The technical error.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The client cannot be set up.
    #[error("cannot set up the client for {server}")]
    Client {
        /// The server.
        server: String,
        /// The technical error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

fn shown(has_token: &bool) -> &'static str {
    match has_token {
        true => "the token",
        false => "requests without a token",
    }
}

fn said(message: &Option<String>) -> String {
    message
        .as_ref()
        .map_or_else(String::new, |message| format!(": `{message}`"))
}

impl SonarError {
    /// Whether the same question may have an answer in a moment.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Transient { reason, .. } if reason.contains("429") => {
                "the server limits requests: check fewer services at once, or raise the retry budget"
            }
            Self::Transient { .. } => {
                "see whether the server runs and can be reached from here, or raise the retry budget"
            }
            Self::Unauthorized {
                has_token: true, ..
            } => {
                "the token has expired, was revoked or is of another server: make a new one under My Account > Security"
            }
            Self::Unauthorized { .. } => {
                "give a token with the permission Browse for the project in the variable SONAR_TOKEN"
            }
            Self::Forbidden { permission, .. } => {
                return Some(format!("give the token's user the permission {permission}"));
            }
            Self::NotFound {
                message: Some(_), ..
            } => {
                "the task has expired, its id is of another server, or the project was deleted: run the scanner again"
            }
            Self::NotFound { message: None, .. } => {
                "a bare 404 has one of four reasons: the server failed to work the analysis up (see Administration > \
                 Background Tasks), the task has expired, its id is of another server, or the token lacks the permission \
                 Browse for the project"
            }
            Self::Redirected {
                is_upgrade: true, ..
            } => {
                "set `sonar.host.url`, and the server's base URL, to its https address: the token is not sent on \
                 redirects"
            }
            Self::Redirected { .. } => {
                "set `sonar.host.url` to the address of SonarQube itself, not of a login page or a proxy that sends \
                 elsewhere: the token is not sent on redirects"
            }
            Self::Untrusted { .. } => {
                "add the authority that signed the server's certificate to the certificates this system trusts"
            }
            Self::Unreadable { .. } => {
                "see what answers at that address: a proxy's page, or another program than SonarQube"
            }
            Self::Refused { .. } | Self::Client { .. } => return None,
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_404_is_explained() {
        let error = SonarError::NotFound {
            doing: "ask for task `T`".to_owned(),
            message: None,
        };
        assert_eq!(
            error.to_string(),
            "cannot ask for task `T`: the server answers 404"
        );
        let hint = error.hint().unwrap();
        for reason in ["failed to work", "expired", "another server", "Browse"] {
            assert!(hint.contains(reason), "{hint}");
        }
    }
}
