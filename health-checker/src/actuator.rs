//! What Spring Boot's actuator says. Bodies are read as little trusted as they are: they come from whatever answers.
//!
//! Statuses and bodies as of Spring Boot 2 to 4: `DOWN` and `OUT_OF_SERVICE` answer 503, everything else, `UNKNOWN`
//! too, answers 200; components are hidden unless configured.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::revision::Revision;
use crate::text;

/// The most characters of a status or a component's name that are shown.
const LONGEST_WORD: usize = 60;

/// The most failing components that are named.
const MOST_NAMED: usize = 5;

/// What a body of the health endpoint holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// A status, and the components that have another one than `UP`.
    Status {
        status: String,
        failing: Vec<String>,
    },
    /// Something else, in words that follow "answers 200 with".
    Other(&'static str),
}

#[derive(Deserialize)]
struct HealthBody {
    status: Option<Value>,
    #[serde(default)]
    components: Map<String, Value>,
}

impl Health {
    pub(crate) fn parse(body: &[u8]) -> Self {
        // Some proxies and .NET services write a byte order mark; RFC 8259 lets a reader ignore it.
        let body = body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(body)
            .trim_ascii();
        if body.is_empty() {
            return Self::Other("an empty body");
        }
        if body.starts_with(b"<") {
            return Self::Other("an HTML page, as a load balancer's default rule or a login does");
        }
        // A derived reader takes a list for a struct, field by field.
        if body.starts_with(b"[") {
            return Self::Other("a JSON list");
        }
        match serde_json::from_slice(body) {
            Ok(HealthBody {
                status: Some(Value::String(status)),
                components,
            }) => Self::Status {
                status: text::clean(&status, LONGEST_WORD),
                failing: failing(&components),
            },
            Ok(_) => Self::Other("JSON that names no status"),
            Err(_) if serde_json::from_slice::<Value>(body).is_ok() => {
                Self::Other("JSON that is no health report")
            }
            Err(_) => Self::Other("a body that is no JSON"),
        }
    }

    /// Only `UP` is up; case is ignored, as the actuator itself does.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self, Self::Status { status, .. } if status.eq_ignore_ascii_case("UP"))
    }

    pub(crate) fn status(&self) -> Option<&str> {
        match self {
            Self::Status { status, .. } => Some(status),
            Self::Other(_) => None,
        }
    }

    /// The body in words that follow the HTTP status.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Status { status, failing } if failing.is_empty() => status.clone(),
            Self::Status { status, failing } => {
                format!("{status}, failing: {}", failing.join(", "))
            }
            Self::Other(what) => format!("with {what}"),
        }
    }
}

fn failing(components: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = components
        .iter()
        .filter(|(_, component)| {
            let status = component.get("status").and_then(Value::as_str);
            status.is_some_and(|status| !status.eq_ignore_ascii_case("UP"))
        })
        .map(|(name, _)| text::clean(name, LONGEST_WORD))
        .collect();
    names.sort_unstable();
    if names.len() > MOST_NAMED {
        let more = names.len() - MOST_NAMED;
        names.truncate(MOST_NAMED);
        names.push(format!("{more} more"));
    }
    names
}

/// The info endpoint that belongs to a health endpoint; `None` if the address has no segment `health`.
pub(crate) fn info_url(health: &Url) -> Option<Url> {
    let segments: Vec<&str> = health.path_segments()?.collect();
    let place = segments.iter().rposition(|segment| *segment == "health")?;
    let mut url = health.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&format!(
        "/{}info",
        segments[..place]
            .iter()
            .map(|s| format!("{s}/"))
            .collect::<String>()
    ));
    Some(url)
}

#[derive(Deserialize)]
struct InfoBody {
    git: Option<Git>,
}

