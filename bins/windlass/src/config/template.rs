//! Values with placeholders, such as `sdt-dev-{service}`.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use windlass_cli::{Failure, nearest};

/// Text with `{placeholders}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Template(String);

impl Template {
    /// A template from text in the program.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses a placeholder that is not known, or a brace that opens none.
    pub(super) fn check(&self, key: &str, known: &[&str], path: &Path) -> Result<(), Failure> {
        let all = known
            .iter()
            .map(|name| format!("{{{name}}}"))
            .collect::<Vec<_>>()
            .join(", ");
        let wrong = |problem: String, hint: String| {
            Err(Failure::usage(format!("`{}`: {key}: {problem}", path.display())).hint(hint))
        };
        for part in self.parts() {
            match part {
                Part::Placeholder(name) if !known.contains(&name) => {
                    let hint = nearest(name, known.iter().copied()).map_or_else(
                        || format!("there are: {all}"),
                        |near| format!("did you mean {{{near}}}? there are: {all}"),
                    );
                    return wrong(format!("unknown placeholder `{{{name}}}`"), hint);
                }
                Part::Unclosed => {
                    return wrong(
                        format!("`{}` has a `{{` without a `}}`", self.0),
                        format!("there are: {all}"),
                    );
                }
                Part::Placeholder(_) | Part::Text(_) => {}
            }
        }
        Ok(())
    }

    /// Fills in the placeholders. Values are inserted as they are and never read as templates themselves.
    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> String {
        self.parts()
            .map(|part| match part {
                Part::Text(text) => text,
                Part::Placeholder(name) => values
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map_or("", |(_, value)| *value),
                Part::Unclosed => "",
            })
            .collect()
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (part, after) = match rest.strip_prefix('{') {
                Some(inner) => match inner.split_once('}') {
                    Some((name, after)) => (Part::Placeholder(name), after),
                    None => (Part::Unclosed, ""),
                },
                None => {
                    let (text, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                    (Part::Text(text), after)
                }
            };
            rest = after;
            Some(part)
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

enum Part<'a> {
    Text(&'a str),
    Placeholder(&'a str),
    Unclosed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_each_placeholder_once() {
        let template = Template::new("{environment}/{service}.x");
        assert_eq!(
            template.fill(&[("service", "{environment}"), ("environment", "dev")]),
            "dev/{environment}.x"
        );
    }

    #[test]
    fn names_the_placeholder_that_is_not_known() {
        let failure = Template::new("sdt-{servise}")
            .check("service", &["service"], Path::new("w"))
            .unwrap_err();
        assert!(
            failure.to_string().contains("did you mean {service}?"),
            "{failure}"
        );
        assert!(
            Template::new("x{service")
                .check("service", &["service"], Path::new("w"))
                .is_err()
        );
    }
}
