//! Workflows run by act on this machine, without a network: actions of others are stand-ins, a release is what was put there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::task::Error;

use super::program::{self, Said};
use super::{Bench, copy};

/// Writes its call to the place's list: a number of arguments, then each on a line; and what comes on stdin where `-` is to be
/// read.
pub(super) const STAND_IN: &str = include_str!("act/stand-in.sh");
/// Answers from the place's releases alone, whatever the host.
const CURL: &str = include_str!("act/curl.sh");
const NOTHING: &str = "name: stand-in\ndescription: does nothing\nruns:\n  using: composite\n  steps:\n    - run: \"true\"\n      shell: bash\n";
/// The variable that tells stand-ins where they write.
const PLACE: &str = "ACT_PLACE";
/// The actions of this project, as others name them.
pub(super) const PROJECT: &str = "windlass-rs/windlass";

/// A folder with a repository to run workflows in, and the programs that they find.
#[derive(Debug)]
pub(super) struct Site {
    place: PathBuf,
    /// What stands for actions, by `OWNER/REPO@REF`.
    actions: Vec<(String, PathBuf)>,
    /// More arguments of act.
    arguments: Vec<String>,
    /// More variables.
    variables: Vec<(&'static str, String)>,
}

impl Site {
    pub(super) fn new(place: PathBuf) -> Result<Self, Error> {
        let site = Self {
            place,
            actions: Vec::new(),
            arguments: Vec::new(),
            variables: Vec::new(),
        };
        for folder in [
            site.repository(),
            site.programs(),
            site.place.join("releases"),
        ] {
            make(&folder)?;
        }
        site.program("curl", CURL)?;
        Ok(site)
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.place.join("repository")
    }

    fn programs(&self) -> PathBuf {
        self.place.join("programs")
    }

    /// Puts a program before all others.
    pub(super) fn program(&self, name: &str, text: &str) -> Result<(), Error> {
        executable(&self.programs().join(name), text)
    }

    /// Makes a release of this project's version that holds these programs, each with its text. Returns its checksum.
    pub(super) fn release(&self, programs: &[(&str, &str)]) -> Result<String, Error> {
        let name = format!(
            "windlass-{}-{}-unknown-linux-musl",
            version()?,
            std::env::consts::ARCH
        );
        let releases = self.place.join("releases");
        let folder = releases.join(&name);
        make(&folder)?;
        for (program, text) in programs {
            executable(&folder.join(program), text)?;
        }
        let archive = format!("{name}.tar.gz");
        let mut tar = Command::new("tar");
        tar.args(["-czf", &archive, &name]).current_dir(&releases);
        cargo::output(&mut tar)?;
        let mut sum = Command::new("sha256sum");
        sum.arg(&archive).current_dir(&releases);
        let sums = cargo::output(&mut sum)?;
        copy::write(&releases.join("SHA256SUMS"), &sums)?;
        let checksum = sums.split_whitespace().next().unwrap_or_default();
        Ok(checksum.to_owned())
    }

    /// Puts an action in the place of another; without one, it does nothing.
    pub(super) fn action(&mut self, of: &str, text: Option<&str>) -> Result<(), Error> {
        if self.actions.iter().any(|(known, _)| known == of) {
            return Ok(());
        }
        let folder = self.place.join("actions").join(of.replace(['/', '@'], "-"));
        make(&folder)?;
        copy::write(&folder.join("action.yml"), text.unwrap_or(NOTHING))?;
        commit(&folder)?;
        self.actions.push((of.to_owned(), folder));
        Ok(())
    }

    /// Lets a workflow use this project's actions as they are in the checkout, whatever commit it names.
    pub(super) fn project(&mut self, of: &str) -> Result<(), Error> {
        let folder = self.place.join("project");
        if !folder.exists() {
            project(&folder)?;
            commit(&folder)?;
        }
        self.actions.push((of.to_owned(), folder));
        Ok(())
    }

    pub(super) fn argument(&mut self, name: &str, value: impl Into<String>) {
        self.arguments.extend([name.to_owned(), value.into()]);
    }

    pub(super) fn variable(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.push((name, value.into()));
    }

