//! What Spring Boot's actuator says. Bodies are read as little trusted as they are: they come from whatever answers.
//!
//! Statuses and bodies as of Spring Boot 2 to 4: `DOWN` and `OUT_OF_SERVICE` answer 503, everything else, `UNKNOWN`
//! too, answers 200; components are hidden unless configured. The status of the whole is the first of `DOWN`,
//! `OUT_OF_SERVICE`, `UP` and `UNKNOWN` that a component has; statuses of an application's own count for nothing in it, so
//! the whole may be `UP` while a component says `FATAL`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::revision::Revision;
use crate::text;

/// The most characters of a status or a component's name that are shown.
const LONGEST_WORD: usize = 60;

/// The most failing components that are named.
const MOST_NAMED: usize = 5;

/// How deep components within components are read. Spring's own go two deep.
const DEEPEST: usize = 8;

/// What a body of the health endpoint holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// A status, and those of the components that are shown, by their path: `db/primary`.
    Status {
        status: String,
        components: BTreeMap<String, Component>,
    },
    /// Something else, in words that follow "answers 200 with".
    Other(&'static str),
}

/// A component that is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Component {
    status: String,
    /// Whether it is made of components itself: then those say what is wrong.
    is_composite: bool,
}

#[derive(Deserialize)]
struct HealthBody {
    status: Option<Value>,
    components: Option<Map<String, Value>>,
    /// What Spring Boot before 2.2 called them.
    details: Option<Map<String, Value>>,
}

/// A status as it is shown. What had to be cut is marked with letters, which no known status has: punctuation counts for
/// nothing when statuses are compared.
fn word(status: &str) -> String {
    let shown = text::clean(status, LONGEST_WORD);
    match status.chars().count() > LONGEST_WORD {
        true => format!("{shown} (cut)"),
        false => shown,
    }
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
                components: shown,
                details,
            }) => {
                let mut components = BTreeMap::new();
                gather(
                    &mut components,
                    "",
                    &shown.or(details).unwrap_or_default(),
                    1,
                );
                Self::Status {
                    status: word(&status),
                    components,
                }
            }
            Ok(_) => Self::Other("JSON that names no status"),
            Err(_) if serde_json::from_slice::<Value>(body).is_ok() => {
                Self::Other("JSON that is no health report")
            }
            Err(_) => Self::Other("a body that is no JSON"),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.status().is_some_and(|status| is(status, "UP"))
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.status().is_some_and(|status| is(status, "UNKNOWN"))
    }

    pub(crate) fn status(&self) -> Option<&str> {
        match self {
            Self::Status { status, .. } => Some(status),
            Self::Other(_) => None,
        }
    }

    /// The status of a component, and whether it is up; `None` if it is not shown.
    pub(crate) fn component(&self, path: &str) -> Option<(&str, bool)> {
        let Self::Status { components, .. } = self else {
            return None;
        };
        let status = components.get(path)?.status.as_str();
        Some((status, is(status, "UP")))
    }

    /// The first component that says `DOWN` or `OUT_OF_SERVICE`, and which of them. Spring's own whole is never up with one.
    pub(crate) fn down(&self) -> Option<(&str, &str)> {
        let Self::Status { components, .. } = self else {
            return None;
        };
        let is_down = |status: &str| is(status, "DOWN") || is(status, "OUT_OF_SERVICE");
        let mut down: Vec<_> = components
            .iter()
            .filter(|(_, component)| is_down(&component.status))
            .collect();
        down.sort_by_key(|(_, component)| component.is_composite);
        let (path, component) = down.first()?;
        Some((path.as_str(), component.status.as_str()))
    }

    /// The components that are neither up nor unknown, those that consist of others left out where others are named.
    pub(crate) fn failing(&self) -> Vec<String> {
        let Self::Status { components, .. } = self else {
            return Vec::new();
        };
        let bad = |component: &Component| !is(&component.status, "UP");
        let mut names: Vec<String> = components
            .iter()
            .filter(|(path, component)| {
                let within = format!("{path}/");
                let explained = component.is_composite
                    && components
                        .range(within.clone()..)
                        .take_while(|(other, _)| other.starts_with(&within))
                        .any(|(_, other)| bad(other));
                bad(component) && !explained
            })
            .map(|(path, _)| path.clone())
            .collect();
        if names.len() > MOST_NAMED {
            let more = names.len() - MOST_NAMED;
            names.truncate(MOST_NAMED);
            names.push(format!("{more} more"));
        }
        names
    }

    /// The body in words that follow the HTTP status.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Status { status, .. } => match self.failing() {
                failing if failing.is_empty() => status.clone(),
                failing => format!("{status}, failing: {}", failing.join(", ")),
            },
            Self::Other(what) => format!("with {what}"),
        }
    }
}

