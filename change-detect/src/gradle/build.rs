//! `build.gradle`: what a project needs.

use super::settings::{Entry, below, full};
use super::token::{Token, tokens};
use crate::{CommitId, DiffSource, Error, RepoPath};

/// Plugins that make an image or a program to deploy of a project.
const DEPLOYING: [&str; 2] = ["org.springframework.boot", "com.google.cloud.tools.jib"];

/// One build file, as far as it can be read.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) file: RepoPath,
    pub(super) wants: Vec<Wanted>,
    pub(super) makes_image: bool,
    pub(super) is_program: bool,
    /// Scripts that it applies, and whether their places are computed.
    applied: Vec<(String, bool)>,
}

/// A project that a build file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) target: Target,
    pub(super) detail: String,
    pub(super) tests_only: bool,
    pub(super) scope: Scope,
}

/// The projects that something is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The build file's own.
    Own,
    /// Those below it: `subprojects { … }`.
    Below,
    /// Both: `allprojects { … }`, or where that cannot be told.
    All,
}

/// How it names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `:libs:core`
    Path(String),
    /// `projects.libs.core`, without its first word.
    Accessor(Vec<String>),
    /// By something that only running the build tells.
    Computed,
}

/// Whether a text is the place of a script that is applied.
fn is_script(before: &[Token]) -> bool {
    let last = before.iter().rev().take(2);
    last.into_iter()
        .any(|token| matches!(token, Token::Name(words) if *words == ["from"]))
}

