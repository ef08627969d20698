//! The repositories that are measured on, as files and a history, before git sees them.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::manifests;

/// What the modules of a sample are described by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Maven,
    Npm,
}

/// How a sample is made. The same recipe gives the same commit ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) tool: Tool,
    pub(crate) services: usize,
    pub(crate) libraries: usize,
    /// Poms between the root's and the others'; 0 where the root's is everybody's parent.
    pub(crate) parents: usize,
    /// Files of each service and library, its manifest among them.
    pub(crate) files_per_module: usize,
    /// Files in all; documents at the top make up what the modules leave.
    pub(crate) files: usize,
    pub(crate) commits: usize,
}

/// The samples: the monorepo of 200 services and 12 libraries under Maven and under npm, and a large reactor.
pub(crate) const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "maven",
        tool: Tool::Maven,
        services: 200,
        libraries: 12,
        parents: 0,
        files_per_module: 95,
        files: 20_353,
        commits: 500,
    },
    Recipe {
        name: "npm",
        tool: Tool::Npm,
        services: 200,
        libraries: 12,
        parents: 0,
        files_per_module: 95,
        files: 20_353,
        commits: 500,
    },
    Recipe {
        name: "reactor",
        tool: Tool::Maven,
        services: 900,
        libraries: 90,
        parents: 9,
        files_per_module: 10,
        files: 10_000,
        commits: 60,
    },
];

/// A file written anew, or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    Write { path: String, text: String },
    Remove { path: String },
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) message: String,
    pub(crate) edits: Vec<Edit>,
}

/// One service or library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) folder: String,
    pub(crate) service: bool,
    /// The number of its parent among the recipe's parents, if they are any.
    pub(crate) parent: Option<usize>,
    /// Indexes of the parts it depends on, each smaller than its own: there are no cycles.
    pub(crate) needs: Vec<usize>,
}

impl Recipe {
    /// Modules in the tool's own count: Maven's root and parents are modules too.
    pub(crate) const fn modules(&self) -> usize {
        let around = match self.tool {
            Tool::Maven => 1 + self.parents,
            Tool::Npm => 0,
        };
        self.services + self.libraries + around
    }

    /// What is made, in one line.
    pub(crate) fn describe(&self) -> String {
        let tool = match self.tool {
            Tool::Maven => "Maven",
            Tool::Npm => "npm",
        };
        format!(
            "{tool}, {} modules ({} services, {} libraries), {} files, {} commits",
            self.modules(),
            self.services,
            self.libraries,
            self.files,
            self.commits
        )
    }

    /// The whole history, the first commit holding the whole tree.
    pub(crate) fn history(&self) -> Vec<Commit> {
        // Where the services of one commit lie must not depend on how many numbers the tree took.
        let parts = self.parts(&mut Chance::new(1));
        let mut files = self.tree(&parts, &mut Chance::new(2));
        let mut chance = Chance::new(3);
        let mut commits = vec![Commit {
            message: "Begin".to_owned(),
            edits: files
                .iter()
                .map(|(path, text)| Edit::Write {
                    path: path.clone(),
                    text: text.clone(),
                })
                .collect(),
        }];
        for number in 1..self.commits {
            commits.push(self.commit(number, &parts, &mut files, &mut chance));
        }
        commits
    }

    fn parts(&self, chance: &mut Chance) -> Vec<Part> {
        let mut parts = Vec::new();
        for number in 1..=self.libraries {
            let name = format!("lib-{number:03}");
            let count = chance.between(0, 2);
            parts.push(Part {
                folder: format!("libs/{name}"),
                name,
                service: false,
                parent: self.parent(number),
                needs: chance.distinct(count, number - 1),
            });
        }
        for number in 1..=self.services {
            let name = format!("service-{number:03}");
            let count = chance.between(1, 4);
            let mut needs = chance.distinct(count, self.libraries);
            // Some services are built against another's client.
            if number > 1 && chance.one_in(20) {
                needs.push(self.libraries + chance.between(0, number - 2));
            }
            parts.push(Part {
                folder: format!("services/{name}"),
                name,
                service: true,
                parent: self.parent(number),
                needs,
            });
        }
        parts
    }

