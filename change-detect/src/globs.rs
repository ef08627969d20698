//! Ordered lists of globs: the last that matches decides.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use thiserror::Error;

use crate::{Error, RepoPath};

#[derive(Debug, Error)]
enum Problem {
    #[error("a list of nothing but negations never matches")]
    OnlyNegations,
    #[error("it is empty")]
    Empty,
}

/// An ordered list of globs.
#[derive(Debug, Clone)]
pub(crate) struct Globs {
    rules: Vec<Rule>,
    /// Globs of the folders that a positive glob can match below.
    leading: GlobSet,
}

#[derive(Debug, Clone)]
struct Rule {
    glob: GlobMatcher,
    /// Whether it is `.`, the only glob that means the root: `*` means what is in it.
    root: bool,
    positive: bool,
}

impl Globs {
    pub(crate) fn new(globs: &[String]) -> Result<Self, Error> {
        let mut rules = Vec::new();
        let mut leading = GlobSetBuilder::new();
        for text in globs {
            let invalid = |source: Box<dyn std::error::Error + Send + Sync>| Error::InvalidGlob {
                glob: text.clone(),
                source,
            };
            let (pattern, positive) = text
                .strip_prefix('!')
                .map_or((text.as_str(), true), |pattern| (pattern, false));
            // A path is always whole, so a slash at either end says nothing that could be told apart.
            let mut pattern = pattern.strip_prefix('/').unwrap_or(pattern);
            // From the root is where paths begin anyway.
            while let Some(rest) = pattern.strip_prefix("./") {
                pattern = rest.trim_start_matches('/');
            }
            let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
            let pattern = if pattern.is_empty() && text.ends_with("./") {
                "."
            } else {
                pattern
            };
            if pattern.is_empty() {
                return Err(invalid(Problem::Empty.into()));
            }
            let compile = |pattern: &str| {
                GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
                    .map_err(|e| invalid(e.into()))
            };
            rules.push(Rule {
                glob: compile(pattern)?.compile_matcher(),
                root: pattern == ".",
                positive,
            });
            if positive {
                for folder in folders(pattern) {
                    leading.add(compile(&folder)?);
                }
            }
        }
        if let (Some(last), false) = (globs.last(), rules.iter().any(|rule| rule.positive)) {
            return Err(Error::InvalidGlob {
                glob: last.clone(),
                source: Problem::OnlyNegations.into(),
            });
        }
        let leading = leading.build().map_err(|error| Error::InvalidGlob {
            glob: globs.join(", "),
            source: error.into(),
        })?;
        Ok(Self { rules, leading })
    }

    /// Whether the list is empty.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the last glob that matches is a positive one.
    pub(crate) fn matches(&self, path: &RepoPath) -> bool {
        with_path(path, |candidate| {
            let matching = |rule: &&Rule| {
                if path.is_root() {
                    rule.root
                } else {
                    rule.glob.is_match(candidate)
                }
            };
            self.rules
                .iter()
                .rev()
                .find(matching)
                .is_some_and(|rule| rule.positive)
        })
    }

    /// Whether something below a folder could match.
    pub(crate) fn may_match_below(&self, folder: &RepoPath) -> bool {
        folder.is_root() || with_path(folder, |path| self.leading.is_match(path))
    }
}

/// Globs see bytes where paths are bytes.
fn with_path<T>(path: &RepoPath, judge: impl FnOnce(&std::path::Path) -> T) -> T {
    let bytes = path.as_bytes();
    #[cfg(unix)]
    let path =
        std::path::Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
    #[cfg(not(unix))]
    let text = String::from_utf8_lossy(bytes);
    #[cfg(not(unix))]
    let path = std::path::Path::new(text.as_ref());
    judge(path)
}

