//! The function's settings, out of its environment.

use std::fmt;
use std::time::Duration;

use deploy_notifier::{
    Channel, DeliveryOptions, SecretUrl, SlackApi, SlackConversation, SlackLayout, SlackToken,
    SlackWebhook, Webhook,
};

use crate::handler::{Handler, QueueFailures};

const WEBHOOK: &str = "SLACK_WEBHOOK_URL";
const TOKEN: &str = "SLACK_BOT_TOKEN";
const CHANNEL: &str = "SLACK_CHANNEL";
const API: &str = "SLACK_API_URL";
const URL: &str = "ALARM_WEBHOOK_URL";
const LAYOUT: &str = "SLACK_LAYOUT";
const TIMEOUT: &str = "DELIVERY_TIMEOUT";
const BUDGET: &str = "RETRY_BUDGET";
const QUEUE: &str = "QUEUE_FAILURES";

/// What is wrong with the settings, and what to do about it. No value is repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            message: message.into(),
            hint,
        }
    }

    fn of(variable: &str, error: &dyn fmt::Display, hint: Option<String>) -> Self {
        Self::new(
            format!("the variable `{variable}` cannot be used: {error}"),
            hint,
        )
    }
}

/// The handler that the variables describe.
pub(crate) fn handler(variable: &dyn Fn(&str) -> Option<String>) -> Result<Handler, Fault> {
    let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let duration = |name: &str, default: u64| match value(name) {
        None => Ok(Duration::from_secs(default)),
        // The parser's own error repeats what it read.
        Some(text) => match humantime::parse_duration(text.trim()) {
            Ok(time) if !time.is_zero() => Ok(time),
            other => {
                let reason = match other {
                    Ok(_) => "it must be longer than nothing",
                    Err(_) => "it is no time",
                };
                let hint = "write a time such as 20s".to_owned();
                Err(Fault::of(name, &reason, Some(hint)))
            }
        },
    };
    // Lambda's own time for a function is short by default; waits that outlast it are cut by the handler.
    let options = DeliveryOptions::default()
        .timeout(duration(TIMEOUT, 5)?)
        .retry_budget(duration(BUDGET, 20)?);
    let layout = match value(LAYOUT).as_deref() {
        None | Some("blocks") => SlackLayout::Blocks,
        Some("attachment") => SlackLayout::Fields,
        Some(_) => {
            let hint = "write blocks or attachment".to_owned();
            return Err(Fault::of(LAYOUT, &"there is no such layout", Some(hint)));
        }
    };
    let queue = match value(QUEUE).as_deref() {
        None | Some("fail") => QueueFailures::Fail,
        Some("report") => QueueFailures::Report,
        Some(_) => {
            let hint = "write fail or report".to_owned();
            return Err(Fault::of(QUEUE, &"there is no such way", Some(hint)));
        }
    };
    let url = |name: &str| -> Result<Option<SecretUrl>, Fault> {
        let Some(text) = value(name) else {
            return Ok(None);
        };
        let url = text.parse::<SecretUrl>();
        url.map(Some)
            .map_err(|error| Fault::of(name, &error, error.hint()))
    };
    let unusable = |name: &'static str| {
        move |error: deploy_notifier::Error| Fault::of(name, &error, error.hint())
    };

    let mut channels: Vec<Box<dyn Channel>> = Vec::new();
    if let Some(url) = url(WEBHOOK)? {
        let channel =
            SlackWebhook::with_options("slack", url, options.clone()).map_err(unusable(WEBHOOK))?;
        channels.push(Box::new(channel.layout(layout)));
    }
    if let Some(text) = value(TOKEN) {
        let token: SlackToken =
            text.parse()
                .map_err(|error: deploy_notifier::InvalidSlackToken| {
                    Fault::of(TOKEN, &error, error.hint())
                })?;
        let hint = "name the channel to post to, by its id".to_owned();
        let name = value(CHANNEL).ok_or_else(|| {
            Fault::new(
                format!("`{TOKEN}` is set and `{CHANNEL}` is not"),
                Some(hint),
            )
        })?;
        let conversation: SlackConversation =
            name.trim()
                .parse()
                .map_err(|error: deploy_notifier::InvalidSlackConversation| {
                    Fault::of(CHANNEL, &error, error.hint())
                })?;
        let channel = match url(API)? {
            None => SlackApi::with_options("slack-api", &token, conversation, options.clone()),
            Some(api) => SlackApi::at(api, "slack-api", &token, conversation, options.clone()),
        };
        channels.push(Box::new(channel.map_err(unusable(TOKEN))?.layout(layout)));
    }
    if let Some(url) = url(URL)? {
        let channel = Webhook::with_options("webhook", url, options).map_err(unusable(URL))?;
        channels.push(Box::new(channel));
    }
    if channels.is_empty() {
        let hint = format!("set `{WEBHOOK}`, or `{TOKEN}` with `{CHANNEL}`, or `{URL}`");
        return Err(Fault::new(
            "there is no channel to show alarms in",
            Some(hint),
        ));
    }
    Ok(Handler::new(channels, queue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Handler, Fault> {
        handler(&|name| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_way_to_name_a_channel_will_do() {
        for variables in [
            &[(WEBHOOK, "https://hooks.slack.com/services/T/B/x")][..],
            &[
                (TOKEN, "xoxb-1"),
                (CHANNEL, "C1"),
                (LAYOUT, "attachment"),
                (BUDGET, "3s"),
            ],
            &[
                (URL, "https://example.com/x"),
                (QUEUE, "report"),
                (WEBHOOK, " "),
            ],
        ] {
            assert!(of(variables).is_ok(), "{variables:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        for (variables, part) in [
            (&[][..], "no channel"),
            (&[(WEBHOOK, "hunter2")], "`SLACK_WEBHOOK_URL`"),
            (&[(TOKEN, "xoxb-hunter2")], "`SLACK_CHANNEL` is not"),
            (
                &[(TOKEN, "hunter2 x"), (CHANNEL, "C1")],
                "`SLACK_BOT_TOKEN`",
            ),
            (&[(URL, "http://hunter2.example/")], "`ALARM_WEBHOOK_URL`"),
            (&[(BUDGET, "hunter2")], "`RETRY_BUDGET`"),
            (&[(BUDGET, "5s hunter2")], "`RETRY_BUDGET`"),
            (&[(TIMEOUT, "5hunter2")], "`DELIVERY_TIMEOUT`"),
            (&[(TIMEOUT, "0s")], "longer than nothing"),
            (&[(BUDGET, "0ms")], "longer than nothing"),
            (
                &[(TOKEN, "xoxb-1"), (CHANNEL, "xoxb-hunter2 https")],
                "`SLACK_CHANNEL`",
            ),
            (
                &[(TOKEN, "xoxb-1"), (CHANNEL, "xoxb-hunter2")],
                "`SLACK_CHANNEL`",
            ),
            (
                &[(TOKEN, "xoxb-1"), (CHANNEL, "https://hunter2")],
                "`SLACK_CHANNEL`",
            ),
            (&[(LAYOUT, "hunter2")], "`SLACK_LAYOUT`"),
            (&[(QUEUE, "hunter2")], "`QUEUE_FAILURES`"),
        ] {
            let fault = of(variables).err().unwrap();
            assert!(fault.message.contains(part), "{fault:?}");
            assert!(
                fault.hint.is_some() && !format!("{fault:?}").contains("hunter2"),
                "{fault:?}"
            );
        }
    }
}
