//! The message as it is posted.

use serde::Serialize;

use super::blocks::{Blocks, FIELD, HEADER, SECTION};
use super::escaped::Escaped;
use crate::report::Severity;

/// A message for Slack; serialised it is the body to post to an incoming webhook or to `chat.postMessage`.
///
/// Only [`slack`](crate::slack) and [`slack_with`](crate::slack_with) make one, so that each is within Slack's limits
/// and every stranger's text in it is escaped. The card lies in one attachment, because only attachments have a colour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlackMessage {
    pub(super) text: Escaped<SECTION>,
    #[serde(skip_serializing_if = "Blocks::is_empty")]
    pub(super) blocks: Blocks,
    pub(super) attachments: [Attachment; 1],
}

/// A card with a coloured edge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Attachment {
    pub(super) color: &'static str,
    /// What a notification shows where the card cannot be drawn.
    pub(super) fallback: Escaped<FIELD>,
    #[serde(flatten)]
    pub(super) body: Body,
}

/// An attachment is made of blocks or of fields; Slack ignores fields beside blocks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    Blocks(Blocks),
    Fields(Vec<Field>),
}

/// A label and a value on one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Field {
    pub(super) title: Escaped<HEADER>,
    pub(super) value: Escaped<FIELD>,
    /// Whether two stand side by side.
    pub(super) short: bool,
}

impl SlackMessage {
    /// What a notification shows: the title and whom it concerns, on one line, escaped.
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// The colour of the card's edge: `good`, `warning`, `danger`, or a hexadecimal value.
    pub fn color(&self) -> &str {
        self.attachments[0].color
    }
}

/// The colour of an urgency: Slack's three names, and a blue for what is under way, for which it has none.
pub(super) fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "#439FE0",
        Severity::Good => "good",
        Severity::Warning => "warning",
        Severity::Danger => "danger",
    }
}
