//! What differs between two task definitions, without what only looks different.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::TaskDefinition;

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Where, such as `containerDefinitions[app].image`. Members of lists go by their names, not by their places.
    pub path: String,
    /// What happens to it.
    pub kind: ChangeKind,
    /// The value before; `None` when it is added, or hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; `None` when it is removed, or hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether the values are kept back, because they are secret or may be.
    pub hidden: bool,
}

/// What happens to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It goes.
    Removed,
    /// It is another one.
    Changed,
}

/// What a comparison may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reveal {
    /// Neither secrets nor the values of environment variables.
    #[default]
    Nothing,
    /// The values of environment variables, but of those whose name speaks of a secret. Never secrets.
    Environment,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
        };
        write!(f, "{sign} {}", self.path)?;
        if self.hidden {
            return f.write_str(": (value hidden)");
        }
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, ": {before} -> {after}"),
            (Some(value), None) | (None, Some(value)) => write!(f, ": {value}"),
            (None, None) => Ok(()),
        }
    }
}

impl TaskDefinition {
    /// What a change from this task definition to another one changes, sorted by path.
    ///
    /// What ECS fills in by itself, the order of what has names, and what only a response has are no differences.
    pub fn differences(&self, to: &Self, reveal: Reveal) -> Vec<Change> {
        let awsvpc = |document: &Value| document["networkMode"].as_str() == Some("awsvpc");
        let normal = |definition: &Self| {
            let mut document = definition.for_registration();
            let awsvpc = awsvpc(&document);
            normalize(&mut document, "", awsvpc);
            document
        };
        let mut comparison = Comparison {
            reveal,
            changes: Vec::new(),
        };
        comparison.compare("", Some(&normal(self)), Some(&normal(to)), false);
        comparison.changes.sort_by(|a, b| a.path.cmp(&b.path));
        comparison.changes
    }
}

/// What ECS fills in when it is left out: the list's or object's field, the field in it, and the value.
fn defaults(parent: &str) -> &'static [(&'static str, i64)] {
    match parent {
        "containerDefinitions" => &[("cpu", 0)],
        "healthCheck" => &[("interval", 30), ("timeout", 5), ("retries", 3)],
        "portMappings" => &[("hostPort", 0)],
        _ => &[],
    }
}

