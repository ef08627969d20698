//! The command line.

use std::path::PathBuf;

use crate::hold::Held;
use crate::suite::Options;
use crate::task::Error;

/// What `--help` prints, and what an unknown task is answered with.
pub(crate) const HELP: &str = "\
Usage: cargo xtask TASK

Tasks:
  test           install what the tests need, start the servers, run everything, count what ran
                   -p, --package NAME   only this package (may be repeated); without the guards
                   --no-servers         neither install nor start servers; their tests are skipped and counted
  lint           formatting, clippy and the documentation, warnings being errors
  guard          what the dependency graph must not hold, and what the top folder may hold
  release-check  whether each crate that is published can be
  help           this text

Exit codes: 0 all is well, 1 something failed, 2 usage, or something is missing on this machine.";

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Test(Options),
    Lint,
    Guard,
    ReleaseCheck,
    /// Not for people: keeps a server for `test`, see [`crate::hold`].
    Hold(Held),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: Vec<String>) -> Result<Command, Error> {
    let mut rest = arguments.into_iter();
    let Some(task) = rest.next() else {
        return Err(usage("no task is named"));
    };
    let command = match task.as_str() {
        "help" | "--help" | "-h" => Command::Help,
        "test" => return test(rest),
        "lint" => Command::Lint,
        "guard" => Command::Guard,
        "release-check" => Command::ReleaseCheck,
        "hold" => return held(rest),
        other => return Err(usage(&format!("there is no task `{other}`"))),
    };
    match rest.next().as_deref() {
        None => Ok(command),
        Some("--help" | "-h") => Ok(Command::Help),
        Some(extra) => Err(usage(&format!("`{task}` takes no argument `{extra}`"))),
    }
}

fn test(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = Options::default();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--no-servers" => options.servers = false,
            "-p" | "--package" => match rest.next() {
                Some(name) => options.packages.push(name),
                None => return Err(usage(&format!("`{argument}` needs the name of a package"))),
            },
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(usage(&format!("`test` takes no argument `{other}`"))),
        }
    }
    Ok(Command::Test(options))
}

fn held(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    match (rest.next(), rest.next()) {
        (Some(scratch), Some(program)) => Ok(Command::Hold(Held {
            scratch: PathBuf::from(scratch),
            program: PathBuf::from(program),
            arguments: rest.collect(),
        })),
        _ => Err(usage("`hold` needs a folder and a program")),
    }
}

fn usage(what: &str) -> Error {
    Error::Setup(format!("{what}\n\n{HELP}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, Error> {
        parse(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn an_unknown_task_is_answered_with_the_list_and_exit_code_2() {
        match parsed("bench") {
            Err(Error::Setup(text)) => assert!(
                text.contains("no task `bench`") && text.contains("release-check"),
                "{text}"
            ),
            other => panic!("{other:?}"),
        }
        assert!(matches!(parsed(""), Err(Error::Setup(_))));
    }

    #[test]
    fn test_runs_everything_with_servers_unless_told_otherwise() {
        assert_eq!(
            parsed("test").unwrap(),
            Command::Test(Options {
                packages: vec![],
                servers: true
            })
        );
        assert_eq!(
            parsed("test -p image-tagger --package windlass --no-servers").unwrap(),
            Command::Test(Options {
                packages: vec!["image-tagger".into(), "windlass".into()],
                servers: false
            })
        );
    }

    #[test]
    fn an_argument_that_would_be_ignored_is_an_error() {
        for line in [
            "lint --fix",
            "test --all",
            "test -p",
            "guard x",
            "hold",
            "hold /tmp/x",
        ] {
            assert!(matches!(parsed(line), Err(Error::Setup(_))), "{line}");
        }
    }

    #[test]
    fn each_task_can_be_asked_for_help() {
        for line in ["help", "--help", "-h", "test --help", "lint -h"] {
            assert_eq!(parsed(line).unwrap(), Command::Help, "{line}");
        }
    }
}
