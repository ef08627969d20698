//! `settings.gradle`: which projects there are, and where.

use std::collections::BTreeMap;

use super::token::{Token, tokens};
use super::{SETTINGS, path, with_build_files};
use crate::inventory::has_file;
use crate::{CommitId, DiffSource, Error, RepoPath};

/// A project: its path, such as `:libs:core`, and its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) folder: RepoPath,
    /// What it is called instead of the last part of its path.
    called: Option<String>,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        match &self.called {
            Some(called) => called,
            None => self.path.rsplit(':').next().unwrap_or_default(),
        }
    }

    /// The path of the project above; none for the root and for included builds.
    pub(super) fn parent(&self) -> Option<&str> {
        match self.path.rsplit_once(':') {
            Some(("", "")) | None => None,
            Some(("", _)) => Some(":"),
            Some((parent, _)) => Some(parent),
        }
    }

    /// Whether it is a project of the build itself, and not of one that is included.
    pub(super) fn is_main(&self) -> bool {
        self.path.starts_with(':')
    }

    pub(super) fn is_above(&self, other: &Self) -> bool {
        other.path != self.path
            && other.path.starts_with(':')
            && (self.path == ":"
                || other
                    .path
                    .strip_prefix(&self.path)
                    .is_some_and(|below| below.starts_with(':')))
    }
}

/// What the settings say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    name: Option<String>,
    projects: BTreeMap<String, RepoPath>,
    /// Builds of their own that take part, by their folders.
    builds: Vec<RepoPath>,
    pub(super) caveats: Vec<String>,
}

impl Settings {
    pub(super) fn read(source: &dyn DiffSource, at: &CommitId) -> Result<Self, Error> {
        for file in SETTINGS {
            let file = path(file);
            let Some(bytes) = source.read(at, &file)? else {
                continue;
            };
            let mut settings = Self::default();
            if settings.parse(&file, &String::from_utf8_lossy(&bytes)) {
                settings.caveat(format!(
                    "`{file}` computes what it includes: every folder with a build file is taken for a project"
                ));
                for folder in with_build_files(source, at)? {
                    let project = format!(
                        ":{}",
                        String::from_utf8_lossy(folder.as_bytes()).replace('/', ":")
                    );
                    let known = settings.projects.values().any(|known| *known == folder);
                    if !known {
                        settings.projects.insert(project, folder);
                    }
                }
            }
            return Ok(settings);
        }
        // A build of one project needs none.
        for file in ["build.gradle", "build.gradle.kts"] {
            if has_file(source, at, &RepoPath::root(), file.as_bytes())? {
                return Ok(Self::default());
            }
        }
        Err(Error::NoManifest {
            commit: at.clone(),
            file: SETTINGS[0],
        })
    }

    /// Reads the script. True if some of what it includes is computed.
    fn parse(&mut self, file: &RepoPath, script: &str) -> bool {
        let tokens = tokens(script);
        let mut computed = false;
        let mut moved = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let Token::Name(words) = token else { continue };
            let after = &tokens[at + 1..];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["include" | "includeFlat"] | ["settings", "include" | "includeFlat"] => {
                    let (texts, more) = texts(after);
                    computed |= more || texts.is_empty();
                    let flat = words.last() == Some(&"includeFlat");
                    for text in texts {
                        self.include(file, &text, flat);
                    }
                }
                ["includeBuild"] => match texts(after).0.first().and_then(|text| below(&RepoPath::root(), text)) {
                    Some(folder) => self.builds.push(folder),
                    None => self.caveat(format!(
                        "`{file}` includes a build that it computes or that is outside the repository: changes there are not seen"
                    )),
                },
                ["rootProject", "name"] => {
                    if let [Token::Sign('='), Token::Text(text), ..] = after {
                        self.name = Some(text.text.clone());
                    }
                }
                ["project"] => moved.push(after),
                _ => {}
            }
        }
        // `project(':x').projectDir = file('y')`, after whatever includes it.
        for after in moved {
            let [
                Token::Sign('('),
                Token::Text(project),
                Token::Sign(')'),
                Token::Sign('.'),
                Token::Name(what),
                Token::Sign('='),
                rest @ ..,
            ] = after
            else {
                continue;
            };
            if *what != ["projectDir"] {
                continue;
            }
            let project_path = full(&project.text);
            let folder = rest.iter().take(8).find_map(|token| match token {
                Token::Text(text) if !text.computed => below(&RepoPath::root(), &text.text),
                _ => None,
            });
            match folder {
                Some(folder) => _ = self.projects.insert(project_path, folder),
                None => self.caveat(format!(
                    "`{file}` computes the folder of `{}`, or has it outside the repository: it is taken to be where Gradle has it by default",
                    project.text
                )),
            }
        }
        computed
    }

    fn include(&mut self, file: &RepoPath, text: &str, flat: bool) {
        if flat {
            self.caveat(format!(
                "`{file}` includes `{text}` from beside the build's root, which is outside the repository: changes there are not seen"
            ));
            return;
        }
        // The projects above one are projects as well.
        let mut project = String::new();
        for part in text.split([':', '/']).filter(|part| !part.is_empty()) {
            project.push(':');
            project.push_str(part);
            let folder = project[1..].replace(':', "/");
            if let Some(folder) = below(&RepoPath::root(), &folder) {
                self.projects.entry(project.clone()).or_insert(folder);
            }
        }
    }

    /// All projects, the root first, and builds that take part.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, Error> {
        let root = Entry {
            path: ":".to_owned(),
            folder: RepoPath::root(),
            called: Some(self.name.clone().unwrap_or_else(|| "root".to_owned())),
        };
        let mut entries = vec![root];
        entries.extend(self.projects.iter().map(|(project, folder)| Entry {
            path: project.clone(),
            folder: folder.clone(),
            called: None,
        }));
        // Without a colon in front: no path of a project.
        entries.extend(self.builds.iter().map(|folder| Entry {
            path: folder.to_string(),
            folder: folder.clone(),
            called: Some(String::from_utf8_lossy(folder.file_name()).into_owned()),
        }));
        Ok(entries)
    }

    pub(super) fn caveat(&mut self, caveat: String) {
        if !self.caveats.contains(&caveat) {
            self.caveats.push(caveat);
        }
    }
}

/// The path of a project in full.
pub(super) fn full(project: &str) -> String {
    if project.starts_with(':') {
        project.to_owned()
    } else {
        format!(":{project}")
    }
}

/// The texts of a call, with or without brackets; and whether something else stands among them.
fn texts(tokens: &[Token]) -> (Vec<String>, bool) {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            Token::Text(text) if text.computed => return (found, true),
            Token::Text(text) => found.push(text.text.clone()),
            Token::Sign('(' | ',' | '[') => {}
            Token::Name(_) if found.is_empty() => return (found, true),
            _ => break,
        }
    }
    (found, false)
}

/// Follows a relative path; none if it leaves the repository.
pub(super) fn below(folder: &RepoPath, path: &str) -> Option<RepoPath> {
    let mut here = folder.clone();
    for name in path.split('/') {
        here = match name {
            "" | "." => here,
            ".." => here.parent()?,
            name => here.join(name).ok()?,
        };
    }
    Some(here)
}
