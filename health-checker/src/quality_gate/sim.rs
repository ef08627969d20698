//! A simulated SonarQube server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::answer::{Analysis, Comparator, GateStatus, Line, Measure, Mode, Task, TaskStatus};
use super::error::SonarError;
use super::gate::{GateConditions, ServerCondition};
use super::name::{AnalysisId, ConditionId, GateName, MetricKey, ProjectKey, TaskId};
use super::sonar::{GateAdmin, Sonar};

/// A SonarQube server in memory: tasks that go from pending over in progress to their end, one step each time they are
/// looked at; analyses with their gate status; the present measures of projects; gates and which project is judged by
/// which. It can be told to fail as a server does.
#[derive(Debug)]
pub struct SimSonar {
    state: Mutex<State>,
}

/// A way in which a server fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimFault {
    /// It, or what stands before it, answers 502, 503 or 504.
    Unavailable(u16),
    /// It answers 429 and asks to wait.
    RateLimited(Duration),
    /// It resets the connection.
    Reset,
    /// A write is done, and its answer is lost.
    LostAnswer,
    /// It does not know the token.
    Unauthorized,
    /// It does not allow it.
    Forbidden,
    /// It answers a bare 404.
    Bare404,
}

#[derive(Debug, Default)]
struct State {
    mode: Option<Mode>,
    tasks: BTreeMap<TaskId, VecDeque<Task>>,
    gates_of_analyses: BTreeMap<AnalysisId, GateStatus>,
    analyses: BTreeMap<(ProjectKey, Line), Vec<Analysis>>,
    measures: BTreeMap<(ProjectKey, Line), Vec<Measure>>,
    gates: BTreeMap<GateName, GateConditions>,
    chosen: BTreeMap<ProjectKey, GateName>,
    next_id: u32,
    faults: VecDeque<Option<SimFault>>,
    asked: Vec<String>,
    is_forgetful: bool,
}

impl Default for SimSonar {
    fn default() -> Self {
        Self::new()
    }
}

impl SimSonar {
    /// A server with nothing on it but the built-in gate `Sonar way`.
    pub fn new() -> Self {
        let sonar = Self {
            state: Mutex::default(),
        };
        let condition = ServerCondition::new(
            "new_violations".parse().expect("it is one word"),
            Comparator::Greater,
            "0",
        );
        let id = "1".parse().expect("it is one word");
        let gate = GateConditions::new(vec![(id, condition)]).built_in();
        sonar.state().gates.insert(Self::built_in(), gate);
        sonar.state().next_id = 1;
        sonar
    }

    fn built_in() -> GateName {
        "Sonar way".parse().expect("it is one line")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the server's mode; without it, it knows none.
    pub fn set_mode(&self, mode: Mode) {
        self.state().mode = Some(mode);
    }

    /// Adds a task that shows these states one after the other, each time it is looked at, and stays at the last.
    pub fn add_task(&self, id: TaskId, steps: impl IntoIterator<Item = Task>) {
        self.state().tasks.insert(id, steps.into_iter().collect());
    }

    /// Adds an analysis, which becomes the latest of its line, with what the gate says of it.
    pub fn add_analysis(
        &self,
        project: ProjectKey,
        line: Line,
        analysis: Analysis,
        gate: GateStatus,
    ) {
        let mut state = self.state();
        state.gates_of_analyses.insert(analysis.id.clone(), gate);
        let analyses = state.analyses.entry((project, line)).or_default();
        analyses.insert(0, analysis);
    }

    /// Adds a whole analysis of the main branch: a task that is pending, in progress and done, and what the gate says.
    pub fn add_success(
        &self,
        project: &ProjectKey,
        task: &TaskId,
        analysis: Analysis,
        gate: GateStatus,
    ) {
        let step = |status| Task::new(status).project(project.clone());
        self.add_task(
            task.clone(),
            [
                step(TaskStatus::Pending),
                step(TaskStatus::InProgress),
                step(TaskStatus::Success).analysis(analysis.id.clone()),
            ],
        );
        self.add_analysis(project.clone(), Line::Main, analysis, gate);
    }

    /// Sets the present measures of a project.
    pub fn set_measures(&self, project: ProjectKey, line: Line, measures: Vec<Measure>) {
        self.state().measures.insert((project, line), measures);
    }

    /// Adds a gate, or replaces the one of that name.
    pub fn set_gate(&self, name: GateName, gate: GateConditions) {
        self.state().gates.insert(name, gate);
    }

    /// The conditions of a gate as they are now.
    pub fn conditions(&self, name: &GateName) -> Option<Vec<ServerCondition>> {
        let state = self.state();
        let gate = state.gates.get(name)?;
        Some(gate.conditions.iter().map(|(_, one)| one.clone()).collect())
    }

    /// The gate that has this condition.
    #[cfg(all(feature = "http", any(test, feature = "testing")))]
    pub(super) fn gate_with(&self, id: &ConditionId) -> Option<GateName> {
        let state = self.state();
        let has = |gate: &GateConditions| gate.conditions.iter().any(|(known, _)| known == id);
        let found = state.gates.iter().find(|(_, gate)| has(gate));
        found.map(|(name, _)| name.clone())
    }

    /// The next calls fail like this, one each, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = SimFault>) {
        self.state().faults.extend(faults.into_iter().map(Some));
    }

