//! A list of targets as it comes from a file or from the step before.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, InvalidItem};
use crate::target::{InvalidTarget, RevisionSource, Target, TargetKind};

/// Targets read from JSON: a list of URLs, of objects `{"url", "name", "kind", "expect_revision", "revision_header"}`,
/// or of both.
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
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Actuator,
    Plain,
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
    let mut target = Target::named(item.name.as_deref(), &item.url)?;
    if let Some(Kind::Plain) = item.kind {
        target = target.kind(TargetKind::Plain);
    }
    if let Some(revision) = item.expect_revision {
        target = target.expect_revision(revision.parse().map_err(InvalidTarget::from)?);
    }
    if let Some(header) = item.revision_header {
        target = target.revision_from(RevisionSource::Header(header));
    }
    Ok(target)
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

    proptest! {
        #[test]
        fn reading_never_panics(text in r#"[\[\]{}",:a-z/ 0-9]{0,60}"#) {
            let _ = text.parse::<Targets>();
        }
    }
}
