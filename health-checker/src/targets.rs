//! A list of targets as it comes from a file or from the step before.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::error::{Error, InvalidItem};
use crate::header::Header;
use crate::target::{InvalidTarget, RevisionSource, Target, TargetKind};

/// Targets read from JSON: a list of URLs, of objects, or of both. An object has `url`, and may have `name`, `kind`,
/// `expect_revision`, `revision_header`, `headers` (an object), `canary`, `follow_redirects`, `accept_unknown`, `accept_down_components`,
/// `components` (a list) and `alarms` (a URL): what the fields of [`Target`] are called.
///
/// It is empty only if the text is an explicit `[]`; an empty text and `null` are errors, because they are what a step
/// leaves that failed to say what is to be checked.
///
/// ```
/// use health_checker::{Error, Targets};
///
/// let targets: Targets = r#"["http://10.0.0.7/actuator/health", {"name": "site", "url": "https://h/", "kind": "plain"}]"#.parse()?;
/// assert_eq!(targets.as_slice().len(), 2);
/// assert!("[]".parse::<Targets>()?.is_empty());
/// assert!(matches!("null".parse::<Targets>(), Err(Error::NoTargets { .. })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(Vec<Target>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    url: String,
    name: Option<String>,
    kind: Option<Kind>,
    expect_revision: Option<String>,
    revision_header: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    canary: Option<String>,
    #[serde(default)]
    follow_redirects: bool,
    #[serde(default)]
    accept_unknown: bool,
    #[serde(default)]
    accept_down_components: bool,
    #[serde(default)]
    components: Vec<String>,
    alarms: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Actuator,
    Plain,
    Tcp,
    Redis,
    Amqp,
    Mongodb,
}

impl From<Kind> for TargetKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Actuator => Self::Actuator,
            Kind::Plain => Self::Plain,
            Kind::Tcp => Self::Tcp,
            Kind::Redis => Self::Redis,
            Kind::Amqp => Self::Amqp,
            Kind::Mongodb => Self::Mongodb,
        }
    }
}

impl Targets {
    /// The targets in the order of the list.
    pub fn as_slice(&self) -> &[Target] {
        &self.0
    }

    /// The targets in the order of the list.
    pub fn into_vec(self) -> Vec<Target> {
        self.0
    }

    /// Whether the list is an explicit `[]`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Targets {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(Error::NoTargets {
                found: "an empty text",
            });
        }
        let items = match serde_json::from_str(text).map_err(Error::Malformed)? {
            Value::Array(items) => items,
            Value::Null => return Err(Error::NoTargets { found: "`null`" }),
            Value::Object(_) => return Err(Error::NotAList { found: "an object" }),
            Value::String(_) => return Err(Error::NotAList { found: "a string" }),
            Value::Number(_) => return Err(Error::NotAList { found: "a number" }),
            Value::Bool(_) => return Err(Error::NotAList { found: "a boolean" }),
        };
        let mut names = BTreeSet::new();
        let mut targets = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            let target = read(item).map_err(|source| Error::Item {
                index: place + 1,
                source,
            })?;
            if !names.insert(target.name.clone()) {
                return Err(Error::DuplicateName { name: target.name });
            }
            targets.push(target);
        }
        Ok(Self(targets))
    }
}

