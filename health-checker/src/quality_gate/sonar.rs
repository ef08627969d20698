//! The SonarQube server as this crate sees it.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::answer::{Analysis, GateStatus, Line, Measure, Mode, Task};
use super::error::SonarError;
use super::gate::{GateConditions, ServerCondition};
use super::name::{AnalysisId, ConditionId, GateName, MetricKey, ProjectKey, TaskId};

/// Reads a SonarQube server.
///
/// The contract:
/// - Each call asks once and never retries: whoever calls decides on [`SonarError::is_transient`].
/// - Nothing is kept from one call to the next, but for what cannot change: the server's version.
/// - What the server does not have is [`SonarError::NotFound`], never an empty answer.
/// - A secret reaches no other origin than the server's own, and no error text.
/// - Dropping a future leaves nothing behind.
#[async_trait]
pub trait Sonar: Debug + Send + Sync {
    /// How far a task is.
    async fn task(&self, task: &TaskId) -> Result<Task, SonarError>;

    /// What the gate says of this very analysis.
    async fn gate_status(&self, analysis: &AnalysisId) -> Result<GateStatus, SonarError>;

    /// The most recent analyses, the latest first; at least the last hundred.
    async fn analyses(
        &self,
        project: &ProjectKey,
        line: &Line,
    ) -> Result<Vec<Analysis>, SonarError>;

    /// Measures as they stand now; a metric without a measure is left out.
    async fn measures(
        &self,
        project: &ProjectKey,
        line: &Line,
        metrics: &[MetricKey],
    ) -> Result<Vec<Measure>, SonarError>;

    /// Which metrics the server counts by. A server that knows no modes is [`Mode::Classic`].
    async fn mode(&self) -> Result<Mode, SonarError>;
}

/// Keeps the quality gates of a SonarQube server.
///
/// The contract is that of [`Sonar`], and:
/// - A call that fails with [`SonarError::Transient`] may have done its work: read before you try again.
/// - Putting a condition twice comes to the same as putting it once, as long as its id is given.
#[async_trait]
pub trait GateAdmin: Sonar {
    /// A gate with its conditions; `None` if the server has none of that name.
    async fn gate(&self, name: &GateName) -> Result<Option<GateConditions>, SonarError>;

    /// Makes a gate. The server may give it conditions of its own.
    async fn create_gate(&self, name: &GateName) -> Result<(), SonarError>;

    /// Adds a condition to a gate, or changes the one with this id.
    async fn put_condition(
        &self,
        gate: &GateName,
        id: Option<&ConditionId>,
        condition: &ServerCondition,
    ) -> Result<(), SonarError>;

    /// Takes a condition out of its gate.
    async fn remove_condition(&self, id: &ConditionId) -> Result<(), SonarError>;

    /// The gate that a project is judged by.
    async fn gate_of(&self, project: &ProjectKey) -> Result<GateName, SonarError>;

    /// Has a project judged by a gate.
    async fn select(&self, gate: &GateName, project: &ProjectKey) -> Result<(), SonarError>;
}

macro_rules! through {
    ($pointer:ident) => {
        #[async_trait]
        impl<S: Sonar + ?Sized> Sonar for $pointer<S> {
            async fn task(&self, task: &TaskId) -> Result<Task, SonarError> {
                (**self).task(task).await
            }

            async fn gate_status(&self, analysis: &AnalysisId) -> Result<GateStatus, SonarError> {
                (**self).gate_status(analysis).await
            }

            async fn analyses(
                &self,
                project: &ProjectKey,
                line: &Line,
            ) -> Result<Vec<Analysis>, SonarError> {
                (**self).analyses(project, line).await
            }

            async fn measures(
                &self,
                project: &ProjectKey,
                line: &Line,
                metrics: &[MetricKey],
            ) -> Result<Vec<Measure>, SonarError> {
                (**self).measures(project, line, metrics).await
            }

            async fn mode(&self) -> Result<Mode, SonarError> {
                (**self).mode().await
            }
        }

        #[async_trait]
        impl<S: GateAdmin + ?Sized> GateAdmin for $pointer<S> {
            async fn gate(&self, name: &GateName) -> Result<Option<GateConditions>, SonarError> {
                (**self).gate(name).await
            }

            async fn create_gate(&self, name: &GateName) -> Result<(), SonarError> {
                (**self).create_gate(name).await
            }

            async fn put_condition(
                &self,
                gate: &GateName,
                id: Option<&ConditionId>,
                condition: &ServerCondition,
            ) -> Result<(), SonarError> {
                (**self).put_condition(gate, id, condition).await
            }

            async fn remove_condition(&self, id: &ConditionId) -> Result<(), SonarError> {
                (**self).remove_condition(id).await
            }

            async fn gate_of(&self, project: &ProjectKey) -> Result<GateName, SonarError> {
                (**self).gate_of(project).await
            }

            async fn select(
                &self,
                gate: &GateName,
                project: &ProjectKey,
            ) -> Result<(), SonarError> {
                (**self).select(gate, project).await
            }
        }
    };
}

through!(Arc);
through!(Box);
