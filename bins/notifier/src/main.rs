//! The binary `notifier`: tells people of deployments, and says whether they were told.

mod args;
mod channels;
mod commands;
mod input;
mod outcome;

use std::process::ExitCode;

use clap::Parser;
use windlass_cli::{Printer, init_logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    init_logging(args.verbose);
    let printer = Printer::new(&args.common());
    commands::run(&args, &printer)
        .await
        .unwrap_or_else(|failure| {
            printer.failure(&failure);
            failure.exit()
        })
        .into()
}
