//! A deployment and what became of its services.

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::names::{Commit, Environment};

/// A deployment of some services to one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Deployment {
    /// Where the services run.
    pub environment: Environment,
    /// The commit that was built; absent when a known revision was put back.
    pub commit: Option<Commit>,
    /// The commit's title, as its author wrote it.
    pub title: Option<String>,
    /// Who wrote the commit or asked for the deployment.
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

/// What became of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceResult {
    /// The service as people call it.
    pub name: String,
    /// Where it stands.
    pub status: ServiceStatus,
    /// Why, where there is something to say.
    pub reason: Option<String>,
    /// The image that was to run, as a reference.
    pub image: Option<String>,
    /// How long this service took, in seconds.
    pub seconds: Option<f64>,
}

/// Where a service's deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServiceStatus {
    /// Its rollout is under way.
    Started,
    /// The new build serves.
    Deployed,
    /// It ran the wanted build already.
    Unchanged,
    /// The new build does not serve.
    Failed,
    /// The new build failed and the previous one serves again.
    RolledBack,
    /// The new build failed and the previous one could not be put back.
    RollbackFailed,
    /// A newer deployment took over.
    Superseded,
    /// No verdict within the time allowed.
    TimedOut,
    /// Someone stopped it.
    Cancelled,
    /// Its turn did not come, because an earlier service failed.
    NotStarted,
    /// It cannot be told where it stands.
    Unknown,
}

impl Deployment {
    /// A deployment to an environment; everything else is added by the methods below.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            commit: None,
            title: None,
            author: None,
            url: None,
            services: Vec::new(),
            seconds: None,
            run_url: None,
        }
    }

    /// Names the commit that was built.
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

    /// Gives the author; any text will do.
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

    /// Adds services after those added before.
    #[must_use]
    pub fn services(mut self, services: impl IntoIterator<Item = ServiceResult>) -> Self {
        self.services.extend(services);
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

    /// The severity of the service that is worst off.
    pub(crate) fn worst(&self) -> Severity {
        self.services
            .iter()
            .map(|service| service.status.severity())
            .max()
            .unwrap_or(Severity::Info)
    }
}

impl ServiceResult {
    /// A service and where it stands.
    pub fn new(name: impl Into<String>, status: ServiceStatus) -> Self {
        Self {
            name: name.into(),
            status,
            reason: None,
            image: None,
            seconds: None,
        }
    }

    /// Says why it stands there; any text will do.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Names the image that was to run.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Says how long it took, in seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }
}

impl ServiceStatus {
    /// How urgent a service in this state is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Started => Severity::Info,
            Self::Deployed | Self::Unchanged => Severity::Good,
            Self::RolledBack
            | Self::Superseded
            | Self::TimedOut
            | Self::Cancelled
            | Self::NotStarted
            | Self::Unknown => Severity::Warning,
            Self::Failed | Self::RollbackFailed => Severity::Danger,
        }
    }

    /// The state in words that fit into a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Deployed => "deployed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::RollbackFailed => "rollback failed",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::NotStarted => "not started",
            Self::Unknown => "not known",
        }
    }
}