    /// After as many good calls one fails like this.
    pub fn fail_after(&self, calls: usize, fault: SimFault) {
        let mut state = self.state();
        state.faults.extend(std::iter::repeat_n(None, calls));
        state.faults.push_back(Some(fault));
    }

    /// From now on conditions are taken and not kept.
    pub fn forget_conditions(&self) {
        self.state().is_forgetful = true;
    }

    /// Everything that was asked so far, a line each: `task AY0`.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// Notes a call and fails it if it is its turn. `true` says that the work is done although the call fails.
    fn call(&self, asked: String) -> Result<(), (SonarError, bool)> {
        let mut state = self.state();
        state.asked.push(asked.clone());
        let doing = format!("ask for {asked}");
        let transient = |doing, reason: String, retry_after| SonarError::Transient {
            doing,
            reason,
            retry_after,
            source: None,
        };
        let Some(fault) = state.faults.pop_front().flatten() else {
            return Ok(());
        };
        let is_done = fault == SimFault::LostAnswer;
        let error = match fault {
            SimFault::Unavailable(status) => {
                transient(doing, format!("the server answers {status}"), None)
            }
            SimFault::RateLimited(wait) => {
                transient(doing, "the server answers 429".to_owned(), Some(wait))
            }
            SimFault::Reset | SimFault::LostAnswer => {
                transient(doing, "the connection was reset".to_owned(), None)
            }
            SimFault::Unauthorized => SonarError::Unauthorized {
                doing,
                has_token: true,
            },
            SimFault::Forbidden => SonarError::Forbidden {
                doing,
                permission: "Browse for the project",
                message: Some("Insufficient privileges".to_owned()),
            },
            SimFault::Bare404 => SonarError::NotFound {
                doing,
                message: None,
            },
        };
        Err((error, is_done))
    }

    fn read(&self, asked: String) -> Result<MutexGuard<'_, State>, SonarError> {
        self.call(asked).map_err(|(error, _)| error)?;
        Ok(self.state())
    }

    fn write(
        &self,
        asked: String,
        work: impl FnOnce(&mut State) -> Result<(), SonarError>,
    ) -> Result<(), SonarError> {
        match self.call(asked) {
            Ok(()) => work(&mut self.state()),
            Err((error, is_done)) => {
                if is_done {
                    work(&mut self.state())?;
                }
                Err(error)
            }
        }
    }
}

fn missing(doing: String, message: String) -> SonarError {
    SonarError::NotFound {
        doing,
        message: Some(message),
    }
}

fn no_gate(gate: &GateName) -> SonarError {
    missing(
        format!("change the gate `{gate}`"),
        format!("No quality gate has been found for name {gate}"),
    )
}

fn refused(doing: String, message: &str) -> SonarError {
    SonarError::Refused {
        doing,
        status: 400,
        message: Some(message.to_owned()),
    }
}

#[async_trait]
impl Sonar for SimSonar {
    async fn task(&self, task: &TaskId) -> Result<Task, SonarError> {
        let mut state = self.read(format!("task {task}"))?;
        let steps = state.tasks.get_mut(task);
        let step = steps.and_then(|steps| match steps.len() {
            0 | 1 => steps.front().cloned(),
            _ => steps.pop_front(),
        });
        step.ok_or_else(|| {
            missing(
                format!("ask for task `{task}`"),
                format!("No activity found for task '{task}'"),
            )
        })
    }

    async fn gate_status(&self, analysis: &AnalysisId) -> Result<GateStatus, SonarError> {
        let state = self.read(format!("gate of {analysis}"))?;
        let gate = state.gates_of_analyses.get(analysis).cloned();
        gate.ok_or_else(|| {
            missing(
                format!("ask for the gate's status of analysis `{analysis}`"),
                format!("Analysis with id '{analysis}' is not found"),
            )
        })
    }

