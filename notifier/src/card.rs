//! What a report shows, whatever the medium: the same facts in the same order, still unescaped.

use crate::clean::{duration, one_line};
use crate::names::Commit;
use crate::report::{
    Alarm, AlarmState, Deployment, GateStatus, HealthResults, HealthVerdict, InfrastructureChange,
    Notice, Promotion, PromotionStatus, QualityGate, Report, ServiceResult, Severity,
};

/// The content of one message. All texts are as they came; the renderers clean, cut and escape them.
#[derive(Debug)]
pub(crate) struct Card<'a> {
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) environment: Option<&'a str>,
    /// What it is about: a label such as `Services` and the names.
    pub(crate) subject: (&'static str, Vec<&'a str>),
    /// What to show for the names when there are none; nothing, when none given does not mean that there are none.
    pub(crate) no_names: Option<&'static str>,
    pub(crate) status: String,
    pub(crate) duration: Option<String>,
    /// What only this kind of report knows.
    pub(crate) extra: Vec<(&'static str, &'a str)>,
    pub(crate) commit: Option<CommitLine<'a>>,
    /// What deserves a line of its own, the most urgent first.
    pub(crate) items: Vec<Item<'a>>,
    /// A link with its label.
    pub(crate) link: Option<(&'static str, &'a str)>,
}

/// The commit behind it, as far as it is known; at least one part is.
#[derive(Debug)]
pub(crate) struct CommitLine<'a> {
    pub(crate) commit: Option<&'a Commit>,
    pub(crate) title: Option<&'a str>,
    pub(crate) author: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
}

/// One line about one thing.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) severity: Severity,
    pub(crate) name: &'a str,
    /// In words, such as `rolled back`; empty when there is none.
    pub(crate) status: &'static str,
    pub(crate) detail: Option<String>,
    pub(crate) image: Option<&'a str>,
}

impl<'a> Card<'a> {
    pub(crate) fn new(report: &'a Report) -> Self {
        let (title, severity) = (report.title(), report.severity());
        let mut card = match report {
            Report::DeploymentStarted(deployment) => Self::of_deployment(deployment, "In progress"),
            Report::DeploymentCompleted(deployment) => {
                let status = if severity > Severity::Good {
                    "Completed with problems"
                } else {
                    "Success"
                };
                Self::of_deployment(deployment, status)
            }
            Report::DeploymentFailed(deployment) => Self::of_deployment(deployment, "Failed"),
            Report::RolledBack(deployment) => {
                let status = if severity == Severity::Danger {
                    "Rollback failed"
                } else {
                    "Rolled back"
                };
                Self::of_deployment(deployment, status)
            }
            Report::HealthResults(results) => Self::of_health(results),
            Report::QualityGate(gate) => Self::of_gate(gate),
            Report::InfrastructureChange(change) => Self::of_infrastructure(change),
            Report::Promotion(promotion) => Self::of_promotion(promotion),
            Report::Alarm(alarm) => Self::of_alarm(alarm),
            Report::Notice(notice) => Self::of_notice(notice),
        };
        (card.title, card.severity) = (title, severity);
        // The sort is stable: things of the same urgency stay in the report's order.
        card.items
            .sort_by_key(|item| std::cmp::Reverse(item.severity));
        card
    }