#[derive(Deserialize)]
struct Git {
    commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    id: Option<CommitId>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CommitId {
    /// `management.info.git.mode=simple`, the default.
    Abbreviated(String),
    /// `management.info.git.mode=full`.
    Full {
        full: Option<String>,
        abbrev: Option<String>,
    },
}

/// The build that a body of the info endpoint names, or what it holds instead, in words that follow "answers 200 with".
pub(crate) fn revision(body: &[u8]) -> Result<Revision, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let info: InfoBody =
        serde_json::from_slice(body).map_err(|_| "a body that is no info report".to_owned())?;
    let id = info
        .git
        .and_then(|git| git.commit)
        .and_then(|commit| commit.id);
    let id = match id {
        Some(CommitId::Abbreviated(id)) => Some(id),
        Some(CommitId::Full { full, abbrev }) => full.or(abbrev),
        None => None,
    };
    let id = id.ok_or_else(|| "no `git.commit.id`".to_owned())?;
    id.parse().map_err(|_| {
        format!(
            "`{}` as `git.commit.id`, which is no commit id",
            text::clean(&id, LONGEST_WORD)
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_status_up_is_up() {
        for (body, up, words) in [
            (r#"{"status":"UP"}"#, true, "UP"),
            (r#" {"status":"up","groups":["liveness"]} "#, true, "up"),
            ("\u{feff}{\"status\":\"UP\"}", true, "UP"),
            ("\u{feff}", false, "with an empty body"),
            ("", false, "with an empty body"),
            (" \r\n", false, "with an empty body"),
            (r#"{"status":"DOWN"}"#, false, "DOWN"),
            (r#"{"status":"UNKNOWN"}"#, false, "UNKNOWN"),
            (r#"{"status":"UPGRADING"}"#, false, "UPGRADING"),
            (
                r#"{"status":"UP","status":"DOWN"}"#,
                false,
                "with JSON that is no health report",
            ),
            (
                r#"{"status":["UP"]}"#,
                false,
                "with JSON that names no status",
            ),
            (
                r#"{"status":null}"#,
                false,
                "with JSON that names no status",
            ),
            ("{}", false, "with JSON that names no status"),
            (r#""UP""#, false, "with JSON that is no health report"),
            (r#"["UP"]"#, false, "with a JSON list"),
            ("null", false, "with JSON that is no health report"),
            ("UP", false, "with a body that is no JSON"),
            (r#"{"status":"UP""#, false, "with a body that is no JSON"),
            (
                r#"{"status":"UP"}{"status":"DOWN"}"#,
                false,
                "with a body that is no JSON",
            ),
            (
                "<!doctype html><p>UP",
                false,
                "with an HTML page, as a load balancer's default rule or a login does",
            ),
        ] {
            let health = Health::parse(body.as_bytes());
            assert_eq!(
                (health.is_up(), health.words().as_str()),
                (up, words),
                "{body}"
            );
        }
    }

    #[test]
    fn failing_components_are_named_in_order_and_not_without_end() {
        let words = |body: &str| Health::parse(body.as_bytes()).words();
        let body = r#"{"status":"DOWN","components":{"ping":{"status":"UP"},"redis":{"status":"DOWN"},"db":{"status":"OUT_OF_SERVICE","details":{"password":"x"}},"odd":3}}"#;
        assert_eq!(words(body), "DOWN, failing: db, redis");
        let many: Vec<String> = (0..9)
            .map(|n| format!(r#""c{n}":{{"status":"DOWN"}}"#))
            .collect();
        let body = format!(r#"{{"status":"DOWN","components":{{{}}}}}"#, many.join(","));
        assert_eq!(words(&body), "DOWN, failing: c0, c1, c2, c3, c4, 4 more");
    }

    #[test]
    fn a_status_from_outside_cannot_drive_a_terminal() {
        let health = Health::parse(br#"{"status":"\u001b[2JDOWN"}"#);
        assert_eq!(health.status(), Some("\u{fffd}[2JDOWN"));
    }

    #[test]
    fn a_build_is_told_abbreviated_or_in_full() {
        let told = |body: &str| revision(body.as_bytes()).map(|revision| revision.to_string());
        assert_eq!(
            told(r#"{"git":{"branch":"main","commit":{"id":"9ab01cd","time":"2026"}}}"#).unwrap(),
            "9ab01cd"
        );
        let full = "9ab01cd5e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6";
        let body = format!(
            r#"{{"git":{{"commit":{{"id":{{"abbrev":"9ab01cd","full":"{full}","describe":"v1"}}}}}}}}"#
        );
        assert_eq!(told(&body).unwrap(), full);
        assert_eq!(
            told(r#"{"git":{"commit":{"id":{"abbrev":"9ab01cd"}}}}"#).unwrap(),
            "9ab01cd"
        );
        assert_eq!(told("{}").unwrap_err(), "no `git.commit.id`");
        assert_eq!(
            told(r#"{"git":{"commit":{"id":"main"}}}"#).unwrap_err(),
            "`main` as `git.commit.id`, which is no commit id"
        );
        assert_eq!(told("<html>").unwrap_err(), "a body that is no info report");
    }

    #[test]
    fn the_info_endpoint_stands_beside_the_health_endpoint() {
        let info = |url: &str| info_url(&url.parse().unwrap()).map(|url| url.to_string());
        assert_eq!(
            info("http://h/actuator/health").unwrap(),
            "http://h/actuator/info"
        );
        assert_eq!(
            info("http://h:81/api/users/actuator/health/readiness?x=1#f").unwrap(),
            "http://h:81/api/users/actuator/info"
        );
        assert_eq!(info("http://h/health").unwrap(), "http://h/info");
        assert_eq!(
            info("http://h/health/actuator/health/").unwrap(),
            "http://h/health/actuator/info"
        );
        assert_eq!(info("http://h/healthz"), None);
        assert_eq!(info("http://h"), None);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_readers_panic_or_is_up_without_saying_so(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = revision(&body);
            prop_assert!(!Health::parse(&body).is_up() || String::from_utf8_lossy(&body).to_uppercase().contains("UP"));
        }

        #[test]
        fn no_json_makes_the_readers_panic(body in r#"[{}\[\]",:a-z0-9]{0,60}"#) {
            let _ = revision(format!(r#"{{"git":{{"commit":{{"id":{body}}}}}}}"#).as_bytes());
            let _ = Health::parse(format!(r#"{{"status":"UP","components":{body}}}"#).as_bytes());
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep = format!("{}{}", r#"{"components":"#.repeat(5000), "}".repeat(5000));
        assert!(!Health::parse(deep.as_bytes()).is_up());
    }
}
