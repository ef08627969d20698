//! Slack on loopback: a model of its webhooks and of the two methods of its Web API that post, over real HTTP.

mod http;
mod state;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use self::state::State;

/// A Slack that keeps the messages it got, refuses what Slack refuses, and fails as it is told to. It listens on a port
/// of its own until it is dropped.
///
/// It knows one webhook, whose path holds [`SECRET`](Self::SECRET) and whose channel is `C0HOOK`, one token,
/// [`TOKEN`](Self::TOKEN), the conversations `C0DEPLOY` and `#deployments`, which are the same, and `C0ARCHIVED`. Any
/// other path takes whatever is posted there, as a webhook of the user's own does. Messages that Slack would call
/// malformed are refused.
#[derive(Debug)]
pub struct SlackStub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stopped: Arc<AtomicBool>,
}

/// How the next request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlackFault {
    /// 429 with `Retry-After` in seconds; nothing is kept.
    RateLimited(u64),
    /// An HTTP status with a body that repeats the request's line, as bad proxies do.
    Status {
        /// The status.
        status: u16,
        /// Whether the message is shown all the same.
        kept: bool,
    },
    /// The connection is closed without an answer.
    Cut {
        /// Whether the message is shown all the same.
        kept: bool,
    },
    /// The message is shown at once and the answer comes after so long.
    Slow(Duration),
    /// The Web API answers `ok: false` with this code, a webhook 400 with it; nothing is kept.
    Code(&'static str),
}

/// A message that stands in a conversation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StubMessage {
    /// The conversation's id; for a webhook of the user's own the path.
    pub channel: String,
    /// The message's id in the conversation.
    pub ts: String,
    /// The card in whose thread it stands.
    pub thread: Option<String>,
    /// Whether a reply shows in the conversation too.
    pub broadcast: bool,
    /// How often it was updated.
    pub updates: usize,
    /// What was posted last.
    pub body: Value,
}

impl SlackStub {
    /// The part of the webhook's URL that may show nowhere.
    pub const SECRET: &'static str = "hunter2hunter2hunter2";
    /// The token that may show nowhere.
    pub const TOKEN: &'static str = "xoxb-1-hunter2hunter2hunter2";

    /// Listens on a free port.
    ///
    /// # Panics
    /// When the machine has no loopback port left.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let stub = Self {
            address,
            state: Arc::default(),
            stopped: Arc::default(),
        };
        let (state, stopped) = (Arc::clone(&stub.state), Arc::clone(&stub.stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&state);
                if let Ok(stream) = stream {
                    thread::spawn(move || http::serve(stream, &state));
                }
            }
        });
        stub
    }

    /// The URL of its one webhook.
    pub fn webhook(&self) -> String {
        format!(
            "http://{}/services/T000/B000/{}",
            self.address,
            Self::SECRET
        )
    }

    /// The URL of a webhook that Slack does not know any more.
    pub fn dead_webhook(&self) -> String {
        format!(
            "http://{}/services/T000/B000/gone-{}",
            self.address,
            Self::SECRET
        )
    }

    /// The URL of a webhook of the user's own.
    pub fn plain_hook(&self) -> String {
        format!("http://{}/hooks/{}", self.address, Self::SECRET)
    }

    /// The URL below which the methods of the Web API are.
    pub fn api(&self) -> String {
        format!("http://{}/api/", self.address)
    }

    /// Lets the next request go wrong; called several times, the faults are met one after the other.
    pub fn fault(&self, fault: SlackFault) {
        self.state().faults.push_back(fault);
    }

    /// Forgets a message, as if someone had deleted it.
    pub fn delete(&self, ts: &str) {
        self.state().messages.retain(|message| message.ts != ts);
    }

    /// The messages that stand in conversations, in the order they were posted.
    pub fn messages(&self) -> Vec<StubMessage> {
        self.state().messages.clone()
    }

    /// How many requests came, whatever became of them.
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SlackStub {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection, so that it sees the word.
        let _ = TcpStream::connect(self.address);
    }
}
