//! What a pipeline knows about why it runs, before the repository was asked anything.

use serde::Deserialize;
use thiserror::Error;

use crate::CommitId;

/// Why detection is asked for, and what is said about a base.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Situation {
    /// Somebody named both sides; they are compared directly (two-dot).
    Revisions {
        /// What to compare with.
        base: String,
        /// The commit to look at.
        head: String,
    },
    /// Somebody named a line of history that the head left; it is compared with where it left (three-dot).
    Since {
        /// The branch, tag or commit whose common ancestor with the head is meant.
        trunk: String,
        /// The commit to look at.
        head: String,
    },
    /// Commits were pushed to a branch.
    Push {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// Where the branch was before; none if it was not there.
        before: Option<CommitId>,
        /// Where it is now.
        after: CommitId,
        /// The branch that others leave from, where it is known.
        default_branch: Option<String>,
    },
    /// A tag was pushed.
    Tag {
        /// The tag, without `refs/tags/`.
        name: String,
        /// The commit that it names.
        commit: CommitId,
    },
    /// A pull request was opened or changed. What is checked out may be its head or the merge of its head into its base.
    PullRequest {
        /// The tip of the branch that it is to be merged into, when the event was sent.
        base: CommitId,
        /// The tip of its own branch.
        head: CommitId,
    },
    /// A merge queue checks a group of pull requests on top of its branch.
    MergeGroup {
        /// What the group is merged into.
        base: CommitId,
        /// The group, merged.
        head: CommitId,
    },
    /// Something started the pipeline that says nothing about what was there before: a schedule, a person, another system.
    Unsaid {
        /// What it was, such as `schedule`.
        event: String,
        /// The commit to look at.
        head: String,
    },
    /// Nobody said anything, as on a developer's machine.
    Local {
        /// The commit to look at.
        head: String,
    },
    /// Another situation, whose base counts, but somebody named the commit to look at.
    At {
        /// The situation.
        situation: Box<Self>,
        /// The commit to look at.
        head: String,
    },
}

/// An event that cannot be understood, or that asks for nothing to be detected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// The payload is not what GitHub sends for the event.
    #[error("the payload of the event `{event}` is not what GitHub sends")]
    Payload {
        /// The event.
        event: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The push deleted its branch or tag, so there is nothing to look at.
    #[error("the push deleted `{reference}`")]
    Deleted {
        /// The branch or tag, in full.
        reference: String,
    },
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    before: Digits,
    after: Digits,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct Pulled {
    pull_request: Pull,
}

#[derive(Deserialize)]
struct Pull {
    base: End,
    head: End,
}

#[derive(Deserialize)]
struct End {
    sha: Id,
}

#[derive(Deserialize)]
struct Queued {
    merge_group: Group,
}

#[derive(Deserialize)]
struct Group {
    base_sha: Id,
    head_sha: Id,
}

/// A commit id, checked while it is read.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Id(CommitId);

impl TryFrom<String> for Id {
    type Error = crate::InvalidCommitId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        id.parse().map(Self)
    }
}

/// A commit id, or none where all digits are zero.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Digits(Option<CommitId>);

impl TryFrom<String> for Digits {
    type Error = crate::InvalidCommitId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let id: CommitId = id.parse()?;
        let zero = id.as_str().bytes().all(|digit| digit == b'0');
        Ok(Self((!zero).then_some(id)))
    }
}

