//! Telling people: what a run becomes as a report, and the channels it goes to.

use std::pin::pin;
use std::time::Duration;

use deploy_notifier::{
    Channel, Deployment, Environment, InvalidSecretUrl, Notice, Promotion, PromotionStatus, Report,
    SecretUrl, ServiceResult, ServiceStatus, Severity, SlackWebhook, Webhook, WriterChannel,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use windlass_cli::{Failure, GithubActions};

use crate::config::Notify;
use crate::event::{Event, Listeners};
use crate::outcome::{Commit, Notification, RunOutcome};
use crate::plan::PlannedService;
use crate::verdict::Verdict;

/// How long a run that has ended waits for the message that it begins, and one that was interrupted for its last one.
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

    /// Tells that a command begins to change things. `done` is when it has ended: what then still waits for an answer gets a
    /// moment, and whoever does not want to wait any longer interrupts it.
    pub(crate) async fn started(
        &self,
        announcement: &Announcement<'_>,
        listeners: &Listeners<'_>,
        done: impl Future<Output = ()> + Send,
        interrupted: impl Future<Output = &'static str> + Send,
    ) {
        let report = announcement.report();
        let enough = async {
            done.await;
            tokio::select! {
                () = tokio::time::sleep(LAST_WORD) => too_late(),
                signal = interrupted => unwanted(signal),
            }
        };
        self.send(&report, self.channels.iter(), listeners, enough)
            .await;
    }

    /// Tells how a command ended, and returns who has heard it. One that is in a hurry says it as far as that is possible in a
    /// moment, and whoever does not want to wait for the message any longer interrupts it.
    pub(crate) async fn ended(
        &self,
        outcome: &RunOutcome,
        listeners: &Listeners<'_>,
        in_a_hurry: bool,
        interrupted: impl Future<Output = &'static str> + Send,
    ) -> Vec<Notification> {
        let report = report(outcome);
        // What failed before it began is on stderr already.
        let console = self
            .console
            .iter()
            .filter(|_| !outcome.services.is_empty() && outcome.interrupted.is_none());
        let patience = async {
            if in_a_hurry {
                tokio::time::sleep(LAST_WORD).await;
            } else {
                std::future::pending().await
            }
        };
        let enough = async {
            tokio::select! {
                () = patience => too_late(),
                signal = interrupted => unwanted(signal),
            }
        };
        let channels = self.channels.iter().chain(console);
        self.send(&report, channels, listeners, enough).await
    }

    /// A message that does not arrive is told in the run's own output; it does not change the run's verdict. Those that wait for
    /// their answer when it is `enough` are given up for the reason that it gives.
    async fn send<'a>(
        &self,
        report: &Report,
        channels: impl Iterator<Item = &'a Box<dyn Channel>> + Send,
        listeners: &Listeners<'_>,
        enough: impl Future<Output = String> + Send,
    ) -> Vec<Notification> {
        let channels: Vec<&Box<dyn Channel>> = channels.collect();
        // All at once: one that hangs must not keep the others from being told.
        let mut sending: FuturesUnordered<_> = channels
            .iter()
            .enumerate()
            .map(|(index, channel)| async move { (index, channel.send(report).await) })
            .collect();
        let mut told: Vec<Option<Notification>> = vec![None; channels.len()];
        let tell = |index: usize, error: Option<String>| {
            let channel = channels[index].name().to_owned();
            listeners.tell(&Event::Notified {
                channel: channel.clone(),
                error: error.clone(),
            });
            Some(Notification { channel, error })
        };
        let mut enough = pin!(enough);
        loop {
            tokio::select! {
                biased;
                sent = sending.next() => {
                    let Some((index, sent)) = sent else { break };
                    told[index] = tell(index, sent.err().map(|error| in_a_line(&error)));
                }
                why = &mut enough => {
                    for (index, told) in told.iter_mut().enumerate() {
                        if told.is_none() {
                            *told = tell(index, Some(why.clone()));
                        }
                    }
                    break;
                }
            }
        }
        told.into_iter().flatten().collect()
    }
}

fn too_late() -> String {
    format!("not delivered within {} s", LAST_WORD.as_secs())
}

fn unwanted(signal: &str) -> String {
    format!("not waited for any longer: {signal}")
}

fn in_a_line(error: &deploy_notifier::Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

/// What is about to begin.
#[derive(Debug)]
pub(crate) struct Announcement<'a> {
    pub(crate) environment: &'a str,
    /// Where builds are promoted from.
    pub(crate) from: Option<&'a str>,
    pub(crate) head: Option<&'a Commit>,
    pub(crate) services: Vec<&'a PlannedService>,
}

