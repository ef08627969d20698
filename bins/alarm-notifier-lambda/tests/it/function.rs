//! The function as a process.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deploy_notifier::testing::SlackStub;
use serde_json::Value;

use crate::runtime::{Runtime, Said};

/// The function with the places it talks to. Dropping it ends it.
pub(crate) struct Function {
    pub(crate) runtime: Runtime,
    pub(crate) stub: SlackStub,
    child: Child,
    invocations: usize,
}

impl Function {
    /// A function with the working webhook of a Slack on loopback.
    pub(crate) fn start() -> Self {
        let stub = SlackStub::start();
        let webhook = stub.webhook();
        Self::with(stub, &[("SLACK_WEBHOOK_URL", webhook)])
    }

    pub(crate) fn with(stub: SlackStub, variables: &[(&str, String)]) -> Self {
        let runtime = Runtime::start();
        let mut command = Command::new(env!("CARGO_BIN_EXE_alarm-notifier-lambda"));
        runtime.tell(&mut command);
        command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        Self {
            child: command.spawn().unwrap(),
            runtime,
            stub,
            invocations: 0,
        }
    }

    /// Hands over an event and returns what came of it.
    pub(crate) fn invoke(&mut self, event: &Value) -> Result<Value, Value> {
        self.invoke_within(event, Duration::from_secs(30))
    }

    pub(crate) fn invoke_within(&mut self, event: &Value, time: Duration) -> Result<Value, Value> {
        self.invocations += 1;
        let id = format!("request-{}", self.invocations);
        self.runtime.invoke(&id, &event.to_string(), time);
        loop {
            match self.runtime.said() {
                Said::Next(_) => {}
                Said::Response(of, body) => {
                    assert_eq!(of, id);
                    return Ok(serde_json::from_str(&body).unwrap());
                }
                Said::Error(of, body) => {
                    assert_eq!(of, id);
                    assert!(!body.contains("hunter2"), "{body}");
                    return Err(serde_json::from_str(&body).unwrap());
                }
            }
        }
    }

    /// Ends the function and returns its log, in which no secret is.
    pub(crate) fn log(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The titles of the messages that stand in Slack.
    pub(crate) fn titles(&self) -> Vec<String> {
        let title = |body: &Value| body["text"].as_str().unwrap().to_owned();
        self.stub
            .messages()
            .iter()
            .map(|message| title(&message.body))
            .collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
