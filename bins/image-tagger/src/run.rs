//! From the command line to the exit code.

use std::sync::Arc;

use clap::CommandFactory;
use image_tagger::HttpRegistry;
use windlass_cli::{EventLog, Exit, Failure, Printer, interrupted};

use crate::args::{Args, Command};
use crate::{promote, push, push_all, retag, retention, scan, verify};

/// What each command works with.
pub(crate) struct Session<'a> {
    pub(crate) registry: HttpRegistry,
    pub(crate) printer: &'a Printer,
    pub(crate) log: Option<Arc<EventLog>>,
}

/// Does what the command line says.
pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    if let Command::Generate(generate) = &args.command {
        return generate.run(Args::command(), printer);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable("cannot start").caused_by(&error))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = command(args, printer) => ended,
            signal = interrupted() => {
                printer.note(&format!("interrupted by {signal}; run again: what is there is not sent again"));
                Ok(Exit::Interrupted)
            }
        }
    });
    // Files that are being read keep nobody.
    runtime.shutdown_background();
    ended
}

async fn command(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = match &args.common.events {
        Some(path) => Some(Arc::new(EventLog::open(path)?)),
        None => None,
    };
    let session = Session {
        registry: crate::hosts::registry(&args.registry).await?,
        printer,
        log,
    };
    let hosts = &args.registry;
    let ended = match &args.command {
        Command::Push(args) => push::run(args, hosts, &session).await,
        Command::PushAll(args) => push_all::run(args, hosts, &session).await,
        Command::Retag(args) => retag::run(args, &session).await,
        Command::Promote(args) => promote::run(args, hosts, &session).await,
        Command::Verify(args) => verify::run(args, &session).await,
        Command::Retention(command) => retention::run(command, hosts, &session).await,
        Command::Scan(args) => scan::run(args, hosts, &session).await,
        // Needs no registry, and was done before one was looked for.
        Command::Generate(generate) => generate.run(Args::command(), printer),
    };
    let logged = session.log.as_ref().map_or(Ok(()), |log| log.finish());
    // What went wrong weighs more than a log that is not whole.
    ended.and_then(|exit| logged.map(|()| exit))
}
