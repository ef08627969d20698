//! IAM policies of identities, evaluated: what a request needs, and whether a policy allows it.
//!
//! Only what the stack's policies are written with is known; anything else is an error, so that nothing is passed over.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::collections::BTreeMap;

use serde_json::Value;

/// One permission that a request takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) action: String,
    pub(super) resource: String,
    /// The request's values of condition keys.
    pub(super) context: BTreeMap<&'static str, String>,
}

impl Need {
    pub(super) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            context: BTreeMap::new(),
        }
    }

    pub(super) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.insert(key, value.into());
        self
    }
}

/// A policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    sid: String,
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    like: bool,
    key: String,
    values: Vec<String>,
}

/// An action as a statement allows it; it may be a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    pub(super) sid: String,
    pub(super) action: String,
}

impl Policy {
    /// Reads a policy document.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("a policy is no JSON: {error}"))?;
        let statements = match &document["Statement"] {
            Value::Array(statements) => statements.iter().map(Statement::parse).collect(),
            one @ Value::Object(_) => Statement::parse(one).map(|one| vec![one]),
            _ => Err("a policy has no statement".to_owned()),
        };
        Ok(Self {
            statements: statements?,
        })
    }

    /// Allows everything.
    pub(super) fn everything() -> Self {
        Self::one(true, "*")
    }

    /// Denies an action, whatever else allows it.
    pub(super) fn denying(action: &str) -> Self {
        Self::one(false, action)
    }

    fn one(allows: bool, action: &str) -> Self {
        Self {
            statements: vec![Statement {
                sid: String::new(),
                allows,
                actions: vec![action.to_owned()],
                resources: vec!["*".to_owned()],
                conditions: Vec::new(),
            }],
        }
    }

    /// The grant by which a need is allowed, if it is.
    pub(super) fn allows(&self, need: &Need) -> Option<Grant> {
        let mut found = None;
        for statement in &self.statements {
            let Some(action) = statement.applies(need) else {
                continue;
            };
            if !statement.allows {
                return None;
            }
            found.get_or_insert_with(|| Grant {
                sid: statement.sid.clone(),
                action: action.to_owned(),
            });
        }
        found
    }

    /// Everything that it allows.
    pub(super) fn grants(&self) -> impl Iterator<Item = Grant> {
        self.statements
            .iter()
            .filter(|statement| statement.allows)
            .flat_map(|statement| {
                statement.actions.iter().map(|action| Grant {
                    sid: statement.sid.clone(),
                    action: action.clone(),
                })
            })
    }

    /// This policy and another one of the same identity.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.statements.extend(other.statements);
        self
    }
}

impl Statement {
    fn parse(value: &Value) -> Result<Self, String> {
        let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
        let keys = value
            .as_object()
            .ok_or("a policy's statement is no object")?
            .keys();
        if let Some(other) = keys.map(String::as_str).find(|key| !known.contains(key)) {
            return Err(format!(
                "a policy's statement has `{other}`, which is not known here"
            ));
        }
        let allows = match value["Effect"].as_str() {
            Some("Allow") => true,
            Some("Deny") => false,
            other => return Err(format!("a policy's statement has the effect {other:?}")),
        };
        let mut conditions = Vec::new();
        for (operator, keys) in value["Condition"].as_object().into_iter().flatten() {
            let like = match operator.as_str() {
                "StringEquals" => false,
                // ArnEquals and ArnLike are the same, and know wildcards.
                "StringLike" | "ArnEquals" | "ArnLike" => true,
                other => return Err(format!("the condition `{other}` is not known here")),
            };
            for (key, values) in keys.as_object().into_iter().flatten() {
                conditions.push(Condition {
                    like,
                    key: key.clone(),
                    values: texts(values)?,
                });
            }
        }
        Ok(Self {
            sid: value["Sid"].as_str().unwrap_or_default().to_owned(),
            allows,
            actions: texts(&value["Action"])?,
            resources: texts(&value["Resource"])?,
            conditions,
        })
    }

    /// The action by which it speaks of a need, if it does.
    fn applies(&self, need: &Need) -> Option<&str> {
        let wanted = need.action.to_ascii_lowercase();
        let action = self
            .actions
            .iter()
            .find(|action| matches(&action.to_ascii_lowercase(), &wanted))?;
        let resource = self
            .resources
            .iter()
            .any(|resource| matches(resource, &need.resource));
        let conditions = self.conditions.iter().all(|condition| {
            let Some(given) = need.context.get(condition.key.as_str()) else {
                // What a request does not have equals nothing.
                return false;
            };
            condition.values.iter().any(|value| match condition.like {
                true => matches(value, given),
                false => value == given,
            })
        });
        (resource && conditions).then_some(action.as_str())
    }
}

