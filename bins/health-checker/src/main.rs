//! The binary `health-checker`: is the new build serving, and is the quality gate green?

mod args;
mod check;
mod junit;
mod quality_gate;
mod run;

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
