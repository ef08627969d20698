//! Taking builds from one environment to the next.

use serde::{Deserialize, Serialize};

use super::{ServiceResult, Severity};
use crate::names::{Commit, Environment};

/// A promotion: builds that run in one environment, taken to another as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Promotion {
    /// Where the builds come from.
    pub from: Environment,
    /// Where they go.
    pub environment: Environment,
    /// How far the promotion got.
    pub status: PromotionStatus,
    /// The commit that is promoted, where all services have the same.
    pub commit: Option<Commit>,
    /// The commit's title, as its author wrote it.
    pub title: Option<String>,
    /// Who asked for it.
    pub author: Option<String>,
    /// Where the commit can be read; only `http` and `https` become links.
    pub url: Option<String>,
    /// The services, in the order they should be named.
    #[serde(default)]
    pub services: Vec<ServiceResult>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// Where the run can be watched; only `http` and `https` become links.
    pub run_url: Option<String>,
}

/// How far a promotion got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PromotionStatus {
    /// It is under way.
    Started,
    /// The builds serve where they were taken to.
    Completed,
    /// At least one does not.
    Failed,
}

impl Promotion {
    /// A promotion from one environment to another; everything else is added by the methods below.
    pub fn new(from: Environment, to: Environment, status: PromotionStatus) -> Self {
        Self {
            from,
            environment: to,
            status,
            commit: None,
            title: None,
            author: None,
            url: None,
            services: Vec::new(),
            seconds: None,
            run_url: None,
        }
    }

    /// Names the commit that is promoted.
    #[must_use]
    pub fn commit(mut self, commit: Commit) -> Self {
        self.commit = Some(commit);
        self
    }

    /// Gives the commit's title; any text will do.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Says who asked for it; any text will do.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// Says where the commit can be read.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Adds a service after those added before.
    #[must_use]
    pub fn service(mut self, service: ServiceResult) -> Self {
        self.services.push(service);
        self
    }

    /// Says how long it took, in seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Says where the run can be watched.
    #[must_use]
    pub fn run_url(mut self, url: impl Into<String>) -> Self {
        self.run_url = Some(url.into());
        self
    }

    /// How urgent it is: as its status says, or as its worst service.
    pub(crate) fn severity(&self) -> Severity {
        let worst = self
            .services
            .iter()
            .map(|service| service.status.severity());
        match self.status {
            PromotionStatus::Started => Severity::Info,
            PromotionStatus::Completed => worst.max().unwrap_or(Severity::Good).max(Severity::Good),
            PromotionStatus::Failed => Severity::Danger,
        }
    }
}

impl PromotionStatus {
    /// The state in words that fit into a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}
