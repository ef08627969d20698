//! Slack's incoming webhooks.

use async_trait::async_trait;

use crate::channel::{Channel, Delivery};
use crate::error::{Answer, Error};
use crate::http::{PostError, Poster, Response};
use crate::options::DeliveryOptions;
use crate::report::Report;
use crate::retry::{Attempt, deliver};
use crate::secret_url::SecretUrl;
use crate::slack::{SlackLayout, slack_with};

/// Posts each report as a card to one of Slack's incoming webhooks, or to a service that imitates them.
///
/// A rate limit is waited out within the budget and an unreachable host is tried again; both mean that nothing arrived.
/// A 5xx, a cut connection or a missing answer is [`Error::Ambiguous`] and never retried, because the message may be
/// shown already. An answer of 2xx counts only with Slack's `ok` in it: a proxy's page is no acknowledgement.
/// Source of the answers: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>.
#[derive(Debug)]
pub struct SlackWebhook {
    name: String,
    poster: Poster,
    options: DeliveryOptions,
    layout: SlackLayout,
}

impl SlackWebhook {
    /// A channel named `slack` for the webhook at `url`.
    ///
    /// # Errors
    /// [`Error::TlsUnavailable`] for an https URL when the feature `tls` is off, [`Error::Client`] when the system has no
    /// usable root certificates.
    pub fn new(url: SecretUrl) -> Result<Self, Error> {
        Self::with_options("slack", url, DeliveryOptions::default())
    }

    /// A channel with a name of its own, trying as hard as the options say.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(
        name: impl Into<String>,
        url: SecretUrl,
        options: DeliveryOptions,
    ) -> Result<Self, Error> {
        let name = name.into();
        let poster = Poster::new(&name, url, &options)?;
        Ok(Self {
            name,
            poster,
            options,
            layout: SlackLayout::default(),
        })
    }

    /// Sets how cards are laid out.
    #[must_use]
    pub fn layout(mut self, layout: SlackLayout) -> Self {
        self.layout = layout;
        self
    }
}

#[async_trait]
impl Channel for SlackWebhook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        let message = slack_with(report, self.layout);
        let body = serde_json::to_vec(&message).expect("a message is made of strings and booleans");
        let (delivery, ()) = deliver(&self.name, &self.options, || async {
            match self.poster.post(body.clone()).await {
                Ok(response) => verdict(&self.name, &response),
                Err(PostError::NotSent(error)) => Attempt::NotSent(error.into()),
                Err(PostError::Unclear(error)) => Attempt::Failed(Error::Ambiguous {
                    channel: self.name.clone(),
                    answer: None,
                    source: Some(error.into()),
                }),
            }
        })
        .await?;
        Ok(delivery)
    }
}

/// What an answer means.
fn verdict(channel: &str, response: &Response) -> Attempt {
    let channel = channel.to_owned();
    let answer = Answer::new(response.status, &response.body);
    match response.status {
        200..300 => match acknowledgement(&response.body) {
            Some(Ok(())) => Attempt::Delivered(()),
            Some(Err(code)) => Attempt::Failed(Error::Refused {
                channel,
                answer: Answer::new(response.status, &code),
            }),
            None => Attempt::Failed(Error::Ambiguous {
                channel,
                answer: Some(answer),
                source: None,
            }),
        },
        429 => Attempt::RateLimited {
            retry_after: response.retry_after,
        },
        400 | 413 | 422 if !is_refusal(&answer) => {
            Attempt::Failed(Error::InvalidMessage { channel, answer })
        }
        // The server gave up waiting for the request; how much of it was read is not known.
        408 | 500.. => Attempt::Failed(Error::Ambiguous {
            channel,
            answer: Some(answer),
            source: None,
        }),
        _ => Attempt::Failed(Error::Refused { channel, answer }),
    }
}

/// Whether the code speaks of the webhook and not of the message.
fn is_refusal(answer: &Answer) -> bool {
    matches!(
        answer.code.as_deref(),
        Some(
            "invalid_token"
                | "no_service"
                | "no_service_id"
                | "no_active_hooks"
                | "no_team"
                | "team_disabled"
                | "channel_not_found"
                | "channel_is_archived"
                | "user_not_found"
                | "action_prohibited"
                | "posting_to_general_channel_denied"
        )
    )
}

