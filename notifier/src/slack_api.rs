//! Slack's Web API: one live card for each deployment.

mod answer;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::Mutex;

use self::answer::{Posted, verdict};
use crate::channel::{Channel, Delivery};
use crate::error::{Answer, Error};
use crate::http::{PostError, Poster};
use crate::live_cards::{LiveCards, Role};
use crate::options::DeliveryOptions;
use crate::report::{Report, Severity};
use crate::retry::{Attempt, deliver};
use crate::secret_url::SecretUrl;
use crate::slack::{SlackLayout, SlackMessage, slack_details, slack_with};
use crate::slack_token::{SlackConversation, SlackToken};

/// Where the methods of Slack's Web API are.
const ENDPOINT: &str = "https://slack.com/api/";

/// Posts reports to a conversation with a bot token, which webhooks cannot do: the card that tells of a deployment's
/// beginning is updated when it ends, and what belongs to the deployment goes into the thread below.
///
/// | report | what happens |
/// |---|---|
/// | a deployment or promotion started | a new card |
/// | it ended | its card is updated; if it did not go well, a reply with all details is shown in the channel too, because an update notifies nobody |
/// | health results, a quality gate | into the thread of the environment's card while its deployment is under way, else a card |
/// | anything else | a card |
///
/// `chat.postMessage` is never repeated when it may have arrived. `chat.update` is, because updating a card twice shows
/// it once. Reports are sent one after the other, so that a card's end cannot overtake its beginning.
///
/// The app needs the scope `chat:write`. Source of the methods: <https://docs.slack.dev/reference/methods/chat.postMessage/>.
#[derive(Debug)]
pub struct SlackApi {
    name: String,
    conversation: SlackConversation,
    poster: Poster,
    options: DeliveryOptions,
    layout: SlackLayout,
    cards: Mutex<LiveCards>,
}

/// The body of `chat.postMessage` and `chat.update`.
#[derive(Serialize)]
struct Body<'a> {
    channel: &'a str,
    #[serde(flatten)]
    message: &'a SlackMessage,
    #[serde(flatten)]
    place: Place<'a>,
}

/// Where in the conversation a message goes.
#[derive(Serialize)]
#[serde(untagged)]
enum Place<'a> {
    /// At its end; links do not unfold into pictures of what they lead to.
    New {
        unfurl_links: bool,
        unfurl_media: bool,
    },
    /// Into the thread of a card.
    Thread {
        thread_ts: &'a str,
        /// Whether the conversation shows it too.
        reply_broadcast: bool,
        unfurl_links: bool,
        unfurl_media: bool,
    },
    /// In place of a card.
    Update { ts: &'a str },
}

impl SlackApi {
    /// A channel named `slack` that posts to `conversation`.
    ///
    /// # Errors
    /// [`Error::TlsUnavailable`] when the feature `tls` is off, [`Error::Client`] when the system has no usable root
    /// certificates.
    pub fn new(token: &SlackToken, conversation: SlackConversation) -> Result<Self, Error> {
        Self::with_options("slack", token, conversation, DeliveryOptions::default())
    }

