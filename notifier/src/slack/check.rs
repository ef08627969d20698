//! Whether a message made elsewhere is one that Slack takes.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::blocks::{FIELD, HEADER, MAX_BLOCKS, MAX_FIELDS, SECTION};
use crate::clean::utf16_len;

/// The limits that only messages made elsewhere can come near.
/// Sources: <https://docs.slack.dev/reference/block-kit/blocks/> and the validators of `slack_sdk`.
const TEXT: usize = 40_000;
const ATTACHMENTS: usize = 100;
const ELEMENTS: usize = 10;
const ACTIONS: usize = 25;
const BUTTON: usize = 75;
const URL: usize = 3_000;
const BUTTON_VALUE: usize = 2_000;
const BLOCK_ID: usize = 255;
const ALT: usize = 2_000;
/// The most text in all blocks that was seen accepted. Source: <https://github.com/slackapi/bolt-js/issues/2867>.
const SUM: usize = 9_597;

/// Something in a message that Slack refuses or cuts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SlackProblem {
    /// Where, such as `attachments[0].blocks[2].text.text`; empty for the message as a whole.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for SlackProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.problem),
            false => write!(f, "{}: {}", self.path, self.problem),
        }
    }
}

/// What is wrong with a message for an incoming webhook or `chat.postMessage`, in the order in which it stands there;
/// nothing when Slack will take it.
///
/// It knows the blocks that messages are usually made of and looks no further into others.
///
/// ```
/// use deploy_notifier::slack_problems;
/// use serde_json::json;
///
/// let header = json!({"type": "header", "text": {"type": "mrkdwn", "text": "*Done*"}});
/// let problems = slack_problems(&json!({"text": "Done", "blocks": [header]}));
/// assert_eq!(problems[0].to_string(), "blocks[0].text.type: is `mrkdwn`, and must be `plain_text`");
/// ```
pub fn slack_problems(message: &Value) -> Vec<SlackProblem> {
    let mut check = Check::default();
    match message.as_object() {
        Some(message) => check.message(message),
        None => check.say("", "is no JSON object"),
    }
    check.problems
}

#[derive(Debug, Default)]
struct Check {
    problems: Vec<SlackProblem>,
    ids: BTreeSet<String>,
    /// The text in blocks so far.
    units: usize,
}

impl Check {
    fn say(&mut self, path: &str, problem: impl Into<String>) {
        self.problems.push(SlackProblem {
            path: path.to_owned(),
            problem: problem.into(),
        });
    }

