//! What an answer of the Web API means.

use serde::Deserialize;

use crate::error::{Answer, Error};
use crate::http::Response;
use crate::retry::Attempt;

/// A message that stands in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Posted {
    pub(super) channel: String,
    pub(super) ts: String,
}

/// The answer's document. The Web API answers 200 whether or not it did what was asked.
#[derive(Deserialize)]
struct Document {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
}

pub(super) fn verdict(channel: &str, response: &Response) -> Attempt<Posted> {
    let name = channel.to_owned();
    let limited = Attempt::RateLimited {
        retry_after: response.retry_after,
    };
    if response.status == 429 {
        return limited;
    }
    let Ok(document) = serde_json::from_str::<Document>(&response.body) else {
        let answer = Answer::new(response.status, &response.body);
        return Attempt::Failed(match response.status {
            // A proxy's page is no acknowledgement, and what stands behind it may have taken the message.
            200..300 | 408 | 500.. => Error::Ambiguous {
                channel: name,
                answer: Some(answer),
                source: None,
            },
            _ => Error::Refused {
                channel: name,
                answer,
            },
        });
    };
    match (document.ok, document.channel, document.ts) {
        (true, Some(channel), Some(ts)) => return Attempt::Delivered(Posted { channel, ts }),
        (true, ..) => {
            return Attempt::Failed(Error::Ambiguous {
                channel: name,
                answer: Some(Answer::new(response.status, "")),
                source: None,
            });
        }
        (false, ..) => {}
    }
    let code = document.error.unwrap_or_default();
    let answer = Answer::new(response.status, &code);
    match kind(&code, response.status) {
        Kind::Limit => limited,
        // Slack got only a part of the request and did nothing with it.
        Kind::NotRead => Attempt::NotSent(format!("Slack answered `{code}`").into()),
        Kind::Unclear => Attempt::Failed(Error::Ambiguous {
            channel: name,
            answer: Some(answer),
            source: None,
        }),
        Kind::Form => Attempt::Failed(Error::InvalidMessage {
            channel: name,
            answer,
        }),
        Kind::Refusal => Attempt::Failed(Error::Refused {
            channel: name,
            answer,
        }),
    }
}

enum Kind {
    Limit,
    NotRead,
    Unclear,
    Form,
    Refusal,
}

/// Source of the codes: <https://docs.slack.dev/reference/methods/chat.postMessage/#errors>.
fn kind(code: &str, status: u16) -> Kind {
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Kind::Limit,
        "request_timeout" => Kind::NotRead,
        // Of the first two Slack says that some of the work may be done.
        "internal_error" | "fatal_error" | "service_unavailable" => Kind::Unclear,
        "no_text"
        | "msg_too_long"
        | "msg_blocks_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_attachments"
        | "too_many_attachments"
        | "invalid_arguments"
        | "invalid_json"
        | "json_not_object"
        | "invalid_payload"
        | "invalid_arg_name"
        | "invalid_array_arg"
        | "invalid_charset"
        | "invalid_post_type"
        | "markdown_text_conflict" => Kind::Form,
        _ if status >= 500 => Kind::Unclear,
        _ => Kind::Refusal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came_to(status: u16, body: &str) -> &'static str {
        let response = Response {
            status,
            retry_after: None,
            body: body.to_owned(),
        };
        match verdict("slack", &response) {
            Attempt::Delivered(_) => "delivered",
            Attempt::RateLimited { .. } => "limited",
            Attempt::NotSent(_) => "not sent",
            Attempt::Repeatable(_) => "repeatable",
            Attempt::Failed(Error::Refused { .. }) => "refused",
            Attempt::Failed(Error::InvalidMessage { .. }) => "form",
            Attempt::Failed(Error::Ambiguous { .. }) => "unclear",
            Attempt::Failed(_) => "other",
        }
    }

    #[test]
    fn each_answer_is_told_by_what_the_sender_can_do() {
        let wanted = [
            (
                200,
                r#"{"ok":true,"channel":"C1","ts":"1.2","message":{}}"#,
                "delivered",
            ),
            (200, r#"{"ok":true}"#, "unclear"),
            (200, r#"{"ok":false,"error":"ratelimited"}"#, "limited"),
            (429, "", "limited"),
            (200, r#"{"ok":false,"error":"request_timeout"}"#, "not sent"),
            (200, r#"{"ok":false,"error":"fatal_error"}"#, "unclear"),
            (
                503,
                r#"{"ok":false,"error":"service_unavailable"}"#,
                "unclear",
            ),
            (200, r#"{"ok":false,"error":"invalid_blocks"}"#, "form"),
            (200, r#"{"ok":false,"error":"invalid_auth"}"#, "refused"),
            (
                200,
                r#"{"ok":false,"error":"channel_not_found"}"#,
                "refused",
            ),
            (200, r#"{"ok":false,"error":"is_archived"}"#, "refused"),
            (200, r#"{"ok":false}"#, "refused"),
            (200, "<html>Sign in</html>", "unclear"),
            (200, "ok", "unclear"),
            (502, "<html>", "unclear"),
            (404, "<html>", "refused"),
        ];
        for (status, body, came) in wanted {
            assert_eq!(came_to(status, body), came, "{status} {body}");
        }
    }
}