/// Brings a document to the form in which equal things are equal.
fn normalize(value: &mut Value, parent: &str, awsvpc: bool) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                normalize(field, name, awsvpc);
            }
            // Absent, null, empty: ECS makes no difference, and answers with empty lists.
            fields.retain(|_, field| !is_empty(field));
            drop_defaults(fields, parent, awsvpc);
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                normalize(item, parent, awsvpc);
            }
            if matches!(
                parent,
                "requiresCompatibilities" | "add" | "drop" | "resourceRequirements"
            ) {
                items.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        // An empty object may mean something, as `linuxParameters.initProcessEnabled` left out does not.
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn drop_defaults(fields: &mut Map<String, Value>, parent: &str, awsvpc: bool) {
    for (name, default) in defaults(parent) {
        if fields.get(*name).and_then(Value::as_i64) == Some(*default) {
            fields.remove(*name);
        }
    }
    match parent {
        "containerDefinitions" if fields.get("essential") == Some(&Value::Bool(true)) => {
            fields.remove("essential");
        }
        "portMappings" => {
            if fields.get("protocol").and_then(Value::as_str) == Some("tcp") {
                fields.remove("protocol");
            }
            // A task with an interface of its own has no other host port.
            if awsvpc && fields.get("hostPort") == fields.get("containerPort") {
                fields.remove("hostPort");
            }
        }
        "mountPoints" | "volumesFrom" if fields.get("readOnly") == Some(&Value::Bool(false)) => {
            fields.remove("readOnly");
        }
        _ => {}
    }
}

/// What members of a list go by.
const NAMES: [&str; 9] = [
    "name",
    "key",
    "containerPort",
    "containerPath",
    "sourceContainer",
    "containerName",
    "hostname",
    "namespace",
    "value",
];

/// A list's members by their names; `None` when they have none, or share one.
fn by_name(items: &[Value]) -> Option<BTreeMap<String, &Value>> {
    let key = NAMES
        .into_iter()
        .find(|key| items.iter().all(|item| item.get(key).is_some()))?;
    let mut members = BTreeMap::new();
    for item in items {
        let name = match &item[key] {
            Value::String(text) => text.clone(),
            Value::Number(number) => match item.get("protocol").and_then(Value::as_str) {
                Some(protocol) => format!("{number}/{protocol}"),
                None => number.to_string(),
            },
            _ => return None,
        };
        if members.insert(name, item).is_some() {
            return None;
        }
    }
    Some(members)
}

struct Comparison {
    reveal: Reveal,
    changes: Vec<Change>,
}

impl Comparison {
    fn compare(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>, secret: bool) {
        if before == after {
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                self.compare_fields(path, before, after, secret);
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                match (by_name(before), by_name(after)) {
                    (Some(before), Some(after)) => {
                        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
                        names.sort();
                        names.dedup();
                        for name in names {
                            let path = format!("{path}[{name}]");
                            let secret = secret || speaks_of_secrets(name);
                            self.compare(
                                &path,
                                before.get(name).copied(),
                                after.get(name).copied(),
                                secret,
                            );
                        }
                    }
                    _ => self.push(
                        path,
                        Some(&Value::Array(before.clone())),
                        Some(&Value::Array(after.clone())),
                        secret,
                    ),
                }
            }
            // A whole list that comes or goes is told member by member, so that no secret hides in it.
            (Some(Value::Array(items)), None) if by_name(items).is_some() => {
                self.compare(
                    path,
                    Some(&Value::Array(items.clone())),
                    Some(&Value::Array(Vec::new())),
                    secret,
                );
            }
            (None, Some(Value::Array(items))) if by_name(items).is_some() => {
                self.compare(
                    path,
                    Some(&Value::Array(Vec::new())),
                    Some(&Value::Array(items.clone())),
                    secret,
                );
            }
            (Some(Value::Object(fields)), None) => {
                self.compare_fields(path, fields, &Map::new(), secret);
            }
            (None, Some(Value::Object(fields))) => {
                self.compare_fields(path, &Map::new(), fields, secret);
            }
            _ => self.push(path, before, after, secret),
        }
    }

    fn compare_fields(
        &mut self,
        path: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        secret: bool,
    ) {
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let is_identity = NAMES.contains(&name.as_str())
                && path.ends_with(']')
                && (before.is_empty() || after.is_empty())
                && name != "value";
            // The member's name is in the path already.
            if is_identity && before.len().max(after.len()) > 1 {
                continue;
            }
            let inner = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let secret = secret
                || matches!(
                    name.as_str(),
                    "secrets" | "secretOptions" | "repositoryCredentials"
                )
                || speaks_of_secrets(name);
            self.compare(&inner, before.get(name), after.get(name), secret);
        }
    }

    fn push(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>, secret: bool) {
        let in_environment = path.contains(".environment[") || path.ends_with(".environment");
        let hidden = secret
            || (in_environment && self.reveal != Reveal::Environment)
            || before.into_iter().chain(after).any(holds_secrets)
            || before
                .into_iter()
                .chain(after)
                .any(|value| looks_secret(path, value));
        let shown = |value: Option<&Value>| value.filter(|_| !hidden).cloned();
        let kind = match (before, after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        self.changes.push(Change {
            path: path.to_owned(),
            kind,
            before: shown(before),
            after: shown(after),
            hidden,
        });
    }
}

/// Whether a text looks like a secret where people put them without saying so: on a command line, in a label, in a URL.
fn looks_secret(path: &str, value: &Value) -> bool {
    const FREE_TEXT: [&str; 4] = [".command", ".entryPoint", ".dockerLabels", ".options"];
    match value {
        Value::String(text) => {
            let may_be_told_of = FREE_TEXT.iter().any(|field| path.contains(field));
            is_credential(text) || (may_be_told_of && speaks_of_secrets(text))
        }
        Value::Array(items) => items.iter().any(|item| looks_secret(path, item)),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, field)| looks_secret(&format!("{path}.{name}"), field)),
        _ => false,
    }
}

/// Whether a text is, or has inside, what is known to let somebody in: a user and a password in a URL, a header's scheme, the
/// tokens that say what they are.
fn is_credential(text: &str) -> bool {
    let has_user = text.split("://").skip(1).any(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        host.contains('@')
    });
    let lower = text.to_lowercase();
    let has_scheme = ["bearer ", "basic ", "authorization:"]
        .iter()
        .any(|scheme| lower.contains(scheme));
    let is_token = [
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghs_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "-----BEGIN ",
    ]
    .iter()
    .any(|sign| text.contains(sign));
    has_user || has_scheme || is_token
}