    fn message(&mut self, message: &Map<String, Value>) {
        let text = self.optional_text(message, "text", "text", TEXT);
        let list = |check: &mut Self, key: &str, most: usize| -> Vec<Value> {
            match message.get(key) {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(items)) => {
                    if items.len() > most {
                        check.say(
                            key,
                            format!("has {} entries, and at most {most} are taken", items.len()),
                        );
                    }
                    items.clone()
                }
                Some(_) => {
                    check.say(key, "is no list");
                    Vec::new()
                }
            }
        };
        let blocks = list(self, "blocks", MAX_BLOCKS);
        let attachments = list(self, "attachments", ATTACHMENTS);
        if text.is_none_or(|text| text.trim().is_empty())
            && blocks.is_empty()
            && !attachments.iter().any(shows_something)
        {
            let problem = match attachments.is_empty() {
                true => {
                    "has neither text nor blocks nor attachments, so that there is nothing to show"
                }
                false => {
                    "has neither text nor blocks, and its attachments are empty, so that there is nothing to show"
                }
            };
            self.say("", problem);
        }
        self.blocks(&blocks, "blocks");
        for (index, attachment) in attachments.iter().enumerate() {
            self.attachment(attachment, &format!("attachments[{index}]"));
        }
        if self.units > SUM {
            let units = self.units;
            self.say(
                "",
                format!("has {units} characters in its blocks, and more than {SUM} were never seen accepted"),
            );
        }
    }

    fn attachment(&mut self, attachment: &Value, path: &str) {
        let Some(attachment) = attachment.as_object() else {
            return self.say(path, "is no JSON object");
        };
        for key in ["color", "fallback", "pretext", "title", "text", "footer"] {
            self.optional_text(attachment, key, &format!("{path}.{key}"), TEXT);
        }
        if let Some(blocks) = attachment.get("blocks") {
            let path = format!("{path}.blocks");
            match blocks.as_array() {
                Some(blocks) => {
                    if blocks.len() > MAX_BLOCKS {
                        self.say(
                            &path,
                            format!(
                                "has {} entries, and at most {MAX_BLOCKS} are taken",
                                blocks.len()
                            ),
                        );
                    }
                    self.blocks(blocks, &path);
                }
                None => self.say(&path, "is no list"),
            }
        }
        let Some(fields) = attachment.get("fields") else {
            return;
        };
        let path = format!("{path}.fields");
        let Some(fields) = fields.as_array() else {
            return self.say(&path, "is no list");
        };
        for (index, field) in fields.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(field) = field.as_object() else {
                self.say(&path, "is no JSON object");
                continue;
            };
            for key in ["title", "value"] {
                // Slack cuts a longer value without a word.
                self.optional_text(field, key, &format!("{path}.{key}"), FIELD);
            }
            if field.get("short").is_some_and(|short| !short.is_boolean()) {
                self.say(&format!("{path}.short"), "is neither true nor false");
            }
        }
    }

    fn blocks(&mut self, blocks: &[Value], path: &str) {
        for (index, block) in blocks.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match block.as_object() {
                Some(block) => self.block(block, &path),
                None => self.say(&path, "is no JSON object"),
            }
        }
    }

    fn block(&mut self, block: &Map<String, Value>, path: &str) {
        if let Some(id) =
            self.optional_text(block, "block_id", &format!("{path}.block_id"), BLOCK_ID)
            && !self.ids.insert(id.clone())
        {
            self.say(
                &format!("{path}.block_id"),
                format!("`{id}` stands at another block too"),
            );
        }
        match block.get("type").and_then(Value::as_str) {
            None => self.say(&format!("{path}.type"), "is missing"),
            Some("header") => self.text_object(block, "text", path, HEADER, Some("plain_text")),
            Some("section") => self.section(block, path),
            Some("context") => self.elements(block, path, ELEMENTS),
            Some("actions") => self.elements(block, path, ACTIONS),
            Some("image") => self.image(block, path),
            Some(
                "divider" | "rich_text" | "input" | "file" | "video" | "markdown" | "table"
                | "alert" | "card" | "carousel" | "plan" | "task_card" | "context_actions" | "call",
            ) => {}
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                self.say(
                    &format!("{path}.type"),
                    format!("there are no blocks of type `{other}`"),
                );
            }
        }
    }

    fn section(&mut self, block: &Map<String, Value>, path: &str) {
        let fields = block.get("fields").filter(|fields| !fields.is_null());
        if block.get("text").is_some_and(|text| !text.is_null()) {
            self.text_object(block, "text", path, SECTION, None);
        } else if fields.is_none() {
            self.say(path, "has neither text nor fields");
        }
        let Some(fields) = fields else { return };
        let path = format!("{path}.fields");
        let Some(fields) = fields.as_array() else {
            return self.say(&path, "is no list");
        };
        if !(1..=MAX_FIELDS).contains(&fields.len()) {
            self.say(
                &path,
                format!(
                    "has {} entries, and 1 to {MAX_FIELDS} are taken",
                    fields.len()
                ),
            );
        }
        for (index, field) in fields.iter().enumerate() {
            self.text_of(field, &format!("{path}[{index}]"), FIELD, None);
        }
    }

    fn elements(&mut self, block: &Map<String, Value>, path: &str, most: usize) {
        let path = format!("{path}.elements");
        let Some(elements) = block.get("elements").and_then(Value::as_array) else {
            return self.say(&path, "is no list");
        };
        if !(1..=most).contains(&elements.len()) {
            self.say(
                &path,
                format!("has {} entries, and 1 to {most} are taken", elements.len()),
            );
        }
        for (index, element) in elements.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(object) = element.as_object() else {
                self.say(&path, "is no JSON object");
                continue;
            };
            match object.get("type").and_then(Value::as_str) {
                Some("plain_text" | "mrkdwn") => self.text_of(element, &path, SECTION, None),
                Some("image") => self.image(object, &path),
                Some("button") => {
                    self.text_object(object, "text", &path, BUTTON, Some("plain_text"));
                    self.optional_text(object, "url", &format!("{path}.url"), URL);
                    self.optional_text(object, "value", &format!("{path}.value"), BUTTON_VALUE);
                }
                Some(_) => {}
                None => self.say(&format!("{path}.type"), "is missing"),
            }
        }
    }

    fn image(&mut self, image: &Map<String, Value>, path: &str) {
        let has = |key: &str| image.get(key).is_some_and(|value| !value.is_null());
        if !has("image_url") && !has("slack_file") {
            self.say(path, "has neither image_url nor slack_file");
        }
        self.optional_text(image, "image_url", &format!("{path}.image_url"), URL);
        if self
            .optional_text(image, "alt_text", &format!("{path}.alt_text"), ALT)
            .is_none_or(|text| text.is_empty())
        {
            self.say(&format!("{path}.alt_text"), "is missing");
        }
    }

    fn text_object(
        &mut self,
        block: &Map<String, Value>,
        key: &str,
        path: &str,
        limit: usize,
        only: Option<&str>,
    ) {
        let path = format!("{path}.{key}");
        match block.get(key) {
            Some(text) => self.text_of(text, &path, limit, only),
            None => self.say(&path, "is missing"),
        }
    }

    fn text_of(&mut self, object: &Value, path: &str, limit: usize, only: Option<&str>) {
        let Some(object) = object.as_object() else {
            return self.say(path, "is no text object");
        };
        let kind = object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match only {
            Some(only) if kind != only => {
                self.say(
                    &format!("{path}.type"),
                    format!("is `{kind}`, and must be `{only}`"),
                );
            }
            None if !matches!(kind, "plain_text" | "mrkdwn") => {
                self.say(
                    &format!("{path}.type"),
                    format!("is `{kind}`, and must be `plain_text` or `mrkdwn`"),
                );
            }
            _ => {}
        }
        let path = format!("{path}.text");
        match self.optional_text(object, "text", &path, limit) {
            Some(text) if text.is_empty() => self.say(&path, "is empty"),
            Some(text) => self.units += utf16_len(&text),
            None if object.get("text").is_none_or(Value::is_null) => self.say(&path, "is missing"),
            None => {}
        }
    }

    /// The text under a key, if there is one; says when it is no text or too long.
    fn optional_text(
        &mut self,
        object: &Map<String, Value>,
        key: &str,
        path: &str,
        limit: usize,
    ) -> Option<String> {
        match object.get(key)? {
            Value::Null => None,
            Value::String(text) => {
                let units = utf16_len(text);
                if units > limit {
                    self.say(
                        path,
                        format!("has {units} characters, and at most {limit} are taken"),
                    );
                }
                Some(text.clone())
            }
            _ => {
                self.say(path, "is no text");
                None
            }
        }
    }
}

