//! The modules of one commit and how they hang together, as data and as pictures.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::{CommitId, EdgeKind, Layout, Module, ModuleKind, ModuleName};

/// All modules of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Graph {
    /// The version of this document's form: 1.
    pub schema: u32,
    /// The commit.
    pub head: CommitId,
    /// How the repository is divided into modules; never [`Layout::Auto`].
    pub layout: Layout,
    /// The modules, in the order to build them in.
    pub modules: Vec<Module>,
    /// The same in waves: each needs only waves before it.
    pub waves: Vec<Vec<ModuleName>>,
    /// Modules that need each other, where the build allows it; the first of each circle is repeated last.
    pub cycles: Vec<Vec<ModuleName>>,
    /// Where the build could not be read without running it, and what was assumed instead.
    pub caveats: Vec<String>,
}

impl Graph {
    /// The graph in Graphviz's language. Services are boxes, edges point at what is needed, and edges that say nothing
    /// about the order to build in are dashed.
    pub fn to_dot(&self) -> String {
        let mut text =
            String::from("digraph modules {\n  rankdir = LR;\n  node [shape = ellipse];\n");
        for module in &self.modules {
            let shape = match module.kind {
                ModuleKind::Service => " [shape = box, style = bold]",
                ModuleKind::Shared => "",
            };
            line(
                &mut text,
                format_args!("  {}{shape};", dot(module.name.as_str())),
            );
        }
        for (from, to, kind, label) in self.edges() {
            let style = if kind.orders() {
                ""
            } else {
                ", style = dashed"
            };
            line(
                &mut text,
                format_args!(
                    "  {} -> {} [label = {}{style}];",
                    dot(from.as_str()),
                    dot(to.as_str()),
                    dot(&label)
                ),
            );
        }
        text.push_str("}\n");
        text
    }

    /// The graph in Mermaid's language, as GitHub shows it in Markdown.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        let id = |name: &ModuleName| {
            let place = self.modules.iter().position(|module| module.name == *name);
            place.map_or_else(|| "m".to_owned(), |place| format!("m{place}"))
        };
        for module in &self.modules {
            let label = mermaid(module.name.as_str());
            let (open, close) = match module.kind {
                ModuleKind::Service => ("[", "]"),
                ModuleKind::Shared => ("([", "])"),
            };
            line(
                &mut text,
                format_args!("  {}{open}\"{label}\"{close}", id(&module.name)),
            );
        }
        for (from, to, kind, label) in self.edges() {
            let arrow = if kind.orders() { "-->" } else { "-.->" };
            line(
                &mut text,
                format_args!("  {} {arrow}|\"{}\"| {}", id(from), mermaid(&label), id(to)),
            );
        }
        text
    }

    /// Each edge with what it says in a picture.
    fn edges(&self) -> impl Iterator<Item = (&ModuleName, &ModuleName, EdgeKind, String)> {
        let known: BTreeSet<&ModuleName> = self.modules.iter().map(|module| &module.name).collect();
        self.modules.iter().flat_map(move |module| {
            let known = known.clone();
            module
                .dependencies
                .iter()
                .filter(move |dependency| known.contains(&dependency.on))
                .map(|dependency| {
                    let label = dependency
                        .detail
                        .clone()
                        .unwrap_or_else(|| dependency.kind.as_str().to_owned());
                    (&module.name, &dependency.on, dependency.kind, label)
                })
        })
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a String cannot fail");
}

/// A string of Graphviz's. <https://graphviz.org/doc/info/lang.html>
fn dot(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Text between quotes of Mermaid's, which reads entities. <https://mermaid.js.org/syntax/flowchart.html>
fn mermaid(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " -_./:()@,".contains(c) => escaped.push(c),
            c => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dependency, RepoPath};

    fn graph() -> Graph {
        let name = |name: &str| -> ModuleName { name.parse().unwrap() };
        let module = |module: &str, kind, dependencies| Module {
            name: name(module),
            path: RepoPath::root(),
            kind,
            dependencies,
        };
        Graph {
            schema: 1,
            head: "a".repeat(40).parse().unwrap(),
            layout: Layout::Maven,
            modules: vec![
                module("li\"b", ModuleKind::Shared, vec![]),
                module(
                    "app",
                    ModuleKind::Service,
                    vec![
                        Dependency::new(
                            name("li\"b"),
                            EdgeKind::Dependency,
                            Some("compile scope".to_owned()),
                        ),
                        Dependency::new(name("li\"b"), EdgeKind::Bom, None),
                        Dependency::new(name("elsewhere"), EdgeKind::Parent, None),
                    ],
                ),
            ],
            waves: vec![],
            cycles: vec![],
            caveats: vec![],
        }
    }

    #[test]
    fn graphviz_gets_quoted_names_and_only_known_ones() {
        assert_eq!(
            graph().to_dot(),
            "digraph modules {\n  rankdir = LR;\n  node [shape = ellipse];\n  \"li\\\"b\";\n  \"app\" [shape = box, style = bold];\n  \
             \"app\" -> \"li\\\"b\" [label = \"compile scope\"];\n  \"app\" -> \"li\\\"b\" [label = \"bom\", style = dashed];\n}\n"
        );
    }

    #[test]
    fn mermaid_gets_entities() {
        assert_eq!(
            graph().to_mermaid(),
            "flowchart LR\n  m0([\"li#34;b\"])\n  m1[\"app\"]\n  m1 -->|\"compile scope\"| m0\n  m1 -.->|\"bom\"| m0\n"
        );
    }
}
