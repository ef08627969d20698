//! From what the server told to a verdict: no questions are asked here.

use super::answer::{Comparator, Condition, GateStatus, Level, Measure, Mode};
use super::name::MetricKey;
use super::number::Number;
use super::report::{
    ConditionRow, ConditionState, Finding, FindingKind, GateVerdict, Gravity, Judge, MeasureSource,
};
use super::request::Policy;
use super::rule::Rule;

/// What the project's present measures were found to be.
#[derive(Debug, Clone, Default)]
pub(super) enum Measures {
    /// Nothing had to be asked.
    #[default]
    NotNeeded,
    /// They are of this analysis.
    Known(Vec<Measure>),
    /// They could not be had; why is told elsewhere.
    Unknown,
}

/// Rows and findings as they add up.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) rows: Vec<ConditionRow>,
    pub(super) findings: Vec<Finding>,
}

/// The verdict that findings add up to.
pub(super) fn verdict(findings: &[Finding]) -> GateVerdict {
    match findings.iter().map(|finding| finding.gravity).min() {
        Some(Gravity::Failure) => GateVerdict::Failed,
        Some(Gravity::Unknown) => GateVerdict::Unknown,
        Some(Gravity::Warning) | None => GateVerdict::Passed,
    }
}

/// The metrics of rules that the gate's own conditions have no measure of.
pub(super) fn lacking(policy: &Policy, gate: &GateStatus, mode: Mode) -> Vec<MetricKey> {
    let mut metrics: Vec<MetricKey> = policy
        .rules
        .iter()
        .map(|rule| rule.metric(mode))
        .filter(|metric| measured_by(gate, metric).is_none())
        .cloned()
        .collect();
    metrics.sort_unstable();
    metrics.dedup();
    metrics
}

fn measured_by<'a>(gate: &'a GateStatus, metric: &MetricKey) -> Option<&'a str> {
    gate.condition(metric)?.actual.as_deref()
}

impl Judgement {
    /// Judges the server's gate and every rule.
    pub(super) fn of(policy: &Policy, gate: &GateStatus, mode: Mode, measures: &Measures) -> Self {
        let mut judgement = Self::default();
        judgement.server(policy, gate);
        for rule in &policy.rules {
            judgement.rule(rule, gate, mode, measures);
        }
        judgement
    }

    fn add(&mut self, gravity: Gravity, kind: FindingKind, message: impl Into<String>) {
        self.findings.push(Finding::new(gravity, kind, message));
    }

    fn server(&mut self, policy: &Policy, gate: &GateStatus) {
        // What the server passed without having looked.
        let unseen = if policy.is_strict {
            Gravity::Failure
        } else {
            Gravity::Warning
        };
        // What cannot be so, or says that nobody looks at all.
        let unfounded = if policy.is_strict {
            Gravity::Failure
        } else {
            Gravity::Unknown
        };
        let mut is_any_red = false;
        for condition in &gate.conditions {
            let row = server_row(condition);
            match row.state {
                ConditionState::Failed => {
                    is_any_red = true;
                    let actual = row.actual.as_deref().unwrap_or("no measure");
                    let message = format!("{} is {actual}, must be {}", row.name, row.required);
                    self.add(Gravity::Failure, FindingKind::ConditionFailed, message);
                }
                ConditionState::Missing => {
                    let message = format!(
                        "{} has no measure, so the server passed `{}` without looking",
                        row.name, row.required
                    );
                    self.add(unseen, FindingKind::MissingMeasure, message);
                }
                ConditionState::Ignored if !gate.has_ignored_conditions => {
                    let actual = row.actual.as_deref().unwrap_or_default();
                    let message = format!(
                        "{} is {actual}, which is not {}, and the server passed it",
                        row.name, row.required
                    );
                    self.add(unfounded, FindingKind::Contradiction, message);
                }
                ConditionState::Unknown if matches!(condition.level, Level::Ok | Level::Warn) => {
                    let message = format!(
                        "{} is `{}` and must be `{}`, which are not both numbers",
                        row.name,
                        row.actual.as_deref().unwrap_or_default(),
                        row.required
                    );
                    self.add(Gravity::Unknown, FindingKind::UnreadableMeasure, message);
                }
                ConditionState::Unknown => {
                    let message = format!(
                        "the server says `{}` of {}, which is no known answer",
                        condition.level, row.name
                    );
                    self.add(Gravity::Unknown, FindingKind::NoClearStatus, message);
                }
                ConditionState::Passed | ConditionState::Ignored => {}
            }
            self.rows.push(row);
        }
        match &gate.level {
            Level::Ok => {}
            Level::Error if is_any_red => {}
            Level::Error => self.add(
                Gravity::Failure,
                FindingKind::GateRed,
                "the server's gate is red, without a condition that is",
            ),
            Level::Warn => self.add(
                unseen,
                FindingKind::NoClearStatus,
                "the server's gate only warns (WARN)",
            ),
            Level::None => self.add(
                unfounded,
                FindingKind::NoClearStatus,
                "the server has no quality gate for this project (NONE)",
            ),
            Level::Other(word) => {
                let message = format!("the server's gate says `{word}`, which is no known answer");
                self.add(Gravity::Unknown, FindingKind::NoClearStatus, message);
            }
        }
        if gate.conditions.is_empty() && gate.level != Level::None {
            self.add(
                unseen,
                FindingKind::NoConditions,
                "the server's gate has no conditions, so everything passes it",
            );
        }
        if gate.has_ignored_conditions {
            self.add(
                unseen,
                FindingKind::IgnoredConditions,
                "the server ignored its conditions on new code, because fewer than 20 lines are new",
            );
        }
    }

