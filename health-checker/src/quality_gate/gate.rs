//! A gate as the server keeps it.

use std::fmt;

use serde::Serialize;

use super::answer::{Comparator, Mode};
use super::name::{ConditionId, MetricKey};
use super::number::Number;
use super::rule::Rule;

/// A condition as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerCondition {
    /// What is measured.
    pub metric: MetricKey,
    /// On which side of the limit it fails.
    pub comparator: Comparator,
    /// The limit.
    pub limit: String,
}

impl ServerCondition {
    /// A condition.
    pub fn new(metric: MetricKey, comparator: Comparator, limit: impl Into<String>) -> Self {
        Self {
            metric,
            comparator,
            limit: limit.into(),
        }
    }

    /// The nearest condition to a rule on a server of this mode.
    pub fn of(rule: &Rule, mode: Mode) -> Self {
        let (comparator, limit) = rule.on_server();
        Self::new(rule.metric(mode).clone(), comparator, limit.to_string())
    }

    /// Whether both say the same, however the limit is written.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same_limit = match (self.limit.parse::<Number>(), other.limit.parse::<Number>()) {
            (Ok(a), Ok(b)) => a == b,
            _ => self.limit == other.limit,
        };
        self.metric == other.metric && self.comparator == other.comparator && same_limit
    }
}

impl fmt::Display for ServerCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.comparator, self.limit)
    }
}

/// A gate on the server and its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateConditions {
    /// Whether it came with the server and cannot be changed.
    pub is_built_in: bool,
    /// Its conditions, with what the server calls them.
    pub conditions: Vec<(ConditionId, ServerCondition)>,
}

impl GateConditions {
    /// A gate of one's own with these conditions.
    pub fn new(conditions: Vec<(ConditionId, ServerCondition)>) -> Self {
        Self {
            is_built_in: false,
            conditions,
        }
    }

    /// Says that it came with the server.
    #[must_use]
    pub fn built_in(mut self) -> Self {
        self.is_built_in = true;
        self
    }
}