    /// The names that belong behind the title where there is no room for more: those that need someone, where only some
    /// do, or else all.
    pub(crate) fn concerned(&self) -> Vec<&'a str> {
        let wrong = |item: &&Item<'a>| {
            item.severity > Severity::Good && self.subject.1.contains(&item.name)
        };
        let wrong: Vec<_> = self
            .items
            .iter()
            .filter(wrong)
            .map(|item| item.name)
            .collect();
        if wrong.is_empty() {
            self.subject.1.clone()
        } else {
            wrong
        }
    }

    fn bare(subject: (&'static str, Vec<&'a str>), status: impl Into<String>) -> Self {
        Self {
            title: String::new(),
            severity: Severity::Info,
            environment: None,
            subject,
            no_names: Some("none"),
            status: status.into(),
            duration: None,
            extra: Vec::new(),
            commit: None,
            items: Vec::new(),
            link: None,
        }
    }

    fn of_deployment(deployment: &'a Deployment, status: &str) -> Self {
        let names = deployment
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        Self {
            environment: Some(deployment.environment.as_str()),
            duration: deployment.seconds.and_then(duration),
            commit: CommitLine::new(
                deployment.commit.as_ref(),
                deployment.title.as_deref(),
                deployment.author.as_deref(),
                deployment.url.as_deref(),
            ),
            items: service_items(&deployment.services),
            link: deployment.run_url.as_deref().map(|url| ("Run", url)),
            ..Self::bare(("Services", names), status)
        }
    }

    fn of_health(results: &'a HealthResults) -> Self {
        let names = results
            .targets
            .iter()
            .map(|target| target.name.as_str())
            .collect();
        let healthy = results
            .targets
            .iter()
            .filter(|target| target.verdict == HealthVerdict::Healthy)
            .count();
        let items = results
            .targets
            .iter()
            .filter(|target| target.verdict != HealthVerdict::Healthy);
        Self {
            environment: Some(results.environment.as_str()),
            duration: results.seconds.and_then(duration),
            items: items
                .map(|target| Item {
                    severity: target.verdict.severity(),
                    name: &target.name,
                    status: target.verdict.words(),
                    detail: target.reason.clone(),
                    image: None,
                })
                .collect(),
            link: results.run_url.as_deref().map(|url| ("Run", url)),
            ..Self::bare(
                ("Targets", names),
                format!("{healthy} of {} healthy", results.targets.len()),
            )
        }
    }

    fn of_gate(gate: &'a QualityGate) -> Self {
        let status = match gate.status {
            GateStatus::Passed => "Passed",
            GateStatus::Warned => "Passed with warnings",
            GateStatus::Failed => "Failed",
            GateStatus::Unknown => "No answer",
        };
        Self {
            environment: gate
                .environment
                .as_ref()
                .map(|environment| environment.as_str()),
            commit: CommitLine::new(gate.commit.as_ref(), None, None, None),
            items: gate
                .conditions
                .iter()
                .map(|condition| Item {
                    severity: condition.status.severity(),
                    name: &condition.metric,
                    status: condition.status.words(),
                    detail: match (&condition.actual, &condition.threshold) {
                        (Some(actual), Some(threshold)) => {
                            Some(format!("{actual}, wanted {threshold}"))
                        }
                        (Some(actual), None) => Some(actual.clone()),
                        (None, Some(threshold)) => Some(format!("wanted {threshold}")),
                        (None, None) => None,
                    },
                    image: None,
                })
                .collect(),
            link: gate.url.as_deref().map(|url| ("Analysis", url)),
            ..Self::bare(("Project", vec![gate.project.as_str()]), status)
        }
    }

    fn of_promotion(promotion: &'a Promotion) -> Self {
        let names = promotion
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        let status = match promotion.status {
            PromotionStatus::Started => "In progress",
            PromotionStatus::Failed => "Failed",
            PromotionStatus::Completed if promotion.severity() > Severity::Good => {
                "Completed with problems"
            }
            PromotionStatus::Completed => "Success",
        };
        Self {
            environment: Some(promotion.environment.as_str()),
            duration: promotion.seconds.and_then(duration),
            extra: vec![("From", promotion.from.as_str())],
            commit: CommitLine::new(
                promotion.commit.as_ref(),
                promotion.title.as_deref(),
                promotion.author.as_deref(),
                promotion.url.as_deref(),
            ),
            items: service_items(&promotion.services),
            link: promotion.run_url.as_deref().map(|url| ("Run", url)),
            ..Self::bare(("Services", names), status)
        }
    }

    fn of_alarm(alarm: &'a Alarm) -> Self {
        let state = alarm.state.name();
        let status = match alarm.previous {
            Some(previous) if previous != alarm.state => {
                format!("{state}, was {}", previous.name())
            }
            _ => state.to_owned(),
        };
        let extra = [
            ("Watches", &alarm.watches),
            ("Condition", &alarm.condition),
            ("Account", &alarm.account),
            ("Region", &alarm.region),
            ("At", &alarm.at),
        ];
        let item = |name, severity, text: &Option<String>| {
            let text = text.as_deref().filter(|text| !one_line(text).is_empty())?;
            Some(Item {
                severity,
                name,
                status: "",
                detail: Some(text.to_owned()),
                image: None,
            })
        };
        // Why it is well again interests less than what it is that is well.
        let urgent = match alarm.state {
            AlarmState::Ok => Severity::Info,
            AlarmState::Alarm | AlarmState::InsufficientData => alarm.state.severity(),
        };
        let items = [
            item("Why", urgent, &alarm.reason),
            item("What for", Severity::Info, &alarm.description),
        ];
        Self {
            extra: extra
                .into_iter()
                .filter_map(|(label, value)| Some((label, value.as_deref()?)))
                .collect(),
            items: items.into_iter().flatten().collect(),
            link: alarm.url.as_deref().map(|url| ("Open in the console", url)),
            no_names: None,
            ..Self::bare(("", Vec::new()), status)
        }
    }

    fn of_notice(notice: &'a Notice) -> Self {
        let lines = notice
            .text
            .lines()
            .filter(|line| !one_line(line).is_empty());
        let items = lines.map(|line| Item {
            severity: notice.severity,
            name: "",
            status: "",
            detail: Some(line.to_owned()),
            image: None,
        });
        Self {
            extra: notice
                .source
                .iter()
                .map(|source| ("From", source.as_str()))
                .collect(),
            items: items.collect(),
            link: notice.url.as_deref().map(|url| ("More", url)),
            no_names: None,
            ..Self::bare(("", Vec::new()), "")
        }
    }

    fn of_infrastructure(change: &'a InfrastructureChange) -> Self {
        let resources = change.resources.iter().map(String::as_str).collect();
        let counts = format!(
            "{} added, {} changed, {} destroyed",
            change.added, change.changed, change.destroyed
        );
        let status = match change.status.severity() {
            Severity::Info => "Planned",
            Severity::Danger => "Failed",
            Severity::Good | Severity::Warning => "Applied",
        };
        let reason = change.reason.as_ref().map(|reason| Item {
            severity: change.status.severity(),
            name: if change.status.severity() == Severity::Danger {
                "Why"
            } else {
                "What for"
            },
            status: "",
            detail: Some(reason.clone()),
            image: None,
        });
        Self {
            environment: Some(change.environment.as_str()),
            duration: change.seconds.and_then(duration),
            commit: CommitLine::new(change.commit.as_ref(), None, change.author.as_deref(), None),
            items: reason.into_iter().collect(),
            link: change.run_url.as_deref().map(|url| ("Run", url)),
            no_names: None,
            ..Self::bare(("Resources", resources), format!("{status}: {counts}"))
        }
    }
}

