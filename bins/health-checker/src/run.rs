//! From the command line to the exit code.

use std::sync::Arc;

use clap::CommandFactory;
use windlass_cli::{EventLog, Exit, Failure, Printer, interrupted};

use crate::args::{Args, Command};
use crate::{check, quality_gate};

/// What each command works with.
pub(crate) struct Session<'a> {
    pub(crate) printer: &'a Printer,
    pub(crate) log: Option<Arc<EventLog>>,
}

/// Does what the command line says.
pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable("cannot start").caused_by(&error))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            // A command that hears the signal itself knows more to say.
            biased;
            ended = command(args, printer) => ended,
            signal = interrupted() => {
                printer.note(&format!("interrupted by {signal}: there is no verdict"));
                Ok(Exit::Interrupted)
            }
        }
    });
    // A name that is still being resolved keeps nobody.
    runtime.shutdown_background();
    ended
}

async fn command(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = args.common.events.as_deref().map(EventLog::open);
    let session = Session {
        printer,
        log: log.transpose()?.map(Arc::new),
    };
    let ended = match &args.command {
        Command::Check(args) => check::run(args, &session).await,
        Command::QualityGate(args) => quality_gate::run(args, &session).await,
        Command::Generate(generate) => generate.run(Args::command(), printer),
    };
    let logged = session.log.as_ref().map_or(Ok(()), |log| log.finish());
    // What went wrong, and a verdict that is bad, weigh more than a log that is not whole.
    match (ended, logged) {
        (Ok(Exit::Done), Err(failure)) => Err(failure),
        (ended, Err(failure)) => {
            printer.failure(&failure);
            ended
        }
        (ended, Ok(())) => ended,
    }
}