    fn parent(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.parents)
    }

    fn tree(&self, parts: &[Part], chance: &mut Chance) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for part in parts {
            for (path, text) in self.part_files(part, chance) {
                files.insert(format!("{}/{path}", part.folder), text);
            }
            let (path, text) = match self.tool {
                Tool::Maven => ("pom.xml", manifests::pom(part, parts)),
                Tool::Npm => ("package.json", manifests::package(part, parts)),
            };
            files.insert(format!("{}/{path}", part.folder), text);
        }
        files.extend(match self.tool {
            Tool::Maven => manifests::reactor(parts, self.parents),
            Tool::Npm => manifests::workspace(parts),
        });
        files.insert("README.md".to_owned(), prose("The platform", chance));
        files.insert(
            ".gitignore".to_owned(),
            "target/\nnode_modules\n.nx/\n.turbo/\n".to_owned(),
        );
        for number in 1..=self.files.saturating_sub(files.len()) {
            let text = prose(&format!("Decision {number}"), chance);
            files.insert(format!("docs/decisions/{number:04}.md"), text);
        }
        files
    }

    /// The files of a part but for its manifest, below its folder.
    fn part_files(&self, part: &Part, chance: &mut Chance) -> Vec<(String, String)> {
        let mut files = vec![
            ("README.md".to_owned(), prose(&part.name, chance)),
            (
                "src/main/resources/application.yml".to_owned(),
                format!(
                    "spring:\n  application:\n    name: {}\nserver:\n  port: {}\n",
                    part.name,
                    chance.between(8000, 9999)
                ),
            ),
        ];
        let (language, suffix) = match self.tool {
            Tool::Maven => ("java", "java"),
            Tool::Npm => ("ts", "ts"),
        };
        let package = part.name.replace('-', "");
        const LAYERS: [&str; 6] = ["api", "client", "config", "domain", "messaging", "store"];
        for number in 0..self.files_per_module.saturating_sub(files.len() + 1) {
            let layer = LAYERS[number % LAYERS.len()];
            let side = if number % 4 == 3 { "test" } else { "main" };
            let class = format!("Part{number:02}");
            files.push((
                format!("src/{side}/{language}/com/example/{package}/{layer}/{class}.{suffix}"),
                source(self.tool, &package, layer, &class, chance),
            ));
        }
        files
    }

    /// A commit as people make them: a few files of one to three services, and now and then something around them.
    fn commit(
        &self,
        number: usize,
        parts: &[Part],
        files: &mut BTreeMap<String, String>,
        chance: &mut Chance,
    ) -> Commit {
        let mut touched = Vec::new();
        let (libraries, services) = parts.split_at(self.libraries);
        let count = chance.between(1, 3);
        let chosen: Vec<&Part> = chance
            .distinct(count, services.len())
            .into_iter()
            .map(|index| &services[index])
            .collect();
        for part in &chosen {
            for _ in 0..chance.between(1, 4) {
                touched.extend(below(files, &part.folder, chance));
            }
            if chance.one_in(30) {
                touched.push(format!("{}/{}", part.folder, self.manifest()));
            }
        }
        if chance.one_in(10)
            && let Some(library) = chance.pick(libraries)
        {
            touched.extend(below(files, &library.folder, chance));
        }
        if chance.one_in(8) {
            touched.extend(below(files, "docs", chance));
        }
        if chance.one_in(150) {
            touched.push(self.manifest().to_owned());
        }
        touched.sort();
        touched.dedup();
        let mut edits = Vec::new();
        for path in touched {
            if let Some(text) = files.get_mut(&path) {
                change(&path, text, number);
                edits.push(Edit::Write {
                    path,
                    text: text.clone(),
                });
            }
        }
        // A file that moves to another service: what a listing with renames recognised leaves out.
        if chance.one_in(20)
            && let [from, to, ..] = chosen[..]
            && let Some(old) = below(files, &format!("{}/src/main", from.folder), chance)
            && let Some(name) = old.rsplit('/').next()
        {
            let path = format!("{}/src/main/moved/From{number}{name}", to.folder);
            if let Some(text) = files.remove(&old) {
                files.insert(path.clone(), text.clone());
                edits.retain(|edit| !matches!(edit, Edit::Write { path, .. } if *path == old));
                edits.push(Edit::Remove { path: old });
                edits.push(Edit::Write { path, text });
            }
        }
        Commit {
            message: format!("Change {number}"),
            edits,
        }
    }

    const fn manifest(&self) -> &'static str {
        match self.tool {
            Tool::Maven => "pom.xml",
            Tool::Npm => "package.json",
        }
    }
}

