//! What Ctrl-C does: it takes back what was begun, or leaves it to ECS. A second one detaches at once.

use ecs_deployer::{ClusterName, Deployer, Options, RollbackRequest, ServiceName, Verdict};
use futures_util::future::join_all;
use windlass_cli::{Exit, interrupted};

use crate::args::OnInterruptArg;
use crate::outcome::{Entry, Unknown};
use crate::progress::{Begun, Progress};
use crate::run::Session;

/// What is under way when a signal comes.
pub(crate) struct UnderWay<'a> {
    pub(crate) deployer: Deployer<'a>,
    pub(crate) cluster: &'a ClusterName,
    pub(crate) services: Vec<ServiceName>,
    pub(crate) options: &'a Options,
    pub(crate) on_interrupt: OnInterruptArg,
    pub(crate) progress: &'a Progress,
}

impl UnderWay<'_> {
    /// Ends the run as the flag says, and tells what became of each service.
    pub(crate) async fn end(&self, signal: &str, session: &Session<'_>) -> Vec<Entry> {
        let begun = self.progress.begun();
        let open: Vec<(&ServiceName, &Begun)> = begun
            .iter()
            .filter(|(_, begun)| begun.ended.is_none())
            .collect();
        let mut ended = Vec::new();
        if self.on_interrupt == OnInterruptArg::Rollback && !open.is_empty() {
            session.printer.note(&format!(
                "interrupted by {signal}: what was begun is taken back; once more to leave it to ECS"
            ));
            tokio::select! {
                back = self.take_back(&open) => ended = back,
                signal = interrupted() => session.printer.note(&format!("interrupted by {signal} once more")),
            }
        } else {
            session.printer.note(&format!("interrupted by {signal}"));
        }
        self.progress.close();
        self.services
            .iter()
            .map(|service| {
                let back = ended
                    .iter()
                    .position(|entry: &Entry| entry.service() == service);
                match back {
                    Some(at) => ended.remove(at),
                    None => self.left(service, begun.get(service), session),
                }
            })
            .collect()
    }

    async fn take_back(&self, open: &[(&ServiceName, &Begun)]) -> Vec<Entry> {
        let back = open.iter().map(|(service, begun)| async move {
            let request = RollbackRequest::new(self.cluster.clone(), (*service).clone())
                .only(begun.deployment.clone());
            match self
                .deployer
                .rollback(&request, self.options, self.progress)
                .await
            {
                Ok(outcome) => Entry::Ended(Box::new(outcome)),
                Err(error) => {
                    let deployment = Some(begun.deployment.to_string());
                    Entry::unknown((*service).clone(), deployment, &error)
                }
            }
        });
        join_all(back).await
    }

    /// A service that is left as it is.
    fn left(&self, service: &ServiceName, begun: Option<&Begun>, session: &Session<'_>) -> Entry {
        let (verdict, deployment, reason, hint) = match begun {
            None => (
                Verdict::Cancelled.as_str(),
                None,
                format!("{service}: interrupted before it was begun"),
                None,
            ),
            Some(Begun {
                deployment,
                ended: Some((verdict, reason)),
            }) => {
                let reason = reason
                    .clone()
                    .unwrap_or_else(|| format!("{service}: {verdict}"));
                (verdict.as_str(), Some(deployment.to_string()), reason, None)
            }
            Some(Begun {
                deployment,
                ended: None,
            }) => {
                let resume = resume(self.cluster, service, deployment.as_str());
                session.printer.note(&format!(
                    "{service}: ECS goes on with {deployment}; take it up again with: {resume}"
                ));
                (
                    "unknown",
                    Some(deployment.to_string()),
                    format!("{service}: interrupted, ECS goes on with it"),
                    Some(resume),
                )
            }
        };
        Entry::Unknown(Box::new(Unknown {
            service: service.clone(),
            verdict,
            deployment,
            reason,
            hint,
            exit: Exit::Interrupted,
        }))
    }
}

/// The command that takes a deployment up again.
pub(crate) fn resume(cluster: &ClusterName, service: &ServiceName, deployment: &str) -> String {
    format!("ecs-deployer wait --cluster {cluster} --service {service} --deployment {deployment}")
}
