//! The verdicts as cases of a JUnit report: one for each condition, and one for the whole of each service.

use std::time::Duration;

use health_checker::quality_gate::{ConditionRow, ConditionState, GateVerdict, Judge};

use super::outcome::{Document, Service};
use crate::junit::{Case, CaseResult};

pub(super) fn of(document: &Document) -> Vec<Case> {
    document.services.iter().flat_map(service).collect()
}

fn service(service: &Service) -> Vec<Case> {
    let gate = &service.gate;
    let reason = gate.reason();
    let kind = || reason.map_or_else(String::new, |reason| word(&reason.kind));
    let message = || reason.map_or_else(String::new, |reason| reason.message.clone());
    let whole = Case {
        name: format!("{}: verdict", service.name),
        took: Duration::try_from_secs_f64(gate.seconds).unwrap_or_default(),
        result: match gate.verdict {
            GateVerdict::Passed => CaseResult::Passed,
            GateVerdict::Failed => CaseResult::Failed {
                kind: kind(),
                message: message(),
            },
            _ => CaseResult::Errored {
                kind: kind(),
                message: message(),
            },
        },
    };
    let passed = gate.verdict == GateVerdict::Passed;
    let conditions = gate.conditions.iter().map(|row| Case {
        name: format!(
            "{}: {} {} ({})",
            service.name,
            row.name,
            row.required,
            match row.judge {
                Judge::Server => "server",
                _ => "rule",
            }
        ),
        took: Duration::ZERO,
        result: result(row, passed),
    });
    std::iter::once(whole).chain(conditions).collect()
}

/// What nobody looked at is an error, unless the service passed with it.
fn result(row: &ConditionRow, passed: bool) -> CaseResult {
    let kind = row.state.to_string();
    let message = format!(
        "{} is {}, must be {}",
        row.metric,
        row.actual.as_deref().unwrap_or("not measured"),
        row.required
    );
    match row.state {
        ConditionState::Passed => CaseResult::Passed,
        ConditionState::Failed => CaseResult::Failed { kind, message },
        _ if passed => CaseResult::Passed,
        _ => CaseResult::Errored { kind, message },
    }
}

/// The word that JSON has for it.
fn word(kind: &impl serde::Serialize) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