/// One of the files in `folder` that hold no modules together.
fn below(files: &BTreeMap<String, String>, folder: &str, chance: &mut Chance) -> Option<String> {
    let prefix = format!("{folder}/");
    let all: Vec<&String> = files
        .range(prefix.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&prefix))
        .filter(|path| !path.ends_with("pom.xml") && !path.ends_with("package.json"))
        .collect();
    chance.pick(&all).map(|path| (*path).clone())
}

/// Changes `text` so that its file still reads as what it is.
fn change(path: &str, text: &mut String, number: usize) {
    let line = match path.rsplit('.').next() {
        Some("xml") => format!("<!-- change {number} -->\n"),
        Some("yml") => format!("# change {number}\n"),
        Some("md") => format!("Change {number}.\n"),
        Some("json") => {
            manifests::count(text, number);
            return;
        }
        _ => format!("// change {number}\n"),
    };
    text.push_str(&line);
}

fn source(tool: Tool, package: &str, layer: &str, class: &str, chance: &mut Chance) -> String {
    let mut text = match tool {
        Tool::Maven => {
            format!("package com.example.{package}.{layer};\n\npublic class {class} {{\n")
        }
        Tool::Npm => format!("export class {class} {{\n"),
    };
    for number in 0..chance.between(4, 24) {
        let value = chance.between(0, 999_999);
        text.push_str(&match tool {
            Tool::Maven => {
                format!("    public int step{number}() {{\n        return {value};\n    }}\n")
            }
            Tool::Npm => {
                format!("    step{number}(): number {{\n        return {value};\n    }}\n")
            }
        });
    }
    text.push_str("}\n");
    text
}

fn prose(title: &str, chance: &mut Chance) -> String {
    let mut text = format!("# {title}\n\n");
    for _ in 0..chance.between(2, 12) {
        let number = chance.between(0, 999_999);
        text.push_str(&format!(
            "It holds for case {number} as for those before it.\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Recipe = Recipe {
        name: "small",
        tool: Tool::Maven,
        services: 6,
        libraries: 3,
        parents: 2,
        files_per_module: 8,
        files: 90,
        commits: 200,
    };

    /// The tree after all commits.
    fn head(history: &[Commit]) -> BTreeMap<&str, &str> {
        let mut files = BTreeMap::new();
        for edit in history.iter().flat_map(|commit| &commit.edits) {
            match edit {
                Edit::Write { path, text } => files.insert(path.as_str(), text.as_str()),
                Edit::Remove { path } => {
                    let old = files.remove(path.as_str());
                    assert!(old.is_some(), "{path} is removed and was not there");
                    old
                }
            };
        }
        files
    }

    #[test]
    fn the_same_recipe_gives_the_same_history() {
        assert_eq!(SMALL.history(), SMALL.history());
    }

    #[test]
    fn a_history_is_as_long_and_its_tree_as_large_as_the_recipe_says() {
        for tool in [Tool::Maven, Tool::Npm] {
            let history = Recipe { tool, ..SMALL }.history();
            assert_eq!(history.len(), 200);
            assert_eq!(history[0].edits.len(), 90);
            assert_eq!(head(&history).len(), 90, "moves keep the number of files");
        }
    }

    #[test]
    fn each_commit_changes_a_service_and_some_move_files() {
        let history = SMALL.history();
        for commit in &history[1..] {
            assert!(
                commit.edits.iter().any(
                    |edit| matches!(edit, Edit::Write { path, .. } if path.starts_with("services/"))
                ),
                "{commit:?}"
            );
        }
        let edits = || history.iter().flat_map(|commit| &commit.edits);
        assert!(edits().any(|edit| matches!(edit, Edit::Remove { .. })));
        for wanted in ["libs/", "docs/", "pom.xml"] {
            let written = history[1..].iter().flat_map(|commit| &commit.edits);
            let found = written.filter(
                |edit| matches!(edit, Edit::Write { path, .. } if path.starts_with(wanted)),
            );
            assert!(found.count() > 0, "{wanted}");
        }
    }

    #[test]
    fn a_part_depends_only_on_parts_before_it() {
        for recipe in RECIPES {
            for (index, part) in recipe.parts(&mut Chance::new(1)).iter().enumerate() {
                assert!(part.needs.iter().all(|need| *need < index), "{part:?}");
                assert!(!part.service || !part.needs.is_empty());
            }
        }
    }

    #[test]
    fn the_large_reactor_has_a_thousand_modules() {
        let modules: Vec<usize> = RECIPES.iter().map(Recipe::modules).collect();
        assert_eq!(modules, [213, 212, 1000]);
    }
}