    fn rule(&mut self, rule: &Rule, gate: &GateStatus, mode: Mode, measures: &Measures) {
        let metric = rule.metric(mode);
        let found = match (measured_by(gate, metric), measures) {
            (Some(actual), _) => Some((actual, MeasureSource::Gate)),
            (None, Measures::Known(measures)) => measures
                .iter()
                .find(|measure| measure.metric == *metric)
                .map(|measure| (measure.value.as_str(), MeasureSource::Project)),
            (None, _) => None,
        };
        let required = rule.requirement();
        let state = match found.map(|(actual, _)| actual.parse::<Number>()) {
            Some(Ok(number)) if rule.is_kept_by(number) => ConditionState::Passed,
            Some(Ok(_)) => ConditionState::Failed,
            Some(Err(_)) => ConditionState::Unknown,
            None if matches!(measures, Measures::Known(_)) => ConditionState::Missing,
            None => ConditionState::Unknown,
        };
        let name = rule.name();
        let what = match name == metric.as_str() {
            true => name.to_owned(),
            false => format!("{name}: {metric}"),
        };
        let actual = found.map(|(actual, _)| actual.to_owned());
        match (state, &actual) {
            (ConditionState::Failed, Some(actual)) => {
                let message = format!("{what} is {actual}, must be {required}");
                self.add(Gravity::Failure, FindingKind::RuleBroken, message);
            }
            (ConditionState::Unknown, Some(actual)) => {
                let message = format!("{what} is `{actual}`, which is no number");
                self.add(Gravity::Unknown, FindingKind::UnreadableMeasure, message);
            }
            // A rule asks for a measure: none at all does not keep it, however lenient the rest is.
            (ConditionState::Missing, _) => {
                let message = format!("{what} has no measure, must be {required}");
                let hint = "have the analysis measure it (for coverage: hand the scanner a report), or drop the rule; a pull \
                            request is measured on its new code alone";
                let finding = Finding::new(Gravity::Failure, FindingKind::MissingMeasure, message)
                    .hint(hint.to_owned());
                self.findings.push(finding);
            }
            _ => {}
        }
        self.rows.push(ConditionRow {
            name: name.to_owned(),
            metric: metric.clone(),
            judge: Judge::Client,
            required,
            actual,
            source: found.map(|(_, source)| source),
            state,
        });
    }
}

/// Measure and limit of a condition, if both are numbers.
fn measured(condition: &Condition) -> Option<(Number, Number)> {
    let actual = condition.actual.as_deref()?.parse().ok()?;
    Some((actual, condition.limit.parse().ok()?))
}

