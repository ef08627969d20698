//! What the stub knows, and what it answers.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::Request;
use super::{SlackFault, SlackStub, StubMessage};
use crate::slack_problems;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) messages: Vec<StubMessage>,
    pub(super) faults: VecDeque<SlackFault>,
    pub(super) requests: usize,
}

#[derive(Debug)]
pub(super) enum Answer {
    /// The connection is closed.
    Nothing,
    Http {
        status: u16,
        retry_after: Option<u64>,
        delay: Duration,
        body: String,
    },
}

impl Answer {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self::Http {
            status,
            retry_after: None,
            delay: Duration::ZERO,
            body: body.into(),
        }
    }

    fn api_error(code: &str) -> Self {
        Self::new(200, json!({"ok": false, "error": code}).to_string())
    }
}

impl State {
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        self.requests += 1;
        let api = request.path.strip_prefix("/api/");
        match self.faults.pop_front() {
            None => self.act(request),
            Some(SlackFault::RateLimited(wait)) => Answer::Http {
                status: 429,
                retry_after: Some(wait),
                delay: Duration::ZERO,
                body: match api {
                    Some(_) => json!({"ok": false, "error": "ratelimited"}).to_string(),
                    None => "rate_limited".to_owned(),
                },
            },
            Some(SlackFault::Status { status, kept }) => {
                if kept {
                    self.act(request);
                }
                let authorization = request.authorization.as_deref().unwrap_or_default();
                Answer::new(
                    status,
                    format!("POST {} failed ({authorization})", request.path),
                )
            }
            Some(SlackFault::Cut { kept }) => {
                if kept {
                    self.act(request);
                }
                Answer::Nothing
            }
            Some(SlackFault::Slow(slow)) => match self.act(request) {
                Answer::Http {
                    status,
                    retry_after,
                    body,
                    ..
                } => Answer::Http {
                    status,
                    retry_after,
                    delay: slow,
                    body,
                },
                Answer::Nothing => Answer::Nothing,
            },
            Some(SlackFault::Code(code)) => match api {
                Some(_) => Answer::api_error(code),
                None => Answer::new(400, code),
            },
        }
    }

    fn act(&mut self, request: &Request) -> Answer {
        let body: Option<Value> = serde_json::from_slice(&request.body).ok();
        if let Some(method) = request.path.strip_prefix("/api/") {
            return self.call(method, request.authorization.as_deref(), body);
        }
        let hook = request.path.strip_prefix("/services/");
        let Some(body) = body else {
            return Answer::new(400, "invalid_payload");
        };
        match hook {
            None => {
                self.keep(request.path.clone(), None, false, body);
                Answer::new(200, "{}")
            }
            Some(path) if path != format!("T000/B000/{}", SlackStub::SECRET) => {
                Answer::new(404, "no_service")
            }
            Some(_) if !slack_problems(&body).is_empty() => Answer::new(400, "invalid_blocks"),
            Some(_) => {
                self.keep("C0HOOK".to_owned(), None, false, body);
                Answer::new(200, "ok")
            }
        }
    }

    fn call(&mut self, method: &str, authorization: Option<&str>, body: Option<Value>) -> Answer {
        if authorization != Some(&format!("Bearer {}", SlackStub::TOKEN)) {
            return Answer::api_error("invalid_auth");
        }
        let Some(body) = body else {
            return Answer::api_error("invalid_json");
        };
        let channel = match body["channel"].as_str() {
            Some("C0DEPLOY" | "#deployments") => "C0DEPLOY".to_owned(),
            Some("C0ARCHIVED") => return Answer::api_error("is_archived"),
            _ => return Answer::api_error("channel_not_found"),
        };
        if !slack_problems(&body).is_empty() {
            return Answer::api_error("invalid_blocks");
        }
        let ts = match method {
            "chat.postMessage" => {
                let thread = body["thread_ts"].as_str().map(str::to_owned);
                let stands = |ts: &String| self.messages.iter().any(|message| message.ts == *ts);
                if thread.as_ref().is_some_and(|ts| !stands(ts)) {
                    return Answer::api_error("thread_not_found");
                }
                let broadcast = body["reply_broadcast"] == true;
                self.keep(channel.clone(), thread, broadcast, body)
            }
            "chat.update" => {
                // The Web API takes names when posting only.
                let ts = body["ts"].as_str().unwrap_or_default().to_owned();
                let card = self.messages.iter_mut().find(|message| {
                    message.ts == ts && body["channel"] == message.channel.as_str()
                });
                let Some(card) = card else {
                    return Answer::api_error("message_not_found");
                };
                card.updates += 1;
                card.body = body;
                ts
            }
            _ => return Answer::api_error("unknown_method"),
        };
        Answer::new(
            200,
            json!({"ok": true, "channel": channel, "ts": ts}).to_string(),
        )
    }

    fn keep(
        &mut self,
        channel: String,
        thread: Option<String>,
        broadcast: bool,
        body: Value,
    ) -> String {
        let ts = format!("1700000000.{:06}", self.requests);
        self.messages.push(StubMessage {
            channel,
            ts: ts.clone(),
            thread,
            broadcast,
            updates: 0,
            body,
        });
        ts
    }
}