impl Situation {
    /// Reads an event of GitHub's: its name (`GITHUB_EVENT_NAME`) and its payload (the file at `GITHUB_EVENT_PATH`).
    ///
    /// `push`, `pull_request`, `pull_request_target` and `merge_group` say what was there before; all others are
    /// [`Unsaid`](Self::Unsaid), with `head` as the commit to look at. Source:
    /// <https://docs.github.com/webhooks/webhook-events-and-payloads>.
    pub fn github(event: &str, payload: &[u8], head: &str) -> Result<Self, InvalidEvent> {
        let invalid = |source| InvalidEvent::Payload {
            event: event.to_owned(),
            source,
        };
        match event {
            "push" => {
                let push: Push = serde_json::from_slice(payload).map_err(invalid)?;
                let Some(after) = push.after.0 else {
                    return Err(InvalidEvent::Deleted {
                        reference: push.reference,
                    });
                };
                if let Some(tag) = push.reference.strip_prefix("refs/tags/") {
                    return Ok(Self::Tag {
                        name: tag.to_owned(),
                        commit: after,
                    });
                }
                let branch = push.reference.strip_prefix("refs/heads/");
                Ok(Self::Push {
                    branch: branch.unwrap_or(&push.reference).to_owned(),
                    before: push.before.0,
                    after,
                    default_branch: push
                        .repository
                        .and_then(|repository| repository.default_branch),
                })
            }
            "pull_request" | "pull_request_target" => {
                let Pulled { pull_request } = serde_json::from_slice(payload).map_err(invalid)?;
                Ok(Self::PullRequest {
                    base: pull_request.base.sha.0,
                    head: pull_request.head.sha.0,
                })
            }
            "merge_group" => {
                let Queued { merge_group } = serde_json::from_slice(payload).map_err(invalid)?;
                Ok(Self::MergeGroup {
                    base: merge_group.base_sha.0,
                    head: merge_group.head_sha.0,
                })
            }
            _ => Ok(Self::Unsaid {
                event: event.to_owned(),
                head: head.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> CommitId {
        digit.repeat(40).parse().unwrap()
    }

    fn push(reference: &str, before: &str, after: &str) -> String {
        serde_json::json!({
            "ref": reference, "before": before.repeat(40), "after": after.repeat(40), "forced": true,
            "repository": {"default_branch": "trunk"}, "commits": [],
        })
        .to_string()
    }

    #[test]
    fn a_push_says_where_the_branch_was() {
        let read = |before| {
            Situation::github(
                "push",
                push("refs/heads/a/b", before, "2").as_bytes(),
                "HEAD",
            )
        };
        let expected = |before| Situation::Push {
            branch: "a/b".to_owned(),
            before,
            after: id("2"),
            default_branch: Some("trunk".to_owned()),
        };
        assert_eq!(read("1").unwrap(), expected(Some(id("1"))));
        assert_eq!(read("0").unwrap(), expected(None));
    }

    #[test]
    fn a_pushed_tag_and_a_deleted_branch_are_told_apart() {
        assert_eq!(
            Situation::github("push", push("refs/tags/v1.0", "0", "2").as_bytes(), "HEAD").unwrap(),
            Situation::Tag {
                name: "v1.0".to_owned(),
                commit: id("2")
            }
        );
        let deleted = Situation::github("push", push("refs/heads/x", "1", "0").as_bytes(), "HEAD");
        assert_eq!(
            deleted.unwrap_err().to_string(),
            "the push deleted `refs/heads/x`"
        );
    }

    #[test]
    fn pull_requests_and_merge_groups_have_two_ends() {
        let pull = serde_json::json!({"pull_request": {"base": {"sha": "1".repeat(40)}, "head": {"sha": "2".repeat(40)}}});
        for event in ["pull_request", "pull_request_target"] {
            assert_eq!(
                Situation::github(event, pull.to_string().as_bytes(), "HEAD").unwrap(),
                Situation::PullRequest {
                    base: id("1"),
                    head: id("2")
                }
            );
        }
        let group = serde_json::json!({"merge_group": {"base_sha": "1".repeat(40), "head_sha": "2".repeat(40)}});
        assert_eq!(
            Situation::github("merge_group", group.to_string().as_bytes(), "HEAD").unwrap(),
            Situation::MergeGroup {
                base: id("1"),
                head: id("2")
            }
        );
    }

    #[test]
    fn other_events_say_nothing_and_broken_ones_are_errors() {
        assert_eq!(
            Situation::github("schedule", b"", "HEAD").unwrap(),
            Situation::Unsaid {
                event: "schedule".to_owned(),
                head: "HEAD".to_owned()
            }
        );
        for payload in [
            "",
            "{}",
            "[]",
            "{\"ref\":\"refs/heads/x\",\"before\":\"12\",\"after\":\"12\"}",
        ] {
            assert!(matches!(
                Situation::github("push", payload.as_bytes(), "HEAD"),
                Err(InvalidEvent::Payload { .. })
            ));
        }
    }
}