/// Whether an attachment holds more than a colour. What is of the wrong type is told where it stands.
fn shows_something(attachment: &Value) -> bool {
    const CONTENT: [&str; 11] = [
        "text",
        "pretext",
        "title",
        "fallback",
        "author_name",
        "footer",
        "image_url",
        "thumb_url",
        "fields",
        "blocks",
        "actions",
    ];
    let Some(attachment) = attachment.as_object() else {
        return true;
    };
    CONTENT
        .iter()
        .filter_map(|key| attachment.get(*key))
        .any(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::{SlackLayout, slack_with};
    use serde_json::json;

    fn said(message: Value) -> Vec<String> {
        slack_problems(&message)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn section(text: &str) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    }

    #[test]
    fn our_own_messages_have_no_problem() {
        for report in testing::reports() {
            for layout in [SlackLayout::Blocks, SlackLayout::Fields] {
                let message = serde_json::to_value(slack_with(&report, layout)).unwrap();
                assert_eq!(said(message), [""; 0], "{}", report.kind());
            }
        }
    }

    #[test]
    fn each_limit_holds_at_the_limit_and_one_past_it() {
        let x = |count: usize| "x".repeat(count);
        let plain = |count| json!({"type": "plain_text", "text": x(count)});
        let context = |count: usize| {
            let element = json!({"type": "mrkdwn", "text": "x"});
            json!({"blocks": [{"type": "context", "elements": vec![element; count]}]})
        };
        let button = |text: usize, url: usize, value: usize, count: usize| {
            let button =
                json!({"type": "button", "text": plain(text), "url": x(url), "value": x(value)});
            json!({"blocks": [{"type": "actions", "elements": vec![button; count]}]})
        };
        let header = |count| json!({"blocks": [{"type": "header", "text": plain(count)}]});
        let fields = |count: usize, size: usize| json!({"blocks": [{"type": "section", "fields": vec![plain(size); count]}]});
        let id = |count| json!({"blocks": [{"type": "divider", "block_id": x(count)}]});
        let value =
            |count| json!({"attachments": [{"fields": [{"title": "a", "value": x(count)}]}]});
        let sum = |last: usize| json!({"blocks": [section(&x(3000)), section(&x(3000)), section(&x(3000)), section(&x(last))]});
        for (at, past) in [
            (json!({"text": x(40_000)}), json!({"text": x(40_001)})),
            (
                json!({"text": "🚀".repeat(20_000)}),
                json!({"text": format!("{}x", "🚀".repeat(20_000))}),
            ),
            (
                json!({"blocks": vec![section("x"); 50]}),
                json!({"blocks": vec![section("x"); 51]}),
            ),
            (
                json!({"attachments": [{"blocks": vec![section("x"); 50]}]}),
                json!({"attachments": [{"blocks": vec![section("x"); 51]}]}),
            ),
            (
                json!({"attachments": vec![json!({"text": "x"}); 100]}),
                json!({"attachments": vec![json!({"text": "x"}); 101]}),
            ),
            (
                json!({"blocks": [section(&x(3000))]}),
                json!({"blocks": [section(&x(3001))]}),
            ),
            (header(150), header(151)),
            (fields(10, 1), fields(11, 1)),
            (fields(1, 2000), fields(1, 2001)),
            (context(10), context(11)),
            (button(75, 3000, 2000, 1), button(76, 3000, 2000, 1)),
            (button(75, 3000, 2000, 1), button(75, 3001, 2000, 1)),
            (button(75, 3000, 2000, 1), button(75, 3000, 2001, 1)),
            (button(1, 1, 1, 25), button(1, 1, 1, 26)),
            (id(255), id(256)),
            (value(2000), value(2001)),
            (sum(597), sum(598)),
        ] {
            assert_eq!(said(at), [""; 0]);
            assert_eq!(said(past.clone()).len(), 1, "{past}");
        }
    }

    #[test]
    fn an_attachment_with_any_content_is_something_to_show() {
        for attachment in [
            json!({"fallback": "x"}),
            json!({"image_url": "https://x.example/a.png"}),
            json!({"fields": [{"title": "a", "value": "b"}]}),
            json!({"blocks": [section("x")]}),
        ] {
            let message = json!({"attachments": [{}, attachment]});
            assert!(said(message.clone()).is_empty(), "{message}");
        }
        assert!(said(json!({"text": "x", "attachments": [{"color": "good"}]})).is_empty());
    }

    #[test]
    fn each_problem_says_where_it_is() {
        for (message, problem) in [
            (json!([]), "is no JSON object"),
            (
                json!({"text": " "}),
                "has neither text nor blocks nor attachments, so that there is nothing to show",
            ),
            (
                json!({"attachments": [{"color": "good", "text": " ", "fields": []}, {}]}),
                "has neither text nor blocks, and its attachments are empty, so that there is nothing to show",
            ),
            (json!({"text": 7}), "text: is no text"),
            (json!({"text": "x", "blocks": {}}), "blocks: is no list"),
            (json!({"blocks": [1]}), "blocks[0]: is no JSON object"),
            (json!({"blocks": [{}]}), "blocks[0].type: is missing"),
            (
                json!({"blocks": [{"type": "heading"}]}),
                "blocks[0].type: there are no blocks of type `heading`",
            ),
            (
                json!({"blocks": [{"type": "section"}]}),
                "blocks[0]: has neither text nor fields",
            ),
            (
                json!({"blocks": [section("")]}),
                "blocks[0].text.text: is empty",
            ),
            (
                json!({"blocks": [{"type": "section", "text": "x"}]}),
                "blocks[0].text: is no text object",
            ),
            (
                json!({"blocks": [{"type": "section", "fields": []}]}),
                "blocks[0].fields: has 0 entries, and 1 to 10 are taken",
            ),
            (
                json!({"blocks": [{"type": "image", "image_url": "x"}]}),
                "blocks[0].alt_text: is missing",
            ),
            (
                json!({"blocks": [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]}),
                "blocks[1].block_id: `a` stands at another block too",
            ),
            (
                json!({"attachments": [{"color": "good", "fields": [{"title": "a", "value": "b", "short": "yes"}]}]}),
                "attachments[0].fields[0].short: is neither true nor false",
            ),
        ] {
            assert_eq!(said(message)[0], problem);
        }
    }
}
