//! What happened, as plain data.

mod alarm;
mod deployment;
mod health;
mod infrastructure;
mod notice;
mod promotion;
mod quality_gate;

use serde::{Deserialize, Serialize};

use crate::clean::one_line;
use crate::names::Environment;

pub use alarm::{Alarm, AlarmState};
pub use deployment::{Deployment, ServiceResult, ServiceStatus};
pub use health::{HealthResult, HealthResults, HealthVerdict};
pub use infrastructure::{InfrastructureChange, InfrastructureStatus};
pub use notice::Notice;
pub use promotion::{Promotion, PromotionStatus};
pub use quality_gate::{GateCondition, GateStatus, QualityGate};

/// Something that people want to know about.
///
/// As JSON it is one object, its kind under `event`: `{"event":"deployment-started","environment":"dev",…}`. Reading
/// one back refuses unknown fields, so that a misspelt field is an error instead of a message that lacks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Report {
    /// A deployment began; nothing is decided.
    DeploymentStarted(Deployment),
    /// A deployment ended and the new builds serve.
    DeploymentCompleted(Deployment),
    /// A deployment ended and at least one new build does not serve.
    DeploymentFailed(Deployment),
    /// A deployment failed and the previous revisions were put back, as far as the services say.
    RolledBack(Deployment),
    /// Services were probed.
    HealthResults(HealthResults),
    /// A code quality gate answered.
    QualityGate(QualityGate),
    /// Infrastructure was planned, changed, or could not be changed.
    InfrastructureChange(InfrastructureChange),
    /// Builds were taken from one environment to another.
    Promotion(Promotion),
    /// An alarm changed its state.
    Alarm(Alarm),
    /// Words from elsewhere.
    Notice(Notice),
}

/// How much a report asks of its reader. The order is that of urgency.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Something is under way, or worth knowing.
    #[default]
    Info,
    /// It went well.
    Good,
    /// Someone should look, without haste: it was rolled back, or is not known.
    Warning,
    /// It failed.
    Danger,
}