/// Whether a value that is told whole has something inside that must not be.
fn holds_secrets(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, field)| {
            // A member of a list that goes by a name, such as a variable.
            let goes_by = matches!(name.as_str(), "name" | "key")
                && field.as_str().is_some_and(speaks_of_secrets);
            matches!(
                name.as_str(),
                "environment" | "secrets" | "secretOptions" | "repositoryCredentials"
            ) || goes_by
                || speaks_of_secrets(name)
                || holds_secrets(field)
        }),
        Value::Array(items) => items.iter().any(holds_secrets),
        _ => false,
    }
}

/// Whether what goes by this name is likely secret, such as a log driver's token or `DB_PASSWORD`.
fn speaks_of_secrets(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "credential",
        "private_key",
    ]
    .iter()
    .any(|sign| name.contains(sign))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(document: Value) -> TaskDefinition {
        TaskDefinition::new(document)
    }

    fn lines(before: Value, after: Value, reveal: Reveal) -> Vec<String> {
        definition(before)
            .differences(&definition(after), reveal)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_ecs_fills_in_and_what_only_a_response_has_is_no_difference() {
        let registered = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE", "EC2"],
            "containerDefinitions": [{
                "name": "app", "image": "a:1", "portMappings": [{"containerPort": 80}],
                "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "healthCheck": {"command": ["CMD", "true"]},
            }],
        });
        let described = json!({
            "family": "web", "revision": 3, "status": "ACTIVE", "taskDefinitionArn": "x", "networkMode": "awsvpc",
            "requiresCompatibilities": ["EC2", "FARGATE"], "volumes": [], "placementConstraints": [], "tags": [],
            "containerDefinitions": [{
                "name": "app", "image": "a:1", "cpu": 0, "essential": true, "mountPoints": [], "volumesFrom": [],
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}], "systemControls": [],
                "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
            }],
        });
        assert_eq!(
            lines(registered.clone(), described.clone(), Reveal::Nothing),
            [] as [&str; 0]
        );
        assert_eq!(
            lines(described, registered, Reveal::Nothing),
            [] as [&str; 0]
        );
    }

    #[test]
    fn members_of_lists_go_by_their_names() {
        let before = json!({"family": "w", "containerDefinitions": [
            {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1", "command": ["x", "y"]}]});
        let after = json!({"family": "w", "containerDefinitions": [
            {"name": "b", "image": "b:2", "command": ["y", "x"]}, {"name": "a", "image": "a:1"}]});
        assert_eq!(
            lines(before, after, Reveal::Nothing),
            [
                r#"~ containerDefinitions[b].command: ["x","y"] -> ["y","x"]"#,
                r#"~ containerDefinitions[b].image: "b:1" -> "b:2""#,
            ]
        );
    }

    #[test]
    fn environment_values_are_hidden_unless_asked_for_and_secrets_always() {
        let with = |value: &str, from: &str, token: &str| {
            json!({"family": "w", "containerDefinitions": [{
                "name": "a", "environment": [{"name": "LEVEL", "value": value}, {"name": "DB_PASSWORD", "value": value}],
                "secrets": [{"name": "KEY", "valueFrom": from}],
                "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": token}},
            }]})
        };
        let (before, after) = (with("one", "arn:one", "one"), with("two", "arn:two", "two"));
        let hidden = lines(before.clone(), after.clone(), Reveal::Nothing);
        assert_eq!(hidden.len(), 4, "{hidden:?}");
        for line in &hidden {
            assert!(
                line.ends_with("(value hidden)") && !line.contains("one") && !line.contains("two"),
                "{line}"
            );
        }
        let shown = lines(before.clone(), after.clone(), Reveal::Environment);
        assert_eq!(
            shown
                .iter()
                .filter(|line| line.contains("one"))
                .collect::<Vec<_>>(),
            [r#"~ containerDefinitions[a].environment[LEVEL].value: "one" -> "two""#]
        );
        // Neither in JSON, nor when the whole list is new.
        let none = json!({"family": "w", "containerDefinitions": [{"name": "a"}]});
        for (from, to) in [(&none, &after), (&after, &none), (&before, &after)] {
            let changes =
                definition(from.clone()).differences(&definition(to.clone()), Reveal::Nothing);
            let text = serde_json::to_string(&changes).unwrap();
            for secret in ["\"one\"", "\"two\"", "arn:two"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    #[test]
    fn a_variable_that_is_there_twice_keeps_its_secret() {
        let with = |value: &str| {
            json!({"family": "w", "containerDefinitions": [{"name": "a", "environment": [
                {"name": "DB_PASSWORD", "value": value}, {"name": "DB_PASSWORD", "value": "geheim"},
            ]}]})
        };
        let shown = lines(with("geheim-1"), with("geheim-2"), Reveal::Environment).concat();
        assert!(
            shown.contains("(value hidden)") && !shown.contains("geheim"),
            "{shown}"
        );
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden_wherever_it_stands() {
        let with = |field: &str, value: Value| {
            let mut container = json!({"name": "a"});
            container[field] = value;
            json!({"family": "w", "containerDefinitions": [container]})
        };
        for (field, value) in [
            ("command", json!(["serve", "--password=geheim"])),
            ("command", json!(["serve", "--db-password", "geheim"])),
            (
                "entryPoint",
                json!(["curl", "-H", "Authorization: Bearer geheim"]),
            ),
            (
                "healthCheck",
                json!({"command": ["CMD-SHELL", "curl https://me:geheim@host/health"]}),
            ),
            ("dockerLabels", json!({"note": "token=geheim"})),
            (
                "logConfiguration",
                json!({"logDriver": "fluentd", "options": {"url": "https://me:geheim@host"}}),
            ),
            ("hostname", json!("ghp_geheim")),
        ] {
            let none = json!({"family": "w", "containerDefinitions": [{"name": "a"}]});
            let changed = lines(none, with(field, value), Reveal::Environment).concat();
            assert!(
                changed.contains("(value hidden)") && !changed.contains("geheim"),
                "{field}: {changed}"
            );
        }
        // And nothing else is.
        for (field, value) in [
            ("command", json!(["serve", "--port", "8080"])),
            ("image", json!("h/token-service:1")),
            ("hostname", json!("web")),
        ] {
            let none = json!({"family": "w", "containerDefinitions": [{"name": "a"}]});
            let changed = lines(none, with(field, value), Reveal::Nothing).concat();
            assert!(!changed.contains("hidden"), "{field}: {changed}");
        }
    }

    #[test]
    fn a_container_that_is_new_does_not_show_its_secrets() {
        let before =
            json!({"family": "w", "containerDefinitions": [{"name": "a", "image": "a:1"}]});
        let after = json!({"family": "w", "containerDefinitions": [{"name": "a", "image": "a:1"}, {
            "name": "b", "image": "b:1", "environment": [{"name": "X", "value": "geheim"}],
            "secrets": [{"name": "S", "valueFrom": "geheim"}],
        }]});
        let lines = lines(before, after, Reveal::Nothing);
        assert!(
            lines.contains(&r#"+ containerDefinitions[b].image: "b:1""#.to_owned()),
            "{lines:?}"
        );
        assert!(!lines.concat().contains("geheim"), "{lines:?}");
    }

    #[test]
    fn lists_whose_members_share_a_name_are_compared_whole() {
        let with = |options: Value| json!({"family": "w", "x": options});
        let before = with(json!([{"name": "a", "v": 1}, {"name": "a", "v": 2}]));
        let after = with(json!([{"name": "a", "v": 1}, {"name": "a", "v": 3}]));
        assert_eq!(lines(before.clone(), after, Reveal::Nothing).len(), 1);
        let secret = with(json!([{"name": "a", "v": 1}, {"name": "a", "secrets": ["geheim"]}]));
        let whole = lines(before, secret, Reveal::Environment);
        assert!(
            whole.len() == 1 && !whole[0].contains("geheim"),
            "{whole:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn equal_documents_have_no_differences_and_unequal_ones_have(
            a in "[a-c]{0,2}", b in "[a-c]{0,2}", n in 0..3_i64, m in 0..3_i64
        ) {
            let make = |text: &str, number: i64| definition(json!({
                "family": "w", "cpu": text, "containerDefinitions": [{"name": "a", "image": text, "memory": number}],
            }));
            let differ = make(&a, n).differences(&make(&b, m), Reveal::Nothing);
            proptest::prop_assert_eq!(differ.is_empty(), a == b && n == m);
        }
    }
}