/// What went well is named among the services; a line is for what someone has to read.
fn service_items(services: &[ServiceResult]) -> Vec<Item<'_>> {
    let worth = |service: &&ServiceResult| {
        let said = service.reason.as_deref();
        service.status.severity() > Severity::Good
            || said.is_some_and(|why| !one_line(why).is_empty())
    };
    services
        .iter()
        .filter(worth)
        .map(|service| Item {
            severity: service.status.severity(),
            name: &service.name,
            status: service.status.words(),
            detail: service.reason.clone(),
            image: service.image.as_deref(),
        })
        .collect()
}

impl<'a> CommitLine<'a> {
    fn new(
        commit: Option<&'a Commit>,
        title: Option<&'a str>,
        author: Option<&'a str>,
        url: Option<&'a str>,
    ) -> Option<Self> {
        let known = commit.is_some() || title.is_some() || author.is_some();
        known.then_some(Self {
            commit,
            title,
            author,
            url,
        })
    }

    /// The commit and its title on one line, which is what a link to it is called.
    pub(crate) fn label(&self) -> String {
        let title = self.title.map(one_line).unwrap_or_default();
        match (self.commit, title.is_empty()) {
            (Some(commit), false) => format!("{} {title}", commit.short()),
            (Some(commit), true) => commit.short().to_owned(),
            (None, _) => title,
        }
    }
}
