//! Making a quality gate on the server what it should be.

use std::fmt;

use serde::Serialize;
use tokio::time::Instant;

use super::answer::Mode;
use super::error::SonarError;
use super::event::{GateEvent, GateObserver};
use super::gate::{GateConditions, ServerCondition};
use super::name::{ConditionId, GateName, MetricKey, ProjectKey};
use super::patience::{Impatience, Patience};
use super::request::GateOptions;
use super::rule::Rule;
use super::sonar::GateAdmin;

/// How often the gate is read and mended before it is said not to keep what it is given.
const ROUNDS: u32 = 3;

/// What a gate should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnsureRequest {
    gate: GateName,
    rules: Vec<Rule>,
    mode: Option<Mode>,
    projects: Vec<ProjectKey>,
    is_exact: bool,
}

impl EnsureRequest {
    /// Asks for a gate with a condition for each rule.
    pub fn new(gate: GateName, rules: Vec<Rule>) -> Self {
        Self {
            gate,
            rules,
            mode: None,
            projects: Vec::new(),
            is_exact: false,
        }
    }

    /// Says which metrics to use; otherwise the server is asked.
    #[must_use]
    pub fn mode(mut self, mode: Option<Mode>) -> Self {
        self.mode = mode;
        self
    }

    /// Adds a project that must be judged by the gate.
    #[must_use]
    pub fn project(mut self, project: ProjectKey) -> Self {
        self.projects.push(project);
        self
    }

    /// Whether the gate must have no other conditions; otherwise they are left alone.
    #[must_use]
    pub fn exact(mut self, is_exact: bool) -> Self {
        self.is_exact = is_exact;
        self
    }
}

/// One step from what a gate is to what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// The gate is made.
    CreateGate {
        /// Its name.
        gate: GateName,
    },
    /// A condition is added.
    AddCondition {
        /// Which.
        condition: ServerCondition,
    },
    /// A condition gets another limit or comparator.
    UpdateCondition {
        /// What the server calls it.
        id: ConditionId,
        /// What it is.
        from: ServerCondition,
        /// What it becomes.
        to: ServerCondition,
    },
    /// A condition is taken out.
    RemoveCondition {
        /// What the server calls it.
        id: ConditionId,
        /// What it is.
        condition: ServerCondition,
    },
    /// A project is judged by the gate from now on.
    SelectProject {
        /// Which.
        project: ProjectKey,
        /// The gate that it is judged by now.
        from: GateName,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateGate { gate } => write!(f, "create the gate `{gate}`"),
            Self::AddCondition { condition } => write!(f, "add {condition}"),
            Self::UpdateCondition { from, to, .. } => write!(f, "change {from} to {to}"),
            Self::RemoveCondition { condition, .. } => write!(f, "remove {condition}"),
            Self::SelectProject { project, from } => {
                write!(f, "judge project `{project}` by it, not by `{from}`")
            }
        }
    }
}

/// What a gate lacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EnsureReport {
    /// The gate.
    pub gate: GateName,
    /// Which metrics were used.
    pub mode: Mode,
    /// What was changed, or has to be.
    pub changes: Vec<Change>,
    /// Conditions that nobody asked for and that were left alone.
    pub extra: Vec<ServerCondition>,
}

/// Why a gate is not known to be what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnsureError {
    /// There is nothing that the gate should have.
    #[error("no rules were given for the gate `{gate}`")]
    NoRules {
        /// The gate.
        gate: GateName,
    },
    /// Two rules want different conditions for one metric, of which a gate has only one.
    #[error("two rules want different limits for `{metric}`")]
    Conflict {
        /// The metric.
        metric: MetricKey,
    },
    /// The gate came with the server and cannot be changed.
    #[error("the gate `{gate}` is built into the server and cannot be changed")]
    BuiltIn {
        /// The gate.
        gate: GateName,
    },
    /// The server took the changes, and the gate still lacks some.
    #[error("the server took the changes, but the gate `{gate}` still lacks {lacking}")]
    NotKept {
        /// The gate.
        gate: GateName,
        /// The first that it lacks.
        lacking: String,
        /// What was changed before.
        applied: Vec<Change>,
    },
    /// The time was up.
    #[error("the time for the gate `{gate}` was up")]
    TimedOut {
        /// The gate.
        gate: GateName,
        /// What was changed before.
        applied: Vec<Change>,
    },
    /// The server did not tell, or did not take a change.
    #[error("the gate `{gate}` is not known to be what it should be")]
    Server {
        /// The gate.
        gate: GateName,
        /// What was changed before.
        applied: Vec<Change>,
        /// Why.
        #[source]
        source: Box<SonarError>,
    },
}