    async fn analyses(
        &self,
        project: &ProjectKey,
        line: &Line,
    ) -> Result<Vec<Analysis>, SonarError> {
        let state = self.read(format!("analyses of {project}"))?;
        let analyses = state.analyses.get(&(project.clone(), line.clone()));
        analyses.cloned().ok_or_else(|| {
            missing(
                format!("ask for the analyses of `{project}`"),
                format!("Component key '{project}' not found"),
            )
        })
    }

    async fn measures(
        &self,
        project: &ProjectKey,
        line: &Line,
        metrics: &[MetricKey],
    ) -> Result<Vec<Measure>, SonarError> {
        let state = self.read(format!("measures of {project}"))?;
        let key = (project.clone(), line.clone());
        if !state.analyses.contains_key(&key) {
            return Err(missing(
                format!("ask for the measures of `{project}`"),
                format!("Component key '{project}' not found"),
            ));
        }
        let measures = state.measures.get(&key).cloned().unwrap_or_default();
        let wanted = |measure: &Measure| metrics.contains(&measure.metric);
        Ok(measures.into_iter().filter(wanted).collect())
    }

    async fn mode(&self) -> Result<Mode, SonarError> {
        let state = self.read("mode".to_owned())?;
        Ok(state.mode.unwrap_or(Mode::Classic))
    }
}

#[async_trait]
impl GateAdmin for SimSonar {
    async fn gate(&self, name: &GateName) -> Result<Option<GateConditions>, SonarError> {
        Ok(self.read(format!("gate {name}"))?.gates.get(name).cloned())
    }

    async fn create_gate(&self, name: &GateName) -> Result<(), SonarError> {
        self.write(format!("create gate {name}"), |state| {
            if state.gates.contains_key(name) {
                let doing = format!("create the gate `{name}`");
                return Err(refused(doing, "Name has already been taken"));
            }
            // As the server does since 10.0: a new gate begins with a condition on new code.
            let condition = ServerCondition::new(
                "new_violations".parse().expect("it is one word"),
                Comparator::Greater,
                "0",
            );
            let id = state.id();
            let gate = GateConditions::new(vec![(id, condition)]);
            state.gates.insert(name.clone(), gate);
            Ok(())
        })
    }

    async fn put_condition(
        &self,
        gate: &GateName,
        id: Option<&ConditionId>,
        condition: &ServerCondition,
    ) -> Result<(), SonarError> {
        self.write(format!("put {condition} into {gate}"), |state| {
            let fresh = state.id();
            let is_forgetful = state.is_forgetful;
            let found = state.gates.get_mut(gate).ok_or_else(|| no_gate(gate))?;
            if found.is_built_in {
                let doing = format!("change the gate `{gate}`");
                return Err(refused(
                    doing,
                    "Operation forbidden for built-in Quality Gate",
                ));
            }
            if is_forgetful {
                return Ok(());
            }
            let conditions = &mut found.conditions;
            match id {
                Some(id) => match conditions.iter_mut().find(|(known, _)| known == id) {
                    Some((_, known)) => known.clone_from(condition),
                    None => {
                        let message = format!("No quality gate condition with uuid '{id}'");
                        return Err(missing(format!("change condition `{id}`"), message));
                    }
                },
                None if conditions
                    .iter()
                    .any(|(_, one)| one.metric == condition.metric) =>
                {
                    let message =
                        format!("Condition on metric '{}' already exists.", condition.metric);
                    return Err(refused(format!("add {condition}"), &message));
                }
                None => conditions.push((fresh, condition.clone())),
            }
            Ok(())
        })
    }

    async fn remove_condition(&self, id: &ConditionId) -> Result<(), SonarError> {
        self.write(format!("remove condition {id}"), |state| {
            for gate in state.gates.values_mut() {
                let before = gate.conditions.len();
                gate.conditions.retain(|(known, _)| known != id);
                if gate.conditions.len() < before {
                    return Ok(());
                }
            }
            Err(missing(
                format!("remove condition `{id}`"),
                format!("No quality gate condition with uuid '{id}'"),
            ))
        })
    }

    async fn gate_of(&self, project: &ProjectKey) -> Result<GateName, SonarError> {
        let state = self.read(format!("gate of project {project}"))?;
        let chosen = state.chosen.get(project).cloned();
        Ok(chosen.unwrap_or_else(Self::built_in))
    }

    async fn select(&self, gate: &GateName, project: &ProjectKey) -> Result<(), SonarError> {
        self.write(format!("select {gate} for {project}"), |state| {
            if !state.gates.contains_key(gate) {
                return Err(no_gate(gate));
            }
            state.chosen.insert(project.clone(), gate.clone());
            Ok(())
        })
    }
}

impl State {
    fn id(&mut self) -> ConditionId {
        self.next_id += 1;
        let id = self.next_id.to_string();
        id.parse().expect("it is a number")
    }
}
