//! What `${…}` stands for.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::command_line::CommandLine;
use super::lineage::Lineage;
use super::pom::{DependencyRef, Text};

/// How many properties are filled in for one value, and how deep, before it is left as it is. Real poms need a handful.
const MOST_EXPANSIONS: usize = 1_000;
const DEEPEST: usize = 32;

/// The values of one module: of the project itself, then of the command line, then of the poms, the nearest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) model: &'a Lineage,
    pub(crate) line: &'a CommandLine,
    /// The names that were asked for.
    pub(crate) used: &'a RefCell<BTreeSet<Text>>,
}

impl<'a> Values<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        if !self.used.borrow().contains(name) {
            self.used.borrow_mut().insert(name.into());
        }
        let field = name
            .strip_prefix("project.")
            .or_else(|| name.strip_prefix("pom."));
        field
            .and_then(|field| self.field(field))
            .or_else(|| self.line.properties.get(name).map(String::as_str))
            .or_else(|| self.model.property(name))
            // Old poms leave the prefix away.
            .or_else(|| self.field(name))
    }

    fn field(&self, name: &str) -> Option<&'a str> {
        let (model, pom) = (self.model, &self.model.pom);
        let parent = pom.parent.as_ref();
        match name {
            "groupId" => model.group.as_deref(),
            "artifactId" => Some(&pom.artifact),
            "version" => model.version.as_deref(),
            "packaging" => Some(pom.packaging.as_deref().unwrap_or("jar")),
            "parent.groupId" => parent?.group.as_deref(),
            "parent.artifactId" => parent?.artifact.as_deref(),
            "parent.version" => parent?.version.as_deref(),
            _ => None,
        }
    }

    /// Fills in `${…}`; what is not known stays as it is.
    pub(crate) fn fill(&self, text: &Text) -> Text {
        if text.contains("${") {
            expand(text, &|name| self.get(name)).into()
        } else {
            Text::clone(text)
        }
    }

    pub(crate) fn fill_dependency(&self, dependency: &DependencyRef) -> DependencyRef {
        let optional = |value: &Option<Text>| value.as_ref().map(|value| self.fill(value));
        DependencyRef {
            group: self.fill(&dependency.group),
            artifact: self.fill(&dependency.artifact),
            version: optional(&dependency.version),
            kind: optional(&dependency.kind),
            classifier: optional(&dependency.classifier),
            scope: optional(&dependency.scope),
        }
    }
}

/// Fills in `${…}` with what `get` knows, over and over; names that stand for each other stay as they are.
pub(crate) fn expand<'a>(text: &'a str, get: &dyn Fn(&str) -> Option<&'a str>) -> String {
    let mut result = String::new();
    let mut left = MOST_EXPANSIONS;
    part(text, get, &mut Vec::new(), &mut left, &mut result);
    result
}

fn part<'a>(
    text: &'a str,
    get: &dyn Fn(&str) -> Option<&'a str>,
    open: &mut Vec<&'a str>,
    left: &mut usize,
    result: &mut String,
) {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        let name = &rest[start + 2..start + length];
        result.push_str(&rest[..start]);
        let value = if *left > 0 && open.len() < DEEPEST && !open.contains(&name) {
            get(name)
        } else {
            None
        };
        match value {
            Some(value) => {
                *left -= 1;
                open.push(name);
                part(value, get, open, left, result);
                open.pop();
            }
            None => result.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    result.push_str(rest);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn fill(text: &str, properties: &[(&str, &str)]) -> String {
        let properties: BTreeMap<&str, &str> = properties.iter().copied().collect();
        expand(text, &|name| properties.get(name).copied())
    }

    #[test]
    fn properties_that_stand_for_each_other_stay() {
        let circle = [("a", "${b}"), ("b", "${a}"), ("c", "1")];
        assert_eq!(
            fill("x ${a} ${c} ${unknown} ${", &circle),
            "x ${a} 1 ${unknown} ${"
        );
    }

    #[test]
    fn properties_that_multiply_have_an_end() {
        let levels: Vec<(String, String)> = (1..30)
            .map(|n| (format!("p{n}"), format!("${{p{0}}}${{p{0}}}", n - 1)))
            .collect();
        let mut properties: Vec<(&str, &str)> = levels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        properties.push(("p0", "x"));
        assert!(fill("${p29}", &properties).len() < 100_000);
    }

    proptest! {
        #[test]
        fn filling_in_never_panics(
            text in "(\\$|\\{|\\}|a|b|é|\\$\\{a\\}){0,20}",
            a in "(\\$|\\{|\\}|a|b|\\$\\{b\\}){0,10}",
        ) {
            fill(&text, &[("a", &a), ("b", "${a}")]);
        }
    }
}
