//! Telling people: what a run becomes as a report, and the channels it goes to.

use std::time::Duration;

use change_detect::CommitInfo;
use deploy_notifier::{
    Channel, Deployment, InvalidSecretUrl, Report, SecretUrl, ServiceResult, ServiceStatus,
    SlackWebhook, Webhook, WriterChannel,
};
use windlass_cli::Failure;

use crate::config::Notify;
use crate::event::{Event, Listeners};
use crate::outcome::RunOutcome;
use crate::plan::Plan;
use crate::verdict::Verdict;

/// How long a run that was interrupted waits for its last message.
const LAST_WORD: Duration = Duration::from_secs(3);

/// The channels of a run.
#[derive(Debug)]
pub(crate) struct Notifier {
    channels: Vec<Box<dyn Channel>>,
    /// Tells only the end: its beginning can be seen as it happens.
    console: Option<Box<dyn Channel>>,
}

impl Notifier {
    /// Opens the channels that the configuration names; without any, reports go to stderr.
    pub(crate) fn new(config: &Notify, console: bool) -> Result<Self, Failure> {
        let mut channels: Vec<Box<dyn Channel>> = Vec::new();
        if let Some(slack) = &config.slack {
            let url = secret(&slack.webhook_env, "notify.slack.webhook-env")?;
            let channel = SlackWebhook::new(url)
                .map_err(|error| channel_failure(&slack.webhook_env, &error))?;
            channels.push(Box::new(channel));
        }
        if let Some(webhook) = &config.webhook {
            let url = secret(&webhook.url_env, "notify.webhook.url-env")?;
            let channel = Webhook::new("webhook", url)
                .map_err(|error| channel_failure(&webhook.url_env, &error))?;
            channels.push(Box::new(channel));
        }
        let console: Option<Box<dyn Channel>> = (channels.is_empty() && console)
            .then(|| Box::new(WriterChannel::new("stderr", std::io::stderr())) as Box<dyn Channel>);
        Ok(Self { channels, console })
    }

    /// Tells nobody.
    pub(crate) const fn none() -> Self {
        Self {
            channels: Vec::new(),
            console: None,
        }
    }

    /// Tells that a run begins to change things.
    pub(crate) async fn started(
        &self,
        head: &CommitInfo,
        environment: &str,
        plan: &Plan,
        listeners: &Listeners<'_>,
    ) {
        let services = plan
            .services
            .iter()
            .map(|service| {
                ServiceResult::new(service.module.as_str(), ServiceStatus::Started)
                    .reason(service.why.clone())
            })
            .collect();
        self.send(
            &Report::DeploymentStarted(deployment(head, environment, services)),
            listeners,
        )
        .await;
    }

    /// Tells how the run ended.
    pub(crate) async fn ended(
        &self,
        head: &CommitInfo,
        outcome: &RunOutcome,
        listeners: &Listeners<'_>,
    ) {
        self.send(&report(head, outcome), listeners).await;
    }

    /// Tells that a run was interrupted, as far as that is possible in a moment.
    pub(crate) async fn interrupted(
        &self,
        head: &CommitInfo,
        environment: &str,
        services: &[String],
        listeners: &Listeners<'_>,
    ) {
        let services = services
            .iter()
            .map(|service| ServiceResult::new(service.as_str(), ServiceStatus::Cancelled))
            .collect();
        let report = Report::DeploymentFailed(deployment(head, environment, services));
        let _ = tokio::time::timeout(LAST_WORD, self.send(&report, listeners)).await;
    }

    /// A message that does not arrive is told in the run's own output; it does not change the run's verdict.
    async fn send(&self, report: &Report, listeners: &Listeners<'_>) {
        let starts = matches!(report, Report::DeploymentStarted(_));
        let console = self.console.iter().filter(|_| !starts);
        let channels = self.channels.iter().chain(console);
        for channel in channels {
            let error = channel.send(report).await.err().map(|error| {
                let hint = error
                    .hint()
                    .map(|hint| format!(" ({hint})"))
                    .unwrap_or_default();
                format!("{error}{hint}")
            });
            listeners.tell(&Event::Notified {
                channel: channel.name().to_owned(),
                error,
            });
        }
    }
}

/// The report of an ended run.
pub(crate) fn report(head: &CommitInfo, outcome: &RunOutcome) -> Report {
    let services = outcome
        .services
        .iter()
        .map(|service| {
            let mut result =
                ServiceResult::new(service.plan.module.as_str(), status(service.verdict))
                    .seconds(service.seconds);
            if let Some(reason) = &service.reason {
                result = result.reason(reason.clone());
            }
            if let Some(push) = &service.push {
                result = result.image(push.pinned.to_string());
            }
            result
        })
        .collect();
    let deployment = deployment(head, &outcome.environment, services).seconds(outcome.seconds);
    let verdicts = || outcome.services.iter().map(|service| service.verdict);
    if verdicts().all(Verdict::is_good) {
        Report::DeploymentCompleted(deployment)
    } else if verdicts().any(|verdict| verdict == Verdict::RolledBack)
        && !verdicts().any(|verdict| verdict == Verdict::RollbackFailed)
    {
        Report::RolledBack(deployment)
    } else {
        Report::DeploymentFailed(deployment)
    }
}

fn deployment(head: &CommitInfo, environment: &str, services: Vec<ServiceResult>) -> Deployment {
    let environment = environment
        .parse()
        .expect("the configuration accepts only names that are printable and short");
    let commit = head
        .id
        .as_str()
        .parse()
        .expect("a commit id is one for messages too");
    Deployment::new(environment)
        .commit(commit)
        .title(head.title.clone())
        .author(head.author.clone())
        .services(services)
}

fn status(verdict: Verdict) -> ServiceStatus {
    match verdict {
        Verdict::Deployed => ServiceStatus::Deployed,
        Verdict::Unchanged => ServiceStatus::Unchanged,
        Verdict::NotStarted => ServiceStatus::NotStarted,
        Verdict::Failed => ServiceStatus::Failed,
        Verdict::Unknown => ServiceStatus::Unknown,
        Verdict::RolledBack => ServiceStatus::RolledBack,
        Verdict::RollbackFailed => ServiceStatus::RollbackFailed,
        Verdict::Superseded => ServiceStatus::Superseded,
        Verdict::TimedOut => ServiceStatus::TimedOut,
    }
}

/// Reads a webhook's URL from the environment; its value never gets into a message.
fn secret(variable: &str, key: &str) -> Result<SecretUrl, Failure> {
    let value = std::env::var(variable).ok().filter(|value| !value.trim().is_empty()).ok_or_else(|| {
        Failure::usage(format!("the environment variable `{variable}` is not set"))
            .hint(format!("{key} says that it holds the webhook's URL; set it, or remove the section from windlass.toml"))
    })?;
    value.parse().map_err(|error: InvalidSecretUrl| {
        Failure::usage(format!("`{variable}` does not hold a webhook's URL"))
            .caused_by(&error)
            .hint(error.hint())
    })
}

fn channel_failure(variable: &str, error: &deploy_notifier::Error) -> Failure {
    Failure::usage(format!("the webhook of `{variable}` cannot be used"))
        .caused_by(error)
        .hint(error.hint())
}
