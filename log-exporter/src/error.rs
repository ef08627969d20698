//! What can go wrong, by what the caller can do about it.

use std::io::ErrorKind;

use thiserror::Error;

use crate::{Fault, Home, LogGroup, Place};

/// What reading a group takes, which a policy may allow for some groups and not for others.
pub(crate) const READ_ACTION: &str = "logs:FilterLogEvents";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why logs could not be read, archived or verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such log group, or no longer.
    #[error("there is no log group `{group}`")]
    GroupNotFound {
        /// The group.
        group: LogGroup,
    },
    /// A group is of another account or region than the logs that are read: one of the same name there would be another group.
    #[error("`{place}` is in {}, and {}", Home::of(place), seen(home.as_ref()))]
    Elsewhere {
        /// The group.
        place: Place,
        /// Whose logs are read; not known if no group is seen.
        home: Option<Home>,
    },
    /// There is no such bucket.
    #[error("there is no bucket `{bucket}`")]
    BucketNotFound {
        /// The bucket.
        bucket: String,
    },
    /// The credentials lack a permission.
    #[error("the credentials may not {operation}{}", detail(code.as_deref(), message.as_deref(), request_id.as_deref()))]
    Denied {
        /// What was tried.
        operation: &'static str,
        /// The IAM action that is needed.
        action: &'static str,
        /// AWS's error code.
        code: Option<String>,
        /// AWS's message.
        message: Option<String>,
        /// AWS's request id.
        request_id: Option<String>,
    },
    /// The request was refused for good.
    #[error("AWS refused to {operation}{}", detail(code.as_deref(), message.as_deref(), request_id.as_deref()))]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// AWS's error code.
        code: Option<String>,
        /// AWS's message.
        message: Option<String>,
        /// AWS's request id.
        request_id: Option<String>,
    },
    /// Requests come too fast; nothing has happened.
    #[error("AWS limits the rate of requests to {operation}{}", detail(None, None, request_id.as_deref()))]
    Throttled {
        /// What was tried.
        operation: &'static str,
        /// AWS's request id.
        request_id: Option<String>,
    },
    /// There was no answer, or none that can be understood: a change may have been made or not.
    #[error("cannot {operation}: no answer that can be understood")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// A token of a page is not accepted any more: what it belongs to has to be read from its start.
    #[error("the place in `{group}` where reading was to go on is not known any more")]
    TokenExpired {
        /// The group.
        group: LogGroup,
    },
    /// A source answers page after page with the same token and nothing new.
    #[error("reading {what} does not come to an end: the same place was named {times} times")]
    NoProgress {
        /// What was read.
        what: String,
        /// How often.
        times: u32,
    },
    /// An object of the archive is not what it should be.
    #[error("`{key}` is damaged: {problem}")]
    Damaged {
        /// The object.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// Others changed the same object again and again.
    #[error("`{key}` was changed by others {times} times while it was to be written")]
    Contended {
        /// The object.
        key: String,
        /// How often.
        times: u32,
    },
    /// The local disk failed.
    #[error("cannot {operation} `{path}`")]
    Disk {
        /// What was tried.
        operation: &'static str,
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The request makes no sense.
    #[error("{problem}")]
    Invalid {
        /// What is wrong.
        problem: String,
        /// What to do instead.
        remedy: Option<String>,
    },
    /// An object of an archive is in a form that this build was made without.
    #[error("cannot read `{key}`: this build was made without the feature `{feature}`")]
    Unreadable {
        /// Which.
        key: String,
        /// The feature of the crate that brings it.
        feature: &'static str,
    },
    /// Another export task of the account is running.
    #[error("another export task of this account is running, and only one may")]
    ExportBusy,
}

fn seen(home: Option<&Home>) -> String {
    match home {
        Some(home) => format!("the logs that are read are those of {home}"),
        None => "no log group is seen that says whose logs are read".to_owned(),
    }
}

/// Whether a refusal is of the credentials themselves, whatever is asked for.
fn is_of_credentials(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "UnrecognizedClientException"
                | "ExpiredTokenException"
                | "ExpiredToken"
                | "RequestExpired"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "InvalidAccessKeyId"
                | "MissingAuthenticationTokenException"
                | "InvalidClientTokenId"
        )
    )
}

