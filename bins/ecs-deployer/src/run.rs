//! From the command line to the exit code.

use std::sync::Arc;

use clap::CommandFactory as _;
use windlass_cli::{EventLog, Exit, Failure, Printer};

use crate::args::{Args, Command};
use crate::clients::Clients;
use crate::{continue_command, deploy, plan, rollback, run_task, status, wait};

/// What each command works with.
pub(crate) struct Session<'a> {
    pub(crate) clients: Clients,
    pub(crate) printer: &'a Printer,
    pub(crate) log: Option<Arc<EventLog>>,
    pub(crate) region: Option<&'a str>,
    pub(crate) verbose: bool,
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
    let ended = runtime.block_on(command(args, printer));
    // A name that is being looked up keeps nobody.
    runtime.shutdown_background();
    ended
}

async fn command(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = match &args.common.events {
        Some(path) => Some(Arc::new(EventLog::open(path)?)),
        None => None,
    };
    // What is wrong with the command line itself is said before anybody is asked.
    let deploying = match &args.command {
        Command::Deploy(deploy) => Some(deploy::prepare(deploy)?),
        _ => None,
    };
    let session = Session {
        clients: Clients::load(args.region.as_deref()).await?,
        printer,
        log,
        region: args.region.as_deref(),
        verbose: args.common.verbose > 0,
    };
    let ended = match &args.command {
        Command::Deploy(args) => deploy::run(args, deploying.unwrap_or_default(), &session).await,
        Command::Plan(args) => plan::run(args, &session).await,
        Command::Wait(args) => wait::run(args, &session).await,
        Command::Rollback(args) => rollback::run(args, &session).await,
        Command::Status(args) => status::run(args, &session).await,
        Command::RunTask(args) => run_task::run(args, &session).await,
        Command::Continue(args) => continue_command::run(args, &session).await,
        // Needs no clients, and was done before any were made.
        Command::Generate(generate) => generate.run(Args::command(), printer),
    };
    let logged = session.log.as_ref().map_or(Ok(()), |log| log.finish());
    // What went wrong weighs more than a log that is not whole.
    ended.and_then(|exit| logged.map(|()| exit))
}