/// Globs for the folders on the way to what a glob matches.
fn folders(pattern: &str) -> Vec<String> {
    // A separator inside braces or brackets does not divide the glob, so its way cannot be told from its parts.
    if pattern.contains(['{', '[', '\\']) {
        return vec!["**".to_owned()];
    }
    let mut way = String::new();
    let mut folders = Vec::new();
    let mut parts = pattern.split('/').peekable();
    while let Some(part) = parts.next() {
        if part.contains("**") {
            folders.push(format!("{way}**"));
            break;
        }
        if parts.peek().is_none() {
            break;
        }
        way.push_str(part);
        folders.push(way.clone());
        way.push('/');
    }
    folders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn globs(globs: &[&str]) -> Globs {
        Globs::new(&globs.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    fn path(bytes: impl Into<Vec<u8>>) -> RepoPath {
        RepoPath::from_bytes(bytes).unwrap()
    }

    #[test]
    fn the_last_glob_that_matches_decides() {
        let list = globs(&["**/*.md", "!docs/**", "docs/drafts/**"]);
        for (file, matched) in [
            ("README.md", true),
            ("a/b/README.md", true),
            ("docs/a.md", false),
            ("docs/drafts/a.md", true),
            ("docs/drafts/a.txt", true),
            ("a.txt", false),
        ] {
            assert_eq!(list.matches(&path(file)), matched, "{file}");
        }
    }

    #[test]
    fn a_star_stops_at_a_separator_and_two_do_not() {
        assert!(globs(&["services/*"]).matches(&path("services/a")));
        assert!(!globs(&["services/*"]).matches(&path("services/a/b")));
        assert!(globs(&["services/**"]).matches(&path("services/a/b")));
        assert!(!globs(&["*.md"]).matches(&path("docs/a.md")));
    }

    #[test]
    fn slashes_at_the_ends_mean_nothing_and_a_dot_is_the_root() {
        assert!(globs(&["/services/*/"]).matches(&path("services/a")));
        assert!(globs(&["."]).matches(&RepoPath::root()));
        for other in ["*", "**", "?", "*/x"] {
            assert!(!globs(&[other]).matches(&RepoPath::root()), "{other}");
        }
        assert!(!globs(&[".", "!."]).matches(&RepoPath::root()));
    }

    #[test]
    fn names_that_are_no_utf8_match_too() {
        assert!(globs(&["services/*"]).matches(&path(b"services/caf\xe9".to_vec())));
    }

    #[test]
    fn an_empty_list_matches_nothing() {
        assert!(globs(&[]).is_empty());
        assert!(!globs(&[]).matches(&path("a")));
    }

    #[test]
    fn what_could_never_match_is_an_error() {
        for list in [
            &["!a"][..],
            &["!a", "!b"],
            &[""],
            &["a", "!"],
            &["a["],
            &["/"],
        ] {
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            assert!(
                matches!(Globs::new(&list), Err(Error::InvalidGlob { .. })),
                "{list:?}"
            );
        }
    }

    #[test]
    fn folders_that_lead_nowhere_are_not_entered() {
        let list = globs(&["services/*", "apps/**/api"]);
        assert!(list.may_match_below(&RepoPath::root()));
        assert!(list.may_match_below(&path("services")));
        assert!(!list.may_match_below(&path("services/a")));
        assert!(list.may_match_below(&path("apps/a/b")));
        assert!(!list.may_match_below(&path("target")));
    }

    proptest! {
        #[test]
        fn every_folder_above_a_match_may_be_entered(
            pattern in "(a|b|\\*|\\*\\*|\\?|a\\*|\\{a,b/a\\})(/(a|b|\\*|\\*\\*|\\?|\\{a,b/a\\})){0,3}",
            file in "[ab]{1,2}(/[ab]{1,2}){0,4}",
        ) {
            if let Ok(list) = Globs::new(&[pattern]) {
                let file = path(file);
                if list.matches(&file) {
                    let mut folder = file.parent();
                    while let Some(above) = folder {
                        prop_assert!(list.may_match_below(&above), "{}", above);
                        folder = above.parent();
                    }
                }
            }
        }
    }
}