/// Whether a body says that the message was taken, or with which code it was not; None when it says neither.
///
/// Webhooks answer `ok`. The Web API, given by mistake, answers 200 with `{"ok":false,"error":"…"}`; Rocket.Chat's
/// imitation answers `{"success":true}`.
fn acknowledgement(body: &str) -> Option<Result<(), String>> {
    if body.trim() == "ok" {
        return Some(Ok(()));
    }
    let document: serde_json::Value = serde_json::from_str(body).ok()?;
    match document
        .get("ok")
        .or_else(|| document.get("success"))?
        .as_bool()?
    {
        true => Some(Ok(())),
        false => Some(Err(document
            .get("error")
            .and_then(|code| code.as_str())
            .unwrap_or_default()
            .to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::{Loopback, Reply};
    use crate::testing;
    use std::time::Duration;

    const SECRET: &str = "hunter2";

    async fn webhook(replies: Vec<Reply>) -> (Loopback, SlackWebhook) {
        let server = Loopback::start(replies).await;
        let url = format!("{}/services/T0/B0/{SECRET}", server.url())
            .parse()
            .unwrap();
        (server, SlackWebhook::new(url).unwrap())
    }

    async fn send(replies: Vec<Reply>) -> (Loopback, Result<Delivery, Error>) {
        let (server, webhook) = webhook(replies).await;
        let result = webhook.send(&testing::reports()[1]).await;
        if let Err(error) = &result {
            assert!(!format!("{error} {error:?} {:?}", error.hint()).contains(SECRET));
        }
        (server, result)
    }

    #[tokio::test]
    async fn it_obeys_the_contract() {
        let (server, webhook) = webhook(Vec::new()).await;
        testing::delivers_every_report(&webhook, &|| server.requests().len()).await;
    }

    #[tokio::test]
    async fn the_card_is_posted_as_json_to_the_secret_path() {
        let (server, result) = send(vec![Reply::new(200, "ok")]).await;
        assert_eq!(result.unwrap().attempts, 1);
        let request = server.requests().remove(0);
        assert!(
            request
                .head
                .starts_with(&format!("POST /services/T0/B0/{SECRET} HTTP/1.1\r\n")),
            "{}",
            request.head
        );
        assert!(
            request
                .head
                .to_ascii_lowercase()
                .contains("content-type: application/json"),
            "{}",
            request.head
        );
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body,
            serde_json::to_value(crate::slack(&testing::reports()[1])).unwrap()
        );
    }

    #[tokio::test]
    async fn a_rate_limit_is_waited_out_and_the_message_sent_once_more() {
        let limit = || Reply::new(429, "rate_limited").header("Retry-After", "0");
        let (server, result) = send(vec![limit(), limit(), Reply::new(200, "ok")]).await;
        assert_eq!(result.unwrap().attempts, 3);
        assert_eq!(server.requests().len(), 3);
    }

    #[tokio::test]
    async fn a_rate_limit_past_the_budget_is_an_error_at_once() {
        let (server, result) = send(vec![
            Reply::new(429, "rate_limited").header("Retry-After", "3600"),
        ])
        .await;
        let wanted = Duration::from_secs(3600);
        assert!(
            matches!(result, Err(Error::RateLimited { attempts: 1, retry_after: Some(wait), .. }) if wait == wanted)
        );
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_dead_webhook_is_refused_with_its_code_and_a_remedy() {
        for (status, code) in [
            (403, "invalid_token"),
            (404, "no_service"),
            (410, "channel_is_archived"),
            (403, "action_prohibited"),
        ] {
            let (server, result) = send(vec![Reply::new(status, code)]).await;
            let error = result.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("channel `slack` refused the message: status {status}, `{code}`")
            );
            assert!(error.hint().is_some() && error.outcome_known());
            assert_eq!(server.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_malformed_message_is_told_from_a_dead_webhook() {
        for code in [
            "invalid_payload",
            "no_text",
            "too_many_attachments",
            "invalid_blocks",
            "<html>",
        ] {
            let (_, result) = send(vec![Reply::new(400, code)]).await;
            assert!(
                matches!(result, Err(Error::InvalidMessage { .. })),
                "{code}"
            );
        }
        let (_, result) = send(vec![Reply::new(400, "user_not_found")]).await;
        assert!(matches!(result, Err(Error::Refused { .. })));
    }

    #[tokio::test]
    async fn an_unclear_answer_is_never_sent_again() {
        for reply in [
            Reply::new(500, "rollup_error"),
            Reply::new(503, "<html>"),
            Reply::new(200, "<html>Sign in to the proxy</html>"),
            Reply::new(200, ""),
            Reply::cut(),
            Reply::new(200, "ok").cut_in_body(),
        ] {
            let shown = format!("{reply:?}");
            let (server, result) = send(vec![reply]).await;
            let error = result.unwrap_err();
            assert!(
                matches!(error, Error::Ambiguous { .. }),
                "{shown}: {error:?}"
            );
            assert!(!error.outcome_known());
            assert_eq!(server.requests().len(), 1, "{shown}");
        }
    }

    #[tokio::test]
    async fn the_web_api_and_imitations_are_understood() {
        let (_, result) = send(vec![Reply::new(
            200,
            r#"{"ok":false,"error":"not_authed"}"#,
        )])
        .await;
        assert_eq!(
            result.unwrap_err().to_string(),
            "channel `slack` refused the message: status 200, `not_authed`"
        );
        let (_, result) = send(vec![Reply::new(200, r#"{"success":true}"#)]).await;
        assert!(result.is_ok());
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (server, result) =
            send(vec![Reply::new(302, "").header("Location", "/elsewhere")]).await;
        assert!(matches!(
            result,
            Err(Error::Refused {
                answer: Answer { status: 302, .. },
                ..
            })
        ));
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_silent_server_is_given_up_on() {
        let server = Loopback::start(vec![Reply::silence()]).await;
        let url = format!("{}/{SECRET}", server.url()).parse().unwrap();
        let options = DeliveryOptions::default().timeout(Duration::from_millis(200));
        let error = SlackWebhook::with_options("ops", url, options)
            .unwrap()
            .send(&testing::reports()[0])
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Ambiguous {
                    answer: None,
                    source: Some(_),
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn no_failure_shows_the_secret() {
        let endless = |reply: &Reply| vec![reply.clone(); testing::reports().len()];
        for reply in [
            Reply::new(404, "no_service"),
            Reply::new(500, &format!("POST /services/T0/B0/{SECRET} failed")),
            Reply::cut(),
            Reply::new(429, "").header("Retry-After", "3600"),
        ] {
            let (_server, webhook) = webhook(endless(&reply)).await;
            testing::fails_honestly(&webhook, SECRET).await;
        }
        // Nobody listens on the port once the server is gone.
        let (server, _) = webhook(Vec::new()).await;
        let url = format!("{}/{SECRET}", server.url()).parse().unwrap();
        drop(server);
        let options = DeliveryOptions::default().retry_budget(Duration::ZERO);
        let webhook = SlackWebhook::with_options("slack", url, options).unwrap();
        testing::fails_honestly(&webhook, SECRET).await;
        let error = webhook.send(&testing::reports()[0]).await.unwrap_err();
        assert!(
            matches!(error, Error::Unreachable { attempts: 1, .. }),
            "{error:?}"
        );
    }

    #[test]
    fn https_needs_the_feature_tls() {
        let result = SlackWebhook::new("https://hooks.slack.com/services/T0/B0/x".parse().unwrap());
        let built_without_tls = matches!(&result, Err(Error::TlsUnavailable { .. }));
        assert_eq!(built_without_tls, !cfg!(feature = "tls"), "{result:?}");
        if let Err(error) = result {
            assert!(
                error.hint().is_some_and(|hint| hint.contains("`tls`")),
                "{error:?}"
            );
        }
    }
}