    /// A channel with a name of its own, trying as hard as the options say.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(
        name: impl Into<String>,
        token: &SlackToken,
        conversation: SlackConversation,
        options: DeliveryOptions,
    ) -> Result<Self, Error> {
        let endpoint = ENDPOINT.parse().expect("it is an https URL");
        Self::at(endpoint, name, token, conversation, options)
    }

    /// The same with the methods at another URL, such as that of GovSlack or of a server for tests.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at(
        endpoint: SecretUrl,
        name: impl Into<String>,
        token: &SlackToken,
        conversation: SlackConversation,
        options: DeliveryOptions,
    ) -> Result<Self, Error> {
        let name = name.into();
        let poster = Poster::new(&name, endpoint, &options)?.bearer(token.bearer());
        Ok(Self {
            name,
            conversation,
            poster,
            options,
            layout: SlackLayout::default(),
            cards: Mutex::default(),
        })
    }

    /// Sets how cards are laid out.
    #[must_use]
    pub fn layout(mut self, layout: SlackLayout) -> Self {
        self.layout = layout;
        self
    }

    /// Takes up cards of deployments that were begun earlier, as [`cards`](Self::cards) told them.
    #[must_use]
    pub fn resume(mut self, cards: LiveCards) -> Self {
        self.cards = Mutex::new(cards);
        self
    }

    /// The cards of deployments that are under way.
    pub async fn cards(&self) -> LiveCards {
        self.cards.lock().await.clone()
    }

    /// Posts a message, once unless it certainly did not arrive.
    async fn post(
        &self,
        channel: &str,
        message: &SlackMessage,
        place: Place<'_>,
    ) -> Result<(Delivery, Posted), Error> {
        let body = Body {
            channel,
            message,
            place,
        };
        self.call("chat.postMessage", &body, false).await
    }

    /// A new message at the end of the conversation.
    async fn card(&self, message: &SlackMessage) -> Result<(Delivery, Posted), Error> {
        let place = Place::New {
            unfurl_links: false,
            unfurl_media: false,
        };
        self.post(self.conversation.as_str(), message, place).await
    }

    async fn call(
        &self,
        method: &str,
        body: &Body<'_>,
        repeatable: bool,
    ) -> Result<(Delivery, Posted), Error> {
        let body = serde_json::to_vec(body).expect("a message is made of strings and booleans");
        deliver(&self.name, &self.options, || async {
            let attempt = match self.poster.call(method, body.clone()).await {
                Ok(response) => verdict(&self.name, &response),
                Err(PostError::NotSent(error)) => Attempt::NotSent(error.into()),
                Err(PostError::Unclear(error)) => Attempt::Failed(Error::Ambiguous {
                    channel: self.name.clone(),
                    answer: None,
                    source: Some(error.into()),
                }),
            };
            match attempt {
                Attempt::Failed(error @ Error::Ambiguous { .. }) if repeatable => {
                    Attempt::Repeatable(error)
                }
                other => other,
            }
        })
        .await
    }

    /// Updates the card of an ended deployment; None when that card is gone or may not be changed any more.
    async fn update(
        &self,
        channel: &str,
        ts: &str,
        message: &SlackMessage,
    ) -> Result<Option<Delivery>, Error> {
        let body = Body {
            channel,
            message,
            place: Place::Update { ts },
        };
        match self.call("chat.update", &body, true).await {
            Ok((delivery, _)) => Ok(Some(delivery)),
            Err(Error::Refused { answer, .. }) if cannot_be_updated(&answer) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replies below a card with all there is to say, for everybody in the channel to see.
    async fn reply(
        &self,
        channel: &str,
        ts: &str,
        message: &SlackMessage,
        broadcast: bool,
    ) -> Result<Delivery, Error> {
        let place = Place::Thread {
            thread_ts: ts,
            reply_broadcast: broadcast,
            unfurl_links: false,
            unfurl_media: false,
        };
        Ok(self.post(channel, message, place).await?.0)
    }
}

#[async_trait]
impl Channel for SlackApi {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        let mut cards = self.cards.lock().await;
        let message = slack_with(report, self.layout);
        match Role::of(report) {
            Role::Alone => Ok(self.card(&message).await?.0),
            Role::Joins(environment) => match cards.newest_in(&environment) {
                Some(card) => {
                    let broadcast = report.severity() > Severity::Good;
                    match self
                        .reply(&card.channel, &card.ts, &message, broadcast)
                        .await
                    {
                        Err(Error::Refused { answer, .. }) if has_no_thread(&answer) => {
                            Ok(self.card(&message).await?.0)
                        }
                        result => result,
                    }
                }
                None => Ok(self.card(&message).await?.0),
            },
            Role::Opens(deployment) => {
                let (delivery, posted) = self.card(&message).await?;
                cards.open(deployment, posted.channel, posted.ts);
                Ok(delivery)
            }
            Role::Closes(deployment) => {
                let Some(card) = cards.of(&deployment).cloned() else {
                    return Ok(self.card(&message).await?.0);
                };
                let updated = self.update(&card.channel, &card.ts, &message).await?;
                cards.close(&deployment);
                let Some(delivery) = updated else {
                    return Ok(self.card(&message).await?.0);
                };
                if report.severity() <= Severity::Good {
                    return Ok(delivery);
                }
                let details = slack_details(report).unwrap_or(message);
                let reply = self.reply(&card.channel, &card.ts, &details, true).await;
                match reply {
                    Ok(reply) => Ok(Delivery::new(
                        delivery.attempts,
                        delivery.seconds + reply.seconds,
                    )),
                    Err(source) => Err(Error::Details {
                        channel: self.name.clone(),
                        source: Box::new(source),
                    }),
                }
            }
        }
    }
}

/// Whether it is the thread that refuses: someone deleted the card.
fn has_no_thread(answer: &Answer) -> bool {
    matches!(
        answer.code.as_deref(),
        Some("thread_not_found" | "message_not_found" | "cannot_reply_to_message")
    )
}

/// Whether the card is what refuses, and not the conversation.
/// Source of the codes: <https://docs.slack.dev/reference/methods/chat.update/>.
fn cannot_be_updated(answer: &Answer) -> bool {
    matches!(
        answer.code.as_deref(),
        Some("message_not_found" | "cant_update_message" | "edit_window_closed")
    )
}
