//! The binary `image-tagger`: one digest, every tag, no race.

mod admin;
mod ancestry;
mod args;
mod failures;
mod hosts;
mod progress;
mod promote;
mod push;
mod push_all;
mod render;
mod retag;
mod retention;
mod run;
mod scan;
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
