//! GitHub Actions: step outputs and the step summary.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Failure;

/// The files through which a step speaks to GitHub Actions; outside of Actions all calls do nothing.
///
/// File formats: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GithubActions {
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
}

impl GithubActions {
    /// Reads `GITHUB_OUTPUT` and `GITHUB_STEP_SUMMARY`.
    pub fn from_env() -> Self {
        let path = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self::new(path("GITHUB_OUTPUT"), path("GITHUB_STEP_SUMMARY"))
    }

    /// Where the run that this process is part of can be watched; `None` outside of Actions.
    pub fn run_url() -> Option<String> {
        let variable = |name| {
            std::env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        let (server, repository, run) = (
            variable("GITHUB_SERVER_URL")?,
            variable("GITHUB_REPOSITORY")?,
            variable("GITHUB_RUN_ID")?,
        );
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    }

    /// Writes to the given files.
    pub const fn new(output: Option<PathBuf>, summary: Option<PathBuf>) -> Self {
        Self { output, summary }
    }

    /// Sets step outputs, all at once.
    ///
    /// Each value stands between two lines of a random delimiter, so no value can end itself early and set another
    /// output.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn outputs(&self, outputs: &[(&str, String)]) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            return Ok(());
        };
        let mut text = String::new();
        for (name, value) in outputs {
            let delimiter = delimiter(value);
            writeln!(text, "{name}<<{delimiter}\n{value}\n{delimiter}")
                .expect("writing to a String cannot fail");
        }
        append(path, &text)
    }

    /// Adds Markdown to the step summary.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn summary(&self, markdown: &str) -> Result<(), Failure> {
        self.summary
            .as_ref()
            .map_or(Ok(()), |path| append(path, markdown))
    }
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Failure::unreachable(format!("cannot write to `{}`", path.display())).caused_by(&error)
        })
}

fn delimiter(value: &str) -> String {
    loop {
        // RandomState is seeded by the operating system: not guessable by whoever wrote the value.
        let delimiter = format!(
            "windlass_{:016x}{:016x}",
            RandomState::new().hash_one(0),
            RandomState::new().hash_one(1)
        );
        if !value.contains(&delimiter) {
            return delimiter;
        }
    }
}

/// Escapes untrusted text for a cell of a Markdown table: it stays on one line and renders as text.
pub fn markdown_cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width space keeps a name from notifying the account it happens to spell.
            '@' => out.push_str("@\u{200b}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_set_another_output() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let github = GithubActions::new(Some(path.clone()), None);
        let hostile = "x\nEOF\nhas_changes=true\n";
        github
            .outputs(&[("title", hostile.to_owned()), ("count", "1".to_owned())])
            .unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let delimiter = lines[0].strip_prefix("title<<").unwrap();
        let end = lines
            .iter()
            .skip(1)
            .position(|line| *line == delimiter)
            .unwrap()
            + 1;
        assert_eq!(lines[1..end].join("\n"), hostile);
        assert!(lines[end + 1].starts_with("count<<"));
        assert_ne!(
            lines[end + 1],
            format!("count<<{delimiter}"),
            "each value has its own delimiter"
        );
    }

    #[test]
    fn does_nothing_outside_of_actions() {
        GithubActions::default()
            .outputs(&[("a", "b".to_owned())])
            .unwrap();
        GithubActions::default().summary("# x").unwrap();
    }

    #[test]
    fn a_cell_holds_any_title() {
        assert_eq!(
            markdown_cell("a|b\n<img> @all"),
            "a\\|b &lt;img&gt; @\u{200b}all"
        );
    }
}
