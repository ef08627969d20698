//! Rules that are judged here and not only on the server, and the sets of them that have names.

use std::fmt;
use std::str::FromStr;

use super::answer::{Comparator, Mode};
use super::name::MetricKey;
use super::number::Number;
use crate::text;

/// A rule about one measure, such as `coverage > 80`.
///
/// A server knows only "fails below" and "fails above", so on the server a coverage of exactly 80 passes a rule that asks
/// for more than 80. Here it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: String,
    metric: MetricKey,
    twin: Option<MetricKey>,
    bound: Bound,
    limit: Number,
}

/// How a measure must stand to the limit of its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Why a text is no [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no rule such as `coverage > 80` or `new_violations <= 0`")]
pub struct InvalidRule {
    text: String,
}

impl Rule {
    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The metric that it is about on a server of this mode.
    pub fn metric(&self, mode: Mode) -> &MetricKey {
        match (mode, &self.twin) {
            (Mode::MultiQualityRule, Some(twin)) => twin,
            _ => &self.metric,
        }
    }

    /// Whether a measure keeps the rule.
    pub fn is_kept_by(&self, measure: Number) -> bool {
        match self.bound {
            Bound::Above => measure > self.limit,
            Bound::AtLeast => measure >= self.limit,
            Bound::Below => measure < self.limit,
            Bound::AtMost => measure <= self.limit,
        }
    }

    /// The nearest that a server can be asked for: on which side of which limit it fails.
    pub fn on_server(&self) -> (Comparator, Number) {
        match self.bound {
            Bound::Above | Bound::AtLeast => (Comparator::Less, self.limit),
            Bound::Below | Bound::AtMost => (Comparator::Greater, self.limit),
        }
    }

    /// What is required, such as `> 80`.
    pub fn requirement(&self) -> String {
        format!("{} {}", self.bound, self.limit)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.bound, self.limit)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        })
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(written: &str) -> Result<Self, InvalidRule> {
        let invalid = || InvalidRule {
            text: text::clean(written, 80),
        };
        let start = written.find(['<', '>']).ok_or_else(invalid)?;
        let (metric, rest) = written.split_at(start);
        let (bound, limit) = if let Some(limit) = rest.strip_prefix(">=") {
            (Bound::AtLeast, limit)
        } else if let Some(limit) = rest.strip_prefix("<=") {
            (Bound::AtMost, limit)
        } else if let Some(limit) = rest.strip_prefix('>') {
            (Bound::Above, limit)
        } else {
            (Bound::Below, &rest[1..])
        };
        let metric = metric.trim();
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        if !metric.chars().all(is_word) {
            return Err(invalid());
        }
        let limit = limit.trim();
        Ok(Self {
            name: metric.to_owned(),
            metric: metric.parse().map_err(|_| invalid())?,
            twin: None,
            bound,
            limit: limit
                .strip_suffix('%')
                .unwrap_or(limit)
                .trim_end()
                .parse()
                .map_err(|_| invalid())?,
        })
    }
}

/// A set of rules with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// The five rules of the Skill Tracker platform, about all code and not only the new: coverage above 80 %, no critical
    /// bugs, no vulnerabilities, a technical debt ratio below 5 %, less than 3 % duplicated.
    SkillTracker,
}

impl Preset {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkillTracker => "skill-tracker",
        }
    }

    /// Its rules, in their order.
    pub fn rules(self) -> Vec<Rule> {
        match self {
            Self::SkillTracker => vec![
                rule("coverage", "coverage", None, Bound::Above, 80),
                // A rating of 4, a D, stands for at least one critical bug; 5, an E, for a blocker.
                rule(
                    "no critical bugs",
                    "reliability_rating",
                    Some("software_quality_reliability_rating"),
                    Bound::AtMost,
                    3,
                ),
                rule(
                    "no vulnerabilities",
                    "vulnerabilities",
                    Some("software_quality_security_issues"),
                    Bound::AtMost,
                    0,
                ),
                rule(
                    "technical debt ratio",
                    "sqale_debt_ratio",
                    Some("software_quality_maintainability_debt_ratio"),
                    Bound::Below,
                    5,
                ),
                rule(
                    "duplicated code",
                    "duplicated_lines_density",
                    None,
                    Bound::Below,
                    3,
                ),
            ],
        }
    }
}

