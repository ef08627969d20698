//! A webhook of the user's own.

use async_trait::async_trait;

use crate::channel::{Channel, Delivery};
use crate::error::{Answer, Error};
use crate::http::{PostError, Poster, Response};
use crate::options::DeliveryOptions;
use crate::report::Report;
use crate::retry::{Attempt, deliver};
use crate::secret_url::SecretUrl;

/// Posts each report as its JSON to a URL: `{"event":"deployment-failed","environment":"dev",…}`.
///
/// Any 2xx acknowledges it. Retries and their limits are those of `SlackWebhook`.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    poster: Poster,
    options: DeliveryOptions,
}

impl Webhook {
    /// A channel with a name for the webhook at `url`.
    ///
    /// # Errors
    /// [`Error::TlsUnavailable`] for an https URL when the feature `tls` is off, [`Error::Client`] when the system has no
    /// usable root certificates.
    pub fn new(name: impl Into<String>, url: SecretUrl) -> Result<Self, Error> {
        Self::with_options(name, url, DeliveryOptions::default())
    }

    /// The same, trying as hard as the options say.
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
        })
    }
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, report: &Report) -> Result<Delivery, Error> {
        let body =
            serde_json::to_vec(report).expect("a report is made of strings, numbers and lists");
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
        200..300 => Attempt::Delivered(()),
        429 => Attempt::RateLimited {
            retry_after: response.retry_after,
        },
        400 | 413 | 415 | 422 => Attempt::Failed(Error::InvalidMessage { channel, answer }),
        408 | 500.. => Attempt::Failed(Error::Ambiguous {
            channel,
            answer: Some(answer),
            source: None,
        }),
        _ => Attempt::Failed(Error::Refused { channel, answer }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::{Loopback, Reply};
    use crate::testing;

    async fn webhook(replies: Vec<Reply>) -> (Loopback, Webhook) {
        let server = Loopback::start(replies).await;
        let url = format!("{}/hunter2", server.url()).parse().unwrap();
        (server, Webhook::new("audit", url).unwrap())
    }

    #[tokio::test]
    async fn it_obeys_the_contract() {
        let (server, channel) = webhook(Vec::new()).await;
        testing::delivers_every_report(&channel, &|| server.requests().len()).await;
        let (_server, channel) =
            webhook(vec![Reply::new(500, "hunter2"); testing::reports().len()]).await;
        testing::fails_honestly(&channel, "hunter2").await;
    }

    #[tokio::test]
    async fn what_is_posted_reads_back_as_the_report() {
        let report = testing::reports().remove(3);
        let (server, channel) = webhook(vec![Reply::new(204, "")]).await;
        channel.send(&report).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<Report>(&server.requests()[0].body).unwrap(),
            report
        );
    }

    #[tokio::test]
    async fn each_answer_ends_as_designed() {
        let mut errors = Vec::new();
        for status in [301, 400, 401, 404, 410, 422, 500, 502] {
            let (server, channel) = webhook(vec![Reply::new(status, "")]).await;
            let error = channel.send(&testing::reports()[0]).await.unwrap_err();
            assert_eq!(server.requests().len(), 1, "{status}");
            errors.push(match error {
                Error::Refused { .. } => "refused",
                Error::InvalidMessage { .. } => "invalid",
                Error::Ambiguous { .. } => "ambiguous",
                _ => "other",
            });
        }
        assert_eq!(
            errors,
            [
                "refused",
                "invalid",
                "refused",
                "refused",
                "refused",
                "invalid",
                "ambiguous",
                "ambiguous"
            ]
        );
    }
}