    /// Runs a workflow of the repository, which is committed as it is but for what act does not know of GitHub's workflows.
    pub(super) fn run(
        &self,
        bench: &Bench,
        file: &str,
        event: &str,
        payload: &str,
    ) -> Result<Said, Error> {
        if !self.repository().join(".git").exists() {
            known_to_act(&self.repository().join(".github/workflows"))?;
            commit(&self.repository())?;
        }
        let event_file = self.place.join("event.json");
        copy::write(&event_file, payload)?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(bench.python.with_file_name("act"));
        command
            .arg(event)
            .arg("--eventpath")
            .arg(&event_file)
            .args(["--workflows", &format!(".github/workflows/{file}")])
            .args(["--platform", "ubuntu-24.04=-self-hosted"])
            .args(["--platform", "ubuntu-24.04-arm=-self-hosted"])
            .arg("--no-cache-server")
            .args(&self.arguments)
            .env("PATH", format!("{}:{path}", self.programs().display()))
            // Its caches are not the developer's.
            .env("HOME", &self.place)
            .env("XDG_CACHE_HOME", self.place.join("cache"))
            .env(PLACE, &self.place)
            .current_dir(self.repository());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        for (of, folder) in &self.actions {
            command.args(["--local-repository", &format!("{of}={}", folder.display())]);
        }
        program::run(command)
    }

    /// What the stand-ins wrote down, in order.
    pub(super) fn calls(&self) -> Vec<Vec<String>> {
        calls(&fs::read_to_string(self.place.join("calls")).unwrap_or_default())
    }

    /// What was read on stdin.
    pub(super) fn stdin(&self) -> String {
        fs::read_to_string(self.place.join("stdin")).unwrap_or_default()
    }

    /// Whether a shell obeyed a text that told it to touch a file of this name.
    pub(super) fn obeyed(&self) -> Result<bool, Error> {
        find(&self.place, "obeyed")
    }
}

/// The version of the workspace.
fn version() -> Result<String, Error> {
    let manifest = copy::read(&cargo::root().join("Cargo.toml"))?;
    manifest
        .lines()
        .skip_while(|line| *line != "[workspace.package]")
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| Error::Broken("Cargo.toml has no version of the workspace".into()))
}

/// What the actions need of the project.
pub(super) fn project(to: &Path) -> Result<(), Error> {
    let root = cargo::root();
    copy::tree(&root.join(".github/actions"), &to.join(".github/actions"))?;
    let manifest = copy::read(&root.join("Cargo.toml"))?;
    copy::write(&to.join("Cargo.toml"), &manifest)
}

pub(super) fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::broken(format!("cannot make `{}`", folder.display()), source))
}

fn executable(file: &Path, text: &str) -> Result<(), Error> {
    copy::write(file, text)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .map_err(|source| Error::broken(file.display(), source))
}

/// Commits all that is in a folder, which becomes a repository if it is none.
pub(super) fn commit(folder: &Path) -> Result<(), Error> {
    let name = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    for arguments in [
        &["init", "--quiet", "--initial-branch=dev"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message=t"],
    ] {
        let mut git = Command::new("git");
        git.args(name).args(arguments).current_dir(folder);
        cargo::output(&mut git)?;
    }
    Ok(())
}

/// act 0.2.89 knows neither the name of an action of the workflow's own commit nor a concurrency group's queue.
fn known_to_act(folder: &Path) -> Result<(), Error> {
    let broken = |source| Error::broken(format!("cannot list `{}`", folder.display()), source);
    for entry in fs::read_dir(folder).map_err(broken)? {
        let path = entry.map_err(broken)?.path();
        let text: String = copy::read(&path)?
            .replace("uses: $/", "uses: ./")
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("  queue: max"))
            .collect();
        copy::write(&path, &text)?;
    }
    Ok(())
}

/// The actions that a workflow uses, each once.
pub(super) fn uses(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let line = line.trim();
            line.strip_prefix("- uses: ")
                .or_else(|| line.strip_prefix("uses: "))
        })
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The calls that the stand-ins wrote down.
fn calls(text: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    let mut calls = Vec::new();
    while let Some(count) = lines.next().and_then(|line| line.parse().ok()) {
        calls.push(lines.by_ref().take(count).map(str::to_owned).collect());
    }
    calls
}

/// Whether a file of this name is anywhere below a folder.
fn find(folder: &Path, name: &str) -> Result<bool, Error> {
    let broken = |source| Error::broken(format!("cannot list `{}`", folder.display()), source);
    for entry in fs::read_dir(folder).map_err(broken)? {
        let entry: fs::DirEntry = entry.map_err(broken)?;
        if entry.file_name() == name
            || (entry.file_type().map_err(broken)?.is_dir() && find(&entry.path(), name)?)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_back_argument_by_argument() {
        assert_eq!(
            calls("3\nwindlass\nrun\na b; c\n1\nmvn\n"),
            [vec!["windlass", "run", "a b; c"], vec!["mvn"]]
        );
    }

    #[test]
    fn actions_are_found_with_their_commits() {
        assert_eq!(
            uses("  - uses: a/b@1 # v1\n  - run: x\n  - name: y\n    uses: a/b@1 # v1\n"),
            ["a/b@1"]
        );
    }

    #[test]
    fn the_version_is_that_of_the_workspace() {
        assert_eq!(version().unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
