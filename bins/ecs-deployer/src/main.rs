//! The binary `ecs-deployer`: a rollout verdict you can bet on.

mod args;
mod clients;
mod continue_command;
mod deploy;
mod failures;
mod images;
mod interrupt;
mod outcome;
mod plan;
mod preflight;
mod progress;
mod render;
mod requests;
mod rollback;
mod run;
mod run_task;
mod status;
mod track;
mod wait;

use std::process::ExitCode;

use clap::Parser;
use windlass_cli::{Printer, init_logging};

fn main() -> ExitCode {
    let args = args::Args::parse();
    init_logging(args.common.verbose);
    let printer = Printer::new(&args.common);
    let ended = run::run(&args, &printer).unwrap_or_else(|failure| {
        printer.failure(&failure);
        failure.exit()
    });
    ended.into()
}
