//! What can go wrong before anything is probed.

use crate::name::TargetName;
use crate::target::InvalidTarget;

/// Why a list of targets cannot be used. Probing itself never fails: what cannot be told is an
/// [`Observation`](crate::Observation) and a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no list: the text is empty or `null`, as when a step before left its output unset.
    #[error("there is no list of targets, only {found}")]
    NoTargets {
        /// What is there instead.
        found: &'static str,
    },
    /// The text is no JSON list of targets.
    #[error("the list of targets cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// The text is JSON, but no list.
    #[error("the targets must be a JSON list, this is {found}")]
    NotAList {
        /// What is there instead.
        found: &'static str,
    },
    /// One item of the list is no target.
    #[error("item {index} of the targets is no target")]
    Item {
        /// Which one, counted from 1.
        index: usize,
        /// Why not.
        #[source]
        source: InvalidItem,
    },
    /// Two targets have the same name, so a report could not tell them apart.
    #[error("two targets are called `{name}`")]
    DuplicateName {
        /// The name.
        name: TargetName,
    },
}

/// Why one item of a list is no target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidItem {
    /// It has not the shape of a target: neither a string nor an object with the known keys.
    #[error("it is neither a URL nor an object with `url`")]
    Shape(#[source] serde_json::Error),
    /// Its shape is right, a value in it is not.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTargets { .. } => {
                Some("write `[]` if there is nothing to check: only that is taken as an empty list".to_owned())
            }
            Self::Malformed(_) | Self::NotAList { .. } => {
                Some(r#"write a JSON list such as `["http://host:8080/actuator/health"]`"#.to_owned())
            }
            Self::Item { source: InvalidItem::Target(invalid), .. } => invalid.hint(),
            Self::Item { .. } => Some(
                "an object has `url`, and may have `name`, `kind` (`actuator` or `plain`), `expect_revision`, `revision_header`, \
                 `headers`, `canary`, `follow_redirects`, `accept_unknown`, `components` and `alarms`"
                    .to_owned(),
            ),
            Self::DuplicateName { .. } => Some("give them a `name` each".to_owned()),
        }
    }
}
