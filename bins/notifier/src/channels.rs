//! The channels that the flags name, with their secrets out of the environment.

use std::path::Path;

use deploy_notifier::{
    Channel, DeliveryOptions, Fanout, LiveCards, SecretUrl, SlackApi, SlackConversation,
    SlackToken, SlackWebhook, Webhook, WriterChannel,
};
use std::sync::Arc;
use windlass_cli::{Exit, Failure};

use crate::args::SendArgs;

/// Where a report goes.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) fanout: Fanout,
    /// Each channel's name and what it is, without its secret.
    pub(crate) places: Vec<(String, String)>,
    /// The channel whose cards are kept, for it to be asked afterwards.
    api: Option<Arc<SlackApi>>,
}

impl Channels {
    pub(crate) fn open(args: &SendArgs) -> Result<Self, Failure> {
        let options = DeliveryOptions::default()
            .timeout(args.timeout)
            .retry_budget(args.retry_budget);
        let mut channels = Self {
            fanout: Fanout::new(),
            places: Vec::new(),
            api: None,
        };
        for variable in &args.webhook_env {
            let url = url(variable, "--webhook-env")?;
            let (name, place) = (channels.free_name("slack"), format!("webhook {url}"));
            let channel = SlackWebhook::with_options(&name, url, options.clone())
                .map_err(|error| unusable(variable, &error))?
                .layout(args.layout.into());
            channels.add(name, place, channel);
        }
        if let (Some(variable), Some(text)) = (&args.token_env, &args.channel) {
            let conversation = conversation(text)?;
            let name = channels.free_name("slack");
            let token = secret(variable, "--token-env")?;
            let token: SlackToken =
                token
                    .parse()
                    .map_err(|error: deploy_notifier::InvalidSlackToken| {
                        Failure::usage(format!("`{variable}` does not hold a token of Slack"))
                            .caused_by(&error)
                            .hint(error.hint())
                    })?;
            let place = format!("{conversation}, with the token in `{variable}`");
            let channel = match &args.slack_api {
                None => SlackApi::with_options(&name, &token, conversation, options.clone()),
                Some(text) => {
                    let endpoint: SecretUrl =
                        text.parse()
                            .map_err(|error: deploy_notifier::InvalidSecretUrl| {
                                Failure::usage("--slack-api is no URL of an API").caused_by(&error)
                            })?;
                    SlackApi::at(endpoint, &name, &token, conversation, options.clone())
                }
            };
            let mut channel = channel
                .map_err(|error| unusable(variable, &error))?
                .layout(args.layout.into());
            if let Some(path) = &args.cards {
                channel = channel.resume(read_cards(path)?);
            }
            let channel = Arc::new(channel);
            channels.api = Some(Arc::clone(&channel));
            channels.add(name, place, channel);
        }
        for variable in &args.url_env {
            let url = url(variable, "--url-env")?;
            let (name, place) = (channels.free_name("webhook"), format!("webhook {url}"));
            let channel = Webhook::with_options(&name, url, options.clone())
                .map_err(|error| unusable(variable, &error))?;
            channels.add(name, place, channel);
        }
        if args.stdout {
            let channel = WriterChannel::new("stdout", std::io::stdout());
            channels.add("stdout".to_owned(), "stdout".to_owned(), channel);
        }
        Ok(channels)
    }

    /// Writes down which cards are live, for a later run.
    pub(crate) async fn keep_cards(&self, path: &Path) -> Result<(), Failure> {
        let Some(api) = &self.api else { return Ok(()) };
        let text = serde_json::to_string(&api.cards().await).expect("cards are made of strings");
        let failed = |error: std::io::Error| {
            let message = format!("the cards cannot be kept in `{}`", path.display());
            Failure::new(Exit::Unreachable, message)
                .caused_by(&error)
                .hint("the next report of this deployment will be posted as a card of its own")
        };
        // Whole or not at all: half a file would be a usage error in the next run.
        let file = tempfile::NamedTempFile::new_in(folder(path)).map_err(failed)?;
        std::fs::write(file.path(), text).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn add(&mut self, name: String, place: String, channel: impl Channel + 'static) {
        self.places.push((name, place));
        self.fanout = std::mem::take(&mut self.fanout).channel(channel);
    }

    /// A name that no other channel has, so that each outcome can be told apart.
    fn free_name(&self, base: &str) -> String {
        let taken = |name: &str| self.places.iter().any(|(other, _)| other == name);
        if !taken(base) {
            return base.to_owned();
        }
        (2..)
            .map(|number| format!("{base}-{number}"))
            .find(|name| !taken(name))
            .expect("there are more numbers than channels")
    }
}

/// Whether cards can be kept in the file: what is sent before that turns out to be impossible has no card.
pub(crate) fn can_be_kept(path: &Path) -> Result<(), Failure> {
    match tempfile::NamedTempFile::new_in(folder(path)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::usage(format!(
            "the cards cannot be kept in `{}`",
            path.display()
        ))
        .caused_by(&error)
        .hint("give --cards a file in a folder that exists and may be written")),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn read_cards(path: &Path) -> Result<LiveCards, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(LiveCards::default());
        }
        Err(error) => {
            return Err(
                Failure::usage(format!("cannot read `{}`", path.display())).caused_by(&error)
            );
        }
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("`{}` does not hold cards", path.display()))
            .caused_by(&error)
            .hint("give --cards a file of its own, or delete this one")
    })
}

/// Not left to the command line's parser, which repeats what it refuses: a secret may have been put in its place.
fn conversation(text: &str) -> Result<SlackConversation, Failure> {
    text.parse()
        .map_err(|error: deploy_notifier::InvalidSlackConversation| {
            Failure::usage("--channel was not given a channel of Slack")
                .caused_by(&error)
                .hint(error.hint())
        })
}

fn url(variable: &str, flag: &str) -> Result<SecretUrl, Failure> {
    let value = secret(variable, flag)?;
    value
        .parse()
        .map_err(|error: deploy_notifier::InvalidSecretUrl| {
            Failure::usage(format!("`{variable}` does not hold a webhook's URL"))
                .caused_by(&error)
                .hint(error.hint())
        })
}

/// The value of a variable. Neither the value nor what was given in place of a name gets into a message.
fn secret(variable: &str, flag: &str) -> Result<String, Failure> {
    let is_name = variable
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && variable
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit());
    if !is_name {
        return Err(Failure::usage(format!("{flag} was not given the name of a variable"))
            .hint("put the secret into a variable and give the variable's name: a command line can be seen by others"));
    }
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        Ok(_) => Err(Failure::usage(format!("the variable `{variable}` is empty"))
            .hint("in GitHub Actions a secret is empty where it is not defined, and in runs from forks")),
        Err(_) => Err(Failure::usage(format!("the variable `{variable}` is not set"))
            .hint(format!("{flag} says that it holds the secret; export it, or map it under `env:`"))),
    }
}

fn unusable(variable: &str, error: &deploy_notifier::Error) -> Failure {
    Failure::usage(format!("the channel of `{variable}` cannot be used"))
        .caused_by(error)
        .hint(error.hint())
}