impl IntoIterator for Targets {
    type Item = Target;
    type IntoIter = std::vec::IntoIter<Target>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

fn read(item: Value) -> Result<Target, InvalidItem> {
    if let Value::String(url) = &item {
        return Ok(Target::named(None, url)?);
    }
    let item: Item = serde_json::from_value(item).map_err(InvalidItem::Shape)?;
    Ok(item.target()?)
}

impl Item {
    fn target(self) -> Result<Target, InvalidTarget> {
        let mut target = Target::named(self.name.as_deref(), &self.url)?;
        if let Some(kind) = self.kind {
            target = target.kind(kind.into());
        }
        if !target.kind.fits(target.url.scheme()) {
            return Err(InvalidTarget::Kind {
                scheme: target.url.scheme().to_owned(),
                kind: target.kind,
            });
        }
        if let Some(revision) = self.expect_revision {
            target = target.expect_revision(revision.parse()?);
        }
        if let Some(header) = self.revision_header {
            target = target.revision_from(RevisionSource::Header(header));
        }
        for (name, value) in self.headers {
            target = target.header(Header::new(&name, &value)?);
        }
        if let Some(path) = self.canary {
            target = target.canary(&path)?;
        }
        if let Some(url) = self.alarms {
            target = target.alarms(web(&url)?)?;
        }
        target.components = self.components;
        Ok(target
            .follow_redirects(self.follow_redirects)
            .accept_unknown(self.accept_unknown)
            .accept_down_components(self.accept_down_components))
    }
}

/// The URL of a management API, which is refused as a target's would be.
fn web(url: &str) -> Result<Url, InvalidTarget> {
    Target::named(Some("alarms"), url).map(|target| target.url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> Error {
        text.parse::<Targets>().unwrap_err()
    }

    #[test]
    fn nothing_null_and_an_empty_list_are_told_apart() {
        assert!("[]".parse::<Targets>().unwrap().is_empty());
        assert_eq!(
            error("").to_string(),
            "there is no list of targets, only an empty text"
        );
        assert_eq!(
            error(" \n").to_string(),
            "there is no list of targets, only an empty text"
        );
        assert_eq!(
            error("null").to_string(),
            "there is no list of targets, only `null`"
        );
    }

    #[test]
    fn what_is_no_list_of_targets_is_refused_with_its_place() {
        assert!(matches!(
            error("[user-service,task-service]"),
            Error::Malformed(_)
        ));
        assert!(matches!(
            error(r#""http://h/""#),
            Error::NotAList { found: "a string" }
        ));
        for (text, place) in [
            (r#"["http://h/", null]"#, 2),
            (r#"["user-service"]"#, 1),
            (r#"[{"name": "a"}]"#, 1),
            (r#"["http://h/", {"url": "http://i/", "colour": 1}]"#, 2),
            (r#"[{"url": "http://h/", "expect_revision": "main"}]"#, 1),
            (r#"[{"url": "redis://h", "kind": "plain"}]"#, 1),
            (r#"[{"url": "http://h/", "headers": {"a b": "c"}}]"#, 1),
            (r#"[{"url": "http://h/", "canary": "none"}]"#, 1),
            (r#"[{"url": "amqp://h", "alarms": "amqp://h"}]"#, 1),
            (r#"[[]]"#, 1),
        ] {
            let error = error(text);
            assert!(
                matches!(error, Error::Item { index, .. } if index == place),
                "{text}: {error:?}"
            );
            assert!(error.hint().is_some(), "{text}");
        }
    }

    #[test]
    fn targets_that_a_report_could_not_tell_apart_are_refused() {
        assert_eq!(
            error(r#"["http://h/a", "http://h/a"]"#).to_string(),
            "two targets are called `h/a`"
        );
    }

    #[test]
    fn objects_carry_everything_a_target_has() {
        let text = r#"[{"url": "http://h/", "name": "n", "kind": "plain", "expect_revision": "9ab01cd", "revision_header": "X-Rev"}]"#;
        let [target] = &text.parse::<Targets>().unwrap().into_vec()[..] else {
            panic!("one target")
        };
        assert_eq!(target.name.as_str(), "n");
        assert_eq!(target.kind, TargetKind::Plain);
        assert_eq!(target.expect_revision, Some("9ab01cd".parse().unwrap()));
        assert_eq!(
            target.revision_from,
            RevisionSource::Header("X-Rev".to_owned())
        );
    }

    #[test]
    fn an_object_says_how_it_is_asked() {
        let text = r#"[
            {"url": "http://h/", "headers": {"X-Key": "k"}, "canary": "/none", "follow_redirects": true, "accept_unknown": true, "accept_down_components": true,
             "components": ["db"]},
            {"url": "amqp://h", "alarms": "http://u:p@h:15672"}
        ]"#;
        let [web, broker] = &text.parse::<Targets>().unwrap().into_vec()[..] else {
            panic!("two targets")
        };
        assert_eq!(web.headers[0].name(), "X-Key");
        assert_eq!(web.canary.as_deref(), Some("/none"));
        assert!(web.follow_redirects && web.accept_unknown && web.accept_down_components);
        assert_eq!(web.components, ["db"]);
        assert_eq!(broker.kind, TargetKind::Amqp);
        assert!(broker.alarms.is_some());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in r#"[\[\]{}",:a-z/ 0-9]{0,60}"#) {
            let _ = text.parse::<Targets>();
        }
    }
}