impl Announcement<'_> {
    fn report(&self) -> Report {
        let services = self.services.iter().map(|service| {
            ServiceResult::new(service.module.as_str(), ServiceStatus::Started)
                .reason(service.why.clone())
        });
        match self.from {
            Some(from) => Report::Promotion(promotion(
                (from, self.environment),
                PromotionStatus::Started,
                self.head,
                services,
            )),
            None => Report::DeploymentStarted(deployment(self.environment, self.head, services)),
        }
    }
}

/// The report of a command that has ended.
pub(crate) fn report(outcome: &RunOutcome) -> Report {
    if outcome.services.is_empty()
        && let Some(error) = &outcome.error
    {
        let title = format!(
            "{} to {} could not begin",
            outcome.command, outcome.environment
        );
        let notice = Notice::new(title, error.clone()).severity(Severity::Danger);
        return Report::Notice(match &outcome.run_url {
            Some(url) => notice.url(url.clone()),
            None => notice,
        });
    }
    let services = outcome.services.iter().map(|service| {
        let mut result = ServiceResult::new(service.plan.module.as_str(), status(service.verdict))
            .seconds(service.seconds);
        if let Some(reason) = &service.reason {
            result = result.reason(reason.clone());
        }
        if let Some(image) = &service.image {
            result = result.image(image.clone());
        }
        result
    });
    let verdicts = || outcome.services.iter().map(|service| service.verdict);
    let good = outcome.error.is_none() && verdicts().all(Verdict::is_good);
    if let Some(from) = &outcome.from {
        let status = if good {
            PromotionStatus::Completed
        } else {
            PromotionStatus::Failed
        };
        let environments = (&**from, &*outcome.environment);
        let promotion = promotion(environments, status, outcome.head.as_ref(), services);
        return Report::Promotion(promotion.seconds(outcome.seconds));
    }
    let deployment =
        deployment(&outcome.environment, outcome.head.as_ref(), services).seconds(outcome.seconds);
    let back = |verdict| matches!(verdict, Verdict::RolledBack | Verdict::Restored);
    if good && !verdicts().any(back) {
        Report::DeploymentCompleted(deployment)
    } else if outcome.error.is_none()
        && verdicts().any(back)
        && !verdicts().any(|verdict| verdict == Verdict::RollbackFailed)
    {
        Report::RolledBack(deployment)
    } else {
        Report::DeploymentFailed(deployment)
    }
}

fn deployment(
    environment: &str,
    head: Option<&Commit>,
    services: impl Iterator<Item = ServiceResult>,
) -> Deployment {
    let mut deployment = Deployment::new(name(environment)).services(services);
    if let Some(head) = head {
        deployment = deployment
            .commit(id(head))
            .title(head.title.clone())
            .author(head.author.clone());
        if let Some(url) = &head.url {
            deployment = deployment.url(url.clone());
        }
    }
    match GithubActions::run_url() {
        Some(url) => deployment.run_url(url),
        None => deployment,
    }
}

fn promotion(
    (from, to): (&str, &str),
    status: PromotionStatus,
    head: Option<&Commit>,
    services: impl Iterator<Item = ServiceResult>,
) -> Promotion {
    let mut promotion = Promotion::new(name(from), name(to), status);
    for service in services {
        promotion = promotion.service(service);
    }
    if let Some(head) = head {
        promotion = promotion.commit(id(head)).title(head.title.clone());
    }
    match GithubActions::run_url() {
        Some(url) => promotion.run_url(url),
        None => promotion,
    }
}

fn name(environment: &str) -> Environment {
    environment
        .parse()
        .expect("the configuration accepts only names that are printable and short")
}

fn id(commit: &Commit) -> deploy_notifier::Commit {
    commit
        .id
        .as_str()
        .parse()
        .expect("a commit id is one for messages too")
}

fn status(verdict: Verdict) -> ServiceStatus {
    match verdict {
        Verdict::Deployed => ServiceStatus::Deployed,
        Verdict::Unchanged => ServiceStatus::Unchanged,
        Verdict::NotStarted => ServiceStatus::NotStarted,
        Verdict::Failed | Verdict::Refused => ServiceStatus::Failed,
        Verdict::Unknown => ServiceStatus::Unknown,
        Verdict::RolledBack | Verdict::Restored => ServiceStatus::RolledBack,
        Verdict::RollbackFailed => ServiceStatus::RollbackFailed,
        Verdict::Superseded => ServiceStatus::Superseded,
        Verdict::TimedOut => ServiceStatus::TimedOut,
        Verdict::Cancelled => ServiceStatus::Cancelled,
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
