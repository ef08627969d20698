//! Running a program and reading all that it says.

use std::io;
use std::process::{Command, Stdio};

use crate::cargo;
use crate::scrub::scrub;
use crate::task::Error;

use super::Outcome;

/// What a program said and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    /// Both streams, in the order of their lines.
    pub(super) text: String,
    /// The exit code, `None` after a signal.
    pub(super) code: Option<i32>,
}

impl Said {
    pub(super) fn good(&self) -> bool {
        self.code == Some(0)
    }

    /// The whole of it as one check.
    pub(super) fn outcome(self) -> Outcome {
        if self.good() {
            Outcome::Passed(1)
        } else {
            Outcome::Failed(self.text)
        }
    }
}

/// Runs `command` in an environment of its own; both of its streams are read as one.
pub(super) fn run(command: Command) -> Result<Said, Error> {
    run_with(command, &[])
}

/// The same with these variables, which win over the environment's.
pub(super) fn run_with(mut command: Command, variables: &[(&str, String)]) -> Result<Said, Error> {
    let line = cargo::typed(&command);
    scrub(&mut command);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let broken = |source: io::Error| Error::broken(&line, source);
    let (mut reader, writer) = io::pipe().map_err(broken)?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(broken)?)
        .stderr(writer);
    let mut child = command.spawn().map_err(broken)?;
    // The command holds the pipe's other end; reading would never end.
    drop(command);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut reader, &mut bytes).map_err(broken)?;
    let status = child.wait().map_err(broken)?;
    Ok(Said {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        code: status.code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_and_the_exit_code_are_read() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let said = run(command).unwrap();
        assert_eq!((said.text.as_str(), said.code), ("one\ntwo\n", Some(3)));
        assert_eq!(said.outcome(), Outcome::Failed("one\ntwo\n".into()));
    }
}
