//! The tasks by name, and how each one's end becomes an exit code.

use std::fmt;
use std::process::ExitCode;

use crate::args::{self, Command};
use crate::manifest::Workspace;
use crate::{bench, guard, hold, lint, release, stack, suite};

/// How a task ended, other than by an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well: exit code 0.
    Good,
    /// Something was checked and found wanting: exit code 1.
    Bad,
}

/// Why a task could not do its work at all.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line, or this machine, is not as it has to be: exit code 2.
    Setup(String),
    /// A program could not be run, a file not be read: exit code 1.
    Broken(String),
}

impl Error {
    /// A program or file that failed, with what was tried.
    pub(crate) fn broken(tried: impl fmt::Display, source: impl fmt::Display) -> Self {
        Self::Broken(format!("{tried}: {source}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(text) | Self::Broken(text) => f.write_str(text),
        }
    }
}

/// Runs the task that `arguments` name.
pub(crate) fn run(arguments: Vec<String>) -> ExitCode {
    match dispatch(arguments) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                Error::Setup(_) => ExitCode::from(2),
                Error::Broken(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(arguments: Vec<String>) -> Result<Verdict, Error> {
    match args::parse(arguments)? {
        Command::Help => {
            println!("{}", args::HELP);
            Ok(Verdict::Good)
        }
        Command::Test(options) => suite::run(&Workspace::load()?, &options),
        Command::Stack(options) => stack::run(&options),
        Command::Lint => lint::run(),
        Command::Guard => guard::run(&Workspace::load()?),
        Command::Bench(options) => bench::run(&options),
        Command::BenchPush(options) => bench::push::run(&options),
        Command::BenchDeploy(options) => bench::deploy::run(&options),
        Command::BenchPipeline(options) => bench::pipeline::run(&options),
        Command::BenchLogs(options) => bench::logs::run(&options),
        Command::BenchHealth(options) => bench::health::run(&options),
        Command::BenchLambda(options) => bench::lambda::run(&options),
        Command::ReleaseCheck(options) => release::run(&Workspace::load()?, options),
        Command::Hold(held) => hold::run(&held),
    }
}