/// One text or a list of texts.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("`{value}` in a policy is no text"))
    };
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => text(one).map(|one| vec![one]),
    }
}

/// Whether a text is as a pattern says, where `*` is any text and `?` any character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some('?') => (p, t) = (p + 1, t + 1),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                // One character more for the last star.
                Some((at, begun)) => {
                    star = Some((at, begun + 1));
                    (p, t) = (at + 1, begun + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "Deploy", "Effect": "Allow", "Action": ["ecs:UpdateService", "ecs:*ServiceDeployment*"], "Resource": "arn:aws:ecs:*:*:service/sdt-dev/sdt-dev-*"},
        {"Sid": "Pass", "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}},
        {"Effect": "Allow", "Action": "ecs:ListTasks", "Resource": "*", "Condition": {"ArnEquals": {"ecs:cluster": "arn:aws:ecs:r:1:cluster/sdt-*"}}}
    ]}"#;

    fn need(action: &str, name: &str) -> Need {
        Need::new(action, format!("arn:aws:ecs:r:1:service/sdt-dev/{name}"))
    }

    #[test]
    fn an_action_on_a_resource_is_allowed_by_a_grant_and_nothing_else_is() {
        let policy = Policy::parse(POLICY).unwrap();
        let grant = |need: &Need| policy.allows(need).map(|grant| grant.action);
        for (need, by) in [
            (
                need("ecs:UpdateService", "sdt-dev-web"),
                Some("ecs:UpdateService"),
            ),
            (
                need("ecs:updateservice", "sdt-dev-web"),
                Some("ecs:UpdateService"),
            ),
            (
                need("ecs:StopServiceDeployment", "sdt-dev-web"),
                Some("ecs:*ServiceDeployment*"),
            ),
            (need("ecs:UpdateService", "other-web"), None),
            (need("ecs:DeleteService", "sdt-dev-web"), None),
            (Need::new("ecs:UpdateService", "*"), None),
        ] {
            assert_eq!(grant(&need).as_deref(), by, "{need:?}");
        }
        assert_eq!(policy.grants().count(), 4);
    }

    #[test]
    fn a_condition_holds_for_its_values_alone() {
        let policy = Policy::parse(POLICY).unwrap();
        let pass = Need::new("iam:PassRole", "arn:aws:iam::1:role/x");
        assert_eq!(policy.allows(&pass), None);
        let to = |service: &str| pass.clone().with("iam:PassedToService", service);
        assert!(policy.allows(&to("ecs-tasks.amazonaws.com")).is_some());
        assert!(policy.allows(&to("ec2.amazonaws.com")).is_none());
        let list = Need::new("ecs:ListTasks", "*");
        let of = |cluster: &str| list.clone().with("ecs:cluster", cluster);
        assert!(
            policy
                .allows(&of("arn:aws:ecs:r:1:cluster/sdt-dev"))
                .is_some()
        );
        assert!(
            policy
                .allows(&of("arn:aws:ecs:r:1:cluster/other"))
                .is_none()
        );
    }

    #[test]
    fn what_is_denied_is_not_allowed_by_anything() {
        let deny = r#"{"Statement": {"Effect": "Deny", "Action": "ecs:Update*", "Resource": "*"}}"#;
        let policy = Policy::parse(POLICY)
            .unwrap()
            .and(Policy::parse(deny).unwrap());
        assert_eq!(
            policy.allows(&need("ecs:UpdateService", "sdt-dev-web")),
            None
        );
        assert!(
            policy
                .allows(&need("ecs:ListServiceDeployments", "sdt-dev-web"))
                .is_some()
        );
    }

    #[test]
    fn what_is_not_known_is_an_error_and_not_passed_over() {
        for (text, names) in [
            (
                r#"{"Statement": [{"Effect": "Allow", "NotAction": "x:Y", "Resource": "*"}]}"#,
                "NotAction",
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Action": "x:Y", "Resource": "*", "Condition": {"Bool": {"a": "b"}}}]}"#,
                "Bool",
            ),
            (
                r#"{"Statement": [{"Effect": "Perhaps", "Action": "x:Y", "Resource": "*"}]}"#,
                "Perhaps",
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Resource": "*"}]}"#,
                "null",
            ),
            ("{}", "no statement"),
            ("no", "no JSON"),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert!(error.contains(names), "{error}");
        }
    }

    #[test]
    fn stars_and_question_marks_are_any_text_and_any_character() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a*b*c", "aXbYbZc", true),
            ("secret:x-??????", "secret:x-AbCdEf", true),
            ("secret:x-??????", "secret:x-AbCdE", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern} {text}");
        }
    }
}
