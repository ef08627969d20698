//! The binary `cost-exporter`: the month's money, exact, for two or three requests.

mod alert;
mod args;
mod aws;
mod bars;
mod config;
mod export;
mod failures;
mod outcome;
mod place;
mod progress;
mod report;
mod serve;
mod setup;
mod work;

use std::process::ExitCode;

use clap::Parser;
use windlass_cli::{Printer, init_logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    init_logging(args.verbose);
    let printer = Printer::new(&args.common());
    let ended = args::run(&args, &printer).await.unwrap_or_else(|failure| {
        printer.failure(&failure);
        failure.exit()
    });
    ended.into()
}