/// Whether two statuses are the same for Spring: it looks at letters and digits alone, and not at their case.
fn is(status: &str, other: &str) -> bool {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    plain(status) == plain(other)
}

fn gather(
    found: &mut BTreeMap<String, Component>,
    above: &str,
    shown: &Map<String, Value>,
    depth: usize,
) {
    for (name, component) in shown {
        let path = format!("{above}{}", text::clean(name, LONGEST_WORD));
        let within = component
            .get("components")
            .or_else(|| component.get("details"));
        let within = within.and_then(Value::as_object);
        if let Some(within) = within.filter(|_| depth < DEEPEST) {
            gather(found, &format!("{path}/"), within, depth + 1);
        }
        let Some(status) = component.get("status").and_then(Value::as_str) else {
            continue;
        };
        let component = Component {
            status: word(status),
            is_composite: within.is_some(),
        };
        found.insert(path, component);
    }
}

/// The group or component that a health endpoint's address names, such as `readiness`.
pub(crate) fn group(health: &Url) -> Option<&str> {
    let mut segments = health
        .path_segments()?
        .skip_while(|segment| *segment != "health");
    segments.next()?;
    segments.next().filter(|group| !group.is_empty())
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
    fn a_status_is_not_good_for_how_it_begins() {
        let status = format!("UP{}DOWN", "-".repeat(80));
        let body = format!(r#"{{"status":"{status}"}}"#);
        assert!(!Health::parse(body.as_bytes()).is_up());
        assert!(Health::parse(br#"{"status":"up"}"#).is_up());
    }

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
    fn components_within_components_are_named_by_their_path() {
        let body = r#"{"status":"DOWN","components":{"db":{"status":"DOWN","components":{"primary":{"status":"UP"},"replica":{"status":"DOWN"}}},"mail":{"status":"UNKNOWN"}}}"#;
        let health = Health::parse(body.as_bytes());
        assert_eq!(health.words(), "DOWN, failing: db/replica, mail");
        assert_eq!(health.component("db/primary"), Some(("UP", true)));
        assert_eq!(health.component("db"), Some(("DOWN", false)));
        assert_eq!(health.component("redis"), None);
        let before_boot_2_2 =
            r#"{"status":"DOWN","details":{"db":{"status":"DOWN","details":{"error":"x"}}}}"#;
        assert_eq!(
            Health::parse(before_boot_2_2.as_bytes()).words(),
            "DOWN, failing: db"
        );
    }

    #[test]
    fn a_status_of_an_applications_own_does_not_count_in_the_whole_but_is_told() {
        let body =
            r#"{"status":"UP","components":{"db":{"status":"FATAL"},"ping":{"status":"UP"}}}"#;
        let health = Health::parse(body.as_bytes());
        assert!(health.is_up());
        assert_eq!(health.failing(), ["db"]);
    }

    #[test]
    fn statuses_compare_as_spring_compares_them() {
        for (word, up, unknown) in [
            ("up", true, false),
            ("U_P", true, false),
            ("Unknown", false, true),
            ("UPS", false, false),
        ] {
            let health = Health::parse(format!(r#"{{"status":"{word}"}}"#).as_bytes());
            assert_eq!(
                (health.is_up(), health.is_unknown()),
                (up, unknown),
                "{word}"
            );
        }
    }

    #[test]
    fn a_group_is_the_segment_after_health() {
        let name = |url: &str| group(&url.parse().unwrap()).map(str::to_owned);
        assert_eq!(
            name("http://h/actuator/health/readiness").unwrap(),
            "readiness"
        );
        assert_eq!(name("http://h/actuator/health/"), None);
        assert_eq!(name("http://h/actuator/health"), None);
        assert_eq!(name("http://h/healthz/x"), None);
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
            prop_assert!(!Health::parse(&body).is_up() || String::from_utf8_lossy(&body).to_uppercase().contains('U'));
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
