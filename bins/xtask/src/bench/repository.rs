//! Samples as git repositories on disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sample::{Commit, Edit, Recipe};
use crate::cargo;
use crate::task::Error;

/// A packed repository with its work tree checked out.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) folder: PathBuf,
}

/// git in `folder`, without what the user has configured.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder);
    quiet(&mut command);
    command
}

/// Keeps the user's own git configuration, and the outputs of a workflow that this may run in, out of `command`.
pub(crate) fn quiet(command: &mut Command) {
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_OPTIONAL_LOCKS", "0");
    for name in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GITHUB_ACTIONS",
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
    ] {
        command.env_remove(name);
    }
}

impl Repository {
    /// Makes the repository of `recipe` in a folder of its name, or takes the one that was made there before.
    pub(crate) fn make(recipe: &Recipe, within: &Path) -> Result<Self, Error> {
        let folder = within.join(recipe.name);
        let mark = folder.join(".git/windlass-bench");
        let wanted = format!("{recipe:?} by {}\n", env!("CARGO_PKG_VERSION"));
        if fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
            return Ok(Self { folder });
        }
        if folder.exists() {
            return Err(Error::Setup(format!(
                "`{}` is in the way: it holds something else than this bench's repository; remove it",
                folder.display()
            )));
        }
        let broken =
            |source: io::Error| Error::broken(format!("making `{}`", folder.display()), source);
        fs::create_dir_all(&folder).map_err(broken)?;
        cargo::output(&mut git(
            &folder,
            &["init", "--quiet", "--initial-branch", "main"],
        ))?;
        import(&folder, &recipe.history())?;
        cargo::output(&mut git(&folder, &["gc", "--quiet"]))?;
        cargo::output(&mut git(&folder, &["reset", "--quiet", "--hard", "main"]))?;
        fs::write(&mark, wanted).map_err(broken)?;
        Ok(Self { folder })
    }

    /// The id of `revision`.
    pub(crate) fn resolve(&self, revision: &str) -> Result<String, Error> {
        let id = cargo::output(&mut git(&self.folder, &["rev-parse", "--verify", revision]))?;
        Ok(id.trim().to_owned())
    }

    /// How many files and commits the head has.
    pub(crate) fn size(&self) -> Result<(usize, usize), Error> {
        let files = cargo::output(&mut git(
            &self.folder,
            &["ls-tree", "-r", "-z", "--name-only", "HEAD"],
        ))?;
        let commits = cargo::output(&mut git(&self.folder, &["rev-list", "--count", "HEAD"]))?;
        let commits = commits
            .trim()
            .parse()
            .map_err(|source| Error::broken("counting commits", source))?;
        Ok((files.matches('\0').count(), commits))
    }

    /// The services whose folder below `services/` holds a file that changed since `base`, read from git itself.
    pub(crate) fn services_changed(&self, base: &str) -> Result<BTreeSet<String>, Error> {
        let paths = cargo::output(&mut git(
            &self.folder,
            &["diff", "--name-only", "--no-renames", "-z", base, "HEAD"],
        ))?;
        Ok(services(&paths))
    }
}

/// The folders directly under `services/` that hold any of `paths`, which NUL bytes end.
fn services(paths: &str) -> BTreeSet<String> {
    paths
        .split('\0')
        .filter_map(|path| path.strip_prefix("services/")?.split_once('/'))
        .map(|(service, _)| service.to_owned())
        .collect()
}

/// Hands the history to `git fast-import`, which takes a second for what hundreds of commits by hand take minutes for.
fn import(folder: &Path, history: &[Commit]) -> Result<(), Error> {
    let broken = |source: io::Error| Error::broken("git fast-import", source);
    let mut command = git(folder, &["fast-import", "--quiet", "--date-format=raw"]);
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(broken)?;
    let written = match child.stdin.take() {
        Some(pipe) => write(BufWriter::new(pipe), history),
        None => Ok(()),
    };
    // A git that gave up says why on stderr; that the pipe then broke is only the consequence.
    let status = child.wait().map_err(broken)?;
    if !status.success() {
        return Err(Error::broken("git fast-import", status));
    }
    written.map_err(broken)
}

/// The stream of <https://git-scm.com/docs/git-fast-import#_input_format>. The paths of a sample need no quoting.
fn write(mut out: impl Write, history: &[Commit]) -> io::Result<()> {
    for (number, commit) in history.iter().enumerate() {
        let seconds = 1_700_000_000 + 3600 * number;
        writeln!(out, "commit refs/heads/main")?;
        writeln!(out, "committer Bench <bench@example.com> {seconds} +0000")?;
        writeln!(out, "data {}\n{}", commit.message.len(), commit.message)?;
        for edit in &commit.edits {
            match edit {
                Edit::Write { path, text } => {
                    writeln!(out, "M 100644 inline {path}\ndata {}\n{text}", text.len())?;
                }
                Edit::Remove { path } => writeln!(out, "D {path}")?,
            }
        }
    }
    writeln!(out, "done")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample::Tool;

    #[test]
    fn a_service_is_a_folder_under_services_and_a_file_there_is_none() {
        let paths = "README.md\0services/README.md\0services/b/x y\0services/a/src/A.java\0services/a/pom.xml\0";
        assert_eq!(services(paths), ["a", "b"].map(str::to_owned).into());
        assert!(services("").is_empty());
    }

    #[test]
    fn a_repository_is_made_once_as_its_recipe_says() {
        let within =
            std::env::temp_dir().join(format!("windlass-bench-test-{}", std::process::id()));
        fs::create_dir_all(&within).unwrap();
        let recipe = Recipe {
            name: "small",
            tool: Tool::Npm,
            services: 4,
            libraries: 2,
            parents: 0,
            files_per_module: 6,
            files: 50,
            commits: 30,
        };
        let repository = Repository::make(&recipe, &within).unwrap();
        assert_eq!(repository.size().unwrap(), (50, 30));
        assert!(!repository.services_changed("HEAD~29").unwrap().is_empty());
        let status =
            cargo::output(&mut git(&repository.folder, &["status", "--porcelain"])).unwrap();
        assert_eq!(status, "", "the work tree is the head's");

        let head = repository.resolve("HEAD").unwrap();
        let again = Repository::make(&recipe, &within).unwrap();
        assert_eq!(again.resolve("HEAD").unwrap(), head);
        let other = Recipe {
            commits: 31,
            ..recipe
        };
        assert!(matches!(
            Repository::make(&other, &within),
            Err(Error::Setup(_))
        ));
        fs::remove_dir_all(&within).unwrap();
    }
}