fn detail(code: Option<&str>, message: Option<&str>, request_id: Option<&str>) -> String {
    let mut text = String::new();
    for part in [code, message].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(part);
    }
    if let Some(id) = request_id {
        text.push_str(&format!(" (request {id})"));
    }
    text
}

impl Error {
    pub(crate) fn disk(
        operation: &'static str,
        path: impl Into<String>,
        source: std::io::Error,
    ) -> Self {
        Self::Disk {
            operation,
            path: path.into(),
            source,
        }
    }

    pub(crate) fn damaged(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Damaged {
            key: key.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn invalid(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Invalid {
            problem: problem.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::GroupNotFound { .. } => "check the group's name and the region".to_owned(),
            Self::Elsewhere { place, .. } => {
                format!("use the region {} and credentials of the account {}", place.region, place.account)
            }
            Self::BucketNotFound { .. } => {
                "check the bucket's name; buckets are made by infrastructure code, not by an export"
                    .to_owned()
            }
            Self::Denied { action, code, .. }
                if matches!(
                    code.as_deref(),
                    Some("ExpiredTokenException" | "ExpiredToken" | "RequestExpired")
                ) =>
            {
                format!("the credentials have expired: log in again (the call needs {action})")
            }
            Self::Denied { code, .. } if is_of_credentials(code.as_deref()) => {
                "AWS does not accept these credentials: check them, and this machine's clock".to_owned()
            }
            Self::Denied { action, .. } => {
                format!("allow {action} in the IAM policy of the credentials in use")
            }
            Self::Throttled { .. } => {
                "run fewer workers, or lower --rate: the quota is the account's".to_owned()
            }
            Self::Unreachable { .. } => {
                "check the network, the region and the credentials, then run again: what is done is not done twice".to_owned()
            }
            Self::TokenExpired { .. } | Self::NoProgress { .. } | Self::Contended { .. } => "run again".to_owned(),
            Self::Damaged { .. } => {
                "restore the object from a version or a backup; `verify` lists all that is damaged".to_owned()
            }
            Self::Disk { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    "check who may write there, or name another folder"
                }
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    "free some space, or name another folder"
                }
                _ => "check the folder, or name another one",
            }
            .to_owned(),
            Self::Unreadable { feature, .. } => format!("use a build with the feature `{feature}`"),
            Self::ExportBusy => "wait for it to end; the export without --bulk needs no task".to_owned(),
            Self::Invalid { remedy, .. } => return remedy.clone(),
            Self::Refused { .. } => return None,
        };
        Some(hint)
    }

    /// Whether the caller's input is at fault.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::GroupNotFound { .. }
                | Self::Elsewhere { .. }
                | Self::BucketNotFound { .. }
                | Self::Invalid { .. }
                | Self::Unreadable { .. }
        )
    }

    /// Whether asking again may help.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unreachable { .. })
    }

    /// Where it lies.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Damaged { .. } => Fault::Archive,
            Self::Denied { .. } => Fault::Credentials,
            Self::Disk { .. } => Fault::Disk,
            error if error.is_usage() => Fault::Request,
            _ => Fault::Service,
        }
    }

    /// Whether the group alone is at fault: reading is allowed group by group.
    pub(crate) fn is_of_group(&self) -> bool {
        matches!(self, Self::Denied { action, code, .. }
            if *action == READ_ACTION && !is_of_credentials(code.as_deref()))
    }

    /// Whether every other call of the run would end the same way.
    pub(crate) fn is_general(&self) -> bool {
        match self {
            Self::Denied { .. } => !self.is_of_group(),
            Self::BucketNotFound { .. } => true,
            _ => false,
        }
    }
}
