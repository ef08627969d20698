//! The binary `log-exporter`: CloudWatch Logs to S3, losing nothing.

mod args;
mod bulk;
mod cat;
mod ddl;
mod export;
mod failures;
mod plan;
mod progress;
mod retention;
mod run;
mod session;
mod text;
mod verify;

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