impl EnsureError {
    /// What was changed before it went wrong.
    pub fn applied(&self) -> &[Change] {
        match self {
            Self::NotKept { applied, .. }
            | Self::TimedOut { applied, .. }
            | Self::Server { applied, .. } => applied,
            Self::NoRules { .. } | Self::Conflict { .. } | Self::BuiltIn { .. } => &[],
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoRules { .. } => "name a preset, or rules such as `coverage > 80`",
            Self::Conflict { .. } => "give one rule for each metric",
            Self::BuiltIn { .. } => "choose another name: the gate is made if there is none",
            Self::NotKept { .. } => "see whether somebody else changes the gate at the same time",
            Self::TimedOut { .. } => {
                "allow more time; what was changed stays, and a second run goes on from there"
            }
            Self::Server { source, .. } => return source.hint(),
        };
        Some(text.to_owned())
    }
}

/// Says what a gate lacks and changes nothing.
///
/// # Errors
/// When the rules contradict each other, the gate cannot be changed although it should be, or the server does not tell.
pub async fn plan_gate(
    server: &dyn GateAdmin,
    request: &EnsureRequest,
    options: &GateOptions,
    observer: &dyn GateObserver,
) -> Result<EnsureReport, EnsureError> {
    Keeper::new(server, request, options, observer).plan().await
}

/// Makes a gate what it should be: it is made if there is none, and conditions are added and changed. A second run finds
/// nothing to do.
///
/// After trouble in the midst of a change the gate is read anew, so that no change is made twice. Dropping the future
/// leaves the gate with the changes made so far.
///
/// # Errors
/// As [`plan_gate`], and when the server does not take or does not keep a change. [`EnsureError::applied`] has what was
/// changed before.
pub async fn ensure_gate(
    server: &dyn GateAdmin,
    request: &EnsureRequest,
    options: &GateOptions,
    observer: &dyn GateObserver,
) -> Result<EnsureReport, EnsureError> {
    Keeper::new(server, request, options, observer)
        .apply()
        .await
}

struct Keeper<'a> {
    server: &'a dyn GateAdmin,
    request: &'a EnsureRequest,
    observer: &'a dyn GateObserver,
    patience: Patience<'a>,
}

impl<'a> Keeper<'a> {
    fn new(
        server: &'a dyn GateAdmin,
        request: &'a EnsureRequest,
        options: &GateOptions,
        observer: &'a dyn GateObserver,
    ) -> Self {
        let about = request.gate.as_str();
        Self {
            server,
            request,
            observer,
            patience: Patience::new(
                about,
                options.timeout,
                options.since,
                options.retry_budget,
                observer,
            ),
        }
    }

    async fn plan(&self) -> Result<EnsureReport, EnsureError> {
        let mode = self.mode().await?;
        let wanted = self.wanted(mode)?;
        self.look(mode, &wanted, &[]).await
    }

    async fn apply(&self) -> Result<EnsureReport, EnsureError> {
        let mode = self.mode().await?;
        let wanted = self.wanted(mode)?;
        let mut applied: Vec<Change> = Vec::new();
        let mut rounds = 0;
        let mut troubles = 0;
        let mut trouble_since = Instant::now();
        loop {
            let found = self.look(mode, &wanted, &applied).await?;
            let Some(first) = found.changes.first() else {
                return Ok(EnsureReport {
                    changes: applied,
                    ..found
                });
            };
            if rounds == ROUNDS {
                return Err(EnsureError::NotKept {
                    gate: self.request.gate.clone(),
                    lacking: format!("`{first}`"),
                    applied,
                });
            }
            match self.make(&found.changes, &mut applied).await {
                Ok(()) => {
                    // A gate that was just made may come with conditions: the next look tells. That one is free.
                    rounds += u32::from(!matches!(first, Change::CreateGate { .. }));
                    troubles = 0;
                }
                Err(error) => {
                    if troubles == 0 {
                        trouble_since = Instant::now();
                    }
                    let borne = self.patience.bear(error, trouble_since, troubles).await;
                    borne.map_err(|impatience| self.failed(impatience, &applied))?;
                    troubles += 1;
                }
            }
        }
    }

