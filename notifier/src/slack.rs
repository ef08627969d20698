//! A report as a Slack message that cannot be malformed.
//!
//! Text enters a message only through `Escaped`, which escapes it once and cannot grow past its limit; blocks enter
//! it only through `Blocks`, which counts them and the text in them. There is no other way to make a [`SlackMessage`].

mod blocks;
mod check;
mod details;
mod escaped;
mod message;
mod preview;
mod render;

pub use check::{SlackProblem, slack_problems};
pub use details::slack_details;
pub use message::SlackMessage;
pub use render::{SlackLayout, slack, slack_with};