impl Build {
    /// Reads the build files of a project.
    pub(super) fn read(
        source: &dyn DiffSource,
        at: &CommitId,
        entry: &Entry,
    ) -> Result<Vec<Self>, Error> {
        let mut builds = Vec::new();
        let named = [
            format!("{}.gradle", entry.name()),
            format!("{}.gradle.kts", entry.name()),
        ];
        for name in ["build.gradle", "build.gradle.kts"]
            .into_iter()
            .chain(named.iter().map(String::as_str))
        {
            // A project's name may be no file's.
            let Ok(file) = entry.folder.join(name) else {
                continue;
            };
            if name.starts_with("settings.") {
                continue;
            }
            if let Some(bytes) = source.read(at, &file)? {
                builds.push(Self::parse(file, &String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(builds)
    }

    pub(super) fn parse(file: RepoPath, script: &str) -> Self {
        let tokens = tokens(script);
        let mut build = Self {
            file,
            wants: Vec::new(),
            makes_image: false,
            is_program: false,
            applied: Vec::new(),
        };
        // Blocks that are open, by the depth at which they end.
        let (mut depth, mut blocks) = (0_usize, Vec::new());
        let mut everywhere = false;
        for (at, token) in tokens.iter().enumerate() {
            let (before, after) = (&tokens[..at], &tokens[at + 1..]);
            match token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => {
                    depth = depth.saturating_sub(1);
                    blocks.retain(|(end, _)| *end < depth);
                }
                Token::Name(words) if *words == ["subprojects"] || *words == ["allprojects"] => {
                    let scope = if *words == ["subprojects"] {
                        Scope::Below
                    } else {
                        Scope::All
                    };
                    if after.first() == Some(&Token::Sign('{')) {
                        blocks.push((depth, scope));
                    } else {
                        // `configure(subprojects) { … }`, `subprojects.each { … }`: what is meant cannot be told.
                        everywhere = true;
                    }
                }
                Token::Name(words)
                    if *words == ["project"]
                        && matches!(
                            after,
                            [
                                Token::Sign('('),
                                Token::Text(_),
                                Token::Sign(')'),
                                Token::Sign('{'),
                                ..
                            ]
                        ) =>
                {
                    // `project(":x") { … }`: what it says is of that project, and is taken to be of all.
                    blocks.push((depth, Scope::All));
                }
                Token::Name(words) => {
                    let scope = if everywhere {
                        Scope::All
                    } else {
                        blocks.last().map_or(Scope::Own, |(_, scope)| *scope)
                    };
                    build.name(words, scope, before, after);
                }
                Token::Text(text) => {
                    // `files("../lib/x.jar")`, `srcDir("../lib")`.
                    if text.text.split('/').any(|part| part == "..") && !is_script(before) {
                        build.wants.push(Wanted {
                            target: Target::Computed,
                            detail: format!("`{}`", text.text),
                            tests_only: false,
                            scope: Scope::Own,
                        });
                    }
                    let later = is_for_later(after);
                    build.makes_image |=
                        DEPLOYING.contains(&text.text.as_str()) && !later && follows_plugin(before);
                    build.is_program |= matches!(text.text.as_str(), "application" | "war")
                        && follows_plugin(before);
                }
                Token::Sign(_) => {}
            }
        }
        build
    }

    fn name(&mut self, words: &[String], scope: Scope, before: &[Token], after: &[Token]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            // `plugins { application }` of Kotlin.
            ["application" | "war"]
                if !matches!(after.first(), Some(Token::Sign('{' | '.' | '='))) =>
            {
                self.is_program |= in_plugins(before)
            }
            ["project"] | ["rootProject", "project"] => {
                let [Token::Sign('('), inside @ ..] = after else {
                    return;
                };
                let target = match inside {
                    [Token::Text(text), ..] if !text.computed => Target::Path(full(&text.text)),
                    // `path: ':x'` or `path = ":x"`.
                    [
                        Token::Name(path),
                        Token::Sign(':' | '='),
                        Token::Text(text),
                        ..,
                    ] if *path == ["path"] && !text.computed => Target::Path(full(&text.text)),
                    [
                        Token::Sign('['),
                        Token::Name(path),
                        Token::Sign(':'),
                        Token::Text(text),
                        ..,
                    ] if *path == ["path"] && !text.computed => Target::Path(full(&text.text)),
                    [Token::Sign(')'), ..] => return,
                    _ => Target::Computed,
                };
                self.want(target, scope, before);
            }
            // Tasks of other projects, `:x:jar`, and projects that are looked for.
            [
                ..,
                "dependsOn" | "finalizedBy" | "mustRunAfter" | "findProject",
            ] => {
                let named = after.iter().take(12).take_while(|token| {
                    matches!(
                        token,
                        Token::Text(_) | Token::Sign('(' | ',' | '[' | ']' | ':')
                    )
                });
                for token in named {
                    let Token::Text(text) = token else { continue };
                    let Some(path) = text.text.strip_prefix(':') else {
                        continue;
                    };
                    let project = path.rsplit_once(':').map_or(path, |(project, _)| project);
                    for path in [path, project] {
                        self.wants.push(Wanted {
                            target: Target::Path(full(path)),
                            detail: words.last().copied().unwrap_or_default().to_owned(),
                            tests_only: false,
                            scope,
                        });
                    }
                }
            }
            ["evaluationDependsOn"] => {
                let text = after.iter().take(2).find_map(|token| match token {
                    Token::Text(text) if !text.computed => Some(full(&text.text)),
                    _ => None,
                });
                self.wants.push(Wanted {
                    target: text.map_or(Target::Computed, Target::Path),
                    detail: "evaluationDependsOn".to_owned(),
                    tests_only: false,
                    scope,
                });
            }
            ["projects", accessor @ ..] if !accessor.is_empty() => {
                let words = accessor.iter().map(|word| (*word).to_owned()).collect();
                self.want(Target::Accessor(words), scope, before);
            }
            ["from"] => {
                let applied = before.last().is_some_and(
                    |token| matches!(token, Token::Name(apply) if *apply == ["apply"]),
                ) || matches!(before, [.., Token::Name(apply), Token::Sign('(')] if *apply == ["apply"]);
                if applied {
                    let text = after.iter().take(6).find_map(|token| match token {
                        Token::Text(text) => Some((text.text.clone(), text.computed)),
                        _ => None,
                    });
                    self.applied
                        .push(text.unwrap_or_else(|| ("…".to_owned(), true)));
                }
            }
            _ => {}
        }
    }

    fn want(&mut self, target: Target, scope: Scope, before: &[Token]) {
        // `implementation(testFixtures(project(":x")))`: the configuration is the name farthest left.
        let mut configuration = "project";
        for token in before.iter().rev() {
            match token {
                Token::Sign('(') => {}
                Token::Name(words) => {
                    let word = words.last().map_or("", String::as_str);
                    configuration = word;
                    if !matches!(
                        word,
                        "testFixtures" | "platform" | "enforcedPlatform" | "dependencies"
                    ) {
                        break;
                    }
                }
                _ => break,
            }
        }
        self.wants.push(Wanted {
            target,
            tests_only: configuration.starts_with("test")
                && !configuration.starts_with("testFixtures"),
            detail: configuration.to_owned(),
            scope,
        });
    }

    /// The scripts of the repository that it applies; seen from the root where they begin with a slash.
    pub(super) fn scripts(&self, folder: &RepoPath) -> Vec<RepoPath> {
        let literal = self.applied.iter().filter(|(_, computed)| !computed);
        literal
            .filter_map(|(script, _)| {
                let from = if script.starts_with('/') {
                    &RepoPath::root()
                } else {
                    folder
                };
                below(from, script)
            })
            .collect()
    }

    /// The scripts that it applies from places that it computes.
    pub(super) fn computed_scripts(&self) -> impl Iterator<Item = &str> {
        let computed = self.applied.iter().filter(|(_, computed)| *computed);
        computed.map(|(script, _)| script.as_str())
    }
}

/// Whether a plugin is only made known here: `… version '1' apply false`.
fn is_for_later(after: &[Token]) -> bool {
    let word = |token: &Token, word: &str| matches!(token, Token::Name(words) if *words == [word]);
    let near = &after[..after.len().min(6)];
    near.windows(2)
        .any(|pair| word(&pair[0], "apply") && word(&pair[1], "false"))
}

/// Whether a text stands where a plugin's id does: `id 'x'`, `id("x")`, `apply plugin: 'x'`.
fn follows_plugin(before: &[Token]) -> bool {
    let is = |token: &Token, word: &str| matches!(token, Token::Name(words) if *words == [word]);
    match before {
        [.., name] if is(name, "id") => true,
        [.., name, Token::Sign('(')] => is(name, "id"),
        [.., name, Token::Sign(':' | '=')] => is(name, "plugin"),
        _ => false,
    }
}

/// Whether what comes next is in a block of plugins that is still open.
fn in_plugins(before: &[Token]) -> bool {
    let mut depth = 0;
    for (at, token) in before.iter().enumerate().rev() {
        match token {
            Token::Sign('}') => depth += 1,
            Token::Sign('{') if depth == 0 => {
                return matches!(before.get(at.wrapping_sub(1)), Some(Token::Name(words)) if *words == ["plugins"]);
            }
            Token::Sign('{') => depth -= 1,
            _ => {}
        }
    }
    false
}