impl Report {
    /// The kind as it stands in JSON under `event`, such as `deployment-started`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DeploymentStarted(_) => "deployment-started",
            Self::DeploymentCompleted(_) => "deployment-completed",
            Self::DeploymentFailed(_) => "deployment-failed",
            Self::RolledBack(_) => "rolled-back",
            Self::HealthResults(_) => "health-results",
            Self::QualityGate(_) => "quality-gate",
            Self::InfrastructureChange(_) => "infrastructure-change",
            Self::Promotion(_) => "promotion",
            Self::Alarm(_) => "alarm",
            Self::Notice(_) => "notice",
        }
    }

    /// The environment the report is about, where it has one.
    pub fn environment(&self) -> Option<&Environment> {
        match self {
            Self::DeploymentStarted(deployment)
            | Self::DeploymentCompleted(deployment)
            | Self::DeploymentFailed(deployment)
            | Self::RolledBack(deployment) => Some(&deployment.environment),
            Self::HealthResults(results) => Some(&results.environment),
            Self::QualityGate(gate) => gate.environment.as_ref(),
            Self::InfrastructureChange(change) => Some(&change.environment),
            Self::Promotion(promotion) => Some(&promotion.environment),
            Self::Alarm(_) | Self::Notice(_) => None,
        }
    }

    /// What happened, in a few words on one line, such as `Deployment to dev failed`. It is not escaped for any medium.
    pub fn title(&self) -> String {
        match self {
            Self::DeploymentStarted(deployment) => {
                format!("Deployment to {} started", deployment.environment)
            }
            Self::DeploymentCompleted(deployment) => {
                let problems = if self.severity() > Severity::Good {
                    " with problems"
                } else {
                    ""
                };
                format!(
                    "Deployment to {} completed{problems}",
                    deployment.environment
                )
            }
            Self::DeploymentFailed(deployment) => {
                format!("Deployment to {} failed", deployment.environment)
            }
            Self::RolledBack(deployment) if self.severity() == Severity::Danger => {
                format!("Rollback in {} failed", deployment.environment)
            }
            Self::RolledBack(deployment) => {
                format!("Deployment to {} rolled back", deployment.environment)
            }
            Self::HealthResults(results) => {
                let verdict = match self.severity() {
                    Severity::Danger => "failed",
                    Severity::Warning => "inconclusive",
                    Severity::Info | Severity::Good => "passed",
                };
                format!("Health checks in {} {verdict}", results.environment)
            }
            Self::QualityGate(gate) => format!("Quality gate {}", gate.status.words()),
            Self::InfrastructureChange(change) => {
                format!(
                    "Infrastructure change in {} {}",
                    change.environment,
                    change.status.words()
                )
            }
            Self::Promotion(promotion) => {
                let completed = promotion.status == PromotionStatus::Completed;
                let problems = if completed && self.severity() > Severity::Good {
                    " with problems"
                } else {
                    ""
                };
                format!(
                    "Promotion from {} to {} {}{problems}",
                    promotion.from,
                    promotion.environment,
                    promotion.status.words()
                )
            }
            Self::Alarm(alarm) => {
                let name = one_line(&alarm.name);
                format!("{}: {name}", alarm.state.name())
            }
            Self::Notice(notice) => match one_line(&notice.title) {
                title if title.is_empty() => "Notice".to_owned(),
                title => title,
            },
        }
    }

    /// How urgent it is. What a report holds can make it worse than its kind says, never better: a completed deployment
    /// with a failed service is [`Severity::Danger`].
    pub fn severity(&self) -> Severity {
        match self {
            Self::DeploymentStarted(_) => Severity::Info,
            Self::DeploymentCompleted(deployment) => Severity::Good.max(deployment.worst()),
            Self::DeploymentFailed(_) => Severity::Danger,
            // A service that was rolled back is the purpose here; only one that could not be is worse.
            Self::RolledBack(deployment) => {
                let stuck = deployment
                    .services
                    .iter()
                    .any(|service| service.status == ServiceStatus::RollbackFailed);
                if stuck {
                    Severity::Danger
                } else {
                    Severity::Warning
                }
            }
            Self::HealthResults(results) => results.worst(),
            Self::QualityGate(gate) => gate.status.severity(),
            Self::InfrastructureChange(change) => change.status.severity(),
            Self::Promotion(promotion) => promotion.severity(),
            Self::Alarm(alarm) => alarm.state.severity(),
            Self::Notice(notice) => notice.severity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn deployment(statuses: &[ServiceStatus]) -> Deployment {
        statuses.iter().enumerate().fold(
            Deployment::new("dev".parse().unwrap()),
            |deployment, (index, status)| {
                deployment.service(ServiceResult::new(format!("service-{index}"), *status))
            },
        )
    }

    #[test]
    fn every_report_survives_a_round_trip_through_json() {
        for report in testing::reports() {
            let json = serde_json::to_value(&report).unwrap();
            assert_eq!(json["event"], report.kind());
            assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
        }
    }

    #[test]
    fn a_report_written_by_hand_needs_only_what_it_knows() {
        let report: Report = serde_json::from_str(
            r#"{"event":"deployment-completed","environment":"dev","services":[{"name":"a","status":"rolled-back"}]}"#,
        )
        .unwrap();
        assert_eq!(
            report,
            Report::DeploymentCompleted(deployment_named("a", ServiceStatus::RolledBack))
        );
    }

    fn deployment_named(name: &str, status: ServiceStatus) -> Deployment {
        Deployment::new("dev".parse().unwrap()).service(ServiceResult::new(name, status))
    }

    #[test]
    fn a_misspelt_field_is_refused_by_name() {
        let error = serde_json::from_str::<Report>(
            r#"{"event":"deployment-started","environment":"dev","commmit":"x"}"#,
        )
        .unwrap_err();
        assert!(error.to_string().contains("commmit"), "{error}");
    }

    #[test]
    fn a_completed_deployment_is_as_bad_as_its_worst_service() {
        use ServiceStatus::{Deployed, Failed, RolledBack, Unchanged};
        let severity = |statuses| Report::DeploymentCompleted(deployment(statuses)).severity();
        assert_eq!(severity(&[]), Severity::Good);
        assert_eq!(severity(&[Deployed, Unchanged]), Severity::Good);
        assert_eq!(severity(&[Deployed, RolledBack]), Severity::Warning);
        assert_eq!(severity(&[Failed, RolledBack]), Severity::Danger);
        assert_eq!(
            Report::DeploymentCompleted(deployment(&[Failed])).title(),
            "Deployment to dev completed with problems"
        );
    }

    #[test]
    fn a_failed_rollback_is_worse_than_a_rollback() {
        let rolled_back = Report::RolledBack(deployment(&[
            ServiceStatus::RolledBack,
            ServiceStatus::Failed,
        ]));
        assert_eq!(rolled_back.severity(), Severity::Warning);
        assert_eq!(rolled_back.title(), "Deployment to dev rolled back");
        let stuck = Report::RolledBack(deployment(&[
            ServiceStatus::RolledBack,
            ServiceStatus::RollbackFailed,
        ]));
        assert_eq!(stuck.severity(), Severity::Danger);
        assert_eq!(stuck.title(), "Rollback in dev failed");
    }
}