    /// Makes changes one by one. After the gate itself was made it stops, so that the gate is looked at first.
    async fn make(&self, changes: &[Change], applied: &mut Vec<Change>) -> Result<(), SonarError> {
        for change in changes {
            let gate = &self.request.gate;
            match change {
                Change::CreateGate { gate } => self.server.create_gate(gate).await?,
                Change::AddCondition { condition } => {
                    self.server.put_condition(gate, None, condition).await?;
                }
                Change::UpdateCondition { id, to, .. } => {
                    self.server.put_condition(gate, Some(id), to).await?;
                }
                Change::RemoveCondition { id, .. } => self.server.remove_condition(id).await?,
                Change::SelectProject { project, .. } => self.server.select(gate, project).await?,
            }
            self.observer.observe(GateEvent::GateChanged {
                gate: gate.clone(),
                change: change.clone(),
            });
            applied.push(change.clone());
            if matches!(change, Change::CreateGate { .. }) {
                break;
            }
        }
        Ok(())
    }

    async fn mode(&self) -> Result<Mode, EnsureError> {
        match self.request.mode {
            Some(mode) => Ok(mode),
            None => self
                .patience
                .ask(|| self.server.mode())
                .await
                .map_err(|impatience| self.failed(impatience, &[])),
        }
    }

    fn wanted(&self, mode: Mode) -> Result<Vec<ServerCondition>, EnsureError> {
        let mut wanted: Vec<ServerCondition> = Vec::new();
        for rule in &self.request.rules {
            let condition = ServerCondition::of(rule, mode);
            match wanted.iter().find(|one| one.metric == condition.metric) {
                None => wanted.push(condition),
                Some(same) if same.is_same(&condition) => {}
                Some(_) => {
                    let metric = condition.metric;
                    return Err(EnsureError::Conflict { metric });
                }
            }
        }
        if wanted.is_empty() {
            let gate = self.request.gate.clone();
            return Err(EnsureError::NoRules { gate });
        }
        Ok(wanted)
    }

    /// What the gate lacks now.
    async fn look(
        &self,
        mode: Mode,
        wanted: &[ServerCondition],
        applied: &[Change],
    ) -> Result<EnsureReport, EnsureError> {
        let gate = &self.request.gate;
        let failed = |impatience| self.failed(impatience, applied);
        let asked = self.patience.ask(|| self.server.gate(gate)).await;
        let present = asked.map_err(failed)?;
        let (mut changes, extra) = difference(self.request, present.as_ref(), wanted);
        if present.is_some_and(|gate| gate.is_built_in) && !changes.is_empty() {
            return Err(EnsureError::BuiltIn { gate: gate.clone() });
        }
        for project in &self.request.projects {
            let asked = self.patience.ask(|| self.server.gate_of(project)).await;
            let from = asked.map_err(failed)?;
            if from != *gate {
                let project = project.clone();
                changes.push(Change::SelectProject { project, from });
            }
        }
        Ok(EnsureReport {
            gate: gate.clone(),
            mode,
            changes,
            extra,
        })
    }

    fn failed(&self, impatience: Impatience, applied: &[Change]) -> EnsureError {
        let (gate, applied) = (self.request.gate.clone(), applied.to_vec());
        match impatience {
            Impatience::Deadline => EnsureError::TimedOut { gate, applied },
            Impatience::Told(source) => EnsureError::Server {
                gate,
                applied,
                source: Box::new(source),
            },
        }
    }
}

/// The changes to a gate's conditions, and the conditions that are left alone.
fn difference(
    request: &EnsureRequest,
    present: Option<&GateConditions>,
    wanted: &[ServerCondition],
) -> (Vec<Change>, Vec<ServerCondition>) {
    let known = present.map_or(&[][..], |gate| &gate.conditions);
    let mut changes = Vec::new();
    if present.is_none() {
        let gate = request.gate.clone();
        changes.push(Change::CreateGate { gate });
    }
    for to in wanted {
        match known.iter().find(|(_, from)| from.metric == to.metric) {
            None => changes.push(Change::AddCondition {
                condition: to.clone(),
            }),
            Some((_, from)) if from.is_same(to) => {}
            Some((id, from)) => changes.push(Change::UpdateCondition {
                id: id.clone(),
                from: from.clone(),
                to: to.clone(),
            }),
        }
    }
    let is_extra = |condition: &ServerCondition| {
        !wanted
            .iter()
            .any(|wanted| wanted.metric == condition.metric)
    };
    let extra = known.iter().filter(|(_, condition)| is_extra(condition));
    if request.is_exact {
        changes.extend(extra.map(|(id, condition)| Change::RemoveCondition {
            id: id.clone(),
            condition: condition.clone(),
        }));
        return (changes, Vec::new());
    }
    (
        changes,
        extra.map(|(_, condition)| condition.clone()).collect(),
    )
}
