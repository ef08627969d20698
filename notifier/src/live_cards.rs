//! Which card in Slack shows which deployment, while it is under way.

use serde::{Deserialize, Serialize};

use crate::report::{PromotionStatus, Report};

/// How many cards are remembered: a run that died never closes its own.
const MOST: usize = 100;

/// The cards of deployments that are under way, so that their end updates the card that told of their beginning.
///
/// It is plain data: a program that starts anew for each report keeps it in a file between them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LiveCards(Vec<LiveCard>);

/// One card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveCard {
    /// The deployment it shows.
    deployment: DeploymentKey,
    /// The conversation's id, as Slack's answer names it.
    pub(crate) channel: String,
    /// The message's id within the conversation.
    pub(crate) ts: String,
}

/// What makes two reports be about the same deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeploymentKey {
    environment: String,
    commit: Option<String>,
    /// Where a promotion comes from.
    from: Option<String>,
}

/// What a report does to the cards.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It begins a card.
    Opens(DeploymentKey),
    /// It ends the card of its deployment, if there is one.
    Closes(DeploymentKey),
    /// It belongs into the thread of the newest card of its environment, if there is one.
    Joins(String),
    /// It stands alone.
    Alone,
}

impl Role {
    pub(crate) fn of(report: &Report) -> Self {
        match report {
            Report::DeploymentStarted(deployment) => Self::Opens(DeploymentKey::new(
                deployment.environment.as_str(),
                deployment.commit.as_ref().map(|commit| commit.as_str()),
                None,
            )),
            Report::DeploymentCompleted(deployment)
            | Report::DeploymentFailed(deployment)
            | Report::RolledBack(deployment) => Self::Closes(DeploymentKey::new(
                deployment.environment.as_str(),
                deployment.commit.as_ref().map(|commit| commit.as_str()),
                None,
            )),
            Report::Promotion(promotion) => {
                let key = DeploymentKey::new(
                    promotion.environment.as_str(),
                    promotion.commit.as_ref().map(|commit| commit.as_str()),
                    Some(promotion.from.as_str()),
                );
                if promotion.status == PromotionStatus::Started {
                    Self::Opens(key)
                } else {
                    Self::Closes(key)
                }
            }
            Report::HealthResults(results) => Self::Joins(results.environment.to_string()),
            Report::QualityGate(gate) => match &gate.environment {
                Some(environment) => Self::Joins(environment.to_string()),
                None => Self::Alone,
            },
            Report::InfrastructureChange(_) | Report::Alarm(_) | Report::Notice(_) => Self::Alone,
        }
    }
}

impl DeploymentKey {
    fn new(environment: &str, commit: Option<&str>, from: Option<&str>) -> Self {
        Self {
            environment: environment.to_owned(),
            commit: commit.map(str::to_owned),
            from: from.map(str::to_owned),
        }
    }
}

impl LiveCards {
    /// How many deployments are under way.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn open(&mut self, deployment: DeploymentKey, channel: String, ts: String) {
        self.close(&deployment);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(LiveCard {
            deployment,
            channel,
            ts,
        });
    }

    pub(crate) fn of(&self, deployment: &DeploymentKey) -> Option<&LiveCard> {
        self.0.iter().find(|card| card.deployment == *deployment)
    }

    pub(crate) fn newest_in(&self, environment: &str) -> Option<&LiveCard> {
        self.0
            .iter()
            .rev()
            .find(|card| card.deployment.environment == environment)
    }

    pub(crate) fn close(&mut self, deployment: &DeploymentKey) {
        self.0.retain(|card| card.deployment != *deployment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(environment: &str, commit: &str) -> DeploymentKey {
        DeploymentKey::new(environment, Some(commit), None)
    }

    #[test]
    fn a_deployment_has_one_card_and_its_environment_the_newest() {
        let mut cards = LiveCards::default();
        for (environment, commit, ts) in [("dev", "a", "1"), ("dev", "b", "2"), ("prod", "a", "3")]
        {
            cards.open(key(environment, commit), "C1".into(), ts.into());
        }
        cards.open(key("dev", "a"), "C1".into(), "4".into());
        assert_eq!(cards.len(), 3);
        assert_eq!(cards.of(&key("dev", "a")).unwrap().ts, "4");
        assert_eq!(cards.newest_in("dev").unwrap().ts, "4");
        cards.close(&key("dev", "a"));
        assert_eq!(cards.newest_in("dev").unwrap().ts, "2");
        let json = serde_json::to_string(&cards).unwrap();
        assert_eq!(serde_json::from_str::<LiveCards>(&json).unwrap(), cards);
    }

    #[test]
    fn cards_of_runs_that_died_do_not_pile_up() {
        let mut cards = LiveCards::default();
        for index in 0..=MOST {
            cards.open(
                key("dev", &index.to_string()),
                "C1".into(),
                index.to_string(),
            );
        }
        assert_eq!(cards.len(), MOST);
        assert_eq!(cards.of(&key("dev", "0")), None);
    }
}
