//! The git binary, for what only it can do: read clones that lack trees or keep refs in tables, and fetch.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// Variables that would lead git to another repository than the one that was opened.
const ELSEWHERE: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
];

/// Why git did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("`git` could not be started")]
    NotStarted(#[source] std::io::Error),
    #[error("`git {command}` failed: {}", message.trim())]
    Failed { command: String, message: String },
    #[error("`{}` belongs to another user", .0.display())]
    Foreign(PathBuf),
    #[error("git does not have the object `{0}`, and no remote gave it")]
    Missing(String),
    #[error("`git cat-file` ended early")]
    Ended(#[source] Option<std::io::Error>),
}

impl Problem {
    /// What a caller can do about it, or else what `other` makes of it.
    pub(super) fn or(self, other: impl FnOnce(Self) -> Error) -> Error {
        match self {
            Self::NotStarted(source) => Error::NoGit { source },
            Self::Foreign(path) => Error::NotOwned { path },
            problem => other(problem),
        }
    }
}

/// The git binary at work in one repository. Nothing is started before it is needed.
#[derive(Debug)]
pub(super) struct Program {
    git_dir: PathBuf,
    workdir: Option<PathBuf>,
    reader: Mutex<Option<Objects>>,
}

/// A `git cat-file --batch` that waits for ids.
#[derive(Debug)]
struct Objects {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    pub(super) const fn new(git_dir: PathBuf, workdir: Option<PathBuf>) -> Self {
        Self {
            git_dir,
            workdir,
            reader: Mutex::new(None),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        let place = self.workdir.as_ref().unwrap_or(&self.git_dir);
        // Neither the repository nor its safety is named: so git finds it where it was found, and refuses one of another
        // user, whose configuration would have it run that user's commands.
        command.args(["-c", "core.fsmonitor=false"]);
        for variable in ELSEWHERE {
            command.env_remove(variable);
        }
        command
            .args(arguments)
            .current_dir(place)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs git to its end and gives back what it wrote to stdout.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Problem> {
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .command(arguments)
            .output()
            .map_err(Problem::NotStarted)?;
        if status.success() {
            return Ok(stdout);
        }
        let message = String::from_utf8_lossy(&stderr);
        if message.contains("detected dubious ownership") {
            let place = self.workdir.as_ref().unwrap_or(&self.git_dir);
            return Err(Problem::Foreign(place.clone()));
        }
        Err(Problem::Failed {
            command: arguments.first().copied().unwrap_or_default().to_owned(),
            message: redacted(&message),
        })
    }

    /// The bytes of an object and what kind it is. In a partial clone git asks the remote for it.
    pub(super) fn object(&self, id: &str) -> Result<(String, Vec<u8>), Problem> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = match &mut *reader {
            Some(objects) => objects,
            none => {
                // Whoever only reads objects is not told why git ended.
                self.run(&["rev-parse", "--git-dir"])?;
                none.insert(Objects::start(self.command(&["cat-file", "--batch"]))?)
            }
        };
        let read = objects.read(id);
        if !matches!(read, Ok(_) | Err(Problem::Missing(_))) {
            *reader = None;
        }
        read
    }
}

impl Objects {
    fn start(mut command: Command) -> Result<Self, Problem> {
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Problem::NotStarted)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Problem::Ended(None));
        };
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    fn read(&mut self, id: &str) -> Result<(String, Vec<u8>), Problem> {
        let ended = |error| Problem::Ended(Some(error));
        writeln!(self.input, "{id}")
            .and_then(|()| self.input.flush())
            .map_err(ended)?;
        let mut header = String::new();
        if self.output.read_line(&mut header).map_err(ended)? == 0 {
            // Git gives up when the remote does not have what it promised.
            return Err(Problem::Missing(id.to_owned()));
        }
        let mut words = header.split_whitespace().skip(1);
        let (Some(kind), Some(Ok(size))) = (words.next(), words.next().map(str::parse::<usize>))
        else {
            return Err(Problem::Missing(id.to_owned()));
        };
        // The size is git's own word about an object that it holds, but what is reserved is what arrives.
        let mut data = Vec::new();
        let wanted = u64::try_from(size).unwrap_or(u64::MAX);
        (&mut self.output)
            .take(wanted)
            .read_to_end(&mut data)
            .map_err(ended)?;
        let mut newline = [0];
        self.output.read_exact(&mut newline).map_err(ended)?;
        Ok((kind.to_owned(), data))
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It would end by itself with its input; waiting for it leaves no zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Git repeats the remote's address, which may carry a password.
fn redacted(message: &str) -> String {
    let mut result = String::new();
    let mut rest = message;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        result.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace())
            .unwrap_or(after.len());
        let host = &after[..end];
        result.push_str(host.rfind('@').map_or(host, |at| &host[at + 1..]));
        rest = &after[end..];
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        assert_eq!(
            redacted("fatal: unable to access 'https://ada:s3cret@git.example.com/x.git/': no"),
            "fatal: unable to access 'https://git.example.com/x.git/': no"
        );
        assert_eq!(
            redacted("ssh://git@h.example\nfile:///a@b"),
            "ssh://h.example\nfile:///a@b"
        );
    }
}
