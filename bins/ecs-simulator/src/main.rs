//! The binary `ecs-simulator`: Amazon ECS on loopback, as long as it is needed.

mod args;
mod run;
mod scenario;

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
