//! A SonarQube server over HTTP.

mod send;
#[cfg(all(test, feature = "tls"))]
mod tls;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Method, redirect};
use tokio::sync::OnceCell;

use self::send::{Call, Sender};
use super::answer::{Analysis, GateStatus, Line, Measure, Mode, Task};
use super::error::SonarError;
use super::gate::{GateConditions, ServerCondition};
use super::name::{AnalysisId, ConditionId, GateName, MetricKey, ProjectKey, TaskId};
use super::server::{ServerUrl, ServerVersion, Token};
use super::sonar::{GateAdmin, Sonar};

const BROWSE: &str = "Browse for the project";
const ADMINISTER: &str = "Administer Quality Gates";

/// A SonarQube server, asked over HTTP; from version 8.4 on, in which gates got names instead of numbers.
///
/// The token goes to this server's origin alone: redirects are not followed, and no proxy is used. From server 10.0 on it
/// is sent as a bearer token, before as a user name without password. https needs the feature `tls`; certificates are
/// verified as the platform does.
#[derive(Debug)]
pub struct SonarHttp {
    sender: Sender,
    told: Option<ServerVersion>,
    asked: OnceCell<Option<ServerVersion>>,
}

impl SonarHttp {
    /// How long one try may take unless it is said.
    const TRY_TIMEOUT: Duration = Duration::from_secs(15);

    /// A server and the token it is shown, if any.
    ///
    /// # Errors
    /// When the client cannot be set up, as for https without the feature `tls`.
    pub fn new(server: ServerUrl, token: Option<Token>) -> Result<Self, SonarError> {
        if server.url().scheme() == "https" && !cfg!(feature = "tls") {
            return Err(SonarError::Client {
                server: server.origin(),
                source: "this build has no TLS".into(),
            });
        }
        let client = Client::builder()
            .user_agent(concat!(
                "windlass-health-checker/",
                env!("CARGO_PKG_VERSION")
            ))
            // A redirect must not carry the token elsewhere, nor turn a POST into something else.
            .redirect(redirect::Policy::none())
            // The environment is the binary's to read.
            .no_proxy()
            // Between two looks at a task lie seconds: a connection kept for that long is as likely as not to be dead.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|source| SonarError::Client {
                server: server.origin(),
                source: source.without_url().into(),
            })?;
        Ok(Self {
            sender: Sender {
                client,
                server,
                token,
                timeout: Self::TRY_TIMEOUT,
            },
            told: None,
            asked: OnceCell::new(),
        })
    }

    /// Says which version the server has, as its reports do; otherwise it is asked.
    #[must_use]
    pub fn version(mut self, version: Option<ServerVersion>) -> Self {
        self.told = version;
        self
    }

    /// Sets how long one try may take: 15 s unless it is said.
    #[must_use]
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.sender.timeout = timeout;
        self
    }

    /// The server's version; none if it does not say so in numbers.
    async fn known_version(&self) -> Result<Option<ServerVersion>, SonarError> {
        if let Some(version) = self.told {
            return Ok(Some(version));
        }
        let ask = async || {
            let call = Call::get("api/server/version", "ask for the server's version");
            let text = self.sender.text(&call).await?;
            Ok(text.parse().ok())
        };
        self.asked.get_or_try_init(ask).await.copied()
    }

    async fn send<T: serde::de::DeserializeOwned>(&self, call: Call<'_>) -> Result<T, SonarError> {
        let call = self.authorized(call).await?;
        self.sender.json(&call).await
    }

    async fn post(&self, call: Call<'_>) -> Result<(), SonarError> {
        let call = self.authorized(call).await?;
        self.sender.text(&call).await.map(drop)
    }

    async fn authorized<'a>(&self, call: Call<'a>) -> Result<Call<'a>, SonarError> {
        if self.sender.token.is_none() {
            return Ok(call);
        }
        // A server that does not say its version takes a bearer token or not; the older form all of them take.
        let is_bearer = self.sender.is_cloud()
            || self
                .known_version()
                .await?
                .is_some_and(ServerVersion::takes_bearer);
        Ok(call.authorized(is_bearer))
    }
}

/// A call with the parameters of a line of development.
fn of_line<'a>(call: Call<'a>, line: &'a Line) -> Call<'a> {
    match line {
        Line::Main => call,
        Line::Branch(name) => call.with("branch", name),
        Line::PullRequest(key) => call.with("pullRequest", key),
    }
}

#[async_trait]
impl Sonar for SonarHttp {
    async fn task(&self, task: &TaskId) -> Result<Task, SonarError> {
        let call = Call::get("api/ce/task", format!("ask for task `{task}`"))
            .needing("Execute Analysis for the project")
            .with("id", task.as_str())
            .with("additionalFields", "warnings");
        self.send::<wire::TaskAnswer>(call).await.map(Into::into)
    }