fn server_row(condition: &Condition) -> ConditionRow {
    let breaks = |(actual, limit): (Number, Number)| match condition.comparator {
        Comparator::Less => actual < limit,
        Comparator::Greater => actual > limit,
    };
    let state = match (&condition.level, measured(condition).map(breaks)) {
        (Level::Error, _) => ConditionState::Failed,
        (Level::Ok | Level::Warn, _) if condition.actual.is_none() => ConditionState::Missing,
        (Level::Ok | Level::Warn, Some(true)) => ConditionState::Ignored,
        (Level::Ok | Level::Warn, Some(false)) => ConditionState::Passed,
        // The server may have judged anything.
        (Level::Ok | Level::Warn, None) => ConditionState::Unknown,
        (Level::None, _) => ConditionState::Missing,
        (Level::Other(_), _) => ConditionState::Unknown,
    };
    let required = match condition.comparator {
        Comparator::Less => format!(">= {}", condition.limit),
        Comparator::Greater => format!("<= {}", condition.limit),
    };
    ConditionRow {
        name: condition.metric.to_string(),
        metric: condition.metric.clone(),
        judge: Judge::Server,
        required,
        actual: condition.actual.clone(),
        source: condition.actual.is_some().then_some(MeasureSource::Gate),
        state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality_gate::rule::Preset;

    fn coverage(level: Level) -> Condition {
        Condition::new(level, "coverage".parse().unwrap(), Comparator::Less, "80")
    }

    fn kinds(policy: &Policy, gate: &GateStatus) -> (GateVerdict, Vec<FindingKind>) {
        let judgement = Judgement::of(policy, gate, Mode::Classic, &Measures::NotNeeded);
        let kinds = judgement.findings.iter().map(|finding| finding.kind);
        (verdict(&judgement.findings), kinds.collect())
    }

    #[test]
    fn what_the_server_passed_without_looking_fails_a_strict_policy_alone() {
        let ok = || coverage(Level::Ok).actual("81");
        let cases = [
            (
                GateStatus::new(Level::Ok, vec![coverage(Level::Ok)]),
                FindingKind::MissingMeasure,
            ),
            (
                GateStatus::new(Level::Ok, vec![ok()]).with_ignored_conditions(),
                FindingKind::IgnoredConditions,
            ),
            (
                GateStatus::new(Level::Ok, vec![]),
                FindingKind::NoConditions,
            ),
            (
                GateStatus::new(Level::None, vec![]),
                FindingKind::NoClearStatus,
            ),
            (
                GateStatus::new(Level::Warn, vec![ok()]),
                FindingKind::NoClearStatus,
            ),
            (
                GateStatus::new(Level::Ok, vec![coverage(Level::Ok).actual("79.95")]),
                FindingKind::Contradiction,
            ),
        ];
        for (gate, kind) in cases {
            let lenient = kinds(&Policy::default(), &gate);
            let is_unfounded = gate.level == Level::None || kind == FindingKind::Contradiction;
            let expected = match is_unfounded {
                true => GateVerdict::Unknown,
                false => GateVerdict::Passed,
            };
            assert_eq!(lenient, (expected, vec![kind]), "{gate:?}");
            let strict = kinds(&Policy::default().strict(true), &gate);
            assert_eq!(strict, (GateVerdict::Failed, vec![kind]), "{gate:?}");
        }
        let good = GateStatus::new(Level::Ok, vec![ok()]);
        let strict = kinds(&Policy::default().strict(true), &good);
        assert_eq!(strict, (GateVerdict::Passed, vec![]));
    }

    #[test]
    fn a_red_gate_fails_and_names_its_conditions() {
        let gate = GateStatus::new(Level::Error, vec![coverage(Level::Error).actual("79.95")]);
        let judgement = Judgement::of(
            &Policy::default(),
            &gate,
            Mode::Classic,
            &Measures::NotNeeded,
        );
        assert_eq!(
            judgement.findings[0].message,
            "coverage is 79.95, must be >= 80"
        );
        let without = GateStatus::new(Level::Error, vec![coverage(Level::Ok).actual("81")]);
        let found = kinds(&Policy::default(), &without);
        assert_eq!(found, (GateVerdict::Failed, vec![FindingKind::GateRed]));
    }

    #[test]
    fn a_failed_condition_in_a_green_gate_fails() {
        let gate = GateStatus::new(Level::Ok, vec![coverage(Level::Error).actual("1")]);
        assert_eq!(kinds(&Policy::default(), &gate).0, GateVerdict::Failed);
    }

    #[test]
    fn words_that_nobody_knows_are_no_pass() {
        let gate = GateStatus::new(Level::Other("FINE".to_owned()), vec![]);
        assert_eq!(kinds(&Policy::default(), &gate).0, GateVerdict::Unknown);
        let odd = coverage(Level::Other("MEH".to_owned())).actual("90");
        let gate = GateStatus::new(Level::Ok, vec![odd]);
        assert_eq!(kinds(&Policy::default(), &gate).0, GateVerdict::Unknown);
    }

    #[test]
    fn a_measure_or_a_limit_that_is_no_number_is_no_pass() {
        for (actual, limit) in [("NaN", "80"), ("79,9", "80"), ("81", ""), ("81", "eighty")] {
            let metric = "coverage".parse().unwrap();
            let condition = Condition::new(Level::Ok, metric, Comparator::Less, limit);
            let gate = GateStatus::new(Level::Ok, vec![condition.actual(actual)]);
            for policy in [Policy::default(), Policy::default().strict(true)] {
                assert_eq!(
                    kinds(&policy, &gate),
                    (GateVerdict::Unknown, vec![FindingKind::UnreadableMeasure]),
                    "{actual} {limit}"
                );
            }
        }
    }

    #[test]
    fn a_rule_is_judged_on_the_gates_measure_or_else_on_the_projects() {
        let policy = Policy::default().preset(Preset::SkillTracker);
        let gate = GateStatus::new(Level::Ok, vec![coverage(Level::Ok).actual("80.0")]);
        let lacking = lacking(&policy, &gate, Mode::Classic);
        assert_eq!(lacking.len(), 4);
        let measure = |metric: &str, value: &str| Measure::new(metric.parse().unwrap(), value);
        let measures = Measures::Known(vec![
            measure("reliability_rating", "3.0"),
            measure("vulnerabilities", "0"),
            measure("sqale_debt_ratio", "bad"),
        ]);
        let judgement = Judgement::of(&policy, &gate, Mode::Classic, &measures);
        let states: Vec<_> = judgement.rows[1..].iter().map(|row| row.state).collect();
        assert_eq!(
            states,
            [
                ConditionState::Failed,
                ConditionState::Passed,
                ConditionState::Passed,
                ConditionState::Unknown,
                ConditionState::Missing,
            ]
        );
        assert_eq!(judgement.rows[1].source, Some(MeasureSource::Gate));
        assert_eq!(judgement.rows[2].source, Some(MeasureSource::Project));
        assert_eq!(
            judgement.findings[0].message,
            "coverage is 80.0, must be > 80"
        );
        assert_eq!(verdict(&judgement.findings), GateVerdict::Failed);
    }
}
