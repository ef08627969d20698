//! From the command line to the exit code.

use std::sync::Arc;

use clap::CommandFactory;
use windlass_cli::{EventLog, Exit, Failure, Printer, interrupted};

use crate::args::{Args, Command};
use crate::session::Session;
use crate::{cat, ddl, export, plan, retention, verify};

/// Does what the command line says.
pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable("cannot start").caused_by(&error))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = command(args, printer) => ended,
            signal = interrupted() => {
                printer.note(&format!("interrupted by {signal}; {}", remains(&args.command)));
                Ok(Exit::Interrupted)
            }
        }
    });
    // What is being sorted keeps nobody.
    runtime.shutdown_background();
    ended
}

/// What an interruption leaves behind.
fn remains(command: &Command) -> &'static str {
    match command {
        Command::Export(args) if args.bulk => {
            "an export task that was begun goes on by itself: `aws logs describe-export-tasks --task-id ID` tells of it"
        }
        Command::Export(_) => "run again: what is committed is not read again",
        Command::Retention(_) => "run again: what was changed stays changed",
        Command::Verify(args) if args.delete => {
            "run again: what was deleted was no part of the archive"
        }
        _ => "nothing was changed",
    }
}

async fn command(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = match &args.common.events {
        Some(path) => Some(Arc::new(EventLog::open(path)?)),
        None => None,
    };
    let session = Session::new(printer, log, args.region.as_deref());
    let ended = match &args.command {
        Command::Export(args) => export::run(args, &session).await,
        Command::Plan(args) => plan::run(args, &session).await,
        Command::Verify(args) => verify::run(args, &session).await,
        Command::Retention(args) => retention::run(args, &session).await,
        Command::Cat(args) => cat::run(args, &session).await,
        Command::Ddl(args) => ddl::run(args, &session).await,
        Command::Generate(generate) => generate.run(Args::command(), printer),
    };
    let logged = session.log.as_ref().map_or(Ok(()), |log| log.finish());
    // What went wrong weighs more than a log that is not whole.
    ended.and_then(|exit| logged.map(|()| exit))
}