    async fn gate_status(&self, analysis: &AnalysisId) -> Result<GateStatus, SonarError> {
        let doing = format!("ask for the gate's status of analysis `{analysis}`");
        let call = Call::get("api/qualitygates/project_status", doing.clone())
            .needing(BROWSE)
            .with("analysisId", analysis.as_str());
        let answer: wire::StatusAnswer = self.send(call).await?;
        answer.gate_status(&doing)
    }

    async fn analyses(
        &self,
        project: &ProjectKey,
        line: &Line,
    ) -> Result<Vec<Analysis>, SonarError> {
        let doing = format!("ask for the analyses of `{project}`");
        let call = Call::get("api/project_analyses/search", doing)
            .needing(BROWSE)
            .with("project", project.as_str())
            .with("ps", "100");
        let answer: wire::AnalysesAnswer = self.send(of_line(call, line)).await?;
        Ok(answer.analyses())
    }

    async fn measures(
        &self,
        project: &ProjectKey,
        line: &Line,
        metrics: &[MetricKey],
    ) -> Result<Vec<Measure>, SonarError> {
        let keys: Vec<&str> = metrics.iter().map(MetricKey::as_str).collect();
        let keys = keys.join(",");
        let doing = format!("ask for the measures of `{project}`");
        let call = Call::get("api/measures/component", doing)
            .needing(BROWSE)
            .with("component", project.as_str())
            .with("metricKeys", &keys);
        let answer: wire::MeasuresAnswer = self.send(of_line(call, line)).await?;
        Ok(answer.measures())
    }

    async fn mode(&self) -> Result<Mode, SonarError> {
        let version = self.known_version().await?;
        if version.is_some_and(|version| !version.knows_modes()) {
            return Ok(Mode::Classic);
        }
        let call = Call::get("api/v2/clean-code-policy/mode", "ask for the server's mode")
            .needing("to see the server");
        match self.send::<wire::ModeAnswer>(call).await {
            Ok(answer) => Ok(answer.mode()),
            // Servers before 10.8, and the cloud, have no such thing.
            Err(SonarError::NotFound { .. }) => Ok(Mode::Classic),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl GateAdmin for SonarHttp {
    async fn gate(&self, name: &GateName) -> Result<Option<GateConditions>, SonarError> {
        let doing = format!("read the gate `{name}`");
        let call = Call::get("api/qualitygates/show", doing.clone())
            .needing(ADMINISTER)
            .with("name", name.as_str());
        match self.send::<wire::GateAnswer>(call).await {
            Ok(answer) => answer.gate(&doing).map(Some),
            // A 404 without SonarQube's own words may come from something else on the way.
            Err(SonarError::NotFound {
                message: Some(_), ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_gate(&self, name: &GateName) -> Result<(), SonarError> {
        let call = Call::post(
            "api/qualitygates/create",
            format!("create the gate `{name}`"),
        )
        .needing(ADMINISTER)
        .with("name", name.as_str());
        self.post(call).await
    }

    async fn put_condition(
        &self,
        gate: &GateName,
        id: Option<&ConditionId>,
        condition: &ServerCondition,
    ) -> Result<(), SonarError> {
        let doing = format!("put `{condition}` into the gate `{gate}`");
        let call = match id {
            None => Call::post("api/qualitygates/create_condition", doing)
                .with("gateName", gate.as_str()),
            Some(id) => {
                Call::post("api/qualitygates/update_condition", doing).with("id", id.as_str())
            }
        };
        let call = call
            .needing(ADMINISTER)
            .with("metric", condition.metric.as_str())
            .with("op", condition.comparator.as_str())
            .with("error", &condition.limit);
        self.post(call).await
    }

    async fn remove_condition(&self, id: &ConditionId) -> Result<(), SonarError> {
        let doing = format!("remove condition `{id}`");
        let call = Call::post("api/qualitygates/delete_condition", doing)
            .needing(ADMINISTER)
            .with("id", id.as_str());
        self.post(call).await
    }

    async fn gate_of(&self, project: &ProjectKey) -> Result<GateName, SonarError> {
        let doing = format!("ask which gate `{project}` is judged by");
        let call = Call::get("api/qualitygates/get_by_project", doing.clone())
            .needing("Administer for the project")
            .with("project", project.as_str());
        let answer: wire::ProjectGateAnswer = self.send(call).await?;
        answer.gate(&doing)
    }

    async fn select(&self, gate: &GateName, project: &ProjectKey) -> Result<(), SonarError> {
        let doing = format!("have `{project}` judged by the gate `{gate}`");
        let call = Call::post("api/qualitygates/select", doing)
            .needing(ADMINISTER)
            .with("gateName", gate.as_str())
            .with("projectKey", project.as_str());
        self.post(call).await
    }
}

impl Call<'_> {
    fn get(path: &'static str, doing: impl Into<String>) -> Self {
        Self::new(Method::GET, path, doing.into())
    }

    fn post(path: &'static str, doing: impl Into<String>) -> Self {
        Self::new(Method::POST, path, doing.into())
    }
}