fn rule(name: &str, metric: &str, twin: Option<&str>, bound: Bound, limit: u32) -> Rule {
    let key = |text: &str| text.parse().expect("metric keys are plain words");
    Rule {
        name: name.to_owned(),
        metric: key(metric),
        twin: twin.map(key),
        bound,
        limit: limit.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keeps(rule: &str, measure: &str) -> bool {
        let rule: Rule = rule.parse().unwrap();
        rule.is_kept_by(measure.parse().unwrap())
    }

    #[test]
    fn a_strict_rule_is_broken_at_its_limit() {
        for (rule, measure, kept) in [
            ("coverage > 80", "80.0", false),
            ("coverage > 80", "79.95", false),
            ("coverage > 80", "80.000000000001", true),
            ("coverage >= 80%", "80", true),
            ("coverage>=80", "79.9999", false),
            ("sqale_debt_ratio < 5 %", "5.0", false),
            ("sqale_debt_ratio < 5", "4.9999999", true),
            ("vulnerabilities <= 0", "0", true),
            ("vulnerabilities <= 0", "1", false),
        ] {
            assert_eq!(keeps(rule, measure), kept, "{measure} by {rule}");
        }
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for bad in [
            "",
            "coverage",
            "> 80",
            "coverage > ",
            "coverage > high",
            "coverage = 80",
            "coverage => 80",
            "cover age > 80",
            "a|b > 1",
        ] {
            let error = bad.parse::<Rule>().unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("`{bad}`")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_preset_has_the_platforms_five_rules_in_both_modes() {
        let rules = Preset::SkillTracker.rules();
        let written = |mode| -> Vec<String> {
            let write = |rule: &Rule| {
                let (comparator, limit) = rule.on_server();
                format!("{} {comparator} {limit}", rule.metric(mode))
            };
            rules.iter().map(write).collect()
        };
        assert_eq!(
            written(Mode::Classic),
            [
                "coverage LT 80",
                "reliability_rating GT 3",
                "vulnerabilities GT 0",
                "sqale_debt_ratio GT 5",
                "duplicated_lines_density GT 3",
            ]
        );
        assert_eq!(
            written(Mode::MultiQualityRule),
            [
                "coverage LT 80",
                "software_quality_reliability_rating GT 3",
                "software_quality_security_issues GT 0",
                "software_quality_maintainability_debt_ratio GT 5",
                "duplicated_lines_density GT 3",
            ]
        );
        let at_the_limit = ["80.0", "3.0", "0", "5.0", "3.0"];
        let kept: Vec<bool> = rules
            .iter()
            .zip(at_the_limit)
            .map(|(rule, measure)| rule.is_kept_by(measure.parse().unwrap()))
            .collect();
        assert_eq!(kept, [false, true, true, false, false]);
    }

    proptest! {
        #[test]
        fn strict_and_lenient_differ_at_the_limit_alone(limit in 0_u32..1000, hundredths in 0_u32..100_000) {
            let measure = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            let is_at_limit = hundredths == limit * 100;
            prop_assert_eq!(keeps(&format!("m > {limit}"), &measure), hundredths > limit * 100);
            prop_assert_eq!(keeps(&format!("m < {limit}"), &measure), hundredths < limit * 100);
            prop_assert_eq!(keeps(&format!("m >= {limit}"), &measure) != keeps(&format!("m > {limit}"), &measure), is_at_limit);
            prop_assert_eq!(keeps(&format!("m <= {limit}"), &measure) != keeps(&format!("m < {limit}"), &measure), is_at_limit);
        }

        #[test]
        fn any_text_is_a_rule_or_refused(text in "\\PC{0,40}", near in "[a-z_]{0,8}[ <>=%]{0,4}[0-9.]{0,6}") {
            for text in [text, near] {
                if let Ok(rule) = text.parse::<Rule>() {
                    prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
                }
            }
        }
    }
}
