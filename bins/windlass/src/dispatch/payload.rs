//! The payload of a dispatch.

use serde::Deserialize;
use serde_json::Value;

/// What a payload looks like, for people.
pub(super) const SHAPE: &str = "it is {\"services\": [\"user-service\"], \"environment\": \"dev\", \"commit_sha\": \"3f2c91d…\", \
     \"pr_title\": …, \"pr_author\": …, \"pr_url\": …}, alone or as the client_payload of the event";

/// Longer titles are cut: no channel shows more.
const TITLE_CAP: usize = 500;

/// The payload, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The services' names, at least one, each once.
    pub(crate) services: Vec<String>,
    pub(crate) environment: String,
    /// Hexadecimal digits of a commit id, the whole of it or its beginning.
    pub(crate) commit_sha: String,
    pub(crate) pr_title: Option<String>,
    pub(crate) pr_author: Option<String>,
    /// Only http and https.
    pub(crate) pr_url: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    services: Services,
    environment: String,
    commit_sha: String,
    #[serde(default)]
    pr_title: Option<String>,
    #[serde(default)]
    pr_author: Option<String>,
    #[serde(default)]
    pr_url: Option<String>,
}

/// A list, or the text that a shell step made of one: `["a","b"]`, `a,b` or `a b`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Services {
    List(Vec<String>),
    Text(String),
}

impl Services {
    fn names(self) -> Result<Vec<String>, String> {
        let names = match self {
            Self::List(names) => names,
            Self::Text(text) if text.trim_start().starts_with('[') => serde_json::from_str(&text)
                .map_err(|error| {
                format!("has services `{text}`, which are no JSON array: {error}")
            })?,
            Self::Text(text) => text
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        let mut unique: Vec<String> = Vec::new();
        for name in names {
            let name = name.trim();
            if name.is_empty() {
                return Err("has a service without a name".to_owned());
            }
            if !unique.iter().any(|known| known == name) {
                unique.push(name.to_owned());
            }
        }
        Ok(unique)
    }
}

impl Payload {
    /// Parses a payload, or the event that has it. The error continues "the payload …".
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
        // The whole event has it in `client_payload`, beside `action`, `repository` and others.
        let value = match value.get("client_payload") {
            Some(Value::Null) => return Err("has an empty client_payload".to_owned()),
            Some(inner) => inner.clone(),
            None => value,
        };
        let raw: Raw = serde_path(value)?;
        let services = raw.services.names()?;
        if services.is_empty() {
            return Err("names no service".to_owned());
        }
        let commit_sha = raw.commit_sha.trim().to_ascii_lowercase();
        if !(4..=64).contains(&commit_sha.len())
            || !commit_sha.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return Err(format!(
                "has the commit_sha `{}`, which is no commit id",
                raw.commit_sha
            ));
        }
        let environment = raw.environment.trim().to_owned();
        if environment.is_empty() {
            return Err("names no environment".to_owned());
        }
        Ok(Self {
            services,
            environment,
            commit_sha,
            pr_title: raw.pr_title.and_then(|text| one_line(&text)),
            pr_author: raw.pr_author.and_then(|text| one_line(&text)),
            pr_url: raw.pr_url.filter(|url| is_link(url)),
        })
    }
}

fn serde_path(value: Value) -> Result<Raw, String> {
    let Value::Object(object) = &value else {
        return Err("is no JSON object".to_owned());
    };
    for key in ["services", "environment", "commit_sha"] {
        match object.get(key) {
            None | Some(Value::Null) => return Err(format!("has no `{key}`")),
            Some(_) => {}
        }
    }
    serde_json::from_value(value).map_err(|error| {
        let text = error.to_string();
        if text.contains("untagged") {
            "has services that are neither a list of names nor text".to_owned()
        } else {
            format!("cannot be read: {text}")
        }
    })
}

/// Text from outside on one line: control characters and line breaks become spaces, and nothing turns the text round.
fn one_line(text: &str) -> Option<String> {
    let text: String = text
        .chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            '\u{2028}'
            | '\u{2029}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => ' ',
            c => c,
        })
        .take(TITLE_CAP)
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn is_link(text: &str) -> bool {
    text.parse::<url::Url>()
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = r#"{
        "services": ["user-service", "task-service"], "environment": "dev", "commit_sha": "abc123",
        "pr_title": "Add new feature", "pr_author": "developer", "pr_url": "https://github.com/a/b/pull/7"
    }"#;

    #[test]
    fn reads_the_payload_alone_and_in_its_event() {
        let alone = Payload::parse(SEED).unwrap();
        assert_eq!(alone.services, ["user-service", "task-service"]);
        assert_eq!(alone.commit_sha, "abc123");
        let event = format!("{{\"action\": \"deploy\", \"client_payload\": {SEED}}}");
        assert_eq!(Payload::parse(&event).unwrap(), alone);
    }

    #[test]
    fn takes_services_as_the_text_that_a_step_made() {
        for services in [
            r#""user-service,task-service""#,
            r#""user-service, task-service""#,
            r#""[\"user-service\",\"task-service\",\"user-service\"]""#,
            r#""user-service task-service\n""#,
        ] {
            let text = format!(
                "{{\"services\": {services}, \"environment\": \"dev\", \"commit_sha\": \"abc123\"}}"
            );
            let payload = Payload::parse(&text).unwrap();
            assert_eq!(
                payload.services,
                ["user-service", "task-service"],
                "{services}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let with = |key: &str, value: &str| {
            let mut document: Value = serde_json::from_str(SEED).unwrap();
            document[key] = serde_json::from_str(value).unwrap();
            Payload::parse(&document.to_string()).unwrap_err()
        };
        assert!(with("services", "[]").contains("no service"));
        assert!(with("services", "\"\"").contains("no service"));
        assert!(with("services", "7").contains("neither"));
        assert!(with("services", "null").contains("no `services`"));
        assert!(with("commit_sha", "\"main; rm -rf /\"").contains("no commit id"));
        assert!(with("commit_sha", "7").contains("cannot be read"));
        assert!(with("environment", "\" \"").contains("no environment"));
        assert!(
            Payload::parse("services=a")
                .unwrap_err()
                .contains("no JSON")
        );
        assert!(Payload::parse("[]").unwrap_err().contains("no JSON object"));
        assert!(
            Payload::parse("{\"client_payload\": null}")
                .unwrap_err()
                .contains("empty")
        );
    }

    #[test]
    fn a_hostile_title_is_one_line_of_text() {
        let mut document: Value = serde_json::from_str(SEED).unwrap();
        document["pr_title"] = "\u{1b}[2J<!channel>\r\n::set-output name=x::y\u{202e}".into();
        document["pr_url"] = "javascript:alert(1)".into();
        let payload = Payload::parse(&document.to_string()).unwrap();
        assert_eq!(
            payload.pr_title.unwrap(),
            "[2J<!channel> ::set-output name=x::y"
        );
        assert_eq!(payload.pr_url, None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_payload_or_an_error(text in ".{0,300}") {
            let _ = Payload::parse(&text);
        }

        #[test]
        fn no_title_has_a_control_character(title in ".{0,700}") {
            if let Some(line) = one_line(&title) {
                proptest::prop_assert!(!line.chars().any(char::is_control));
                proptest::prop_assert!(line.chars().count() <= TITLE_CAP);
            }
        }
    }
}
