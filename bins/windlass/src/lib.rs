//! The pipeline: from a merged commit to the new build provably serving.
//!
//! This crate is the binary `windlass`; its library has one function, which the binary's `main` calls. The parts that
//! other tools embed are crates of their own: `change-detect`, `image-tagger`, `ecs-deployer`, `health-checker` and
//! `deploy-notifier`. Here they are configured, wired to each other and shown.

mod adapters;
mod args;
#[cfg(feature = "aws")]
mod aws;
mod builds;
mod checkout;
mod choice;
mod config;
mod demo;
mod dispatch;
mod dry;
mod event;
mod failures;
mod folder;
mod gate;
mod guard;
mod haste;
mod images;
mod ledger;
mod live;
mod local;
mod lock;
mod names;
mod notify;
mod outcome;
mod pipeline;
mod plan;
mod promote;
mod release;
mod removed;
mod render;
mod report;
mod rollback;
mod rollout;
mod run;
mod session;
mod status;
mod task;
mod tempo;
mod terminal;
mod timeline;
mod verdict;
mod work;

use std::process::ExitCode;

use clap::CommandFactory;
use windlass_cli::{Exit, Failure, Printer, init_logging};

use crate::args::{Args, Command};

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    let args: Args = windlass_cli::parse();
    init_logging(args.common.verbose);
    let printer = Printer::new(&args.common);
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable("cannot start the async runtime").caused_by(&error))
        .and_then(|runtime| {
            let ended = runtime.block_on(perform(&args, &printer));
            // Nothing that still runs is worth waiting for: what must be finished was awaited.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            printer.failure_document(&failure);
            printer.failure(&failure);
            failure.exit().into()
        }
    }
}

async fn perform(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    match &args.command {
        Command::Run(run) => session::run(run, &args.common, printer).await,
        Command::Plan(plan) => session::plan(plan, &args.common, printer).await,
        Command::Promote(promote) => session::promote(promote, &args.common, printer).await,
        Command::Dispatch(event) => session::dispatch(event, &args.common, printer).await,
        Command::Deploy(deploy) => session::deploy(deploy, &args.common, printer).await,
        Command::Rollback(rollback) => session::rollback(rollback, &args.common, printer).await,
        Command::Status(status) => status::run(status, &args.common, printer).await,
        Command::Unlock(unlock) => session::unlock(unlock, &args.common, printer).await,
        Command::Generate(generate) => generate.run(Args::command(), printer),
        Command::Demo(demo) => demo::run(demo, &args.common, printer).await,
    }
}
